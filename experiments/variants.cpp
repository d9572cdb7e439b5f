#include "experiments/variants.h"

#include <algorithm>

namespace stdualx {

namespace {

struct Variant {
  std::string name;
  void (*apply)(Recipe&);
};

const std::vector<Variant>& all_variants() {
  static const std::vector<Variant> variants = {
      {"stdual_x", [](Recipe&) {}},
      {"without_stdat", [](Recipe& recipe) { recipe.model.stdat = false; }},
      {"without_csa", [](Recipe& recipe) { recipe.model.cross_sensor_attention = false; }},
      {"without_contrastive", [](Recipe& recipe) { recipe.training.triplet_weight = 0; }},
      {"without_temporal_attention", [](Recipe& recipe) { recipe.model.temporal_attention = false; }},
      {"without_channel_attention", [](Recipe& recipe) { recipe.model.channel_attention = false; }},
      {"without_convolution", [](Recipe& recipe) { recipe.model.convolution = false; }},
      {"without_position", [](Recipe& recipe) { recipe.model.position = false; }},
  };
  return variants;
}

} // namespace

const std::vector<std::string>& variant_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const auto& variant : all_variants()) result.push_back(variant.name);
    return result;
  }();
  return names;
}

void apply_variant(const std::string& name, Recipe& recipe) {
  const auto& variants = all_variants();
  const auto found = std::find_if(variants.begin(), variants.end(), [&](const Variant& variant) { return variant.name == name; });
  if (found == variants.end()) throw_not_a_choice("variant", {variant_names().begin(), variant_names().end()}, name);
  found->apply(recipe);
}

} // namespace stdualx
