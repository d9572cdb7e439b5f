// AdamW (Loshchilov and Hutter 2019) and clipping, over flat tensors (worker/training/flat_tensors.h).
#pragma once

#include "experiments/spec/training_config.h"

#include <ATen/core/Tensor.h>

namespace stdualx {

/// Scales `gradient` [size] in place so that its Euclidean norm is at most `largest`; 0: left alone. As
/// torch.nn.utils.clip_grad_norm_: the factor is min(1, largest / (norm + 1e-6)), computed on the device. Returns the norm before, a
/// scalar there.
at::Tensor clip_by_norm(at::Tensor& gradient, double largest);

/// What differs between the updates of two steps, by its place in a tensor on the device: no update has an argument of its own.
enum UpdateRate : std::int64_t {
  decay_factor,  // 1 - learning_rate * weight_decay
  first_share,   // 1 - beta1
  root_factor,   // 1 / sqrt(1 - beta2^steps)
  step_size,     // learning_rate / (1 - beta1^steps)
  average_share, // 1 - average_decay()
  update_rates_count
};
/// [update_rates_count] float64 of update number `steps` (from 1). `beta1` is the step's own (the one-cycle schedule moves it) and
/// corrects the bias too, as PyTorch does.
at::Tensor update_rates(const TrainingConfig& config, std::int64_t steps, double learning_rate, double beta1);

/// The two moments and the number of steps: the optimiser's whole state.
class AdamW {
public:
  explicit AdamW(const at::Tensor& parameters);

  /// One step on `parameters` [size] in place, as torch.optim.AdamW with its fused = False arithmetic: the first `decayed`
  /// values shrink by the decay's factor, then all move along the bias-corrected moments. `rates`: update_rates(), in the parameters' type
  /// and on their device.
  void update(at::Tensor& parameters, const at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
              const at::Tensor& rates);

  /// What follows a gradient in one pass, for float32 on cores (model/kernels.h): clip_by_norm with config.clip_norm, update(), and
  /// `average` [size] moved by the average's share of its distance to the new parameters. `gradient` is scaled in place. Differs from the
  /// three by rounding alone. Returns the gradient's norm before, a scalar.
  at::Tensor update_fused(at::Tensor& parameters, at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
                          const at::Tensor& rates, at::Tensor& average);

  at::Tensor first_moment;  // [size]
  at::Tensor second_moment; // [size]
  std::int64_t steps = 0;   // begun

private:
  at::Tensor denominator; // scratch
};

} // namespace stdualx
