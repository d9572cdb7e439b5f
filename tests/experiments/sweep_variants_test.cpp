// Variants: what each takes away or puts in STDual-X's place, and which runs are one.
#include "sweep_fixture.h"

#include "experiments/spec/model_shape.h"
#include "experiments/variants.h"

#include <gmock/gmock.h>

#include <set>

namespace stdualx::sweep_tests {
namespace {

const std::vector<std::string> baselines = {"deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"};

/// Identities of the runs of one variant of a sweep of one fold; `more` as in small_sweep.
std::set<std::string> runs_of(const std::string& variant, const std::string& more) {
  const Plan plan = plan_of(small_sweep(R"(, "folds": [0], "variants": [")" + variant + "\"]" + more));
  std::set<std::string> ids;
  for (const auto& planned : plan.runs) ids.insert(planned.run_id);
  return ids;
}

TEST(Ablations, OfSettingsOfWhatTheyRemoveAreOneRun) {
  const auto count = [](const char* variant, const char* grid) { return runs_of(variant, std::string(R"(, "grid": )") + grid).size(); };
  EXPECT_EQ(count("without_contrastive", R"({"training.triplet_margin": [0.1, 0.2, 0.3]})"), 1u);
  EXPECT_EQ(count("stdual_x", R"({"training.triplet_margin": [0.1, 0.2, 0.3]})"), 3u);
  const char* encoder =
      R"({"model.stdat_layers": [1, 2], "model.temporal_heads": [1, 2], "model.gaussians": [10, 20], "model.convolution_dropout": [0, 0.1]})";
  EXPECT_EQ(count("without_stdat", encoder), 1u);
  EXPECT_EQ(count("without_position", encoder), 8u);
  EXPECT_EQ(count("without_temporal_attention", encoder), 8u);
  EXPECT_EQ(count("without_convolution", encoder), 8u);
  EXPECT_EQ(count("stdual_x", encoder), 16u);
  EXPECT_EQ(count("without_csa", R"({"model.attend_self": [true, false], "model.cross_sensor_heads": [1, 2]})"), 1u);
  EXPECT_EQ(count("stdual_x",
                  R"({"training.augmentation.rotation_degrees": [0, 10], "training.augmentation.rotation_by_sensor": [true, false]})"),
            3u);
}

TEST(Baselines, CanBeBuiltForTheUsualWindows) {
  const InputShape shape{.sensors = 5, .steps = 125, .channels = 9, .classes = 19, .sensor_channels = {}};
  for (const std::string& name : baselines)
    for (const std::string& preset_name : preset_names()) {
      Recipe recipe = preset(preset_name);
      apply_variant(name, recipe);
      EXPECT_EQ(recipe.model.architecture, name);
      EXPECT_NO_THROW(check_model(recipe.model, shape));
      EXPECT_EQ(from_json<Recipe>(to_json_all(recipe)), recipe) << "a trainer reads what a planner wrote";
    }
}

TEST(Baselines, OfSettingsThatAreSTDualXsAloneAreOneRun) {
  const std::string grid =
      R"(, "grid": {"model.stdat_layers": [1, 2], "model.stem_channels": [16, 32], "training.triplet_weight": [0.25, 0.5], "training.triplet_margin": [0.1, 0.2]})";
  EXPECT_EQ(runs_of("stdual_x", grid).size(), 16u);
  for (const std::string& name : baselines) EXPECT_EQ(runs_of(name, grid), runs_of(name, "")) << name;
}

TEST(Baselines, OfOtherTrainingSettingsAreOthersUnlessTheirVariantSetsThem) {
  const std::string grid = R"(, "grid": {"training.learning_rate": [1e-3, 2e-3], "training.augmentation.jitter": [0, 0.1]})";
  for (const std::string& name : baselines) EXPECT_EQ(runs_of(name, grid).size(), name == "linear" ? 1u : 4u) << name;
}

TEST(Baselines, AreTunedByAVariantOfTheirOwn) {
  const Plan plan = plan_of(small_sweep(
      R"(, "folds": [0], "variants": ["cnn", {"name": "narrow", "base": "cnn", "set": {"model.baseline.filters": 32, "training.learning_rate": 1e-3}}])"));
  ASSERT_EQ(plan.runs.size(), 2u);
  EXPECT_EQ(plan.runs[0].run.model.baseline.filters, 128);
  EXPECT_EQ(plan.runs[1].run.model.baseline.filters, 32);
  EXPECT_EQ(plan.runs[1].run.model.architecture, "cnn");
}

TEST(Baselines, KeepNothingOfSTDualXInTheirIdentity) {
  Recipe recipe;
  apply_variant("bi_lstm", recipe);
  const Json model = identity_json(recipe.model);
  EXPECT_EQ(model["architecture"], "bi_lstm");
  EXPECT_EQ(model["baseline"], Json::parse(R"({"layers": 2, "width": 128, "dropout": 0.5})"));
  for (const char* name : {"asinh_knee", "stem_layers", "attend_self"}) EXPECT_FALSE(model.contains(name)) << name;
}

} // namespace
} // namespace stdualx::sweep_tests
