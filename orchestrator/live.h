// What a coordinator knows right now, as one small file beside the store: STORE.d/live.json. The loop writes it every two seconds, and
// `status` and `watch` show from it who trains what, without a question to the store.
#pragma once

#include "experiments/spec/fields.h"
#include "orchestrator/coordinator.h"
#include "results/fence.h"
#include "results/table.h"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// Between two writings.
inline constexpr double seconds_between_live_files = 2;
/// So old a file may be by the reader's clock; an older one is that of a coordinator that hangs, or of a host whose clock differs.
inline constexpr std::int64_t longest_live_ms = 10'000;
/// So many workers are listed, and so many failures kept: a page or a terminal shows no more.
inline constexpr std::size_t most_live_workers = 500, most_live_failures = 20;
/// In place of a number that is not known or not finite: JSON has none for it.
inline constexpr double unknown_number = -1;

struct LiveWorker {
  std::int64_t rank = 0;
  std::string host;
  std::string state = "starting"; // at work, idle, starting
  std::string run_id;             // the rest is of a worker at work
  std::string dataset, variant;
  std::int64_t fold = 0, seed = 0;
  std::int64_t epoch = 0, epochs = 0;                                        // done and planned
  double train_loss = unknown_number;                                        // of the last epoch
  double validation_accuracy = unknown_number;                               // a share
  double windows_per_second = unknown_number, seconds_left = unknown_number; // at the pace of the last epoch, of the whole group

  static const auto& fields() {
    using W = LiveWorker;
    static const auto all =
        std::make_tuple(field("rank", &W::rank, 0, "of MPI"), field("host", &W::host, "", "where it is"),
                        choice("state", &W::state, "", {"at work", "idle", "starting"}, "what it does"),
                        field("run_id", &W::run_id, "", "what it trains"), field("dataset", &W::dataset, "", "of the run"),
                        field("variant", &W::variant, "", "of the run"), field("fold", &W::fold, 0, "of the run"),
                        field("seed", &W::seed, 0, "of the run"), field("epoch", &W::epoch, 0, "the last one that ended"),
                        field("epochs", &W::epochs, 0, "planned"), field("train_loss", &W::train_loss, 0.0, "of the last epoch"),
                        field("validation_accuracy", &W::validation_accuracy, 0.0, "of the last epoch"),
                        field("windows_per_second", &W::windows_per_second, 0.0, "of the last epoch"),
                        field("seconds_left", &W::seconds_left, 0.0, "of the run"));
    return all;
  }
};

/// An attempt that ended otherwise than it should.
struct LiveFailure {
  std::int64_t at_ms = 0; // since 1970
  std::string run_id, variant, reason, detail, status;

  static const auto& fields() {
    using F = LiveFailure;
    static const auto all =
        std::make_tuple(field("at_ms", &F::at_ms, 0, "when"), field("run_id", &F::run_id, "", "which run"),
                        field("variant", &F::variant, "", "of the run"), field("reason", &F::reason, "", "of the end"),
                        field("detail", &F::detail, "", "of the end"), field("status", &F::status, "", "of the run since then"));
    return all;
  }
};

struct Live {
  std::int64_t written_ms = 0, began_ms = 0; // since 1970
  std::string host, boot_id;                 // of the coordinator's process
  std::int64_t pid = 0, process_start = 0;
  std::string sweep_id, sweep;
  std::int64_t runs = 0, complete = 0, running = 0, waiting = 0, failed = 0; // of this job's plan
  std::int64_t epochs_done = 0, epochs_planned = 0;
  double seconds_left = unknown_number; // of the job, at its pace so far
  double windows_per_second = 0;        // of all groups together
  std::int64_t workers_in_all = 0;
  std::vector<LiveWorker> workers; // those at work first, at most most_live_workers
  std::vector<LiveFailure> failures;

  static const auto& fields() {
    using L = Live;
    static const auto all = std::make_tuple(
        field("written_ms", &L::written_ms, 0, "when"), field("began_ms", &L::began_ms, 0, "when the job began"),
        field("host", &L::host, "", "of the coordinator"), field("boot_id", &L::boot_id, "", "of that host"),
        field("pid", &L::pid, 0, "of the coordinator"), field("process_start", &L::process_start, 0, "of that process"),
        field("sweep_id", &L::sweep_id, "", "what is run"), field("sweep", &L::sweep, "", "its name"),
        field("runs", &L::runs, 0, "of this job"), field("complete", &L::complete, 0, "runs"), field("running", &L::running, 0, "runs"),
        field("waiting", &L::waiting, 0, "runs"), field("failed", &L::failed, 0, "runs, quarantined ones too"),
        field("epochs_done", &L::epochs_done, 0, "of these runs"), field("epochs_planned", &L::epochs_planned, 0, "of these runs"),
        field("seconds_left", &L::seconds_left, 0.0, "of the job"), field("windows_per_second", &L::windows_per_second, 0.0, "of all"),
        field("workers_in_all", &L::workers_in_all, 0, "how many"), field("workers", &L::workers, {}, "those at work first"),
        field("failures", &L::failures, {}, "the last ones, oldest first"));
    return all;
  }
};

/// Milliseconds since 1970 by this host's clock, as `written_ms`.
std::int64_t wall_ms();

/// Pure. `elapsed` in seconds since the job began, `self` the coordinator's process.
Live live_of(const Coordinator& coordinator, const std::deque<LiveFailure>& failures, double elapsed, std::int64_t now_ms,
             const ProcessIdentity& self);

std::filesystem::path live_file(const std::filesystem::path& store_directory);
/// A reader sees a whole file or none. Never throws: a disk that is full is told by the store, and no job ends for this file.
void write_live(const std::filesystem::path& store_directory, const Live& live) noexcept;
/// What is told of a coordinator that is at work: std::nullopt where there is no file, it is of another version or damaged, older than
/// longest_live_ms, or its process is seen to be dead.
std::optional<Live> read_live(const std::filesystem::path& store_directory, std::int64_t now_ms, const ProcessIdentity& self);

/// The sweep, what is at work, and the last failures, for people.
std::vector<TitledTable> live_tables(const Live& live);

} // namespace stdualx
