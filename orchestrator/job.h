// What the launcher freezes for the ranks of one mpirun, and what rank 0 leaves for the launcher: two small JSON files.
#pragma once

#include "experiments/spec/plan.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// The frozen job: edits of the sweep file or of the environment after the start reach nobody.
struct Job {
  Plan plan;
  std::string store;           // the SQLite file
  std::string store_directory; // STORE.d
  std::string data_directory, cache_directory;
  std::string outcome;                      // where rank 0 writes its Outcome
  std::vector<std::string> trainer_command; // empty: none (dispatch benchmark)
  std::int64_t gpus = 0;                    // of one host
  std::string display = "lines";            // terminal, lines, quiet
  std::int64_t columns = 80, rows = 24;     // of the terminal
  double drain_seconds = 600;
  double shortest_lease = 60;
  double claim_patience = 0; // seconds to wait for a dying job of ours to let go of the store
  std::string submission;    // the folder of the Slurm job's submission; "": not of `stdualx submit`

  static const auto& fields() {
    using J = Job;
    static const auto all = std::make_tuple(
        field("plan", &J::plan, {}, "what to run"), field("store", &J::store, "", "the SQLite file"),
        field("store_directory", &J::store_directory, "", "checkpoints"), field("data_directory", &J::data_directory, "", "data sets"),
        field("cache_directory", &J::cache_directory, "", "window caches"), field("outcome", &J::outcome, "", "rank 0 writes it"),
        field("trainer_command", &J::trainer_command, {}, "of a worker"), field("gpus", &J::gpus, 0, "of a host"),
        choice("display", &J::display, "", {"terminal", "lines", "quiet"}, "of progress"),
        number("columns", &J::columns, 0, 20, 1000, "of the terminal"), number("rows", &J::rows, 0, 4, 1000, "of the terminal"),
        number("drain_seconds", &J::drain_seconds, 0.0, 0, 1e6, "longest drain"),
        number("claim_patience", &J::claim_patience, 0.0, 0, 1e6, "seconds to wait for the store"),
        field("submission", &J::submission, "", "folder of the Slurm job's submission"),
        number("shortest_lease", &J::shortest_lease, 0.0, 0.1, 1e6, "seconds without a step before a trainer counts as hung"));
    return all;
  }
};

/// Starting a trainer, and reading its data, may each take this many leases.
inline constexpr double start_leases = 5;

/// Between two heartbeats of an agent.
inline double seconds_between_beats(double lease) { return std::clamp(lease / 12, 0.25, 5.0); }
/// So long an agent may be silent: longer than its trainer may be without a step, by some time in which it could have answered.
inline double agent_lease(double lease) { return std::max(5.0, 1.5 * lease); }

/// How the job ended. No outcome file: it was killed, and the launcher may start it again.
struct Outcome {
  std::int64_t status = 0;   // ExitStatus
  std::string message;       // what to tell the person; "": nothing went wrong
  double waited_seconds = 0; // workers without an assignment though one was left
  double ready_seconds = 0;  // that they could have worked
  bool requeue = false;      // what ended it will pass: a job of Slurm goes on later by itself

  static const auto& fields() {
    using O = Outcome;
    static const auto all = std::make_tuple(
        field("status", &O::status, -1, "exit status"), field("message", &O::message, "", "for the person"),
        field("waited_seconds", &O::waited_seconds, 0.0, "of all workers"),
        field("ready_seconds", &O::ready_seconds, 0.0, "of all workers"), field("requeue", &O::requeue, false, "what ended it will pass"));
    return all;
  }
};

/// A reader sees the whole file or none. Not synced: after a power failure nobody reads a job again. Throws StorageError.
void write_whole_file(const std::filesystem::path& path, const std::string& text);

} // namespace stdualx
