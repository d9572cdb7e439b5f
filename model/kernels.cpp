// See kernels.h.
#include "model/kernels.h"

#include "experiments/spec/errors.h"
#include "model/fused/matrix_product.h"
#include "model/fused/vector_loops.h"

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstdlib>

namespace stdualx {

namespace {
struct Choice {
  std::string words = "plain";
  const VectorLoops* loops = nullptr;
};

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Choice choose() {
  const std::string_view asked = environment("STDUALX_KERNELS"), limit = environment("STDUALX_ISA");
  if (!asked.empty() && asked != "plain" && asked != "fused")
    throw InputError("STDUALX_KERNELS: expected plain or fused, found '" + std::string(asked) + "'");
  if (asked == "plain") return {};
  std::string_view widest;
  for (const std::string_view name : vector_instruction_sets()) {
    widest = name;
    if (name == limit) break;
  }
  if (widest.empty()) {
    if (asked == "fused") throw InputError("STDUALX_KERNELS=fused, but there are no fused layers " + std::string(why_no_vector_loops()));
    return {};
  }
  limit_products(widest);
  return {"fused " + std::string(widest), vector_loops(widest)};
}

const Choice& choice() {
  static const Choice chosen = choose();
  return chosen;
}
} // namespace

const std::string& kernels_in_use() { return choice().words; }
const VectorLoops& fused_loops() { return *choice().loops; }

bool fused_kernels_fit(const at::Tensor& x, const StepContext& context) {
  return choice().loops != nullptr && x.is_cpu() && x.scalar_type() == at::kFloat && context.group == nullptr && x.numel() > 0 &&
         (context.training || !c10::GradMode::is_enabled());
}

} // namespace stdualx
