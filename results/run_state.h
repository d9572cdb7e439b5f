// What the store knows about a run, for whoever decides what is left to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/plan.h"

namespace stdualx {

enum class RunStatus { planned, waiting, running, interrupted, complete, failed, quarantined };
/// "PLANNED", ... as the store spells it.
std::string_view status_name(RunStatus status);
/// Throws StorageError for any other word.
RunStatus status_named(std::string_view name);

/// What an attempt is for. All but `train` are at a COMPLETE run, which stays so, with all its numbers, whatever becomes of them.
enum class AttemptKind {
  train,
  evaluate,    // under further conditions, from the weights that were kept
  train_again, // these weights are gone: first the same epochs again, compared with the recorded ones
};

/// A checkpoint whose hash stands in a committed report. Only such a file is ever loaded.
struct CheckpointRef {
  std::int64_t attempt = 0;
  std::int64_t epoch = 0;
  std::string path; // relative to STORE.d
  std::string sha256;
  bool operator==(const CheckpointRef&) const = default;
};

/// So begins the detail of an attempt that is `interrupted` because the job died while its launcher lived. Attempts of jobs that were
/// killed whole, or drained, have none: that is no fault of any run's.
inline constexpr std::string_view crash_mark = "the job crashed: ";

struct RunState {
  std::string run_id;
  bool known = false; // false: not in the store, everything else is at its default
  RunStatus status = RunStatus::planned;
  std::int64_t epochs_recorded = 0;               // epochs 1 to this one are recorded
  std::int64_t last_attempt = 0;                  // 0: never begun
  std::optional<CheckpointRef> latest_checkpoint; // the live one of the highest epoch
  // Attempts since the last retry, and since the last complete one, that ended by not_finite, error, trainer_died, lease_expired.
  std::int64_t failures = 0;
  // Attempts since the last retry that ended with the job (`crash_mark`), none of the run's epochs or evaluations recorded after them, and
  // where they ran: an attempt that recorded some and crashed then counts alone.
  std::int64_t crashes = 0;
  std::vector<std::string> crash_hosts = {};
  std::vector<std::string> test_conditions; // under which the test part is evaluated, by name
  std::optional<Artifact> weights;          // the newest weights, for evaluating without training
  std::int64_t epochs_again = 0;            // how far attempts that train it again have come
};

/// What a sweep asks of a run's test part and the store does not have.
std::vector<EvaluationSpec> missing_evaluations(const PlannedRun& planned, const RunState& state);

} // namespace stdualx
