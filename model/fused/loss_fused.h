// The fused form of the training loss as one node of autograd; see model/loss.h for the plain one, which it must agree with.
#pragma once

#include "model/loss.h"

namespace stdualx {

/// As loss_plain, for what fused_kernels_fit() allows (model/kernels.h). Labels lie in [0, classes).
LossTerms loss_fused(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
                     const at::Tensor& people = {}, const at::Tensor& rates = {});

} // namespace stdualx
