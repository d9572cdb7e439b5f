// Small stores for the tests of the report, whose cells are computed by hand. Three folds of 1000 test windows each and 9000 training
// windows give Nadeau and Bengio's factor 1/3 + 1/9 = (2/3)^2; Student's 97.5 % quantile with two degrees of freedom is 4.302653, and p = 1
// - t / sqrt(t^2 + 2). A share's interval is on the logit scale: odds times exp(+- reach / (share (1 - share))). Seeds that are all alike
// add nothing to that.
#pragma once

#include "cells.h"
#include "fixture.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "results/tables.h"

namespace stdualx {

inline constexpr double student = 4.302652729911275;
inline constexpr double closeness = 1e-9;

inline double reach(double deviation) { return student * deviation * 2 / 3; }
/// The end of a share's interval, `side` -1 or 1.
inline double share_end(double share, double deviation, int side) {
  const double odds = share / (1 - share) * std::exp(side * reach(deviation) / (share * (1 - share)));
  return odds / (1 + odds);
}
inline double p_of(double difference, double deviation) {
  const double t = std::abs(difference) / (deviation * 2 / 3);
  return 1 - t / std::sqrt(t * t + 2);
}

inline RunSpec a_network(const std::string& variant, std::int64_t fold, const std::string& dataset = "uci-har") {
  RunSpec run = a_run(fold);
  run.dataset = dataset;
  run.variant = variant;
  if (variant == "without_csa") run.model.cross_sensor_attention = false;
  if (variant == "without_stdat") run.model.stdat = false;
  if (variant == "without_contrastive") run.training.triplet_weight = 0;
  if (variant == "linear" || variant == "deep_conv_lstm") run.model.architecture = variant;
  return run;
}

inline RunSpec official(RunSpec run) {
  run.protocol.kind = "official";
  run.protocol.folds = 0;
  run.fold = 0;
  return run;
}
inline RunSpec random_windows(RunSpec run) {
  run.protocol.kind = "random";
  return run;
}

class Report : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  Store store = Store::open_for_writing(file);
  ReportRequest request;

  struct Disturbed {
    std::string condition;
    std::int64_t right;
  };
  /// A COMPLETE run with `right` of 1000 test windows right, and what else its test part gave.
  std::string add(const RunSpec& run, std::int64_t right, const std::vector<Disturbed>& disturbed = {},
                  const std::vector<Metric>& metrics = {}, const std::vector<AttentionMap>& attention = {}) {
    Store::Transaction transaction(store);
    const std::string run_id = run_identity(run);
    Plan plan = a_plan({run}, "sweep of " + run_id);
    plan.datasets = {{run.dataset_hash, run.dataset, {"wrist", "ankle"}, {"sitting", "walking"}}};
    store.register_sweep(plan);
    const std::int64_t attempt = store.begin_attempt(run_id, a_place(), 1);
    for (std::int64_t epoch = 1; epoch <= run.training.epochs; ++epoch) {
      EpochReport report = an_epoch(run_id, attempt, epoch);
      report.windows = 9000;
      store.record_epoch(report);
    }
    EvaluationReport clean = an_evaluation(run_id, attempt, "test", right, 1000, 7);
    clean.metrics.insert(clean.metrics.end(), metrics.begin(), metrics.end());
    clean.sensors = attention.empty() ? 2 : std::llround(std::sqrt(static_cast<double>(attention.front().weights.size())));
    clean.attention = attention;
    store.record_evaluation(clean);
    for (const auto& [condition, still_right] : disturbed) {
      EvaluationReport report = an_evaluation(run_id, attempt, "test", still_right, 1000, 7);
      report.condition = condition;
      store.record_evaluation(report);
    }
    store.end_attempt({run_id, attempt, "complete", "", "", {}}, RunStatus::complete);
    transaction.commit();
    return run_id;
  }
  /// Each fold from so many seeds, which are all alike.
  void add_seeds(const std::string& variant, const std::array<std::int64_t, 3>& right, std::int64_t seeds,
                 const std::string& dataset = "uci-har") {
    for (std::int64_t seed = 1; seed <= seeds; ++seed)
      for (std::size_t fold = 0; fold < 3; ++fold) {
        RunSpec run = a_network(variant, static_cast<std::int64_t>(fold), dataset);
        run.seed = seed;
        add(run, right[fold]);
      }
  }
  void add_folds(const std::string& variant, const std::array<std::int64_t, 3>& right, const std::string& dataset = "uci-har") {
    add_seeds(variant, right, 3, dataset);
  }
  std::vector<TitledTable> tables(const std::vector<std::string>& names) {
    Reader reader(file);
    request.tables = names;
    return report(reader, request);
  }
  TitledTable table(const std::string& name) {
    std::vector<TitledTable> made = tables({name});
    if (made.empty()) throw std::runtime_error("no table " + name);
    return std::move(made.front());
  }
  /// Verdicts by the start of the claim's words.
  std::string claim(const std::string& words, const std::string& column) {
    const TitledTable claims = table("claims");
    for (const auto& cells : claims.table.rows)
      if (cell_text(cells[0]).starts_with(words)) return Row{&claims.table, &cells}.text(column);
    throw std::runtime_error("no claim " + words);
  }
};

} // namespace stdualx
