// Layer normalisation by ATen, and by hand where a mask is. See the header.
#include "model/layer_norm.h"

#include <ATen/ATen.h>

namespace stdualx {

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
