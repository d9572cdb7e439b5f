// Which form of a layer runs: the plain one, written with ATen, which is the truth for every type and device; or the fused one
// (model/fused), by hand for float32 on cores. The one place where that is chosen.
#pragma once

#include "model/batch_group.h"

#include <string>

namespace stdualx {

struct VectorLoops;

/// What STDUALX_KERNELS (plain, fused) and STDUALX_ISA (sse4, avx2, avx512) ask for, and what this build and processor have: "plain", or
/// "fused avx512". Chosen at the first call, for the whole process. InputError: another word in STDUALX_KERNELS, or fused layers where
/// there are none.
const std::string& kernels_in_use();
/// The loops of the fused layers; only where kernels_in_use() is not "plain".
const VectorLoops& fused_loops();

/// Whether fused layers can compute with `x`: float32 on the CPU, this rank alone, fused kernels in use. Outside training they record
/// nothing for backward, so that whoever differentiates an evaluation gets the plain form.
bool fused_kernels_fit(const at::Tensor& x, const StepContext& context);

} // namespace stdualx
