// AdamW in seven operations over the flat parameters.
#include "worker/optimizer.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {

at::Tensor clip_by_norm(at::Tensor& gradient, double largest) {
  const at::Tensor norm = at::linalg_vector_norm(gradient, 2);
  if (largest > 0) gradient.mul_(at::clamp_max((norm + 1e-6).reciprocal() * largest, 1.0));
  return norm;
}

AdamW::AdamW(const at::Tensor& parameters)
    : first_moment(at::zeros_like(parameters)), second_moment(at::zeros_like(parameters)), denominator(at::empty_like(parameters)) {}

void AdamW::update(at::Tensor& parameters, const at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
                   double learning_rate, double beta1) {
  ++steps;
  const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(config.beta2, static_cast<double>(steps));
  parameters.narrow(0, 0, decayed).mul_(1 - learning_rate * config.weight_decay);
  first_moment.lerp_(gradient, 1 - beta1);
  second_moment.mul_(config.beta2).addcmul_(gradient, gradient, 1 - config.beta2);
  at::sqrt_out(denominator, second_moment).div_(std::sqrt(correction2)).add_(config.adam_epsilon);
  parameters.addcdiv_(first_moment, denominator, -learning_rate / correction1);
}

} // namespace stdualx
