// The ablations by name (MODEL.md): each takes one part of STDual-X away.
#pragma once

#include "experiments/presets.h"

namespace stdualx {

/// "stdual_x" (nothing is taken away), "without_stdat", "without_csa", "without_contrastive", ...
const std::vector<std::string>& variant_names();
/// Changes `recipe` as the variant says. Throws InputError with the near name when there is no such variant.
void apply_variant(const std::string& name, Recipe& recipe);

} // namespace stdualx
