// The first values of parameters, and the two layers that every part of the network is made of. See the header.
#include "model/initialisation.h"

#include "experiments/spec/random.h"

#include <ATen/ATen.h>

#include <cmath>

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

Linear::Linear(Initialiser& initialiser, const std::string& name, const std::vector<at::Tensor>& inputs,
               const std::vector<at::Tensor>& outputs) {
  std::vector<UniformSlice> weights, biases;
  for (std::size_t s = 0; s < inputs.size(); ++s) {
    const double bound = 1.0 / std::sqrt(inputs[s].sum().item<double>());
    weights.push_back({bound, real_matrix(outputs[s], inputs[s])});
    biases.push_back({bound, outputs[s]});
  }
  weight = initialiser.uniform(name + ".weight", weights, true);
  bias = initialiser.uniform(name + ".bias", biases, false);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2)); }

LayerNorm::LayerNorm(Initialiser& initialiser, const std::string& name, std::int64_t slices, std::int64_t width)
    : weight(initialiser.constant(name + ".weight", slices, at::ones({width}))),
      bias(initialiser.constant(name + ".bias", slices, at::zeros({width}))) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x, const at::Tensor& mask) const {
  constexpr double epsilon = 1e-5; // PyTorch's default
  const at::Tensor scale = weight.unsqueeze(1).unsqueeze(1), shift = bias.unsqueeze(1).unsqueeze(1);
  if (!mask.defined()) return at::addcmul(shift, at::layer_norm(x, {x.size(-1)}, {}, {}, epsilon), scale);
  const at::Tensor count = mask.sum(-1, true);
  const at::Tensor centred = (x - (x * mask).sum(-1, true) / count) * mask;
  const at::Tensor variance = centred.square().sum(-1, true) / count;
  return at::addcmul(shift, centred * (variance + epsilon).rsqrt(), scale) * mask;
}

} // namespace stdualx
