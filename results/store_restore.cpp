// Epochs out of the files of their runs, for a store that lost them.
#include "results/store_impl.h"

#include <set>

#include "results/found_run.h"

namespace stdualx {

namespace {
std::string words(std::int64_t epoch, const std::string& what) { return "epoch " + std::to_string(epoch) + " " + what; }
} // namespace

Restored Store::restore(const FoundRun& found) {
  return impl_->write([&] {
    Database& database = impl_->database;
    const std::int64_t now = impl_->now();
    Restored restored;
    const auto status = database.text("SELECT status FROM runs WHERE run_id = ?1", found.run_id);
    restored.new_run = !status;
    if (!status) impl_->insert_run(found.run_id, found.run, impl_->config_id(found.run));

    std::int64_t last = 0;
    std::string hash;
    database.first(
        "SELECT epoch, state_hash_after FROM epochs WHERE run_id = ?1 ORDER BY epoch DESC LIMIT 1",
        [&](const Row& row) {
          last = row.integer(0);
          hash = row.text(1);
        },
        found.run_id);
    const auto know_attempt = [&](std::int64_t attempt) {
      if (database.integer("SELECT 1 FROM attempts WHERE run_id = ?1 AND attempt = ?2", found.run_id, attempt)) return;
      const auto placed = found.attempts.find(attempt);
      const Placement place =
          placed == found.attempts.end() ? Placement{"unknown", 0, "unknown", "unknown", found.run.threads} : placed->second;
      database.execute("INSERT INTO attempts (run_id, attempt, coordinator_id, started_ms, ended_ms, end_reason, end_detail, resume_epoch, "
                       "world_size, host, pid, device, platform, threads, slurm_job_id) VALUES (?1, ?2, ?3, ?4, ?4, 'interrupted', "
                       "'the store lost it; restored from its files', 0, ?5, ?6, ?7, ?8, ?9, ?10, '')",
                       found.run_id, attempt, impl_->coordinator_id, now, found.run.world_size, place.host, place.pid, place.device,
                       place.platform, place.threads);
    };

    for (const auto& [epoch, report] : found.epochs) {
      if (epoch <= last) continue;
      if (epoch != last + 1) {
        restored.left_out = words(epoch, "is in its files, but not the one before it");
        break;
      }
      if (last > 0 && report.state_hash_before != hash) {
        restored.left_out = words(epoch, "of its files starts in another state than the recorded epoch before it ended in");
        break;
      }
      know_attempt(report.attempt);
      impl_->insert_epoch(report);
      restored.epochs.push_back(epoch);
      last = epoch;
      hash = report.state_hash_after;
    }

    if (status && *status == "COMPLETE") return restored;
    std::set<std::string> there;
    for (const FoundCheckpoint& checkpoint : found.checkpoints) {
      there.insert(checkpoint.path);
      // Its own hash is taken as it is found: what it must hold, the recorded epoch's state hash says, and a trainer compares.
      if (!database.integer("SELECT 1 FROM epochs WHERE run_id = ?1 AND epoch = ?2 AND state_hash_after = ?3", found.run_id,
                            checkpoint.epoch, checkpoint.state_hash))
        continue;
      know_attempt(checkpoint.attempt);
      restored.checkpoints += database.execute(
          "INSERT INTO checkpoints (run_id, attempt, epoch, path, sha256, bytes, state, recorded_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
          "'live', ?7) "
          "ON CONFLICT DO UPDATE SET state = 'live', sha256 = excluded.sha256, bytes = excluded.bytes, recorded_ms = excluded.recorded_ms "
          "WHERE checkpoints.state = 'deleted'",
          found.run_id, checkpoint.attempt, checkpoint.epoch, checkpoint.path, checkpoint.sha256, checkpoint.bytes, now);
    }
    std::vector<std::string> gone;
    database.each(
        "SELECT path FROM checkpoints WHERE run_id = ?1 AND state = 'live'",
        [&](const Row& row) {
          if (const std::string path = row.text(0); !there.contains(path)) gone.push_back(path);
        },
        found.run_id);
    for (const std::string& path : gone)
      database.execute("UPDATE checkpoints SET state = 'deleted' WHERE run_id = ?1 AND path = ?2", found.run_id, path);
    if (restored.epochs.empty() && restored.checkpoints == 0) return restored;
    database.execute(
        "UPDATE runs SET status = 'INTERRUPTED', status_ms = ?2 WHERE run_id = ?1 AND status IN ('PLANNED', 'WAITING', 'RUNNING')",
        found.run_id, now);
    impl_->event("restored", found.run_id,
                 std::to_string(restored.epochs.size()) + " epochs and " + std::to_string(restored.checkpoints) +
                     " checkpoints, which the store had lost, were restored from its files");
    return restored;
  });
}

} // namespace stdualx
