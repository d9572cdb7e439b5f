// The fused form of the stem as one node of autograd; see model/stem.h for the plain one, which it must agree with.
#pragma once

#include "model/stem.h"

namespace stdualx {

/// As stem_plain, for what fused_kernels_fit() allows (model/kernels.h). Windows get no gradient.
at::Tensor stem_fused(const Stem& stem, const at::Tensor& x, const StepContext& context);

} // namespace stdualx
