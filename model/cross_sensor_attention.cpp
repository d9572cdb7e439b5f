// Cross-Sensor Attention. See the header.
#include "model/cross_sensor_attention.h"

#include <ATen/ATen.h>

#include <limits>

namespace stdualx {

CrossSensorAttention::CrossSensorAttention(Initialiser& initialiser, const ModelConfig& config, std::int64_t sensors)
    : attention(initialiser, "cross_sensor_attention", {config.sensor_width}, config.sensor_width, config.cross_sensor_heads),
      norm(initialiser, "cross_sensor_attention.norm", 1, config.sensor_width) {
  if (config.attend_self || sensors == 1) return;
  const at::Tensor self = at::eye(sensors, at::kBool).view({1, 1, sensors, sensors});
  self_mask = initialiser.fixed(at::zeros({1, 1, sensors, sensors}).masked_fill_(self, -std::numeric_limits<double>::infinity()));
}

at::Tensor CrossSensorAttention::operator()(const at::Tensor& z, at::Tensor* weights) const {
  return norm(z + attention(z, self_mask, weights));
}

} // namespace stdualx
