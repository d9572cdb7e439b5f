// The state of runs, asked alike by the writer and by readers.
#include "results/run_state.h"

#include <algorithm>
#include <array>

#include "experiments/spec/errors.h"
#include "results/run_state_query.h"

namespace stdualx {

namespace {
constexpr std::array<std::string_view, 7> names{"PLANNED", "WAITING", "RUNNING", "INTERRUPTED", "COMPLETE", "FAILED", "QUARANTINED"};

bool is_failure(std::string_view reason) {
  return reason == "not_finite" || reason == "error" || reason == "trainer_died" || reason == "lease_expired";
}
} // namespace

std::string_view status_name(RunStatus status) { return names[static_cast<std::size_t>(status)]; }

RunStatus status_named(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw StorageError("'" + std::string(name) + "' is no status of a run");
  return static_cast<RunStatus>(found - names.begin());
}

RunState run_state(Database& database, const std::string& run_id) {
  RunState state;
  state.run_id = run_id;
  std::int64_t forgiven = 0;
  state.known = database.first(
      "SELECT status, forgiven_attempt FROM runs WHERE run_id = ?1",
      [&](const Row& row) {
        state.status = status_named(row.text(0));
        forgiven = row.integer(1);
      },
      run_id);
  if (!state.known) return state;
  std::vector<std::pair<std::int64_t, std::string>> crashes; // attempt, host
  bool trained_again = false;
  database.each(
      "SELECT attempt, end_reason, end_detail, host, trains_again FROM attempts WHERE run_id = ?1 ORDER BY attempt",
      [&](const Row& row) {
        state.last_attempt = row.integer(0);
        trained_again = trained_again || row.integer(4) != 0;
        const std::string reason = row.text(1);
        if (reason == "complete") state.failures = 0;
        else if (state.last_attempt > forgiven && is_failure(reason)) ++state.failures;
        if (reason == "interrupted" && state.last_attempt > forgiven && row.text(2).starts_with(crash_mark))
          crashes.emplace_back(state.last_attempt, row.text(3));
      },
      run_id);
  if (state.last_attempt == 0) return state; // all else comes from attempts
  if (!crashes.empty()) {
    const std::int64_t got_on =
        database
            .integer("SELECT max(coalesce((SELECT max(attempt) FROM epochs WHERE run_id = ?1), 0), "
                     "coalesce((SELECT max(attempt) FROM evaluation_parts WHERE run_id = ?1), 0), "
                     // An epoch that is computed again for lost weights has its checkpoint: the next goes on from it.
                     "coalesce((SELECT max(p.attempt) FROM replays p JOIN attempts a USING (run_id, attempt) WHERE "
                     "p.run_id = ?1 AND a.trains_again), 0))",
                     run_id)
            .value_or(0);
    for (auto& [attempt, host] : crashes) {
      if (attempt < got_on) continue;
      ++state.crashes;
      state.crash_hosts.push_back(std::move(host));
    }
  }
  state.epochs_recorded = database.integer("SELECT max(epoch) FROM epochs WHERE run_id = ?1", run_id).value_or(0);
  if (auto checkpoints = live_checkpoints(database, run_id); !checkpoints.empty()) state.latest_checkpoint = std::move(checkpoints.back());
  database.each(
      "SELECT condition FROM evaluation_parts WHERE run_id = ?1 AND part = 'test' ORDER BY condition",
      [&](const Row& row) { state.test_conditions.push_back(row.text(0)); }, run_id);
  database.first(
      "SELECT kind, path, sha256, bytes FROM artifacts WHERE run_id = ?1 AND kind = 'weights' ORDER BY attempt DESC, path LIMIT 1",
      [&](const Row& row) {
        state.weights = Artifact{row.text(0), row.text(1), row.text(2), row.integer(3)};
      },
      run_id);
  if (trained_again)
    state.epochs_again = database
                             .integer("SELECT max(p.epoch) FROM replays p JOIN attempts a USING (run_id, attempt) WHERE p.run_id = ?1 AND "
                                      "a.trains_again",
                                      run_id)
                             .value_or(0);
  return state;
}

std::vector<EvaluationSpec> missing_evaluations(const PlannedRun& planned, const RunState& state) {
  std::vector<EvaluationSpec> missing;
  if (!planned.run.protocol.open_test) return missing;
  for (const EvaluationSpec& evaluation : planned.evaluations)
    if (std::find(state.test_conditions.begin(), state.test_conditions.end(), evaluation.condition) == state.test_conditions.end())
      missing.push_back(evaluation);
  return missing;
}

std::vector<CheckpointRef> live_checkpoints(Database& database, const std::string& run_id) {
  std::vector<CheckpointRef> checkpoints;
  database.each(
      "SELECT attempt, epoch, path, sha256 FROM checkpoints WHERE run_id = ?1 AND state = 'live' ORDER BY epoch, attempt",
      [&](const Row& row) {
        checkpoints.push_back({row.integer(0), row.integer(1), row.text(2), row.text(3)});
      },
      run_id);
  return checkpoints;
}

} // namespace stdualx
