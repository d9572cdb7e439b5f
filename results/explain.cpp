// All that the store knows of one run, and why another would be another.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "experiments/spec/errors.h"
#include "experiments/spec/human_text.h"
#include "results/config_fields.h"
#include "results/report.h"
#include "results/rows.h"
#include "results/tables.h"

namespace stdualx {

namespace {

// Version, commit and start of the hash of both executables; one where they are built from the same.
#define BUILT(version, commit, sha256)                                                                                                     \
  version " || iif(" commit " = '', '', ' (' || " commit " || ')') || iif(" sha256 " = '', '', ' ' || substr(" sha256 ", 1, 10))"
#define BUILD                                                                                                                              \
  "nullif(" BUILT("p.version", "p.git_commit", "p.sha256") " || "                                                                          \
                                                           "iif(p.trainer_version = '', '', ', trainer ' || " BUILT(                       \
                                                               "p.trainer_version", "p.trainer_commit", "p.trainer_sha256") "), '')"

void flatten_into(const Json& json, const std::string& pointer, std::map<std::string, std::string>& fields) {
  for (auto item = json.begin(); item != json.end(); ++item) {
    std::string here = pointer;
    here.append("/").append(item.key());
    if (item->is_object()) flatten_into(*item, here, fields);
    else fields[here] = item->dump();
  }
}

TitledTable queried(Reader& reader, const std::string& title, const std::string& sql, const std::string& run_id) {
  return {title, reader.query(sql, {run_id}), {}};
}

/// Adds whether the file of each row is there; what was deleted when it was needed no more is not looked for. Whether one is gone.
bool add_presence(Table& table, const std::filesystem::path& store_directory) {
  const auto column = [&](const char* name) { return std::find(table.columns.begin(), table.columns.end(), name) - table.columns.begin(); };
  const auto path = static_cast<std::size_t>(column("path")), state = static_cast<std::size_t>(column("state"));
  if (store_directory.empty()) return false;
  bool gone = false;
  for (auto& row : table.rows) {
    std::error_code error;
    const bool kept = state == table.columns.size() || text_of(row[state]) == "live";
    const bool missing =
        kept && std::filesystem::status(store_directory / text_of(row[path]), error).type() == std::filesystem::file_type::not_found;
    gone = gone || missing;
    row.push_back(!kept ? Cell() : Cell(std::string(missing ? "gone" : "yes")));
  }
  table.columns.emplace_back("there");
  return gone;
}

/// Columns of seconds become durations, columns of shares percents.
void typed(Table& table, const std::set<std::string>& durations, const std::set<std::string>& shares) {
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    for (auto& row : table.rows) {
      if (is_null(row[c])) continue;
      if (durations.contains(table.columns[c])) row[c] = Duration{real_of(row[c])};
      if (shares.contains(table.columns[c])) row[c] = Percent{real_of(row[c])};
    }
}

} // namespace

std::map<std::string, std::string> flattened(const Json& json) {
  std::map<std::string, std::string> fields;
  flatten_into(json, "", fields);
  return fields;
}

std::string resolve_run(Reader& reader, const std::string& prefix) {
  constexpr std::size_t fewest_digits = 4;
  if (prefix.size() < fewest_digits)
    throw InputError("'" + prefix + "': at least " + std::to_string(fewest_digits) +
                     " digits of a run's identity are needed; `stdualx runs` lists them");
  const Table found =
      reader.query("SELECT run_id, dataset, variant, fold, seed FROM runs WHERE substr(run_id, 1, ?2) = ?1 ORDER BY run_id LIMIT 11",
                   {prefix, static_cast<std::int64_t>(prefix.size())});
  if (found.rows.empty())
    throw InputError("the store " + reader.path().string() + " holds no run whose identity starts with '" + prefix +
                     "'; `stdualx runs` lists them");
  if (found.rows.size() == 1) return text_of(found.rows[0][0]);
  std::string several;
  for (std::size_t i = 0; i < std::min<std::size_t>(found.rows.size(), 10); ++i) {
    const auto& row = found.rows[i];
    several += "\n  " + text_of(row[0]) + "  " + text_of(row[1]) + " " + text_of(row[2]) + " fold " + std::to_string(integer_of(row[3])) +
               " seed " + std::to_string(integer_of(row[4]));
  }
  if (found.rows.size() > 10) several += "\n  and more";
  throw InputError("'" + prefix + "' starts the identity of several runs; give more digits:" + several);
}

Table run_differences(const RunSpec& first, const RunSpec& second, const std::string& first_name, const std::string& second_name) {
  const auto one = flattened(to_json_all(first)), other = flattened(to_json_all(second));
  Table table{{"field", first_name, second_name}, {}};
  for (const auto& [pointer, value] : one)
    if (other.at(pointer) != value) table.rows.push_back({pointer, value, other.at(pointer)});
  return table;
}

std::vector<TitledTable> explain_run(Reader& reader, const std::string& prefix, const Moment& moment,
                                     const std::filesystem::path& store_directory) {
  const std::string run_id = resolve_run(reader, prefix);
  // Outside the snapshot, in which no heartbeat would move.
  const bool gone = text_of(reader.query("SELECT status FROM runs WHERE run_id = ?1", {run_id}).rows.at(0).at(0)) == "RUNNING" &&
                    coordinator_gone(reader, moment);
  const Reader::Snapshot snapshot(reader);
  const Table found =
      reader.query("SELECT config, status, dataset_hash FROM runs JOIN v_configs USING (run_id) WHERE run_id = ?1", {run_id});
  if (found.rows.empty())
    throw StorageError(reader.path().string() + ": the configuration of run " + short_id(run_id) +
                       " is not there: another program altered this store; `stdualx db check` says more");
  const auto& stored_row = found.rows[0];
  RunSpec stored;
  std::string unknown_fields;
  try {
    stored = from_json<RunSpec>(Json::parse(text_of(stored_row[0])));
  } catch (const InputError& error) {
    unknown_fields = error.what(); // written by another version of the program
  }
  std::vector<TitledTable> tables;

  TitledTable head{"run", {{"run", "status", "sweeps"}, {}}, {}};
  std::string sweeps;
  for (const auto& row :
       reader.query("SELECT s.name FROM sweeps s JOIN sweep_runs USING (sweep_id) WHERE run_id = ?1 ORDER BY s.rowid", {run_id}).rows)
    sweeps += (sweeps.empty() ? "" : ", ") + text_of(row[0]);
  const bool interrupted = text_of(stored_row[1]) == "RUNNING" && gone;
  head.table.rows.push_back({run_id, interrupted ? Cell("INTERRUPTED") : stored_row[1], sweeps});
  if (unknown_fields.empty()) {
    const std::string now = run_identity(stored);
    head.notes.push_back("identity text: " + run_identity_text(stored));
    head.notes.push_back(now == run_id ? "This program gives the run the same identity."
                                       : "This program would give these fields the identity " + now +
                                             ": a field that it does not know, or another neutral value.");
  } else {
    head.notes.push_back("Another version of the program wrote this run: " + unknown_fields);
  }
  for (std::string& words : thin_classes_in(reader, run_id)) head.notes.push_back(std::move(words));
  tables.push_back(std::move(head));

  TitledTable fields{"fields",
                     {{"field", "value", "in the identity"}, {}},
                     {"A field at its neutral value is left out of the identity, so that a field added later changes no old run; so is a "
                      "label, which decides no number."}};
  const auto in_identity = flattened(identity_json(without_labels(stored))), with_labels = flattened(identity_json(stored));
  for (const auto& [pointer, value] : flattened(Json::parse(text_of(stored_row[0]))))
    fields.table.rows.push_back({pointer, value,
                                 std::string(in_identity.contains(pointer)   ? "yes"
                                             : with_labels.contains(pointer) ? "no, a label"
                                                                             : "neutral")});
  tables.push_back(std::move(fields));

  tables.push_back(queried(reader, "attempts",
                           "SELECT attempt, iif(trains_again, 'train again', iif(evaluate_only, 'evaluate', 'train')) AS \"to\", "
                           "datetime(started_ms / 1000, 'unixepoch') || "
                           "' UTC' AS started, iif(ended_ms >= started_ms, (ended_ms - started_ms) / "
                           "1000.0, NULL) AS lasted, resume_epoch AS \"from epoch\", end_reason AS ended, "
                           "end_detail AS detail, host, pid, device, threads, world_size AS ranks, slurm_job_id AS job, " BUILD
                           " AS build, stderr_tail AS \"last lines\" FROM attempts LEFT JOIN programs p USING (program_id) WHERE run_id = "
                           "?1 ORDER BY attempt",
                           run_id));
  typed(tables.back().table, {"lasted"}, {});
  if (!reader.query("SELECT 1 FROM attempts WHERE run_id = ?1 AND ended_ms < started_ms", {run_id}).rows.empty())
    tables.back().notes.emplace_back("How long an attempt lasted is not known where the clock of its host was set back meanwhile.");
  tables.push_back(queried(reader, "epochs",
                           "SELECT e.epoch, e.attempt, e.train_loss AS \"train loss\", e.kind, e.validation_loss AS \"validation loss\", "
                           "e.validation_accuracy AS \"validation accuracy\", "
                           "e.learning_rate AS \"learning rate\", e.wall_seconds AS time, e.best_epoch AS \"best epoch\", "
                           "e.state_hash_after AS \"state after\", "
                           "(SELECT count(*) FROM replays p WHERE p.run_id = e.run_id AND p.epoch = e.epoch) AS replays FROM epochs e "
                           "WHERE e.run_id = ?1 ORDER BY e.epoch",
                           run_id));
  typed(tables.back().table, {"time"}, {"validation accuracy"});
  tables.push_back(queried(reader, "evaluations",
                           "SELECT v.condition, v.part, v.metric, v.value, v.kind, v.weights_epoch AS \"weights of epoch\", v.attempt, "
                           "p.windows, p.overlap_share AS \"overlap with training\" "
                           "FROM evaluations v JOIN evaluation_parts p USING (run_id, condition, part) WHERE v.run_id = ?1 ORDER BY "
                           "v.condition, v.part, v.metric",
                           run_id));
  typed(tables.back().table, {}, {"overlap with training"});
  tables.push_back(queried(reader, "checkpoints",
                           "SELECT attempt, epoch, state, bytes, path, sha256 FROM checkpoints WHERE run_id = ?1 ORDER BY epoch, attempt",
                           run_id));
  add_presence(tables.back().table, store_directory);
  tables.push_back(queried(reader, "files",
                           "SELECT kind, attempt, bytes, path, sha256 FROM artifacts WHERE run_id = ?1 ORDER BY kind, attempt", run_id));
  if (add_presence(tables.back().table, store_directory))
    tables.back().notes.emplace_back("gone: removed since, or not copied with the store. What is recorded stands; where a condition named "
                                     "later needs the weights, `run` trains the run again.");
  tables.push_back(
      queried(reader, "what its network costs to use",
              "SELECT metric, value, kind, device, threads, host, platform FROM v_inference WHERE run_id = ?1 ORDER BY device, "
              "host, threads, metric",
              run_id));
  tables.push_back(queried(
      reader, "events",
      "SELECT datetime(at_ms / 1000, 'unixepoch') || ' UTC' AS at, kind, text FROM events WHERE run_id = ?1 ORDER BY event_id", run_id));
  std::erase_if(tables, [](const TitledTable& table) { return table.table.rows.empty(); });

  if (unknown_fields.empty()) {
    RunSpec now; // the same place in the plan, with this program's defaults
    now.dataset = stored.dataset;
    now.dataset_hash = stored.dataset_hash;
    now.windows = stored.windows;
    now.protocol = stored.protocol;
    now.fold = stored.fold;
    now.seed = stored.seed;
    TitledTable changes{"what would make it another run", run_differences(stored, now, "this run", "this program's default"), {}};
    if (changes.table.rows.empty()) changes.notes.push_back("Nothing differs: `run` would find it done.");
    tables.push_back(std::move(changes));
  }
  return tables;
}

} // namespace stdualx
