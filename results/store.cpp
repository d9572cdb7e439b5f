// What the coordinator writes. Each method is one short transaction, or a part of the caller's.
#include "results/store.h"

#include <algorithm>

#include "experiments/spec/condition.h"
#include "results/migrate.h"
#include "results/run_state_query.h"
#include "results/store_impl.h"
#include "results/tables.h"

namespace stdualx {

std::int64_t schema_version() { return static_cast<std::int64_t>(embedded_migrations().size()); }

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&& other) noexcept {
  if (this != &other) {
    Store old(std::move(*this)); // releases
    impl_ = std::move(other.impl_);
  }
  return *this;
}
Store::~Store() {
  if (!impl_) return;
  try {
    release();
  } catch (const std::exception&) {
    // A fence that is lost needs no release; one that could not be written is taken over after a lease.
  }
}

const std::filesystem::path& Store::path() const { return impl_->database.path(); }
JournalMode Store::journal_mode() const { return impl_->journal; }
std::int64_t Store::coordinator_id() const { return impl_->coordinator_id; }
const TakeOver& Store::take_over() const { return impl_->take_over; }

void Store::record_job(const SlurmJobRecord& job) {
  impl_->write([&] {
    impl_->database.execute("INSERT INTO slurm_jobs (coordinator_id, job_id, restarts, nodes, script, script_sha256, submission) "
                            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                            impl_->coordinator_id, job.job_id, job.restarts, job.nodes, job.script, sha256_hex(job.script), job.submission);
  });
}

std::vector<RunState> Store::run_states(std::span<const std::string> run_ids) {
  std::vector<RunState> states;
  states.reserve(run_ids.size());
  for (const auto& run_id : run_ids) states.push_back(run_state(impl_->database, run_id));
  return states;
}

std::int64_t Store::begin_attempt(const std::string& run_id, const Placement& placement, std::int64_t world_size, std::int64_t resume_epoch,
                                  AttemptKind kind) {
  return impl_->write_few([&] {
    Database& database = impl_->database;
    std::string status;
    std::int64_t attempt = 1, open = 0;
    database.first(
        "SELECT status, (SELECT max(attempt) + 1 FROM attempts WHERE run_id = ?1), "
        "(SELECT attempt FROM attempts WHERE run_id = ?1 AND ended_ms IS NULL) FROM runs WHERE run_id = ?1",
        [&](const Row& row) {
          status = row.text(0);
          if (!row.is_null(1)) attempt = row.integer(1);
          open = row.integer(2);
        },
        run_id);
    if (status.empty()) throw StorageError("run " + run_id + " is not in the store " + path().string() + ": register its sweep first");
    const bool at_complete_run = kind != AttemptKind::train;
    if (status == "COMPLETE" && !at_complete_run) throw StorageError("run " + run_id + " is COMPLETE: it is not trained again");
    if (status != "COMPLETE" && at_complete_run)
      throw StorageError("run " + run_id + " is " + status + ", not COMPLETE: there are no final weights to evaluate");
    if (open != 0)
      throw StorageError("run " + run_id + " is being trained in attempt " + std::to_string(open) + ": that one must end first");
    const std::int64_t now = impl_->now();
    database.execute("INSERT INTO attempts (run_id, attempt, coordinator_id, started_ms, resume_epoch, world_size, "
                     "host, pid, device, platform, threads, slurm_job_id, evaluate_only, trains_again, program_id) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                     run_id, attempt, impl_->coordinator_id, now, resume_epoch, world_size, placement.host, placement.pid, placement.device,
                     placement.platform, placement.threads, impl_->options.job, at_complete_run, kind == AttemptKind::train_again,
                     impl_->program_id(placement.build));
    if (!at_complete_run) database.execute("UPDATE runs SET status = 'RUNNING', status_ms = ?2 WHERE run_id = ?1", run_id, now);
    return attempt;
  });
}

bool Store::Impl::attempt_is_open(const std::string& run_id, std::int64_t attempt, std::string* platform, AttemptKind* kind) {
  bool open = false;
  const bool found = database.first(
      "SELECT ended_ms IS NULL, platform, evaluate_only, trains_again FROM attempts WHERE run_id = ?1 AND attempt = ?2",
      [&](const Row& row) {
        open = row.integer(0) != 0;
        if (platform != nullptr) *platform = row.text(1);
        if (kind != nullptr)
          *kind = row.integer(3) != 0 ? AttemptKind::train_again : row.integer(2) != 0 ? AttemptKind::evaluate : AttemptKind::train;
      },
      run_id, attempt);
  if (!found)
    throw StorageError("a report speaks of attempt " + std::to_string(attempt) + " of run " + run_id + ", which the store " +
                       database.path().string() + " does not know");
  return open;
}

void Store::Impl::insert_epoch(const EpochReport& report) {
  database.execute("INSERT INTO epochs (run_id, epoch, attempt, recorded_ms, train_loss, kind, validation_loss, validation_accuracy, "
                   "validation_macro_f1, learning_rate, windows, "
                   "compute_seconds, data_seconds, communication_seconds, wall_seconds, best_epoch, state_hash_before, state_hash_after) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
                   report.run_id, report.epoch, report.attempt, now(), report.train_loss, number_kind(report.train_loss),
                   report.validation_loss, report.validation_accuracy, report.validation_macro_f1, report.learning_rate, report.windows,
                   report.compute_seconds, report.data_seconds, report.communication_seconds, report.wall_seconds, report.best_epoch,
                   report.state_hash_before, report.state_hash_after);
}

EpochOutcome Store::record_epoch(const EpochReport& report) {
  return impl_->write([&] {
    Database& database = impl_->database;
    const std::int64_t now = impl_->now();
    std::string platform;
    const bool open = impl_->attempt_is_open(report.run_id, report.attempt, &platform);
    EpochOutcome outcome = EpochOutcome::recorded;
    std::int64_t recorded_attempt = 0;
    std::string recorded_hash, recorded_platform;
    const bool recorded = database.first(
        "SELECT e.attempt, e.state_hash_after, a.platform FROM epochs e JOIN attempts a ON a.run_id = e.run_id AND a.attempt = e.attempt "
        "WHERE e.run_id = ?1 AND e.epoch = ?2",
        [&](const Row& row) {
          recorded_attempt = row.integer(0);
          recorded_hash = row.text(1);
          recorded_platform = row.text(2);
        },
        report.run_id, report.epoch);
    if (recorded && recorded_attempt == report.attempt && recorded_hash == report.state_hash_after) return EpochOutcome::repeated;
    const std::string which = "epoch " + std::to_string(report.epoch) + " of attempt " + std::to_string(report.attempt);
    if (recorded && database.integer("SELECT 1 FROM replays WHERE run_id = ?1 AND epoch = ?2 AND attempt = ?3 AND state_hash_after = ?4",
                                     report.run_id, report.epoch, report.attempt, report.state_hash_after))
      return EpochOutcome::repeated;
    if (!open) {
      impl_->event("stale_attempt", report.run_id, which + " came after that attempt was over and was not recorded");
      return EpochOutcome::stale;
    }
    if (recorded) {
      const bool agrees = recorded_hash == report.state_hash_after;
      outcome = agrees                          ? EpochOutcome::replay_agrees
                : recorded_platform == platform ? EpochOutcome::hash_mismatch
                                                : EpochOutcome::other_platform;
      database.execute("INSERT INTO replays (run_id, epoch, attempt, state_hash_after, platform, agrees, recorded_ms) VALUES (?1, ?2, ?3, "
                       "?4, ?5, ?6, ?7) "
                       "ON CONFLICT DO UPDATE SET state_hash_after = excluded.state_hash_after, agrees = excluded.agrees, recorded_ms = "
                       "excluded.recorded_ms",
                       report.run_id, report.epoch, report.attempt, report.state_hash_after, platform, agrees, now);
      if (!agrees)
        impl_->event(outcome == EpochOutcome::hash_mismatch ? "hash_mismatch" : "other_platform", report.run_id,
                     which + " ended in state " + report.state_hash_after + ", attempt " + std::to_string(recorded_attempt) + " in " +
                         recorded_hash +
                         (outcome == EpochOutcome::hash_mismatch ? ", on an equal platform: the run is not repeatable"
                                                                 : "; platforms differ, where equal bits are not promised"));
    } else {
      impl_->insert_epoch(report);
    }
    // A trainer keeps the last two (worker/training/checkpoint.h).
    database.execute("UPDATE checkpoints SET state = 'deleted' WHERE run_id = ?1 AND state = 'live' AND epoch <= ?2 - 2", report.run_id,
                     report.epoch);
    if (!report.checkpoint_path.empty())
      database.execute("INSERT INTO checkpoints (run_id, attempt, epoch, path, sha256, bytes, state, recorded_ms) VALUES (?1, ?2, ?3, ?4, "
                       "?5, ?6, 'live', ?7) "
                       "ON CONFLICT DO UPDATE SET path = excluded.path, sha256 = excluded.sha256, bytes = excluded.bytes, state = 'live', "
                       "recorded_ms = excluded.recorded_ms",
                       report.run_id, report.attempt, report.epoch, report.checkpoint_path, report.checkpoint_sha256,
                       report.checkpoint_bytes, now);
    return outcome;
  });
}

namespace {
void check_shape(const EvaluationReport& report) {
  const std::size_t count = report.windows.size();
  const auto classes = static_cast<std::size_t>(std::max<std::int64_t>(report.classes, 0));
  if (!report.holds_together())
    throw StorageError("the evaluation of run " + report.run_id + " (" + report.condition + ", " + report.part +
                       ") does not hold together: " + std::to_string(count) + " windows, " + std::to_string(report.people.size()) +
                       " people, " + std::to_string(report.labels.size()) + " labels, " + std::to_string(report.predicted.size()) +
                       " predictions, " + std::to_string(report.confusion.size()) + " confusion counts of " + std::to_string(classes) +
                       " classes, " + std::to_string(report.attention.size()) + " attention maps of " + std::to_string(report.sensors) +
                       " sensors, or it tells something twice");
}

Condition condition_named(const EvaluationReport& report) {
  try {
    return condition_of(report.condition);
  } catch (const InputError& error) {
    throw StorageError("an evaluation of run " + report.run_id + " names no condition: " + error.what());
  }
}
} // namespace

bool Store::record_evaluation(const EvaluationReport& report) {
  return impl_->write_few([&] {
    Database& database = impl_->database;
    check_shape(report);
    const Condition condition = condition_named(report);
    const std::string which =
        "the evaluation of " + report.part + " under " + report.condition + " in attempt " + std::to_string(report.attempt);
    const bool open = impl_->attempt_is_open(report.run_id, report.attempt);
    if (database.integer("SELECT 1 FROM evaluation_parts WHERE run_id = ?1 AND condition = ?2 AND part = ?3", report.run_id,
                         report.condition, report.part)) {
      const auto differs = [&](const Metric& metric) {
        return !database.integer(
            "SELECT 1 FROM evaluations WHERE run_id = ?1 AND condition = ?2 AND part = ?3 AND metric = ?4 AND kind = ?5 "
            "AND value IS ?6",
            report.run_id, report.condition, report.part, metric.name, number_kind(metric.value), metric.value);
      };
      const auto first = std::find_if(report.metrics.begin(), report.metrics.end(), differs);
      if (first != report.metrics.end())
        impl_->event("evaluation_differs", report.run_id,
                     which + " differs in " + first->name + " from the one recorded before, which stands");
      return false;
    }
    if (!open) {
      impl_->event("stale_attempt", report.run_id, which + " came after that attempt was over and was not recorded");
      return false;
    }
    database.execute("INSERT INTO evaluation_parts (run_id, condition, part, attempt, weights_epoch, overlap_share, windows, classes, "
                     "recorded_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     report.run_id, report.condition, report.part, report.attempt, report.weights_epoch, report.overlap_share,
                     report.windows.size(), report.classes, impl_->now());
    const std::int64_t evaluation = database.last_inserted(); // RETURNING would build a table for its one row
    database.execute("INSERT INTO conditions (condition, kind, amount, fill, seed) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                     report.condition, condition.kind, condition.amount, condition.fill, condition.seed);
    for (const auto& [name, value] : report.metrics)
      database.execute("INSERT INTO evaluations (run_id, condition, part, metric, value, kind, attempt, weights_epoch) VALUES (?1, ?2, ?3, "
                       "?4, ?5, ?6, ?7, ?8)",
                       report.run_id, report.condition, report.part, name, value, number_kind(value), report.attempt, report.weights_epoch);
    for (std::size_t i = 0; i < report.windows.size(); ++i)
      database.execute("INSERT INTO predictions (evaluation_id, window, person, label, predicted) VALUES (?1, ?2, ?3, ?4, ?5)", evaluation,
                       report.windows[i], report.people[i], report.labels[i], report.predicted[i]);
    for (std::size_t i = 0; i < report.confusion.size(); ++i)
      if (report.confusion[i] != 0)
        database.execute("INSERT INTO confusion (evaluation_id, label, predicted, windows) VALUES (?1, ?2, ?3, ?4)", evaluation,
                         static_cast<std::int64_t>(i) / report.classes, static_cast<std::int64_t>(i) % report.classes, report.confusion[i]);
    for (const AttentionMap& map : report.attention)
      for (std::size_t i = 0; i < map.weights.size(); ++i)
        database.execute(
            "INSERT INTO attention (evaluation_id, person, label, query, key, weight, windows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
            "?7)",
            evaluation, map.person, map.label, static_cast<std::int64_t>(i) / report.sensors, static_cast<std::int64_t>(i) % report.sensors,
            map.weights[i], map.windows);
    return true;
  });
}

void Store::Impl::set_status(const std::string& run_id, RunStatus status) {
  try {
    if (database.execute("UPDATE runs SET status = ?2, status_ms = ?3 WHERE run_id = ?1", run_id, status_name(status), now()) == 0)
      throw StorageError("it is not in the store");
  } catch (const WrongRow& error) {
    throw WrongRow("run " + run_id + " does not become " + std::string(status_name(status)) + ": " + error.what());
  } catch (const StorageError& error) {
    throw StorageError("run " + run_id + " does not become " + std::string(status_name(status)) + ": " + error.what());
  }
}

bool Store::end_attempt(const AttemptEnd& end, RunStatus status) {
  return impl_->write_few([&] {
    AttemptKind kind = AttemptKind::train;
    if (!impl_->attempt_is_open(end.run_id, end.attempt, nullptr, &kind)) return false;
    Database& database = impl_->database;
    const std::int64_t now = impl_->now();
    if (kind == AttemptKind::train) impl_->set_status(end.run_id, status);
    database.execute(
        "UPDATE attempts SET ended_ms = ?3, end_reason = ?4, end_detail = ?5, stderr_tail = ?6 WHERE run_id = ?1 AND attempt = ?2",
        end.run_id, end.attempt, now, end.reason, end.detail, end.stderr_tail);
    for (const Artifact& artifact : end.artifacts)
      database.execute(
          "INSERT INTO artifacts (run_id, kind, path, attempt, sha256, bytes, recorded_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
          "ON CONFLICT DO UPDATE SET attempt = excluded.attempt, sha256 = excluded.sha256, bytes = excluded.bytes, "
          "recorded_ms = excluded.recorded_ms",
          end.run_id, artifact.kind, artifact.path, end.attempt, artifact.sha256, artifact.bytes, now);
    if (kind != AttemptKind::evaluate && status == RunStatus::complete && end.reason == "complete")
      database.execute("UPDATE checkpoints SET state = 'deleted' WHERE run_id = ?1 AND state = 'live'", end.run_id);
    return true;
  });
}

void Store::set_status(const std::string& run_id, RunStatus status) {
  impl_->write([&] { impl_->set_status(run_id, status); });
}

bool Store::retry(const std::string& run_id) {
  return impl_->write([&] {
    return impl_->database.execute("UPDATE runs SET status = CASE status WHEN 'COMPLETE' THEN 'COMPLETE' ELSE 'PLANNED' END, status_ms = "
                                   "?2, forgiven_attempt = last.attempt FROM (SELECT coalesce(max(attempt), 0) AS attempt FROM attempts "
                                   "WHERE run_id = ?1) AS last "
                                   "WHERE run_id = ?1 AND (status IN ('FAILED', 'QUARANTINED', 'INTERRUPTED') OR status = 'COMPLETE' AND "
                                   "last.attempt > forgiven_attempt AND (SELECT end_reason FROM attempts a WHERE a.run_id = ?1 AND "
                                   "a.attempt = last.attempt) IN ('not_finite', 'error', 'trainer_died', 'lease_expired', 'interrupted'))",
                                   run_id, impl_->now()) == 1;
  });
}

void Store::record_efficiency(const EfficiencyReport& report) {
  impl_->write([&] {
    if (!impl_->database.integer("SELECT 1 FROM runs WHERE run_id = ?1", report.run_id))
      throw StorageError("run " + report.run_id + ", whose network was measured, is not in the store " + path().string());
    const std::int64_t now = impl_->now();
    for (const auto& [name, value] : report.metrics)
      impl_->database.execute("INSERT INTO efficiency (run_id, host, device, threads, metric, value, kind, platform, measured_ms) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET value = excluded.value, "
                              "kind = excluded.kind, platform = excluded.platform, measured_ms = excluded.measured_ms",
                              report.run_id, report.host, report.device, report.threads, name, value, number_kind(value), report.platform,
                              now);
  });
}

std::vector<CheckpointRef> Store::live_checkpoints(const std::string& run_id) { return stdualx::live_checkpoints(impl_->database, run_id); }

void Store::checkpoint_deleted(const std::string& run_id, std::int64_t attempt, std::int64_t epoch) {
  impl_->write([&] {
    impl_->database.execute("UPDATE checkpoints SET state = 'deleted' WHERE run_id = ?1 AND attempt = ?2 AND epoch = ?3", run_id, attempt,
                            epoch);
  });
}

void Store::Impl::event(std::string_view kind, const std::string& run_id, std::string_view text) {
  database.execute("INSERT INTO events (at_ms, kind, run_id, coordinator_id, text) VALUES (?1, ?2, ?3, ?4, ?5)", now(), kind,
                   run_id.empty() ? std::optional<std::string>() : std::optional<std::string>(run_id), coordinator_id, text);
}
void Store::event(std::string_view kind, const std::string& run_id, std::string_view text) {
  impl_->write([&] { impl_->event(kind, run_id, text); });
}

void Store::host(const std::string& name, const Json& facts) {
  impl_->write([&] {
    impl_->database.execute("INSERT INTO hosts (host, first_seen_ms, last_seen_ms, facts) VALUES (?1, ?2, ?2, ?3) "
                            "ON CONFLICT DO UPDATE SET last_seen_ms = excluded.last_seen_ms, facts = excluded.facts",
                            name, impl_->now(), facts.dump());
  });
}

} // namespace stdualx
