// What a trainer tells about a run: an epoch, an evaluation, the end of an attempt. The coordinator stores them as they are.
#pragma once

#include "experiments/spec/build_id.h"
#include "experiments/spec/fields.h"

#include <set>
#include <string_view>
#include <utility>

namespace stdualx {

/// What is evaluated: the test part under a condition (condition.h).
struct EvaluationSpec {
  std::string condition = "clean";

  static const auto& fields() {
    static const auto all = std::make_tuple(field("condition", &EvaluationSpec::condition, "", "name of the condition"));
    return all;
  }
  bool operator==(const EvaluationSpec&) const = default;
};

/// One finished epoch and the checkpoint that holds the state after it. Times are seconds of this rank 0 of the group.
struct EpochReport {
  std::string run_id;
  std::int64_t attempt = 0;
  std::int64_t epoch = 0; // counted from 1
  double train_loss = 0;
  double validation_loss = 0; // NaN without a validation part
  double validation_accuracy = 0;
  double validation_macro_f1 = 0;
  double learning_rate = 0; // of the epoch's last step
  std::int64_t windows = 0; // trained on in this epoch by the whole group
  double compute_seconds = 0;
  double data_seconds = 0;
  double communication_seconds = 0;
  double wall_seconds = 0;
  std::int64_t best_epoch = 0;   // whose weights are the best on validation so far
  std::string state_hash_before; // XXH3-128 over weights, optimiser and averages
  std::string state_hash_after;
  std::string checkpoint_path; // relative to STORE.d
  std::string checkpoint_sha256;
  std::int64_t checkpoint_bytes = 0;

  static const auto& fields() {
    using E = EpochReport;
    static const auto all = std::make_tuple(
        field("run_id", &E::run_id, "", "identity of the run"), field("attempt", &E::attempt, 0, "which attempt, from 1"),
        field("epoch", &E::epoch, 0, "which epoch, from 1"), field("train_loss", &E::train_loss, 0.0, "mean over the epoch's windows"),
        field("validation_loss", &E::validation_loss, 0.0, "cross-entropy of the averaged weights"),
        field("validation_accuracy", &E::validation_accuracy, 0.0, "share, 0 to 1"),
        field("validation_macro_f1", &E::validation_macro_f1, 0.0, "0 to 1"),
        field("learning_rate", &E::learning_rate, 0.0, "of the last step"), field("windows", &E::windows, 0, "trained on"),
        field("compute_seconds", &E::compute_seconds, 0.0, "forward, backward, optimiser"),
        field("data_seconds", &E::data_seconds, 0.0, "gathering and augmenting"),
        field("communication_seconds", &E::communication_seconds, 0.0, "in collectives"),
        field("wall_seconds", &E::wall_seconds, 0.0, "all of it"), field("best_epoch", &E::best_epoch, 0, "best so far"),
        field("state_hash_before", &E::state_hash_before, "", "before the epoch"),
        field("state_hash_after", &E::state_hash_after, "", "after it"),
        field("checkpoint_path", &E::checkpoint_path, "", "relative to STORE.d"),
        field("checkpoint_sha256", &E::checkpoint_sha256, "", "of the file"),
        field("checkpoint_bytes", &E::checkpoint_bytes, 0, "its size"));
    return all;
  }
};

/// One number of an evaluation; names as scikit-learn spells them (accuracy, f1_macro, f1_weighted, log_loss, silhouette), and
/// attention_entropy: the mean entropy of cross-sensor attention as a share of uniform attention's.
struct Metric {
  std::string name;
  double value = 0;

  static const auto& fields() {
    static const auto all =
        std::make_tuple(field("name", &Metric::name, "", "scikit-learn's spelling"), field("value", &Metric::value, 0.0, "its value"));
    return all;
  }
  bool operator==(const Metric&) const = default;
};

/// Cross-sensor attention of one person doing one activity, averaged over heads and windows.
struct AttentionMap {
  std::int64_t person = 0;
  std::int64_t label = 0;
  std::int64_t windows = 0;
  std::vector<double> weights; // [sensors, sensors], row: the querying sensor; a row sums to 1

  static const auto& fields() {
    using A = AttentionMap;
    static const auto all = std::make_tuple(field("person", &A::person, 0, "who wore the sensors"),
                                            field("label", &A::label, 0, "true class"), field("windows", &A::windows, 0, "averaged over"),
                                            field("weights", &A::weights, {}, "[sensors, sensors], row: the querying sensor"));
    return all;
  }
  bool operator==(const AttentionMap&) const = default;
};

/// One evaluated part of the windows under one condition.
struct EvaluationReport {
  std::string run_id;
  std::int64_t attempt = 0;
  std::string condition = "clean";
  std::string part = "test";      // or "validation"
  std::int64_t weights_epoch = 0; // the epoch whose weights were evaluated
  double overlap_share = 0;       // share of this part's windows that overlap a training window in time
  std::vector<Metric> metrics;
  std::int64_t classes = 0;
  std::vector<std::int64_t> confusion; // [classes, classes], row: true label
  std::vector<std::int64_t> windows;   // index of each window in the data set's window order
  std::vector<std::int64_t> people;    // who wore the sensors, per window
  std::vector<std::int64_t> labels;    // true class, per window
  std::vector<std::int64_t> predicted; // class, per window
  std::int64_t sensors = 0;
  std::vector<AttentionMap> attention; // of the undisturbed test part, of networks that have it

  /// Whether its lists are as long as they must be, and nothing is told twice.
  bool holds_together() const {
    for (const AttentionMap& map : attention)
      if (map.weights.size() != static_cast<std::size_t>(sensors) * static_cast<std::size_t>(sensors)) return false;
    const auto are_distinct = [](const auto& list, auto&& key) {
      std::set<std::remove_cvref_t<decltype(key(list[0]))>> keys;
      for (const auto& item : list)
        if (!keys.insert(key(item)).second) return false;
      return true;
    };
    return classes >= 0 && are_distinct(windows, [](std::int64_t window) { return window; }) &&
           are_distinct(metrics, [](const Metric& metric) { return metric.name; }) &&
           are_distinct(attention, [](const AttentionMap& map) { return std::pair(map.person, map.label); }) &&
           people.size() == windows.size() && labels.size() == windows.size() && predicted.size() == windows.size() &&
           (confusion.empty() || confusion.size() == static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes));
  }

  static const auto& fields() {
    using E = EvaluationReport;
    static const auto all =
        std::make_tuple(field("run_id", &E::run_id, "", "identity of the run"), field("attempt", &E::attempt, 0, "which attempt"),
                        field("condition", &E::condition, "", "of the input"), field("part", &E::part, "", "validation or test"),
                        field("weights_epoch", &E::weights_epoch, 0, "whose weights"),
                        field("overlap_share", &E::overlap_share, 0.0, "windows that overlap a training window"),
                        field("metrics", &E::metrics, {}, "numbers"), field("classes", &E::classes, 0, "activities"),
                        field("confusion", &E::confusion, {}, "[classes, classes], row: true label"),
                        field("windows", &E::windows, {}, "window indices"), field("people", &E::people, {}, "per window"),
                        field("labels", &E::labels, {}, "per window"), field("predicted", &E::predicted, {}, "per window"),
                        field("sensors", &E::sensors, 0, "worn"), field("attention", &E::attention, {}, "by person and activity"));
    return all;
  }
};

/// What a trained network costs to use on one device (`bench`). Metrics: latency_median, latency_p99 (seconds of one window at batch
/// 1), windows_per_second_B (at batch B), process_peak_bytes, allocator_peak_bytes, parameters, flops (of one window's forward pass;
/// a multiplication and an addition count two).
struct EfficiencyReport {
  std::string run_id;
  std::string host;
  std::string device;
  std::string platform;
  std::int64_t threads = 0;
  std::vector<Metric> metrics;

  static const auto& fields() {
    using E = EfficiencyReport;
    static const auto all =
        std::make_tuple(field("run_id", &E::run_id, "", "identity of the run"), field("host", &E::host, "", "name"),
                        field("device", &E::device, "", "cpu or GPU"), field("platform", &E::platform, "", "numeric platform"),
                        field("threads", &E::threads, 0, "used"), field("metrics", &E::metrics, {}, "numbers"));
    return all;
  }
};

/// Where an attempt ran: stored with it, since bits are promised on an equal numeric platform only.
struct Placement {
  std::string host;
  std::int64_t pid = 0;
  std::string device;   // "cpu", or the GPU's name and UUID
  std::string platform; // numeric platform: device model, instruction set, library versions, threads, group size
  std::int64_t threads = 0;
  std::string cores = {}; // that it may use: "0-3,8"; its agent adds them
  BuildId build = {};     // of the trainer

  static const auto& fields() {
    using P = Placement;
    static const auto all = std::make_tuple(
        field("host", &P::host, "", "name"), field("pid", &P::pid, 0, "of the trainer"), field("device", &P::device, "", "cpu or GPU"),
        field("platform", &P::platform, "", "numeric platform"), field("threads", &P::threads, 0, "of the trainer"),
        field("cores", &P::cores, "", "that it may use"), field("build", &P::build, {}, "of the trainer"));
    return all;
  }
  bool operator==(const Placement&) const = default;
};

/// A file that a run leaves. Kinds: `weights` (best.safetensors, worker/training/checkpoint.h), `embedding` (of the undisturbed test part:
/// safetensors with `embedding` [windows, width] float32, `windows`, `people`, `labels` [windows] int64).
struct Artifact {
  std::string kind;
  std::string path; // relative to STORE.d
  std::string sha256;
  std::int64_t bytes = 0;

  static const auto& fields() {
    using A = Artifact;
    static const auto all = std::make_tuple(choice("kind", &A::kind, "", {"weights", "embedding"}, "what it holds"),
                                            field("path", &A::path, "", "relative to STORE.d"),
                                            field("sha256", &A::sha256, "", "of the file"), field("bytes", &A::bytes, 0, "its size"));
    return all;
  }
  bool operator==(const Artifact&) const = default;
};

/// So begins the detail of an end by error where the files that the trainer was to load could not be had. The run is not to blame: it goes
/// on without them.
inline constexpr std::string_view checkpoint_damaged = "checkpoint damaged: ", checkpoint_gone = "checkpoint gone: ",
                                  weights_damaged = "weights damaged: ", weights_gone = "weights gone: ";
inline bool lacks_file(std::string_view detail) {
  for (const std::string_view start : {checkpoint_damaged, checkpoint_gone, weights_damaged, weights_gone})
    if (detail.starts_with(start)) return true;
  return false;
}

/// How an attempt ended. Reasons: complete, not_finite, error, trainer_died, lease_expired, drained, stopped, group_broken; and from a
/// trainer whose files cannot be written storage, which the coordinator records as stopped: it is no fault of the run.
struct AttemptEnd {
  std::string run_id;
  std::int64_t attempt = 0;
  std::string reason;
  std::string detail;                   // one sentence
  std::string stderr_tail;              // the trainer's last lines
  std::vector<Artifact> artifacts = {}; // few ends have any

  static const auto& fields() {
    using A = AttemptEnd;
    static const auto all = std::make_tuple(
        field("run_id", &A::run_id, "", "identity of the run"), field("attempt", &A::attempt, 0, "which attempt"),
        choice("reason", &A::reason, "",
               {"complete", "not_finite", "error", "trainer_died", "lease_expired", "drained", "stopped", "group_broken", "storage"},
               "why it ended"),
        field("detail", &A::detail, "", "one sentence"), field("stderr_tail", &A::stderr_tail, "", "last lines"),
        field("artifacts", &A::artifacts, {}, "files it left"));
    return all;
  }
};

} // namespace stdualx
