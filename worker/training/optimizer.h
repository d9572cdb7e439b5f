// AdamW (Loshchilov and Hutter 2019) and clipping, over flat tensors (worker/training/flat_tensors.h).
#pragma once

#include "experiments/spec/training_config.h"

#include <ATen/core/Tensor.h>

namespace stdualx {

/// Scales `gradient` [size] in place so that its Euclidean norm is at most `largest`; 0: left alone. As
/// torch.nn.utils.clip_grad_norm_: the factor is min(1, largest / (norm + 1e-6)), computed on the device. Returns the norm before, a
/// scalar there.
at::Tensor clip_by_norm(at::Tensor& gradient, double largest);

/// The two moments and the number of steps: the optimiser's whole state.
class AdamW {
public:
  explicit AdamW(const at::Tensor& parameters);

  /// One step on `parameters` [size] in place, as torch.optim.AdamW with its fused = False arithmetic: the first `decayed`
  /// values shrink by 1 - learning_rate * weight_decay, then all move along the bias-corrected moments. `beta1` is this
  /// step's (the one-cycle schedule moves it) and corrects the bias too, as PyTorch does.
  void update(at::Tensor& parameters, const at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config, double learning_rate,
              double beta1);

  /// What follows a gradient in one pass, for float32 on cores (model/kernels.h): clip_by_norm with config.clip_norm, update(), and
  /// `average` [size] moved by `average_share` of its distance to the new parameters. `gradient` is scaled in place. Differs from the three
  /// by rounding alone. Returns the gradient's norm before, a scalar.
  at::Tensor update_fused(at::Tensor& parameters, at::Tensor& gradient, std::int64_t decayed, const TrainingConfig& config,
                          double learning_rate, double beta1, at::Tensor& average, double average_share);

  at::Tensor first_moment;  // [size]
  at::Tensor second_moment; // [size]
  std::int64_t steps = 0;

private:
  at::Tensor denominator; // scratch
};

} // namespace stdualx
