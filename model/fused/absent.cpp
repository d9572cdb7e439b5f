// In a build without Highway or LIBXSMM: no instruction set has fused layers, so that model/kernels.cpp chooses the plain ones.
#include "model/fused/loss_fused.h"
#include "model/fused/matrix_product.h"
#include "model/fused/stdat_fused.h"
#include "model/fused/stem_fused.h"
#include "model/fused/vector_fused.h"
#include "model/fused/vector_loops.h"

#include <ATen/core/Tensor.h>

#include <stdexcept>

namespace stdualx {

std::span<const std::string_view> vector_instruction_sets() { return {}; }
const VectorLoops* vector_loops(std::string_view) { return nullptr; }
std::string_view why_no_vector_loops() { return "in this build: libhwy-dev or libxsmm-dev was not there"; }
void limit_products(std::string_view) {}

at::Tensor stdat_fused(const StdatLayer&, const at::Tensor&, const StepContext&) {
  throw std::logic_error("a build without fused layers was to run one");
}
at::Tensor vector_fused(const SensorVector&, const at::Tensor&, const StepContext&) {
  throw std::logic_error("a build without fused layers was to run one");
}
LossTerms loss_fused(const ModelOutput&, const at::Tensor&, const TrainingConfig&, const StepContext&, const at::Tensor&,
                     const at::Tensor&) {
  throw std::logic_error("a build without fused layers was to run one");
}
at::Tensor stem_fused(const Stem&, const at::Tensor&, const StepContext&) {
  throw std::logic_error("a build without fused layers was to run one");
}

} // namespace stdualx
