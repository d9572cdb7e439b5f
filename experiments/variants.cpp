#include "experiments/variants.h"

#include "experiments/spec/model_shape.h"

#include <algorithm>

namespace stdualx {

namespace {

struct Variant {
  std::string name;
  void (*apply)(Recipe&);
};

/// What was set of STDual-X's network is gone, so that runs which differ in that alone are one run. The contrastive term is a part of
/// STDual-X; everything else of the training is as it was set.
void take_baseline(Recipe& recipe, const std::string& architecture, const BaselineConfig& sizes) {
  recipe.model = bare_model(architecture);
  recipe.model.baseline = sizes;
  recipe.training.triplet_weight = recipe.training.triplet_margin = 0;
}

/// Sizes: four convolutions and two LSTM layers are published (Ordonez and Roggen 2016), and so is dropout before each dense layer.
void take_deep_conv_lstm(Recipe& recipe) {
  take_baseline(recipe, "deep_conv_lstm", {.convolutions = 4, .filters = 64, .kernel = 5, .layers = 2, .width = 128, .dropout = 0.5});
}

/// Sizes: the fully convolutional network of Wang, Yan and Oates (2017).
void take_cnn(Recipe& recipe) { take_baseline(recipe, "cnn", {.filters = 128}); }

/// The form is published (Hammerla et al. 2016), which searched over sizes; these are those of DeepConvLSTM's recurrent layers.
void take_bi_lstm(Recipe& recipe) { take_baseline(recipe, "bi_lstm", {.layers = 2, .width = 128, .dropout = 0.5}); }

/// The layer is published (Vaswani et al. 2017), the sizes are ours: about as many operations a window as `cnn`.
void take_transformer(Recipe& recipe) {
  take_baseline(recipe, "transformer", {.layers = 2, .width = 128, .heads = 4, .feedforward = 256, .dropout = 0.1});
}

/// Learning rate, epochs and weight decay: chosen on UCI-HAR's four groups of validation people.
void take_linear(Recipe& recipe) {
  take_baseline(recipe, "linear", {});
  recipe.training.epochs = 30;
  recipe.training.learning_rate = 1e-2;
  recipe.training.weight_decay = 0.1;
  recipe.training.label_smoothing = 0;
  recipe.training.augmentation = {.rotation_degrees = 0, .gain = 0, .time_warp = 0, .jitter = 0};
}

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
      {"deep_conv_lstm", take_deep_conv_lstm},
      {"cnn", take_cnn},
      {"bi_lstm", take_bi_lstm},
      {"transformer", take_transformer},
      {"linear", take_linear},
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

bool is_variant(const std::string& name) { return std::ranges::find(variant_names(), name) != variant_names().end(); }

void apply_variant(const std::string& name, Recipe& recipe) {
  const auto& variants = all_variants();
  const auto found = std::find_if(variants.begin(), variants.end(), [&](const Variant& variant) { return variant.name == name; });
  if (found == variants.end()) throw_not_a_choice("variant", {variant_names().begin(), variant_names().end()}, name);
  found->apply(recipe);
}

} // namespace stdualx
