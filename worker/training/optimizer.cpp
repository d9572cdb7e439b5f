// AdamW in seven operations over the flat parameters, or in one pass.
#include "worker/training/optimizer.h"

#include "model/fused/vector_loops.h"
#include "model/kernels.h"
#include "worker/training/averages.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace stdualx {

at::Tensor clip_by_norm(at::Tensor& gradient, double largest) {
  const at::Tensor norm = at::linalg_vector_norm(gradient, 2);
  if (largest > 0) gradient.mul_(at::clamp_max((norm + 1e-6).reciprocal() * largest, 1.0));
  return norm;
}

AdamW::AdamW(const at::Tensor& parameters)
    : first_moment(at::zeros_like(parameters)), second_moment(at::zeros_like(parameters)), denominator(at::empty_like(parameters)) {}

at::Tensor update_rates(const TrainingConfig& config, std::int64_t steps, double learning_rate, double beta1) {
  std::array<double, update_rates_count> rates{};
  rates[decay_factor] = 1 - learning_rate * config.weight_decay;
  rates[first_share] = 1 - beta1;
  rates[root_factor] = 1 / std::sqrt(1 - std::pow(config.beta2, static_cast<double>(steps)));
  rates[step_size] = learning_rate / (1 - std::pow(beta1, static_cast<double>(steps)));
  rates[average_share] = 1 - average_decay(config.ema_decay, steps - 1);
  return at::tensor(rates, at::kDouble);
}

void AdamW::update(at::Tensor& parameters, const at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
                   const at::Tensor& rates) {
  parameters.narrow(0, 0, decayed).mul_(rates[decay_factor]);
  first_moment.lerp_(gradient, rates[first_share]);
  second_moment.mul_(config.beta2).addcmul_(gradient, gradient, 1 - config.beta2);
  at::sqrt_out(denominator, second_moment).mul_(rates[root_factor]).add_(config.adam_epsilon);
  parameters.sub_(at::div_out(denominator, first_moment, denominator).mul_(rates[step_size]));
}

at::Tensor AdamW::update_fused(at::Tensor& parameters, at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
                               const at::Tensor& rates, at::Tensor& average) {
  const VectorLoops& loops = fused_loops();
  const double norm = std::sqrt(loops.sum_of_squares(gradient.const_data_ptr<float>(), static_cast<std::size_t>(gradient.numel())));
  const float* const rate = rates.const_data_ptr<float>();
  UpdateStep step{.gradient_factor = config.clip_norm > 0 ? static_cast<float>(std::min(1.0, config.clip_norm / (norm + 1e-6))) : 1.0f,
                  .decay_factor = rate[decay_factor],
                  .first_share = rate[first_share],
                  .second_keep = static_cast<float>(config.beta2),
                  .second_share = static_cast<float>(1 - config.beta2),
                  .root_factor = rate[root_factor],
                  .epsilon = static_cast<float>(config.adam_epsilon),
                  .rate = rate[step_size],
                  .average_share = rate[average_share]};
  const auto part = [&](std::int64_t first, std::int64_t count) {
    const auto at = [&](at::Tensor& tensor) { return tensor.mutable_data_ptr<float>() + first; };
    loops.update(step, static_cast<std::size_t>(count), at(parameters), at(gradient), at(first_moment), at(second_moment), at(average));
  };
  part(0, decayed);
  step.decay_factor = 1;
  part(decayed, parameters.numel() - decayed);
  return at::full({}, norm, gradient.options());
}

} // namespace stdualx
