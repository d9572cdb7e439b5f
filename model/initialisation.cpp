// The first values of parameters. See the header.
#include "model/initialisation.h"

#include "experiments/spec/random.h"

#include <ATen/ATen.h>

namespace stdualx {

Initialiser::Initialiser(std::vector<std::int64_t> replica_seeds, at::ScalarType scalar_type, at::Device where)
    : seeds(std::move(replica_seeds)), device(where), type(scalar_type) {}

at::Tensor Initialiser::fixed(const at::Tensor& value) const { return value.to(at::TensorOptions(type).device(device)); }

at::Tensor Initialiser::uniform(const std::string& name, const std::vector<UniformSlice>& slices, bool decay) {
  const auto count = static_cast<std::int64_t>(slices.size());
  std::vector<std::int64_t> shape = slices.front().real.sizes().vec();
  shape.insert(shape.begin(), replicas() * count);
  at::Tensor values = at::zeros(shape, at::kDouble);
  const std::int64_t slice_size = slices.front().real.numel();
  double* value = values.data_ptr<double>();
  for (const std::int64_t seed : seeds) {
    const RandomStream stream(seed, "weights", name);
    for (std::int64_t sensor = 0; sensor < count; ++sensor) {
      const UniformSlice& slice = slices[static_cast<std::size_t>(sensor)];
      const at::Tensor real = slice.real.contiguous();
      const bool* is_real = real.data_ptr<bool>();
      std::uint32_t drawn = 0; // counts real entries, so that a padded slice draws what an unpadded one draws
      for (std::int64_t i = 0; i < slice_size; ++i, ++value) {
        if (!is_real[i]) continue;
        const PhiloxCounter words = stream.words(0, 0, static_cast<std::uint32_t>(sensor), drawn++);
        *value = slice.bound * (2.0 * uniform_double(words[0], words[1]) - 1.0);
      }
    }
  }
  parameters.push_back({name, fixed(values).set_requires_grad(true), decay});
  return parameters.back().tensor;
}

namespace {
at::Tensor repeated(const at::Tensor& slice, std::int64_t leading) {
  std::vector<std::int64_t> shape = slice.sizes().vec();
  shape.insert(shape.begin(), leading);
  return slice.unsqueeze(0).expand(shape).clone(at::MemoryFormat::Contiguous);
}
} // namespace

at::Tensor Initialiser::constant(const std::string& name, std::int64_t slices, const at::Tensor& slice) {
  parameters.push_back({name, fixed(repeated(slice, replicas() * slices)).set_requires_grad(true), false});
  return parameters.back().tensor;
}

at::Tensor Initialiser::buffer(const std::string& name, std::int64_t slices, const at::Tensor& slice) {
  buffers.push_back({name, fixed(repeated(slice, replicas() * slices)), false});
  return buffers.back().tensor;
}

std::vector<at::Tensor> first_real(const std::vector<std::int64_t>& widths, std::int64_t width) {
  std::vector<at::Tensor> real;
  for (const std::int64_t own : widths) real.push_back(at::arange(width, at::kLong).lt(own));
  return real;
}

std::vector<at::Tensor> all_real(std::int64_t sensors, std::int64_t width) {
  return std::vector<at::Tensor>(static_cast<std::size_t>(sensors), at::ones({width}, at::kBool));
}

at::Tensor real_matrix(const at::Tensor& rows, const at::Tensor& columns) { return rows.unsqueeze(1).logical_and(columns.unsqueeze(0)); }

} // namespace stdualx
