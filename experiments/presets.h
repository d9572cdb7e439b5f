// Named configurations that a run starts from, and the dotted paths by which sweep files change them.
#pragma once

#include "experiments/spec/model_config.h"
#include "experiments/spec/training_config.h"

#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// All that a sweep may vary: the network and how it is trained.
struct Recipe {
  TrainingConfig training;
  ModelConfig model;

  static const auto& fields() {
    static const auto all = std::make_tuple(field("training", &Recipe::training, {}, "the recipe of training"),
                                            field("model", &Recipe::model, {}, "the network"));
    return all;
  }
  bool operator==(const Recipe&) const = default;
};

/// "default", "faithful".
const std::vector<std::string>& preset_names();
/// Throws InputError with the near name when there is no such preset.
Recipe preset(const std::string& name);

/// Every dotted path of a single value: "training.learning_rate", "training.augmentation.jitter", "model.stdat_layers" ...
const std::vector<std::string>& recipe_paths();
/// The JSON Schema of the value at one of recipe_paths().
const Json& recipe_path_schema(const std::string& path);
/// Throws InputError "<pointer>: ..." with the near path when there is no such path.
void check_recipe_path(const std::string& path, const std::string& pointer);
/// Sets one value by its path and returns it in the field's own type (1e1 as 10). Throws InputError "<pointer>: ..." for an unknown path, a
/// wrong type, a value out of range.
Json set_recipe_value(Recipe& recipe, const std::string& path, const Json& value, const std::string& pointer);

} // namespace stdualx
