// One store's runs into another. See Store::merge. What the other store says is not believed: its schema must be ours, the file sound, an
// identity is computed again of what it names, a path has one grammar, and a row that our tables refuse costs its run and no other.
#include "results/store_impl.h"

#include "experiments/spec/human_text.h"
#include "experiments/spec/condition.h"
#include "experiments/spec/damage.h"
#include "experiments/spec/run_path.h"
#include "experiments/spec/shown_text.h"
#include "results/cut_commit.h"
#include "results/reader.h"
#include "results/store_file.h"

namespace stdualx {

namespace {

class Attached {
public:
  Attached(Database& database, const std::filesystem::path& other) : database_(database), cut_(CutCommit::found_at(other)) {
    database_.execute("ATTACH DATABASE ?1 AS other", read_only_uri(cut_ ? cut_->copy() : other));
    database_.script(
        "CREATE TEMP TABLE IF NOT EXISTS becomes (attempt INTEGER PRIMARY KEY, becomes INTEGER NOT NULL, is_new INTEGER NOT NULL) STRICT");
  }
  ~Attached() {
    try {
      database_.script("DETACH DATABASE other");
    } catch (const std::exception&) { // it goes with the connection
    }
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

private:
  Database& database_;
  std::optional<CutCommit> cut_; // the other store is not ours to roll back
};

struct FileRow {
  std::string kind, path, sha256; // kind: checkpoint, or the artifact's
  std::int64_t attempt = 0, epoch = 0, bytes = 0, attempt_there = 0;
};

constexpr std::int64_t most_classes = 100000; // of an evaluation: whoever reads it makes a table of its classes

RunStatus status_of(const std::string& name) {
  try {
    return status_named(name);
  } catch (const StorageError& error) {
    throw WrongRow(error.what());
  }
}

std::string start_of(const std::string& run_id) { return "run " + shown_on_one_line(short_id(run_id)); }

} // namespace

/// One run at a time, in a transaction of its own.
struct Store::Merging {
  Store::Impl& impl;
  const CopyRunFile& copy;
  Merged merged;
  Database& database = impl.database;

  void note(const std::string& run_id, const std::string& text) { merged.notes.push_back(start_of(run_id) + ": " + text); }

  /// What the run is. WrongRow: it is not what its identity says.
  RunSpec spec_of(const std::string& run_id) {
    try {
      const auto text = database.text(
          "SELECT json_set(c.config, '$.fold', r.fold, '$.seed', r.seed) FROM other.runs r JOIN other.configs c USING (config_id) "
          "WHERE r.run_id = ?1 AND json_valid(c.config)",
          run_id);
      RunSpec spec = from_identity_json<RunSpec>(Json::parse(text.value_or("")));
      if (run_identity(spec) == run_id) return spec;
    } catch (const InputError&) {
    } catch (const Json::exception&) {
    }
    throw WrongRow("what it says it was trained with has another identity");
  }

  std::string status_in(const char* store, const std::string& run_id) {
    return database.text(std::string("SELECT status FROM ") + store + ".runs WHERE run_id = ?1", run_id).value_or("");
  }

  /// Which attempt of the other store becomes which here. One that a merge before brought keeps its number.
  void number_attempts(const std::string& run_id) {
    database.execute("DELETE FROM temp.becomes");
    database.execute(
        "INSERT INTO temp.becomes SELECT o.attempt, m.attempt, 0 FROM other.attempts o JOIN main.attempts m ON m.run_id = o.run_id AND "
        "m.started_ms = o.started_ms AND m.host = o.host AND m.pid = o.pid AND m.resume_epoch = o.resume_epoch WHERE o.run_id = ?1 "
        "GROUP BY o.attempt",
        run_id);
    database.execute(
        "INSERT INTO temp.becomes SELECT attempt, row_number() OVER (ORDER BY attempt) + (SELECT coalesce(max(attempt), 0) FROM "
        "main.attempts WHERE run_id = ?1), 1 FROM other.attempts WHERE run_id = ?1 AND attempt NOT IN (SELECT attempt FROM temp.becomes)",
        run_id);
  }

  /// A run whose epochs went elsewhere here stays as it is: epochs of two histories do not chain.
  bool disagrees(const std::string& run_id) {
    bool found = false;
    database.first(
        "SELECT o.epoch, p.platform = q.platform, p.host, p.device, q.host, q.device FROM other.epochs o JOIN main.epochs m USING (run_id, "
        "epoch) "
        "JOIN other.attempts p ON p.run_id = o.run_id AND p.attempt = o.attempt JOIN main.attempts q ON q.run_id = m.run_id AND q.attempt "
        "= m.attempt "
        "WHERE o.run_id = ?1 AND o.state_hash_after <> m.state_hash_after ORDER BY o.epoch LIMIT 1",
        [&](const Row& row) {
          found = true;
          const bool equal_platform = row.integer(1) != 0;
          const std::string text = "not merged: epoch " + row.text(0) + " ended in another state there (" + row.text(2) + ", " +
                                   row.text(3) + ") than here (" + row.text(4) + ", " + row.text(5) + "), " +
                                   (equal_platform ? "on an equal platform: the run is not repeatable"
                                                   : "on another platform, where equal bits are not promised");
          note(run_id, text);
          if (equal_platform) merged.faults = true;
        },
        run_id);
    return found;
  }

  std::vector<FileRow> new_files(const std::string& run_id) {
    std::vector<FileRow> files;
    const auto add = [&](const Row& row) {
      files.push_back({row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4), row.integer(5), row.integer(6)});
    };
    if (status_in("main", run_id) != "COMPLETE" && status_in("other", run_id) != "COMPLETE")
      database.each(
          "SELECT 'checkpoint', path, sha256, becomes, epoch, bytes, attempt FROM other.checkpoints JOIN temp.becomes USING (attempt) "
          "WHERE run_id = ?1 AND state = 'live' AND is_new",
          add, run_id);
    database.each("SELECT kind, path, sha256, becomes, 0, bytes, attempt FROM other.artifacts o JOIN temp.becomes USING (attempt) WHERE "
                  "run_id = ?1 AND "
                  "NOT EXISTS (SELECT 1 FROM main.artifacts m WHERE m.run_id = o.run_id AND m.kind = o.kind) AND "
                  // Older ones were gone when the run was trained again.
                  "o.attempt = (SELECT max(n.attempt) FROM other.artifacts n WHERE n.run_id = o.run_id AND n.kind = o.kind)",
                  add, run_id);
    return files;
  }

  void run(const std::string& run_id) {
    const Merged before = merged;
    try {
      if (!is_sha256(run_id)) throw WrongRow("this is no identity of a run");
      const RunSpec spec = spec_of(run_id);
      if (disagrees(run_id)) return;
      number_attempts(run_id);
      std::vector<FileRow> files;
      for (FileRow& file : new_files(run_id)) { // before the rows that speak of them
        const std::string why = taken_over(run_id, file);
        if (why.empty()) files.push_back(file);
        else note(run_id, "its " + file.kind + " was not taken over: " + why);
      }
      impl.write([&] { rows(run_id, spec, files); });
    } catch (const WrongRow& refused) {
      merged = before;
      note(run_id, std::string("not merged: ") + refused.what());
    }
  }

  /// Copies the file and gives it its name here; else why not.
  std::string taken_over(const std::string& run_id, FileRow& file) {
    const auto from = run_path(file.path);
    if (!from || from->run_id != run_id || from->attempt != file.attempt_there)
      return "'" + shown_on_one_line(file.path.substr(0, 200)) + "' is no path of a file of its attempt " +
             std::to_string(file.attempt_there);
    if (!is_sha256(file.sha256)) return "its SHA-256 is none";
    const std::string to = RunPath{run_id, file.attempt, from->name}.text();
    if (const std::string why = copy(file.path, file.sha256, to); !why.empty()) return why;
    file.path = to;
    return "";
  }

  void rows(const std::string& run_id, const RunSpec& spec, const std::vector<FileRow>& files) {
    const std::int64_t now = impl.now();
    const std::string before = status_in("main", run_id), there = status_in("other", run_id);
    if (before.empty()) {
      impl.insert_run(run_id, spec, impl.config_id(spec)); // of the spec, whose identity was checked
      ++merged.runs;
    }
    database.execute(
        "INSERT INTO main.attempts (run_id, attempt, coordinator_id, started_ms, ended_ms, end_reason, end_detail, stderr_tail, "
        "resume_epoch, "
        "world_size, host, pid, device, platform, threads, slurm_job_id, evaluate_only, trains_again, program_id) SELECT run_id, becomes, "
        "?2, started_ms, "
        "coalesce(ended_ms, ?3), coalesce(end_reason, 'interrupted'), end_detail, stderr_tail, resume_epoch, world_size, host, pid, "
        "device, "
        "platform, threads, slurm_job_id, evaluate_only, trains_again, (SELECT m.program_id FROM main.programs m JOIN other.programs o "
        "USING (version, git_commit, sha256, trainer_version, trainer_commit, trainer_sha256) WHERE o.program_id = "
        "other.attempts.program_id) FROM other.attempts JOIN temp.becomes USING (attempt) WHERE run_id = ?1 AND is_new",
        run_id, impl.coordinator_id, now);
    // What both computed is here a replay, and so are the other's own.
    database.execute(
        "INSERT INTO main.replays (run_id, epoch, attempt, state_hash_after, platform, agrees, recorded_ms) SELECT o.run_id, o.epoch, "
        "becomes, "
        "o.state_hash_after, a.platform, 1, ?2 FROM other.epochs o JOIN temp.becomes USING (attempt) JOIN main.epochs m USING (run_id, "
        "epoch) "
        "JOIN other.attempts a ON a.run_id = o.run_id AND a.attempt = o.attempt WHERE o.run_id = ?1 AND is_new ON CONFLICT DO NOTHING",
        run_id, now);
    merged.epochs += database.execute(
        "INSERT INTO main.epochs (run_id, epoch, attempt, recorded_ms, train_loss, kind, validation_loss, validation_accuracy, "
        "validation_macro_f1, "
        "learning_rate, windows, compute_seconds, data_seconds, communication_seconds, wall_seconds, best_epoch, state_hash_before, "
        "state_hash_after) "
        "SELECT run_id, epoch, becomes, recorded_ms, train_loss, kind, validation_loss, validation_accuracy, validation_macro_f1, "
        "learning_rate, windows, "
        "compute_seconds, data_seconds, communication_seconds, wall_seconds, best_epoch, state_hash_before, state_hash_after FROM "
        "other.epochs JOIN "
        "temp.becomes USING (attempt) WHERE run_id = ?1 AND epoch NOT IN (SELECT epoch FROM main.epochs WHERE run_id = ?1)",
        run_id);
    database.execute(
        "INSERT INTO main.replays (run_id, epoch, attempt, state_hash_after, platform, agrees, recorded_ms) SELECT run_id, epoch, becomes, "
        "state_hash_after, platform, agrees, recorded_ms FROM other.replays JOIN temp.becomes USING (attempt) WHERE run_id = ?1 AND is_new "
        "ON CONFLICT DO NOTHING",
        run_id);
    std::vector<std::int64_t> parts;
    database.each(
        "SELECT evaluation_id FROM other.evaluation_parts o WHERE run_id = ?1 AND NOT EXISTS (SELECT 1 FROM main.evaluation_parts m WHERE "
        "m.run_id = o.run_id AND m.condition = o.condition AND m.part = o.part)",
        [&](const Row& row) { parts.push_back(row.integer(0)); }, run_id);
    database.each(
        "SELECT o.condition, o.part, o.metric FROM other.evaluations o JOIN main.evaluations m USING (run_id, condition, part, metric) "
        "WHERE run_id = ?1 "
        "AND (m.value IS NOT o.value OR m.kind <> o.kind)",
        [&](const Row& row) {
          note(run_id, row.text(2) + " of " + row.text(1) + " under " + row.text(0) + " differs there; what stood here stands");
        },
        run_id);
    for (const std::int64_t part : parts) evaluation(part);
    for (const FileRow& file : files) {
      if (file.kind == "checkpoint")
        database.execute("INSERT INTO main.checkpoints (run_id, attempt, epoch, path, sha256, bytes, state, recorded_ms) VALUES (?1, ?2, "
                         "?3, ?4, ?5, ?6, "
                         "'live', ?7) ON CONFLICT DO NOTHING",
                         run_id, file.attempt, file.epoch, file.path, file.sha256, file.bytes, now);
      else
        database.execute(
            "INSERT INTO main.artifacts (run_id, kind, path, attempt, sha256, bytes, recorded_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON "
            "CONFLICT DO NOTHING",
            run_id, file.kind, file.path, file.attempt, file.sha256, file.bytes, now);
    }
    database.execute(
        "INSERT INTO main.events (at_ms, kind, run_id, text) SELECT at_ms, kind, run_id, text FROM other.events o WHERE run_id = ?1 AND "
        "NOT "
        "EXISTS (SELECT 1 FROM main.events m WHERE m.run_id = o.run_id AND m.at_ms = o.at_ms AND m.kind = o.kind AND m.text = o.text)",
        run_id);
    database.execute("INSERT INTO main.efficiency SELECT * FROM other.efficiency WHERE run_id = ?1 ON CONFLICT DO NOTHING", run_id);
    const std::string known = before.empty() ? "PLANNED" : before;
    const std::string after = known == "COMPLETE"                         ? known
                              : there == "RUNNING"                        ? "INTERRUPTED"
                              : there == "COMPLETE" || known == "PLANNED" ? there
                                                                          : known;
    if (after != known) impl.set_status(run_id, status_of(after));
    if (after == "COMPLETE" && known != "COMPLETE") {
      merged.completed.push_back(run_id);
      database.execute("UPDATE main.checkpoints SET state = 'deleted' WHERE run_id = ?1", run_id);
    }
  }

  /// Counts, labels and the condition's name are what readers make tables and lookups of.
  void check_evaluation(std::int64_t part) {
    std::string condition;
    std::int64_t windows = -1, classes = -1;
    database.first(
        "SELECT condition, windows, classes FROM other.evaluation_parts WHERE evaluation_id = ?1",
        [&](const Row& row) {
          condition = row.text(0);
          windows = row.integer(1);
          classes = row.integer(2);
        },
        part);
    try {
      condition_of(condition);
    } catch (const InputError& error) {
      throw WrongRow(std::string("an evaluation of it names no condition: ") + error.what());
    }
    const bool sound =
        classes >= 0 && classes <= most_classes &&
        database.integer("SELECT count(*) FROM other.predictions WHERE evaluation_id = ?1", part) == windows &&
        !database.integer("SELECT 1 FROM other.predictions WHERE evaluation_id = ?1 AND NOT (label BETWEEN 0 AND ?2 - 1 AND "
                          "predicted BETWEEN 0 AND ?2 - 1) UNION ALL SELECT 1 FROM other.confusion WHERE evaluation_id = ?1 AND "
                          "NOT (label BETWEEN 0 AND ?2 - 1 AND predicted BETWEEN 0 AND ?2 - 1 AND windows BETWEEN 0 AND ?3) "
                          "UNION ALL SELECT 1 FROM other.attention WHERE evaluation_id = ?1 AND NOT (label BETWEEN 0 AND ?2 - 1 "
                          "AND query BETWEEN 0 AND 9999 AND key BETWEEN 0 AND 9999) LIMIT 1",
                          part, classes, windows);
    if (!sound) throw WrongRow("its evaluation under " + condition + " does not hold together");
  }

  void evaluation(std::int64_t part) {
    check_evaluation(part);
    const auto id = database.integer(
        "INSERT INTO main.evaluation_parts (run_id, condition, part, attempt, weights_epoch, overlap_share, windows, classes, "
        "recorded_ms) SELECT run_id, condition, part, becomes, weights_epoch, overlap_share, windows, classes, recorded_ms FROM "
        "other.evaluation_parts JOIN temp.becomes USING (attempt) WHERE evaluation_id = ?1 RETURNING evaluation_id",
        part);
    if (!id) throw WrongRow("an evaluation of it is of an attempt that is not there");
    database.execute("INSERT INTO main.conditions SELECT c.* FROM other.conditions c JOIN other.evaluation_parts p USING (condition) WHERE "
                     "p.evaluation_id = ?1 ON CONFLICT DO NOTHING",
                     part);
    database.execute(
        "INSERT INTO main.evaluations (run_id, condition, part, metric, value, kind, attempt, weights_epoch) SELECT v.run_id, v.condition, "
        "v.part, v.metric, v.value, v.kind, b.becomes, v.weights_epoch FROM other.evaluations v JOIN other.evaluation_parts p ON p.run_id "
        "= "
        "v.run_id AND p.condition = v.condition AND p.part = v.part JOIN temp.becomes b ON b.attempt = v.attempt WHERE p.evaluation_id = "
        "?1",
        part);
    database.execute(
        "INSERT INTO main.predictions SELECT ?2, window, person, label, predicted FROM other.predictions WHERE evaluation_id = ?1", part,
        *id);
    database.execute("INSERT INTO main.confusion SELECT ?2, label, predicted, windows FROM other.confusion WHERE evaluation_id = ?1", part,
                     *id);
    database.execute(
        "INSERT INTO main.attention SELECT ?2, person, label, query, key, weight, windows FROM other.attention WHERE evaluation_id = ?1",
        part, *id);
    ++merged.evaluations;
  }
};

Merged Store::merge(const std::filesystem::path& other, const CopyRunFile& copy) {
  Reader reader(other); // checks path, version and schema
  std::error_code error;
  if (std::filesystem::equivalent(other, path(), error))
    throw InputError(other.string() + ": this is the store itself; name another to merge into it");
  Database& database = impl_->database;
  const Attached attached(database, other);
  // What its writer records later would be missing here without a word.
  if (const auto holder = impl_->living_holder("other", [&] { heartbeat(); }))
    throw RefusedError(other.string() + ": " + *holder + "; merge it when its sweep has ended");
  const auto said = database.text("PRAGMA other.quick_check(1)").value_or("nothing");
  if (said != "ok") throw DamagedError(other.string() + ": the store is damaged, nothing of it was taken over (SQLite: " + said + ")");
  Merging merging{*impl_, copy, {}};
  std::vector<std::string> runs, sweeps;
  database.each("SELECT run_id FROM other.runs ORDER BY first_seen_ms, run_id", [&](const Row& row) { runs.push_back(row.text(0)); });
  database.each("SELECT sweep_id, sweep FROM other.sweeps", [&](const Row& row) {
    if (sha256_hex(row.text(1)) == row.text(0)) sweeps.push_back(row.text(0));
    else
      merging.merged.notes.push_back("sweep " + shown_on_one_line(short_id(row.text(0))) + ": not merged: its file has another identity");
  });
  impl_->write([&] {
    for (const std::string& sweep : sweeps)
      database.execute("INSERT INTO main.sweeps (sweep_id, name, sweep, first_seen_ms, retired_ms) SELECT sweep_id, name, sweep, "
                       "first_seen_ms, retired_ms FROM other.sweeps WHERE sweep_id = ?1 ON CONFLICT DO NOTHING",
                       sweep);
    database.script("INSERT INTO main.programs (version, git_commit, sha256, trainer_version, trainer_commit, trainer_sha256) SELECT "
                    "version, git_commit, sha256, trainer_version, trainer_commit, trainer_sha256 FROM other.programs WHERE true "
                    "ON CONFLICT DO NOTHING;"
                    "INSERT INTO main.thin_classes SELECT * FROM other.thin_classes WHERE true ON CONFLICT DO NOTHING");
    // The other store numbers its cuts otherwise.
    database.script("INSERT INTO main.cuts (cut_id, rate) SELECT cut_id, rate FROM other.cuts WHERE true ON CONFLICT DO NOTHING;"
                    "INSERT INTO main.cut_recordings SELECT m.cut, x.recording, x.name, x.begin FROM other.cut_recordings x JOIN "
                    "other.cuts o ON o.cut = "
                    "x.cut JOIN main.cuts m ON m.cut_id = o.cut_id WHERE true ON CONFLICT DO NOTHING;"
                    "INSERT INTO main.cut_windows SELECT m.cut, x.window, x.recording, x.start FROM other.cut_windows x JOIN other.cuts o "
                    "ON o.cut = x.cut "
                    "JOIN main.cuts m ON m.cut_id = o.cut_id WHERE true ON CONFLICT DO NOTHING;"
                    "INSERT INTO main.split_cuts SELECT x.split_id, m.cut FROM other.split_cuts x JOIN other.cuts o ON o.cut = x.cut JOIN "
                    "main.cuts m ON "
                    "m.cut_id = o.cut_id WHERE true ON CONFLICT DO NOTHING");
    // Names that are no lists would end every report about them.
    database.script("INSERT INTO main.datasets SELECT * FROM other.datasets WHERE iif(json_valid(sensors) AND json_valid(classes), "
                    "json_type(sensors) = 'array' AND json_type(classes) = 'array', 0) ON CONFLICT DO NOTHING;"
                    "INSERT INTO main.hosts SELECT * FROM other.hosts WHERE json_valid(facts) ON CONFLICT DO NOTHING");
  });
  for (const std::string& run_id : runs) {
    merging.run(run_id);
    heartbeat();
  }
  impl_->write([&] {
    database.script("INSERT INTO main.sweep_runs SELECT * FROM other.sweep_runs WHERE sweep_id IN (SELECT sweep_id FROM main.sweeps) AND "
                    "run_id IN (SELECT run_id FROM main.runs) ON CONFLICT DO NOTHING");
    impl_->event("merged", "",
                 other.string() + ": " + std::to_string(merging.merged.runs) + " new runs, " + std::to_string(merging.merged.epochs) +
                     " epochs, " + std::to_string(merging.merged.evaluations) + " evaluations");
  });
  return merging.merged;
}

} // namespace stdualx
