// The ablations by name, each of which takes one part of STDual-X away, and the baselines, which take its place.
#pragma once

#include "experiments/presets.h"

namespace stdualx {

/// "stdual_x" (nothing is taken away), "without_stdat", "without_csa", "without_contrastive", ..., "deep_conv_lstm", ...
const std::vector<std::string>& variant_names();
/// Whether it is one of them; else a name is a sweep's own.
bool is_variant(const std::string& name);
/// Changes `recipe` as the variant says. Throws InputError with the near name when there is no such variant.
void apply_variant(const std::string& name, Recipe& recipe);

} // namespace stdualx
