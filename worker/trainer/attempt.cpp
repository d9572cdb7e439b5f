// Epochs, checkpoints, evaluations.
#include "worker/trainer/attempt.h"

#include "experiments/spec/disk_errors.h"
#include "experiments/spec/fault.h"
#include "experiments/spec/run_path.h"
#include "worker/messages/agent_link.h"
#include "worker/training/checkpoint.h"
#include "worker/training/evaluation.h"
#include "worker/trainer/platform.h"
#include "worker/training/silhouette.h"
#include "worker/training/state_hash.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <future>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>

namespace stdualx {

namespace {
constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// A class chosen among logits that are no numbers says nothing: no measure is made of them.
void check_logits(const at::Tensor& logits, const std::string& what, std::int64_t epoch) {
  const std::span values(logits.const_data_ptr<double>(), static_cast<std::size_t>(logits.numel()));
  const auto wrong = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
  if (wrong == values.end()) return;
  const auto window = (wrong - values.begin()) / logits.size(1);
  throw NotFinite("the logits of " + what + " with the weights of epoch " + std::to_string(epoch) + " are no numbers: " +
                  std::to_string(*wrong) + " for window " + std::to_string(window + 1) + " of " + std::to_string(logits.size(0)));
}

class Attempt {
public:
  Attempt(const Assignment& assignment, const AttemptData& data, Communicator& communicator, at::Device device, Reporter& reporter,
          Pack* pack)
      : assignment_(assignment), data_(data), communicator_(communicator), reporter_(reporter), pack_(pack), step_([this] {
          reporter_.step();
          if (writing_ && writing_->file.wait_for(std::chrono::seconds(0)) == std::future_status::ready) tell();
        }),
        training_(assignment.run, data.windows, data.train, communicator, device), placement_(this_placement(device)) {}

  /// `weights`: the finished ones, where those alone are evaluated.
  void resume(const std::optional<SafetensorsFile>& weights);
  AttemptResult run();

private:
  EpochReport next_epoch();
  bool train(); // false: drained
  void evaluate_test();
  EvaluationReport evaluated(const std::string& part, const std::string& condition, const std::vector<std::int64_t>& rows,
                             double overlap_share, const Prediction& prediction);
  void add_details(EvaluationReport& report, const Prediction& prediction);
  void begin_checkpoint(EpochReport report);
  void tell(); // the epoch whose checkpoint is being written, as soon as it is
  void tell(const EpochReport& report);
  std::vector<NamedTensor> weights_file() const; // what best.safetensors holds; the weights are the training's own
  void write_best_weights();
  void write_embedding(const EvaluationReport& report, const at::Tensor& embedding);
  Metadata metadata_of(const char* format) const;
  void keep(const char* kind, const WrittenFile& file) { artifacts_.push_back({kind, file.path, file.sha256, file.bytes}); }
  bool group_drains();
  std::vector<std::int64_t> labels(const std::vector<std::int64_t>& rows) const;
  bool leads() const { return communicator_.rank() == 0; }
  bool keeps_files() const { return leads() && !assignment_.store_directory.empty(); }

  const Assignment& assignment_;
  const AttemptData& data_;
  Communicator& communicator_;
  Reporter& reporter_;
  Pack* const pack_; // in which it trains; null: by itself
  const StepObserver step_;
  Training training_;
  std::string state_hash_;
  const Placement placement_;
  Json history_ = Json::array(); // the reports of the epochs so far, an earlier attempt's too: every file can tell all of them
  std::vector<Artifact> artifacts_;

  /// A checkpoint that is written while the next epoch is trained: its disk is waited for, and its hash computed, beside that.
  struct Writing {
    EpochReport report;
    std::future<WrittenFile> file; // its end waits for the writer
  };
  std::optional<Writing> writing_;
};

void Attempt::resume(const std::optional<SafetensorsFile>& weights) {
  if (weights) {
    restore(weights_file(), *weights, assignment_.resume_path);
    TrainingProgress progress;
    progress.epoch = assignment_.run.training.epochs;
    try {
      progress.best_epoch = std::stoll(weights->metadata.at("epoch"));
    } catch (const std::exception&) {
      throw StorageError(assignment_.resume_path + ": its 'epoch' cannot be read");
    }
    training_.set_progress(progress);
    return;
  }
  if (!assignment_.resume_path.empty()) {
    const SafetensorsFile file =
        read_checkpoint(assignment_.store_directory, assignment_.resume_path, assignment_.resume_sha256, assignment_.run_id);
    restore(training_.state(), file, assignment_.resume_path);
    try {
      training_.set_progress(from_json<TrainingProgress>(Json::parse(file.metadata.at("progress"))));
    } catch (const std::exception& failure) {
      throw StorageError(assignment_.resume_path + ": its 'progress' cannot be read: " + failure.what());
    }
    if (training_.progress().epoch != assignment_.resume_epoch)
      throw StorageError(assignment_.resume_path + " holds epoch " + std::to_string(training_.progress().epoch) + ", expected " +
                         std::to_string(assignment_.resume_epoch));
    history_ = history_of(file.metadata);
  }
  state_hash_ = state_hash(training_.state(), training_.progress().steps);
  // A file that `db rebuild` took over has no older hash than its own; what was in memory when it was written has.
  if (!history_.empty() && history_.back().at("state_hash_after") != state_hash_)
    throw StorageError(assignment_.resume_path + " holds a state of hash " + state_hash_ + ", but " +
                       history_.back().at("state_hash_after").get<std::string>() + " was written");
}

AttemptResult Attempt::run() {
  if (!assignment_.evaluate_only) {
    if (!train()) return {"drained", {}};
    if (keeps_files()) write_best_weights();
    if (!data_.validation.empty()) {
      const Prediction prediction = training_.predict(training_.reader(), data_.validation, Training::Weights::best, false, step_);
      const EvaluationReport report = evaluated("validation", "clean", data_.validation, data_.validation_overlap_share, prediction);
      if (leads()) reporter_.evaluation(report);
    }
  }
  if (assignment_.run.protocol.open_test && !data_.test.empty()) evaluate_test();
  return {"complete", artifacts_};
}

bool Attempt::train() {
  if (pack_ != nullptr) training_.join(*pack_);
  while (training_.progress().epoch < assignment_.run.training.epochs) {
    const EpochReport report = next_epoch();
    tell();
    if (keeps_files()) {
      reporter_.settle(); // never more than this epoch and the next are unknown to the store
      begin_checkpoint(report);
    } else {
      tell(report);
    }
    if (report.epoch < assignment_.run.training.epochs && group_drains()) {
      fault_point(FaultPoint::trainer_drains);
      tell();
      if (leads()) reporter_.settle();
      return false; // what is thrown away gives its place back
    }
  }
  training_.leave(); // evaluations are its own: the place is for the next
  tell();
  return true;
}

void Attempt::tell() {
  if (!writing_) return;
  Writing written = std::move(*writing_);
  writing_.reset();
  const WrittenFile file = written.file.get();
  written.report.checkpoint_sha256 = file.sha256;
  written.report.checkpoint_bytes = file.bytes;
  history_.push_back(to_json_all(written.report));
  tell(written.report);
  // The report just told may never be recorded: the two before it, which are, keep their files. Were the newest of them damaged, the other
  // would be gone on from.
  remove_checkpoints(assignment_.store_directory, assignment_.run_id, assignment_.attempt, reporter_.acknowledged() - 2);
}

void Attempt::tell(const EpochReport& report) {
  if (leads()) reporter_.epoch(report);
}

void Attempt::evaluate_test() {
  std::vector<EvaluationSpec> conditions = assignment_.evaluations;
  if (conditions.empty()) conditions.emplace_back();
  std::vector<std::int64_t> places(data_.test.size()); // of the test windows among themselves
  std::iota(places.begin(), places.end(), 0);
  for (const auto& [name] : conditions) {
    const bool clean = name == "clean";
    if (!clean && !data_.disturbed_test) throw InputError("condition '" + name + "': these data can only be evaluated undisturbed");
    const Prediction prediction =
        clean ? training_.predict(training_.reader(), data_.test, Training::Weights::best, true, step_)
              : training_.predict(training_.reader_of(data_.disturbed_test(condition_of(name), data_.windows, step_)), places,
                                  Training::Weights::best, false, step_);
    EvaluationReport report = evaluated("test", name, data_.test, data_.test_overlap_share, prediction);
    fault_point(FaultPoint::trainer_evaluation);
    if (clean && leads()) add_details(report, prediction);
    if (leads()) reporter_.evaluation(report);
  }
}

EpochReport Attempt::next_epoch() {
  const auto start = std::chrono::steady_clock::now();
  EpochReport report;
  report.run_id = assignment_.run_id;
  report.attempt = assignment_.attempt;
  report.state_hash_before = state_hash_;
  const TrainedEpoch outcome = training_.train_epoch(step_);

  const bool validated = !data_.validation.empty();
  Measures measures{not_measured, not_measured, not_measured, not_measured, {}, {}};
  if (validated) {
    const at::Tensor logits = training_.predict(training_.reader(), data_.validation, Training::Weights::averaged, false, step_).logits;
    check_logits(logits, "the validation part", training_.progress().epoch);
    measures = measure(logits, labels(data_.validation));
  }
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
  return report;
}

EvaluationReport Attempt::evaluated(const std::string& part, const std::string& condition, const std::vector<std::int64_t>& rows,
                                    double overlap_share, const Prediction& prediction) {
  EvaluationReport report;
  report.condition = condition;
  report.run_id = assignment_.run_id;
  report.attempt = assignment_.attempt;
  report.part = part;
  report.weights_epoch = training_.progress().best_epoch;
  report.overlap_share = overlap_share;
  report.labels = labels(rows);
  check_logits(prediction.logits, "the " + part + " part" + (condition == "clean" ? "" : " under " + condition), report.weights_epoch);
  Measures measures = measure(prediction.logits, report.labels);
  report.metrics = measures.metrics();
  report.classes = data_.windows.shape.classes;
  report.confusion = std::move(measures.confusion);
  report.windows = rows;
  for (const std::int64_t row : rows) report.people.push_back(data_.windows.people[static_cast<std::size_t>(row)]);
  report.predicted = std::move(measures.predicted);
  report.sensors = data_.windows.shape.sensors;
  return report;
}

void Attempt::add_details(EvaluationReport& report, const Prediction& prediction) {
  report.metrics.push_back({"silhouette", silhouette(prediction.embedding, report.labels, step_)});
  if (prediction.attention_entropy.defined())
    report.metrics.push_back({"attention_entropy", prediction.attention_entropy.mean().item<double>()});
  if (prediction.attention.defined()) report.attention = attention_maps(prediction.attention, report.people, report.labels);
  if (keeps_files()) write_embedding(report, prediction.embedding);
}

void Attempt::begin_checkpoint(EpochReport report) {
  report.checkpoint_path = checkpoint_path(assignment_.run_id, assignment_.attempt, report.epoch);
  Metadata metadata = {{"format", "stdualx checkpoint"},
                       {"format_version", "1"},
                       {"run_id", assignment_.run_id},
                       {"attempt", std::to_string(assignment_.attempt)},
                       {"epoch", std::to_string(report.epoch)},
                       {"progress", to_json_all(training_.progress()).dump()},
                       {"report", to_json_all(report).dump()},
                       {"history", history_.dump()},
                       {"placement", to_json_all(placement_).dump()},
                       {"identity", run_identity_text(assignment_.run)},
                       {"run", to_json_all(assignment_.run).dump()},
                       {"run", to_json_all(assignment_.run).dump()}};
  std::vector<NamedTensor> state = training_.state();
  for (NamedTensor& each : state) each.tensor = each.tensor.to(at::kCPU, each.tensor.scalar_type(), false, true); // a copy, on any device
  const std::string path = report.checkpoint_path;
  writing_ = Writing{std::move(report), std::async(std::launch::async, [state = std::move(state), metadata = std::move(metadata), path,
                                                                        directory = assignment_.store_directory] {
                       return write_tensors(directory, path, state, metadata);
                     })};
}

Metadata Attempt::metadata_of(const char* format) const {
  return {{"format", format},
          {"format_version", "1"},
          {"run_id", assignment_.run_id},
          {"attempt", std::to_string(assignment_.attempt)},
          {"epoch", std::to_string(training_.progress().best_epoch)},
          {"identity", run_identity_text(assignment_.run)},
          {"run", to_json_all(assignment_.run).dump()},
          {"placement", to_json_all(placement_).dump()},
          {"dataset", data_.description}};
}

std::vector<NamedTensor> Attempt::weights_file() const {
  std::vector<NamedTensor> tensors = training_.best_weights();
  const TrainingWindows& windows = data_.windows;
  const auto table = [&](const std::vector<float>& values) {
    return at::tensor(values).view({windows.shape.sensors, windows.shape.channels});
  };
  tensors.push_back({"standardisation.mean", table(windows.mean)});
  tensors.push_back({"standardisation.deviation", table(windows.deviation)});
  return tensors;
}

void Attempt::write_best_weights() {
  Metadata metadata = metadata_of("stdualx weights");
  metadata["history"] = history_.dump();
  metadata["shape"] = to_json_all(data_.windows.shape).dump();
  keep("weights",
       write_tensors(assignment_.store_directory, best_weights_path(assignment_.run_id, assignment_.attempt), weights_file(), metadata));
}

void Attempt::write_embedding(const EvaluationReport& report, const at::Tensor& embedding) {
  const auto list = [](const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); };
  keep("embedding", write_tensors(assignment_.store_directory, embedding_path(assignment_.run_id, assignment_.attempt),
                                  {{"embedding", embedding.to(at::kFloat)},
                                   {"windows", list(report.windows)},
                                   {"people", list(report.people)},
                                   {"labels", list(report.labels)}},
                                  metadata_of("stdualx embedding")));
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

namespace {
/// Shares of a deviation by which sums in another order differ, and recordings do not.
constexpr float rounding = 1e-5f;

/// What the weights were trained on was standardised so; what they are evaluated on is, too.
void take_standardisation(TrainingWindows& windows, const SafetensorsFile& file, const std::string& path) {
  const auto kept = [&](const char* name) {
    const auto place = file.tensors.find(name);
    if (place == file.tensors.end() || place->second.scalar_type() != at::kFloat ||
        place->second.numel() != static_cast<std::int64_t>(windows.mean.size()))
      throw StorageError(path + ": tensor '" + name + "' is missing, or has another shape or type than this data set's");
    const float* values = place->second.const_data_ptr<float>();
    return std::vector<float>(values, values + place->second.numel());
  };
  std::vector<float> mean = kept("standardisation.mean"), deviation = kept("standardisation.deviation");
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const float most = rounding * std::abs(windows.deviation[i]);
    if (std::abs(mean[i] - windows.mean[i]) <= most && std::abs(deviation[i] - windows.deviation[i]) <= most) continue;
    const auto channels = static_cast<std::size_t>(windows.shape.channels);
    throw InputError(path + ": these weights were trained with channel " + std::to_string(i % channels) + " of sensor " +
                     std::to_string(i / channels) + " standardised by mean " + std::to_string(mean[i]) + " and deviation " +
                     std::to_string(deviation[i]) + ", but the training windows here give " + std::to_string(windows.mean[i]) + " and " +
                     std::to_string(windows.deviation[i]) + ": these are other recordings; give this host those of then, or train again");
  }
  windows.mean = std::move(mean);
  windows.deviation = std::move(deviation);
}
} // namespace

namespace {
/// Whether a file is there and cannot be opened.
bool is_shut(const std::string& store_directory, const std::string& path) {
  try {
    return !std::ifstream(run_file(store_directory, path)).is_open();
  } catch (const StorageError&) { // no path of a run's file, or no plain file
    return false;
  }
}
} // namespace

AttemptResult run_attempt(const Assignment& assignment, const AttemptData& data, Communicator& communicator, at::Device device,
                          Reporter& reporter, Pack* pack) {
  AttemptData used = data;
  const auto begun = [&] {
    try {
      std::optional<SafetensorsFile> weights;
      if (assignment.evaluate_only) {
        weights = read_weights(assignment.store_directory, assignment.resume_path, assignment.resume_sha256, assignment.run_id);
        take_standardisation(used.windows, *weights, assignment.resume_path);
      }
      auto attempt = std::make_unique<Attempt>(assignment, used, communicator, device, reporter, pack);
      attempt->resume(weights);
      return attempt;
    } catch (const PermissionError& failure) {
      if (assignment.evaluate_only) throw std::runtime_error(std::string("its weights cannot be read: ") + failure.what());
      throw;
    } catch (const FileGone& failure) {
      throw StorageError(std::string(assignment.evaluate_only ? weights_gone : checkpoint_gone) + failure.what());
    } catch (const StorageError& failure) {
      if (!assignment.evaluate_only) throw StorageError(std::string(checkpoint_damaged) + failure.what());
      // One that may not be opened may be whole; one that was read is damaged, and nobody asks for it again.
      if (is_shut(assignment.store_directory, assignment.resume_path))
        throw std::runtime_error(std::string("its weights cannot be read: ") + failure.what());
      set_aside(assignment.store_directory, assignment.resume_path);
      throw StorageError(std::string(weights_damaged) + failure.what());
    }
  }();
  return begun->run();
}

AttemptEnd end_of_attempt(const Assignment& assignment, const std::function<AttemptResult()>& body) {
  AttemptEnd end{assignment.run_id, assignment.attempt, "error", "", ""};
  try {
    AttemptResult result = body();
    end.reason = std::move(result.reason);
    end.artifacts = std::move(result.artifacts);
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
  } catch (const PermissionError& failure) {
    end.detail = not_permitted + std::string(failure.what());
    end.reason = "storage";
  } catch (const StorageError& failure) {
    end.detail = failure.what();
    if (!lacks_file(end.detail)) end.reason = "storage";
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
