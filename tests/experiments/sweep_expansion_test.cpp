// grid, zip, random, presets and variants: which settings a sweep names.
#include "experiments/variants.h"
#include "sweep_fixture.h"

#include <gtest/gtest.h>

#include <set>

namespace stdualx::sweep_tests {
namespace {

TEST(SweepSettings, AGridIsEveryCombinationTheLastPathFastest) {
  const auto settings =
      load_sweep_text(small_sweep(R"(, "grid": {"training.epochs": [3, 4], "model.stdat_layers": [1, 2, 5]})")).parts.at(0).settings;
  ASSERT_EQ(settings.size(), 6u);
  EXPECT_EQ(settings[0], (RecipeChanges{{"model.stdat_layers", 1}, {"training.epochs", 3}}));
  EXPECT_EQ(settings[1], (RecipeChanges{{"model.stdat_layers", 1}, {"training.epochs", 4}}));
  EXPECT_EQ(settings[5], (RecipeChanges{{"model.stdat_layers", 5}, {"training.epochs", 4}}));
}

TEST(SweepSettings, AZipTakesItsListsTogetherUnderEachPointOfTheGrid) {
  const auto settings = load_sweep_text(small_sweep(R"(, "grid": {"training.beta2": [0.9, 0.99]},
      "zip": {"training.epochs": [3, 4], "model.stdat_layers": [2, 2]})"))
                            .parts.at(0)
                            .settings;
  ASSERT_EQ(settings.size(), 4u);
  EXPECT_EQ(settings[1], (RecipeChanges{{"training.beta2", 0.9}, {"model.stdat_layers", 2}, {"training.epochs", 4}}));
}

TEST(SweepSettings, RandomDrawsStayInRangeAndKeepTheOldOnesWhenMoreAreAsked) {
  const std::string paths = R"("training.learning_rate": {"log_uniform": [1e-4, 1e-2]}, "training.triplet_margin": {"uniform": [0.1, 0.5]},
      "model.stdat_layers": {"uniform": [1, 4]}, "training.precision": {"choice": ["float32", "float64"]})";
  const auto draws = [&](int count, int seed) {
    return load_sweep_text(small_sweep(R"(, "random": {"count": )" + std::to_string(count) + R"(, "seed": )" + std::to_string(seed) + ", " +
                                       paths + "}"))
        .parts.at(0)
        .settings;
  };
  const auto many = draws(200, 3);
  ASSERT_EQ(many.size(), 200u);
  std::set<std::int64_t> layers;
  int below = 0;
  for (const auto& setting : many) {
    ASSERT_EQ(setting.size(), 4u);
    layers.insert(setting[0].second.get<std::int64_t>());
    const double rate = setting[1].second.get<double>();
    EXPECT_GE(rate, 1e-4);
    EXPECT_LE(rate, 1e-2);
    below += rate < 1e-3 ? 1 : 0; // the middle of the logarithms
    EXPECT_GE(setting[3].second.get<double>(), 0.1);
    EXPECT_LE(setting[3].second.get<double>(), 0.5);
  }
  EXPECT_EQ(layers, (std::set<std::int64_t>{1, 2, 3, 4})); // both ends
  EXPECT_GT(below, 70);
  EXPECT_LT(below, 130);
  const auto few = draws(50, 3);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(draws(50, 4), few);
}

TEST(SweepSettings, EqualRandomDrawsAreOneSetting) {
  const auto settings = load_sweep_text(small_sweep(R"(, "random": {"count": 50, "seed": 1, "model.stdat_layers": {"choice": [1, 2]}})"))
                            .parts.at(0)
                            .settings;
  EXPECT_EQ(settings.size(), 2u);
}

TEST(SweepSettings, AGridOfTooManyValuesIsRefusedBeforeItIsExpanded) {
  std::string list;
  for (int i = 1; i <= 400; ++i) list += (i > 1 ? "," : "") + std::to_string(i);
  EXPECT_NE(error_of(small_sweep(R"(, "grid": {"training.epochs": [)" + list + R"(], "training.batch_size": [)" + list + "]}"))
                .find("more than 100000"),
            std::string::npos);
}

TEST(Presets, DefaultIsTheStructsOwnAndFaithfulIsTheEncoderAsPublished) {
  EXPECT_EQ(preset("default"), Recipe{});
  const Recipe faithful = preset("faithful");
  EXPECT_EQ(faithful.model.stem_layers, 0);
  EXPECT_EQ(faithful.model.asinh_knee, 0);
  EXPECT_EQ(faithful.model.stdat_layers, 5);
  EXPECT_EQ(3 % faithful.model.temporal_heads, 0);
  EXPECT_EQ(128 % faithful.model.channel_heads, 0);
  EXPECT_EQ(faithful.training.augmentation, (AugmentationConfig{0, 0, 0, 0}));
  EXPECT_THROW(preset("defualt"), InputError);
}

TEST(Variants, EachAblationChangesOneThing) {
  for (const auto& name : variant_names()) {
    if (name != "stdual_x" && !name.starts_with("without_")) continue; // a baseline
    for (const auto& base : preset_names()) {
      Recipe recipe = preset(base);
      apply_variant(name, recipe);
      const Json before = to_json_all(preset(base)), after = to_json_all(recipe);
      EXPECT_EQ(Json::diff(before, after).size(), name == "stdual_x" ? 0u : 1u) << name << " of " << base;
    }
  }
  Recipe recipe;
  EXPECT_THROW(apply_variant("without_cas", recipe), InputError);
}

TEST(Variants, NoGridPutsBackWhatAnAblationTakesAway) {
  const Plan plan = plan_of(
      small_sweep(R"(, "grid": {"training.triplet_weight": [0.25, 1]}, "variants": ["stdual_x", "without_contrastive"], "folds": [0])"));
  std::vector<std::string> seen;
  for (const auto& planned : plan.runs) seen.push_back(planned.run.variant + " " + Json(planned.run.training.triplet_weight).dump());
  EXPECT_EQ(seen, (std::vector<std::string>{"stdual_x 0.25", "without_contrastive 0.0", "stdual_x 1.0"})); // its two are one run
}

TEST(Variants, SetGoesOnTopOfBase) {
  const Plan plan = plan_of(small_sweep(
      R"(, "folds": [0], "fixed": {"training": {"epochs": 4}}, "variants": [{"name": "short", "base": "without_csa", "set": {"training.epochs": 2, "training.augmentation.jitter": 0}}])"));
  ASSERT_EQ(plan.runs.size(), 1u);
  const RunSpec& run = plan.runs[0].run;
  EXPECT_EQ(run.variant, "short");
  EXPECT_FALSE(run.model.cross_sensor_attention);
  EXPECT_EQ(run.training.epochs, 2);
  EXPECT_EQ(run.training.augmentation.jitter, 0);
}

TEST(RecipePaths, EachIsSetAndReadBackByItsName) {
  for (const auto& path : recipe_paths()) {
    Recipe recipe;
    const Json all = to_json_all(Recipe{});
    std::string pointer = "/" + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const Json value = all.at(Json::json_pointer(pointer));
    EXPECT_EQ(set_recipe_value(recipe, path, value, "/x"), value) << path;
    EXPECT_EQ(recipe, Recipe{}) << path;
  }
  Recipe recipe;
  set_recipe_value(recipe, "training.augmentation.jitter", 0.5, "/x");
  EXPECT_EQ(recipe.training.augmentation.jitter, 0.5);
  EXPECT_EQ(message_of([&] { set_recipe_value(recipe, "training.epochs", "two", "/x"); }), "/x: expected a whole number, found \"two\"");
}

} // namespace
} // namespace stdualx::sweep_tests
