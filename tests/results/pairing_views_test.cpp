// Which runs the views pair: an ablation with its whole network, a baseline with STDual-X.
#include "fixture.h"
#include "experiments/spec/model_shape.h"
#include "results/database.h"

#include <set>

namespace stdualx {
namespace {

using PairingViews = OneRunStore;

TEST_F(PairingViews, ANetworkOfAnotherArchitectureIsABaselineAndNoAblation) {
  RunSpec baseline = run, deep_without_csa = run;
  baseline.variant = "deep_conv_lstm";
  baseline.model.architecture = "deep_conv_lstm";
  deep_without_csa = baseline;
  deep_without_csa.variant = "deep_without_csa";
  deep_without_csa.model.cross_sensor_attention = false;
  store.register_sweep(a_plan({baseline, deep_without_csa}, "baselines"));
  complete(store, run, 9);
  complete(store, baseline, 8);
  complete(store, deep_without_csa, 7);
  Reader reader(file);
  EXPECT_TRUE(reader.query("SELECT * FROM v_ablation").rows.empty());
  const Table pairs =
      reader.query("SELECT variant, architecture, stdual_x_run_id, round(accuracy_difference, 9) FROM v_baseline ORDER BY variant");
  ASSERT_EQ(pairs.rows.size(), 2u);
  EXPECT_EQ(pairs.rows[0], (std::vector<Cell>{"deep_conv_lstm", "deep_conv_lstm", run_id, Real{-0.1}}));
  EXPECT_EQ(pairs.rows[1], (std::vector<Cell>{"deep_without_csa", "deep_conv_lstm", run_id, Real{-0.2}}));
}

class AblationView : public OneRunStore {
protected:
  /// A complete run of seed 7 whose accuracy is `right` of 10; `change` takes it away from the whole network.
  template <class Change> std::string add(const std::string& variant, std::int64_t right, const Change& change) {
    RunSpec added = a_run(0, 7);
    added.variant = variant;
    change(added);
    store.register_sweep(a_plan({added}, "sweep of " + run_identity(added)));
    complete(store, added, right);
    return run_identity(added);
  }
  /// Ablation, whole network.
  std::set<std::pair<std::string, std::string>> pairs() {
    Reader reader(file);
    std::set<std::pair<std::string, std::string>> found;
    for (const auto& row : reader.query("SELECT run_id, whole_run_id FROM v_ablation").rows)
      EXPECT_TRUE(found.emplace(std::get<std::string>(row[0]), std::get<std::string>(row[1])).second);
    return found;
  }
};

TEST_F(AblationView, ARunRecordedBeforeASettingExistedPairsOnceItsSweepIsRegisteredAgain) {
  const auto as_it_is = [](RunSpec&) {};
  const std::string whole = add("stdual_x", 9, as_it_is);
  Database(file, SQLITE_OPEN_READWRITE, 0).script("UPDATE configs SET config = json_remove(config, '$.windows.null_class')");
  RunSpec again = a_run(0, 7);
  const std::string ablated = add("without_csa", 7, [](RunSpec& spec) { spec.model.cross_sensor_attention = false; });
  EXPECT_TRUE(pairs().empty());
  EXPECT_EQ(store.register_sweep(a_plan({again}, "again")), 0);
  EXPECT_EQ(pairs(), (std::set<std::pair<std::string, std::string>>{{ablated, whole}}));
}

TEST_F(AblationView, OneAblationStandsBesideEachPointOfAGridOverWhatItLacks) {
  std::vector<std::string> whole;
  for (const double margin : {0.1, 0.2})
    for (const std::int64_t layers : {1, 2})
      whole.push_back(add("stdual_x", 9, [&](RunSpec& spec) {
        spec.training.triplet_margin = margin;
        spec.model.stdat_layers = layers;
      }));
  // As a plan clears them (experiments/sweep.cpp): the settings of what is not there are at their neutral values.
  const std::string without_stdat = add("without_stdat", 7, [](RunSpec& spec) {
    spec.training.triplet_margin = 0.1;
    spec.model.stdat = false;
    clear_unused(spec.model);
  });
  const std::string without_contrastive = add("without_contrastive", 7, [](RunSpec& spec) {
    spec.model.stdat_layers = 2;
    spec.training.triplet_weight = spec.training.triplet_margin = 0;
  });
  using Pairs = std::set<std::pair<std::string, std::string>>;
  EXPECT_EQ(
      pairs(),
      (Pairs{{without_stdat, whole[0]}, {without_stdat, whole[1]}, {without_contrastive, whole[1]}, {without_contrastive, whole[3]}}));
}

TEST_F(AblationView, EachSettingIsPairedWithItsOwnWholeNetwork) {
  std::vector<std::string> whole, ablated;
  for (const double rate : {1e-3, 2e-3}) {
    whole.push_back(add("stdual_x", 9, [&](RunSpec& spec) { spec.training.learning_rate = rate; }));
    ablated.push_back(add("without_csa", 7, [&](RunSpec& spec) {
      spec.training.learning_rate = rate;
      spec.model.cross_sensor_attention = false;
    }));
  }
  using Pairs = std::set<std::pair<std::string, std::string>>;
  EXPECT_EQ(pairs(), (Pairs{{ablated[0], whole[0]}, {ablated[1], whole[1]}}));
}

TEST_F(AblationView, WhatDiffersInMoreThanOnePartIsNoAblation) {
  std::vector<std::string> whole, ablated;
  for (const double weight : {0.25, 0.5}) {
    whole.push_back(add("stdual_x", 9, [&](RunSpec& spec) { spec.training.triplet_weight = weight; }));
    ablated.push_back(add("without_csa", 7, [&](RunSpec& spec) {
      spec.training.triplet_weight = weight;
      spec.model.cross_sensor_attention = false;
    }));
  }
  // Without the triplet the two settings are one run, which lacks one part of either whole network.
  const std::string plain = add("without_contrastive", 8, [](RunSpec& spec) { spec.training.triplet_weight = 0; });
  add("without_much", 5, [](RunSpec& spec) {
    spec.training.triplet_weight = 0.5;
    spec.model.position = spec.model.convolution = false;
  });
  add("weak_triplet", 8, [](RunSpec& spec) { spec.training.triplet_weight = 0.125; });
  add("wide", 9, [](RunSpec& spec) {
    spec.training.triplet_weight = 0.5;
    spec.model.position = false;
    spec.model.sensor_width = 256;
  });
  using Pairs = std::set<std::pair<std::string, std::string>>;
  EXPECT_EQ(pairs(), (Pairs{{ablated[0], whole[0]}, {ablated[1], whole[1]}, {plain, whole[0]}, {plain, whole[1]}}));
}

} // namespace
} // namespace stdualx
