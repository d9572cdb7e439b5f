// The fused form of an STDAT layer as one node of autograd; see model/stdat.h for the plain one, which it must agree with.
#pragma once

#include "model/stdat.h"

namespace stdualx {

/// As stdat_plain, for what fused_kernels_fit() allows (model/kernels.h).
at::Tensor stdat_fused(const StdatLayer& layer, const at::Tensor& x, const StepContext& context);

} // namespace stdualx
