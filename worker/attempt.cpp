// Epochs, checkpoints, evaluations.
#include "worker/attempt.h"

#include "worker/agent_link.h"
#include "worker/checkpoint.h"
#include "worker/evaluation.h"
#include "worker/state_hash.h"

#include <ATen/ATen.h>

#include <chrono>
#include <limits>

namespace stdualx {

namespace {
constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

class Attempt {
public:
  Attempt(const Assignment& assignment, const AttemptData& data, Communicator& communicator, at::Device device, Reporter& reporter)
      : assignment_(assignment), data_(data), communicator_(communicator), reporter_(reporter), step_([this] { reporter_.step(); }),
        training_(assignment.run, data.windows, data.train, communicator, device) {}

  void resume();
  std::string run(); // the reason it ended
private:
  EpochReport next_epoch();
  void evaluate(const std::string& condition, const std::string& part, const std::vector<std::int64_t>& rows, double overlap_share);
  void write_checkpoint(EpochReport& report);
  void write_best_weights();
  bool group_drains();
  std::vector<std::int64_t> labels(const std::vector<std::int64_t>& rows) const;
  bool leads() const { return communicator_.rank() == 0; }
  bool keeps_files() const { return leads() && !assignment_.store_directory.empty(); }

  const Assignment& assignment_;
  const AttemptData& data_;
  Communicator& communicator_;
  Reporter& reporter_;
  const StepObserver step_;
  Training training_;
  std::string state_hash_;
};

void Attempt::resume() {
  if (!assignment_.resume_path.empty()) {
    const SafetensorsFile file =
        read_checkpoint(assignment_.store_directory, assignment_.resume_path, assignment_.resume_sha256, assignment_.run_id);
    restore(training_.state(), file, assignment_.resume_path);
    try {
      training_.set_progress(from_json<Progress>(Json::parse(file.metadata.at("progress"))));
    } catch (const std::exception& failure) {
      throw StorageError(assignment_.resume_path + ": its 'progress' cannot be read: " + failure.what());
    }
    if (training_.progress().epoch != assignment_.resume_epoch)
      throw StorageError(assignment_.resume_path + " holds epoch " + std::to_string(training_.progress().epoch) + ", expected " +
                         std::to_string(assignment_.resume_epoch));
  }
  state_hash_ = state_hash(training_.state(), training_.progress().steps);
}

std::string Attempt::run() {
  while (training_.progress().epoch < assignment_.run.training.epochs) {
    const EpochReport report = next_epoch();
    if (leads()) reporter_.epoch(report);
    // The report just told is not acknowledged yet, the one before it is: with its checkpoint and this one, two are kept.
    if (keeps_files())
      remove_checkpoints(assignment_.store_directory, assignment_.run_id, assignment_.attempt, reporter_.acknowledged() - 1);
    if (report.epoch < assignment_.run.training.epochs && group_drains()) {
      if (leads()) reporter_.settle();
      return "drained";
    }
  }
  const ProtocolSpec& protocol = assignment_.run.protocol;
  if (!data_.validation.empty()) evaluate("clean", "validation", data_.validation, data_.validation_overlap_share);
  if (protocol.open_test && !data_.test.empty()) {
    const std::vector<EvaluationSpec> conditions =
        assignment_.evaluations.empty() ? std::vector<EvaluationSpec>{EvaluationSpec{}} : assignment_.evaluations;
    for (const auto& [condition] : conditions) evaluate(condition, "test", data_.test, data_.test_overlap_share);
  }
  if (keeps_files()) write_best_weights();
  return "complete";
}

EpochReport Attempt::next_epoch() {
  const auto start = std::chrono::steady_clock::now();
  EpochReport report;
  report.run_id = assignment_.run_id;
  report.attempt = assignment_.attempt;
  report.state_hash_before = state_hash_;
  const EpochOutcome outcome = training_.train_epoch(step_);

  const bool validated = !data_.validation.empty();
  Measures measures{not_measured, not_measured, not_measured, not_measured, {}, {}};
  if (validated) measures = measure(training_.predict(data_.validation, Training::Weights::averaged, step_), labels(data_.validation));
  training_.keep_if_best(validated, measures.accuracy, measures.log_loss);
  state_hash_ = state_hash(training_.state(), training_.progress().steps);

  report.epoch = training_.progress().epoch;
  report.train_loss = outcome.train_loss;
  report.validation_loss = measures.log_loss;
  report.validation_accuracy = measures.accuracy;
  report.validation_macro_f1 = measures.f1_macro;
  report.learning_rate = outcome.learning_rate;
  report.windows = outcome.windows;
  report.compute_seconds = outcome.compute_seconds;
  report.data_seconds = outcome.data_seconds;
  report.communication_seconds = outcome.communication_seconds;
  report.best_epoch = training_.progress().best_epoch;
  report.state_hash_after = state_hash_;
  report.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (keeps_files()) write_checkpoint(report);
  report.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void Attempt::evaluate(const std::string& condition, const std::string& part, const std::vector<std::int64_t>& rows, double overlap_share) {
  EvaluationReport report;
  report.run_id = assignment_.run_id;
  report.attempt = assignment_.attempt;
  report.condition = condition;
  report.part = part;
  report.weights_epoch = training_.progress().best_epoch;
  report.overlap_share = overlap_share;
  report.labels = labels(rows);
  Measures measures = measure(training_.predict(rows, Training::Weights::best, step_), report.labels);
  report.metrics = measures.metrics();
  report.classes = data_.windows.shape.classes;
  report.confusion = std::move(measures.confusion);
  report.windows = rows;
  for (const std::int64_t row : rows) report.people.push_back(data_.people[static_cast<std::size_t>(row)]);
  report.predicted = std::move(measures.predicted);
  if (leads()) reporter_.evaluation(report);
}

void Attempt::write_checkpoint(EpochReport& report) {
  report.checkpoint_path = checkpoint_path(assignment_.run_id, assignment_.attempt, report.epoch);
  const WrittenFile file = write_durably(assignment_.store_directory, report.checkpoint_path, training_.state(),
                                         {{"format", "stdualx checkpoint"},
                                          {"format_version", "1"},
                                          {"run_id", assignment_.run_id},
                                          {"attempt", std::to_string(assignment_.attempt)},
                                          {"epoch", std::to_string(report.epoch)},
                                          {"progress", to_json_all(training_.progress()).dump()},
                                          {"report", to_json_all(report).dump()},
                                          {"identity", run_identity_text(assignment_.run)}});
  report.checkpoint_sha256 = file.sha256;
  report.checkpoint_bytes = file.bytes;
}

void Attempt::write_best_weights() {
  std::vector<NamedTensor> tensors = training_.best_weights();
  const TrainingWindows& windows = data_.windows;
  const auto table = [&](const std::vector<float>& values) {
    return at::tensor(values).view({windows.shape.sensors, windows.shape.channels});
  };
  tensors.push_back({"standardisation.mean", table(windows.mean)});
  tensors.push_back({"standardisation.deviation", table(windows.deviation)});
  write_durably(assignment_.store_directory, best_weights_path(assignment_.run_id, assignment_.attempt), tensors,
                {{"format", "stdualx weights"},
                 {"format_version", "1"},
                 {"run_id", assignment_.run_id},
                 {"attempt", std::to_string(assignment_.attempt)},
                 {"epoch", std::to_string(training_.progress().best_epoch)},
                 {"identity", run_identity_text(assignment_.run)},
                 {"shape", to_json_all(windows.shape).dump()},
                 {"dataset", data_.description}});
}

bool Attempt::group_drains() {
  // `drain` reaches the members at different moments: they agree on it, or one would wait for the others' next epoch for ever.
  const bool mine = reporter_.draining();
  if (communicator_.size() == 1) return mine;
  at::Tensor count = at::full({1}, mine ? 1.0 : 0.0, at::kDouble);
  communicator_.all_reduce_sum(count);
  return count.item<double>() > 0;
}

std::vector<std::int64_t> Attempt::labels(const std::vector<std::int64_t>& rows) const {
  std::vector<std::int64_t> labels;
  labels.reserve(rows.size());
  for (const std::int64_t row : rows) labels.push_back(data_.windows.labels[static_cast<std::size_t>(row)]);
  return labels;
}
} // namespace

std::string run_attempt(const Assignment& assignment, const AttemptData& data, Communicator& communicator, at::Device device,
                        Reporter& reporter) {
  Attempt attempt(assignment, data, communicator, device, reporter);
  try {
    attempt.resume();
  } catch (const StorageError& failure) {
    throw StorageError(std::string("checkpoint damaged: ") + failure.what());
  }
  return attempt.run();
}

AttemptEnd end_of_attempt(const Assignment& assignment, const std::function<std::string()>& body) {
  AttemptEnd end{assignment.run_id, assignment.attempt, "error", "", ""};
  try {
    end.reason = body();
  } catch (const ExitRequested&) {
    throw;
  } catch (const PeerGone&) {
    throw;
  } catch (const NotFinite& failure) {
    end.reason = "not_finite";
    end.detail = failure.what();
  } catch (const GroupBroken& failure) {
    end.reason = "group_broken";
    end.detail = failure.what();
  } catch (const c10::Error& failure) {
    end.detail = failure.what_without_backtrace();
  } catch (const std::exception& failure) {
    end.detail = failure.what();
  }
  return end;
}

void remove_all_checkpoints(const Assignment& assignment) {
  if (assignment.store_directory.empty() || assignment.index != 0) return;
  remove_checkpoints(assignment.store_directory, assignment.run_id, assignment.attempt, std::numeric_limits<std::int64_t>::max());
}

} // namespace stdualx
