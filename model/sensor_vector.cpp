// A sensor's vector. See the header.
#include "model/sensor_vector.h"

#include "model/fused/vector_fused.h"
#include "model/kernels.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace stdualx {

SensorVector::SensorVector(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& shape)
    : dropout(initialiser, "vector", config.vector_dropout), encoded(config.stdat) {
  std::vector<at::Tensor> flattened;
  std::vector<std::int64_t> hidden_widths;
  for (const at::Tensor& real : first_real(shape.sensor_channels, shape.channels)) flattened.push_back(real.repeat({shape.steps}));
  for (const std::int64_t channels : shape.sensor_channels) hidden_widths.push_back(vector_hidden(config, shape.steps * channels));
  const std::vector<at::Tensor> hidden_real = first_real(hidden_widths, *std::max_element(hidden_widths.begin(), hidden_widths.end()));
  hidden = Linear(initialiser, "vector.hidden", flattened, hidden_real);
  output = Linear(initialiser, "vector.output", hidden_real, all_real(shape.sensors, config.sensor_width));
}

at::Tensor vector_plain(const SensorVector& vector, const at::Tensor& x, const StepContext& context) {
  const at::Tensor activated = at::relu(vector.hidden(x.flatten(2)));
  return vector.encoded ? at::relu(vector.output(vector.dropout(activated, context))) : vector.output(activated);
}

at::Tensor vector_of(const SensorVector& vector, const at::Tensor& x, const StepContext& context) {
  return vector.encoded && fused_kernels_fit(x, context) ? vector_fused(vector, x, context) : vector_plain(vector, x, context);
}

} // namespace stdualx
