// `stdualx db`: the store as a file. check, backup, rebuild, merge.
#include "experiments/spec/durable_file.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/run_path.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/recovery.h"
#include "results/backup.h"
#include "results/ledger.h"
#include "results/rows.h"
#include "results/store.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <map>
#include <optional>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

void add_row(Table& table, bool fault, const std::string& run_id, const std::string& text) {
  table.rows.push_back({std::string(fault ? "fault" : "note"), short_id(run_id), text});
}

std::string numbers(const std::vector<std::int64_t>& epochs) {
  return epochs.size() == 1 ? fmt::format("epoch {}", epochs[0]) : fmt::format("epochs {} to {}", epochs.front(), epochs.back());
}

/// Epochs that the files know and the store does not.
void compare_with_files(Reader& reader, const fs::path& directory, Table& table) {
  const bool cut_short = !reader.note().empty(); // then the last epochs were about to be recorded
  const FoundFiles found = files_of_runs(directory);
  for (const std::string& sentence : found.unreadable) add_row(table, false, "", sentence);
  for (const FoundRun& run : found.runs) {
    const RunState state = reader.run_states(std::vector{run.run_id}).at(0);
    std::vector<std::int64_t> lost;
    for (const auto& [epoch, report] : run.epochs)
      if (epoch > state.epochs_recorded) lost.push_back(epoch);
    if (!state.known)
      add_row(table, true, run.run_id, "its files are here, but the store does not know the run; `stdualx db rebuild` brings it back");
    else if (cut_short && std::ssize(lost) <= 2) // as many as a trainer may be ahead of the store
      add_row(table, false, run.run_id,
              fmt::format("its files know {}, which the commit that was cut short was to record; the next `stdualx run` computes it again",
                          numbers(lost)));
    else if (!lost.empty())
      add_row(table, true, run.run_id,
              fmt::format("its files know {}, which the store lacks; `stdualx db rebuild` brings them back", numbers(lost)));
  }
}

/// Files that the store names: there, and as they were written. Returns how many are gone: that is no fault of the store.
std::size_t check_files(Reader& reader, const fs::path& directory, Table& table) {
  const Table named =
      reader.query("SELECT run_id, path, sha256, 'checkpoint' FROM checkpoints WHERE state = 'live' AND run_id IN (SELECT run_id FROM runs "
                   "WHERE status <> 'COMPLETE') UNION ALL SELECT run_id, path, sha256, kind FROM artifacts a WHERE attempt = (SELECT "
                   "max(attempt) FROM artifacts b WHERE b.run_id = a.run_id AND b.kind = a.kind)");
  const std::map<std::string, std::string> then = {
      {"checkpoint", "the run goes on from the one before, or starts anew; epochs computed again are compared"},
      {"weights", "its numbers stand; where a condition named later needs them, `stdualx run` trains the run again"},
      {"embedding", "its numbers stand; `stdualx report --tsne` leaves the run out"}};
  std::size_t gone = 0;
  for (const auto& row : named.rows) {
    const auto text = [&](std::size_t i) { return text_of(row.at(i)); };
    try {
      check_run_file(directory, text(1), text(2));
    } catch (const FileGone& error) {
      ++gone;
      add_row(table, false, text(0), fmt::format("{}: {}", error.what(), then.at(text(3))));
    } catch (const StorageError& error) {
      add_row(table, true, text(0), error.what());
    }
  }
  return gone;
}

int check(const options::variables_map& values) {
  const fs::path store = store_path(values), directory = store_directory(store);
  Table table{{"kind", "run", "what"}, {}};
  std::size_t gone = 0;
  if (const auto damage = damage_of(store)) {
    add_row(table, true, "",
            *damage + "; `stdualx db rebuild` sets the file aside and makes another of its newest backup and its checkpoints");
  } else {
    Reader reader(store);
    if (!reader.note().empty()) add_row(table, false, "", reader.note());
    for (const LedgerFinding& finding : ledger_findings(reader)) add_row(table, finding.fault, finding.run_id, finding.text);
    if (values.count("ledger") == 0) {
      gone = check_files(reader, directory, table);
      compare_with_files(reader, directory, table);
    }
  }
  const bool faulty =
      std::any_of(table.rows.begin(), table.rows.end(), [](const auto& row) { return row[0] == Cell(std::string("fault")); });
  if (!table.rows.empty() || output_format(values).format != Format::table)
    std::cout << format_tables({{(faulty ? "What is wrong with " : "What is to be known of ") + store.string(), table, {}}},
                               output_format(values));
  if (!faulty)
    std::cerr << "stdualx: " << store.string() << ": whole, and its ledger holds"
              << (values.count("ledger") != 0 ? ""
                  : gone > 0                  ? fmt::format("; {} of the files it names are gone, the others as they were written", gone)
                                              : "; the files it names are as they were written")
              << "\n";
  return static_cast<int>(faulty ? ExitStatus::runs_failed : ExitStatus::done);
}

int backup(const options::variables_map& values) {
  const fs::path store = store_path(values);
  const fs::path to =
      values.count("FILE") != 0 ? store_named(values["FILE"].as<std::vector<std::string>>().at(0)) : fs::path(store.string() + ".backup");
  backup_store(store, to);
  std::cout << fmt::format("{}: {} bytes; checkpoints and weights are in {} still\n", to.string(), fs::file_size(to),
                           store_directory(store).string());
  return 0;
}

/// The damaged file, out of the way. Nothing is deleted.
fs::path set_store_aside(const fs::path& store) {
  int number = 1;
  while (fs::exists(fmt::format("{}.damaged-{}", store.string(), number))) ++number;
  fs::path aside = fmt::format("{}.damaged-{}", store.string(), number);
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    if (fs::exists(store.string() + suffix)) fs::rename(store.string() + suffix, aside.string() + suffix);
  sync_folder(store.parent_path());
  return aside;
}

/// The newest backup that is whole becomes the store; false: there is none.
bool put_backup_in_place(const fs::path& store) {
  for (const fs::path& candidate : backups(store_directory(store))) {
    if (const auto damage = damage_of(candidate)) {
      std::cout << fmt::format("backup {} is damaged itself ({})\n", candidate.string(), *damage);
      continue;
    }
    backup_store(candidate, store);
    std::cout << fmt::format("{} was put in its place\n", candidate.string());
    return true;
  }
  return false;
}

int rebuild(const options::variables_map& values) {
  const fs::path store = store_path(values), directory = store_directory(store);
  if (const auto pid = launcher_at(directory))
    throw RefusedError(fmt::format("{}: process {} on this host runs a sweep with it; end that first", store.string(), *pid));
  if (!fs::exists(store) && !fs::exists(directory))
    throw InputError(store.string() + ": there is neither a store nor its folder " + directory.string() + "; name another with --store");
  std::optional<std::string> damage = fs::exists(store) ? damage_of(store) : std::nullopt;
  if (damage) std::cout << fmt::format("{}\nit was set aside as {}\n", *damage, set_store_aside(store).string());
  else if (!fs::exists(store)) set_store_aside(store); // a journal without its store: SQLite would lay it over the one to come
  if (!fs::exists(store) && !put_backup_in_place(store))
    std::cout << "there is no backup of it; it is made anew from the files of its runs\n";

  FoundFiles found = files_of_runs(directory);
  for (const std::string& sentence : found.unreadable) std::cout << "left where it is: " << sentence << "\n";
  Store writer = Store::open_for_writing(store, waiting_for_readers(store));
  std::size_t epochs = 0, runs = 0;
  for (FoundRun& run : found.runs) {
    hash_checkpoints(run, directory);
    const Restored restored = writer.restore(run);
    runs += restored.new_run;
    epochs += restored.epochs.size();
    if (!restored.epochs.empty())
      std::cout << fmt::format("run {}: {} restored{}\n", short_id(run.run_id), numbers(restored.epochs),
                               restored.new_run ? " (the run, too)" : "");
    if (!restored.left_out.empty())
      std::cout << fmt::format("run {}: {}; it will be computed again\n", short_id(run.run_id), restored.left_out);
  }
  std::cout << fmt::format("{} epochs and {} runs restored; the next `stdualx run` goes on from there\n", epochs, runs);
  return 0;
}

int merge(const options::variables_map& values) {
  if (values.count("FILE") == 0)
    throw InputError("stdualx db merge: expected the stores to merge into --store; for example: stdualx db merge --store all.db a.db b.db");
  const fs::path store = store_path(values), directory = store_directory(store);
  Store writer = Store::open_for_writing(store, waiting_for_readers(store));
  bool faults = false;
  for (const std::string& name : values["FILE"].as<std::vector<std::string>>()) {
    const fs::path other = store_named(name), from_directory = store_directory(other);
    const auto copy = [&](const std::string& from, const std::string& sha256, const std::string& to) -> std::string {
      try {
        check_run_file(from_directory, from, sha256);
        write_durably(run_file(directory, to), [&](const fs::path& temporary) {
          fs::copy_file(run_file(from_directory, from), temporary, fs::copy_options::overwrite_existing);
        });
        return "";
      } catch (const std::exception& error) {
        return error.what();
      }
    };
    const Merged merged = writer.merge(other, copy);
    faults = faults || merged.faults;
    std::cout << fmt::format("{}: {} new runs, {} completed here, {} epochs, {} evaluations\n", name, merged.runs, merged.completed.size(),
                             merged.epochs, merged.evaluations);
    for (const std::string& note : merged.notes) std::cout << "  " << note << "\n";
    for (const RunState& state : writer.run_states(merged.completed))
      remove_checkpoints(directory, state.run_id, state.last_attempt, std::numeric_limits<std::int64_t>::max());
  }
  return static_cast<int>(faults ? ExitStatus::runs_failed : ExitStatus::done);
}

} // namespace

int db_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_format_option(described);
  described.add_options()(
      "DO", options::value<std::string>(),
      "check: is the file whole, can its ledger be true, are the files it names as they were written, and do they know epochs that "
      "it lacks (exit 3: a fault). backup [FILE]: a copy, also while a sweep runs. rebuild: what a damaged or cut store lost, from its "
      "newest backup and its checkpoints. merge FILE...: other stores' runs into --store")(
      "FILE", options::value<std::vector<std::string>>(), "of backup: where to (default: STORE.backup); of merge: the stores to take over")(
      "ledger", "check: the store's rows alone, without files");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"DO", "[FILE]..."}, values)) return 0;
  const std::string what = values["DO"].as<std::string>();
  const std::map<std::string, int (*)(const options::variables_map&)> known = {
      {"check", check}, {"backup", backup}, {"rebuild", rebuild}, {"merge", merge}};
  const auto chosen = known.find(what);
  if (chosen == known.end()) throw InputError("stdualx db: expected check, backup, rebuild or merge, found '" + what + "'");
  return chosen->second(values);
}

} // namespace stdualx
