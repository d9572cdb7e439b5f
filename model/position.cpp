// Gaussian positional encoding. See the header.
#include "model/position.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {

Position::Position(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& shape) {
  const auto steps = static_cast<double>(shape.steps), gaussians = static_cast<double>(config.gaussians);
  mean = initialiser.constant("position.mean", shape.sensors, at::arange(config.gaussians, at::kDouble) * (steps / gaussians));
  log_sigma = initialiser.constant("position.log_sigma", shape.sensors,
                                   at::full({config.gaussians}, std::log(config.gaussian_sigma * steps), at::kDouble));
  const at::Tensor all = at::ones({config.gaussians}, at::kBool);
  std::vector<UniformSlice> slices;
  for (const at::Tensor& real : first_real(shape.sensor_channels, shape.channels))
    slices.push_back({std::sqrt(6.0 / (gaussians + real.sum().item<double>())), real_matrix(all, real)}); // Xavier
  embedding = initialiser.uniform("position.embedding", slices, false);
}

at::Tensor Position::operator()(const at::Tensor& x) const {
  const at::Tensor steps = at::arange(x.size(2), x.options().requires_grad(false)).view({1, -1, 1});
  const at::Tensor distance = (steps - mean.unsqueeze(1)) * at::exp(-log_sigma).unsqueeze(1); // in sigmas, [M, L, K]
  const at::Tensor weight = at::softmax(distance.square() * -0.5 - log_sigma.unsqueeze(1), -1);
  return x + at::bmm(weight, embedding).unsqueeze(1);
}

} // namespace stdualx
