#include "experiments/presets.h"

#include <map>

namespace stdualx {

namespace {

/// BehaveFormer's encoder as published (Senarath et al., IJCB 2023, and its public code), for windows of 128 steps and
/// sensors of 3, 6 or 9 channels.
Recipe faithful() {
  Recipe recipe;
  ModelConfig& model = recipe.model;
  // Known: the encoder sees the standardised channels as they are.
  model.asinh_knee = 0;
  model.stem_layers = 0;
  // Known: five layers, u = 1 in the IMU models, dropout 0.1 in the convolutions, 20 Gaussians of width 50 on 100 steps.
  model.stdat_layers = 5;
  model.convolution_units = 1;
  model.convolution_dropout = 0.1;
  model.gaussians = 20;
  model.gaussian_sigma = 0.5;
  // Known: 6 heads over 12 channels and 10 over 100 steps. Ours: the nearest numbers that divide 3 channels and 128 steps;
  // for other shapes fit_heads (spec/model_shape.h) takes the next lower ones that divide.
  model.temporal_heads = 3;
  model.channel_heads = 8;
  // Known: half of the flattened window, without a limit, then 64; dropout 0.1 between.
  model.vector_hidden = 65536;
  model.sensor_width = 64;
  model.vector_dropout = 0.1;
  // Known from STDual-X's abstract: cross-sensor attention and a contrastive term. Its sizes and the whole recipe of training
  // are not public: ours, as in `default`, but without augmentation, of which the abstract says nothing.
  recipe.training.augmentation = {.rotation_degrees = 0, .gain = 0, .time_warp = 0, .jitter = 0};
  return recipe;
}

struct RecipePaths {
  std::vector<std::string> names;
  std::map<std::string, Json> schemas;
  std::map<std::string, Json::json_pointer> pointers; // into to_json_all(Recipe)

  RecipePaths() { collect<Recipe>("", Json::json_pointer()); }

private:
  template <HasFields Struct> void collect(const std::string& prefix, const Json::json_pointer& pointer) {
    const Json properties = schema<Struct>()["properties"];
    const auto add = [&](const auto& field) {
      using Value = std::remove_cvref_t<decltype(std::declval<Struct>().*(field.member))>;
      const std::string name(field.name);
      if constexpr (HasFields<Value>) {
        collect<Value>(prefix + name + ".", pointer / name);
      } else {
        names.push_back(prefix + name);
        schemas[prefix + name] = properties[name];
        pointers[prefix + name] = pointer / name;
      }
    };
    std::apply([&](const auto&... field) { (add(field), ...); }, Struct::fields());
  }
};

const RecipePaths& all_paths() {
  static const RecipePaths paths;
  return paths;
}

} // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = {"default", "faithful"};
  return names;
}

Recipe preset(const std::string& name) {
  if (name == "default") return {}; // the structs' own defaults
  if (name == "faithful") return faithful();
  throw_not_a_choice("preset", {preset_names().begin(), preset_names().end()}, name);
}

const std::vector<std::string>& recipe_paths() { return all_paths().names; }

const Json& recipe_path_schema(const std::string& path) { return all_paths().schemas.at(path); }

void check_recipe_path(const std::string& path, const std::string& pointer) {
  if (all_paths().pointers.contains(path)) return;
  std::string near = nearest_word(path, recipe_paths());
  for (const auto& known : recipe_paths())
    if (known.ends_with("." + path)) near = known; // the last word alone
  throw InputError(
      pointer + ": no such setting" +
      (near.empty() ? "; expected a path such as training.learning_rate or model.stdat_layers" : "; did you mean '" + near + "'?"));
}

Json set_recipe_value(Recipe& recipe, const std::string& path, const Json& value, const std::string& pointer) {
  check_recipe_path(path, pointer);
  const auto& place = all_paths().pointers.at(path);
  Json nested = Json::object();
  nested[place] = value;
  try {
    update_from_json(recipe, nested, "");
  } catch (const InputError& error) {
    // The same words, with the place where the value was written.
    const std::string message = error.what();
    const std::string inner = place.to_string();
    throw InputError(message.starts_with(inner) ? pointer + message.substr(inner.size()) : pointer + ": " + message);
  }
  return to_json_all(recipe)[place];
}

} // namespace stdualx
