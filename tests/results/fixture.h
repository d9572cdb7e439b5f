// A folder that goes away, and the small plans and reports that the tests of this room write.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "results/reader.h"
#include "results/store.h"

namespace stdualx {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "stdualx-results-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

inline RunSpec a_run(std::int64_t fold = 0, std::int64_t seed = 1) {
  RunSpec run;
  run.dataset = "uci-har";
  run.dataset_hash = "0123456789abcdef0123456789abcdef";
  run.windows = {128, 64, 0.5};
  run.protocol.kind = "leave_persons_out";
  run.protocol.folds = 3;
  run.training.epochs = 2;
  run.fold = fold;
  run.seed = seed;
  return run;
}

inline Plan a_plan(const std::vector<RunSpec>& runs, const std::string& name = "small") {
  Plan plan;
  plan.name = name;
  plan.sweep_text = "{\"name\":\"" + name + "\"}";
  plan.sweep_id = sha256_hex(plan.sweep_text);
  for (const auto& run : runs) plan.runs.push_back({run_identity(run), run, run.dataset, {{}}});
  return plan;
}

inline Placement a_place(const std::string& host = "node1", const std::string& platform = "cpu A") {
  return {host, 4711, "cpu", platform, 1};
}

inline EpochReport an_epoch(const std::string& run_id, std::int64_t attempt, std::int64_t epoch) {
  EpochReport report;
  report.run_id = run_id;
  report.attempt = attempt;
  report.epoch = epoch;
  report.train_loss = 1.0 / static_cast<double>(epoch);
  report.validation_loss = 0.5;
  report.validation_accuracy = 0.75;
  report.validation_macro_f1 = 0.7;
  report.learning_rate = 1e-3;
  report.windows = 100;
  report.compute_seconds = 2;
  report.data_seconds = 0.5;
  report.communication_seconds = 0.25;
  report.wall_seconds = 3;
  report.best_epoch = epoch;
  report.state_hash_before = "state " + std::to_string(epoch - 1);
  report.state_hash_after = "state " + std::to_string(epoch);
  report.checkpoint_path = run_id + "/" + std::to_string(attempt) + "/epoch-" + std::to_string(epoch);
  report.checkpoint_sha256 = sha256_hex(report.checkpoint_path);
  report.checkpoint_bytes = 1000;
  return report;
}

/// Two classes; the first `right` of `count` windows are right; window i was worn by person i % people + 1.
inline EvaluationReport an_evaluation(const std::string& run_id, std::int64_t attempt, const std::string& part = "test",
                                      std::int64_t right = 9, std::int64_t count = 10, std::int64_t people = 3) {
  EvaluationReport report;
  report.run_id = run_id;
  report.attempt = attempt;
  report.part = part;
  report.weights_epoch = 2;
  report.overlap_share = 0.25;
  report.classes = 2;
  report.confusion = {0, 0, 0, 0};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = i % 2, predicted = i < right ? label : 1 - label;
    report.windows.push_back(i);
    report.people.push_back(i % people + 1);
    report.labels.push_back(label);
    report.predicted.push_back(predicted);
    ++report.confusion[static_cast<std::size_t>(label * 2 + predicted)];
  }
  const double accuracy = static_cast<double>(right) / static_cast<double>(count);
  report.metrics = {{"accuracy", accuracy}, {"f1_macro", accuracy}, {"f1_weighted", accuracy}};
  return report;
}

/// A whole run, from its first epoch to COMPLETE.
inline void complete(Store& store, const RunSpec& run, std::int64_t right = 9, std::int64_t count = 10, std::int64_t people = 3) {
  const std::string run_id = run_identity(run);
  const std::int64_t attempt = store.begin_attempt(run_id, a_place(), run.world_size);
  for (std::int64_t epoch = 1; epoch <= run.training.epochs; ++epoch) store.record_epoch(an_epoch(run_id, attempt, epoch));
  store.record_evaluation(an_evaluation(run_id, attempt, run.protocol.open_test ? "test" : "validation", right, count, people));
  store.end_attempt({run_id, attempt, "complete", "", "", {}}, RunStatus::complete);
}

inline std::int64_t integer_at(Reader& reader, const std::string& sql) {
  return std::get<std::int64_t>(reader.query(sql).rows.at(0).at(0));
}
inline std::string text_at(Reader& reader, const std::string& sql) { return std::get<std::string>(reader.query(sql).rows.at(0).at(0)); }

/// What `function` throws as `Error`; "no error" when it throws nothing.
template <class Error, class Function> std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// A store with one sweep of one run, which a test takes on from there.
class OneRunStore : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  RunSpec run = a_run();
  std::string run_id = run_identity(run);
  Store store = Store::open_for_writing(file);

  void SetUp() override { store.register_sweep(a_plan({run})); }
  RunState state() { return store.run_states(std::vector{run_id}).at(0); }
};

} // namespace stdualx
