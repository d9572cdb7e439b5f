// The store's one writer. All that a sweep learns goes through here into one SQLite file (results/migrations).
//
// A write is durable when commit() returns (synchronous = FULL). Every insert is idempotent on its natural key, so a message
// sent again changes nothing. Every transaction first checks, inside the database, that this process still holds the fence.
// Errors: InputError (the path), RefusedError (the fence is lost, a newer schema), StorageError (disk, damage, misuse). A call
// that throws leaves no trace, and nothing committed before is lost; when the disk fills or fails in the middle of a
// call, the whole open transaction may be dropped, and commit() then throws. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/plan.h"
#include "experiments/spec/reports.h"
#include "results/fence.h"
#include "results/found_run.h"
#include "results/run_state.h"

namespace stdualx {

/// Schema version that this program writes (SQLite's user_version).
std::int64_t schema_version();

struct StoreOptions {
  ProcessIdentity identity = this_process();
  std::string job;    // Slurm's job id; "": none. Stored with every attempt
  BuildId build = {}; // of the coordinator; stored with every attempt, beside its trainer's
  std::string crash;  // set: the holder before died as this says while its launcher lived, and its open attempts are marked (`crash_mark`)
  std::chrono::milliseconds lease{60000};    // a holder on another host whose heartbeat stands still that long is taken for dead
  std::chrono::milliseconds patience{20000}; // with the lock of another process
  // Asked while that lasts longer, once this store is claimed: false gives up. `waited`: so long already. Empty: gives up after `patience`.
  std::function<bool(std::chrono::milliseconds waited)> keep_waiting;
  std::optional<JournalMode> journal;                   // none: as the file system asks; journal_mode_for
  std::function<void(std::chrono::milliseconds)> sleep; // empty: std::this_thread::sleep_for
  std::function<std::int64_t()> now_ms;                 // empty: the system clock
};

/// What became of a reported epoch.
enum class EpochOutcome {
  recorded,       // new
  repeated,       // the same message again: nothing to do but acknowledge
  replay_agrees,  // computed again from an older checkpoint, same bits
  other_platform, // computed again on another numeric platform, other bits: no fault
  hash_mismatch,  // computed again on an equal platform, other bits: a fault, stands in `events`
  stale,          // from an attempt that is over: nothing was written but an event
};

/// A try of a job of `stdualx submit`.
struct SlurmJobRecord {
  std::string job_id;
  std::int64_t restarts = 0; // how often Slurm had started it before
  std::string nodes;         // as Slurm lists them
  std::string script;        // the batch script
  std::string submission;    // JSON: what was frozen
};

/// Other processes' locks kept what was to be recorded from the store for too long. Nothing is wrong with it: the same command goes on
/// later.
class HeldUpError : public StorageError {
public:
  using StorageError::StorageError;
};

struct TakeOver {
  bool happened = false; // the holder before had not released the store
  std::string previous_host;
  std::int64_t previous_pid = 0;
  std::int64_t interrupted_runs = 0;
};

/// Copies a run's file from the other store's folder to this one's (paths relative to both), if its SHA-256 is right; else says why not.
using CopyRunFile = std::function<std::string(const std::string& from, const std::string& sha256, const std::string& to)>;

/// What a merge brought.
struct Merged {
  std::int64_t runs = 0;              // new ones
  std::vector<std::string> completed; // that were not COMPLETE here: they need their checkpoints no more
  std::int64_t epochs = 0;
  std::int64_t evaluations = 0;
  bool faults = false;            // states differ on an equal platform
  std::vector<std::string> notes; // sentences: what was not taken over, and why
};

class Store {
public:
  /// Opens `path`, creating it or migrating an older schema (a copy goes beside it first, FILE.before-version-N), and claims it.
  /// Another coordinator that lives: RefusedError at once on this host, after watching one lease elsewhere. A dead one's open
  /// attempts end as `interrupted` and its RUNNING runs become INTERRUPTED, in the same transaction as the claim.
  static Store open_for_writing(const std::filesystem::path& path, StoreOptions options = {});
  ~Store(); // releases
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  const std::filesystem::path& path() const;
  JournalMode journal_mode() const;
  std::int64_t coordinator_id() const;
  const TakeOver& take_over() const;

  /// Between begin and commit many messages share one commit. A write outside makes a transaction of its own.
  void begin();
  void commit();
  void rollback() noexcept;
  /// For one whose other work must go on: in place of waiting for another process's lock, everything says so at once, by HeldUpError, and
  /// these two by false. Nothing has then happened, and a transaction that could not be committed is still open: more may be written in it
  /// and the commit be tried again. What is promised of begin() and commit() holds for these as well.
  void wait_for_locks(bool waits);
  bool try_begin();
  bool try_commit();
  /// The processes in the way: "process 4711 (sqlite3) on this host".
  std::string who_is_in_the_way() const;
  /// Memory that an open transaction takes.
  std::int64_t unwritten_bytes();

  /// Rolls back unless committed.
  class Transaction {
  public:
    explicit Transaction(Store& store) : store_(&store) { store.begin(); }
    ~Transaction() {
      if (store_ != nullptr) store_->rollback();
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() {
      store_->commit();
      store_ = nullptr;
    }

  private:
    Store* store_;
  };

  /// Adds the sweep and those of its runs that are not there yet (PLANNED), and what its data sets call their sensors and classes (the
  /// latest names stand). It is then the sweep that was run last, and no longer retired. Returns how many runs were new.
  std::int64_t register_sweep(const Plan& plan);
  /// The sweep is given up: of its runs those that are not done, and that no other sweep asks for, no longer count as open (v_given_up).
  /// Nothing is deleted, and running it again takes it back. One that was only submitted, and is not here yet, is noted by that `name` and
  /// `text`. Returns how many such runs it has.
  std::int64_t retire(const std::string& sweep_id, const std::string& name, const std::string& text = "{}");
  /// In the order of `run_ids`.
  std::vector<RunState> run_states(std::span<const std::string> run_ids);

  /// Opens the next attempt and sets the run RUNNING. `placement` is that of the group's first member. StorageError when the
  /// run is unknown, COMPLETE, or has an open attempt: no run is ever trained twice at a time. One of another kind than `train` is at a run
  /// that must be COMPLETE, and stays so whatever becomes of it.
  std::int64_t begin_attempt(const std::string& run_id, const Placement& placement, std::int64_t world_size, std::int64_t resume_epoch = 0,
                             AttemptKind kind = AttemptKind::train);
  /// Records the epoch and its checkpoint.
  EpochOutcome record_epoch(const EpochReport& report);
  /// False: that part under that condition is there already (an event says so when the numbers differ), or the attempt is over.
  bool record_evaluation(const EvaluationReport& report);
  /// Ends the attempt, records the files it left and gives the run its status, which an attempt at a COMPLETE run leaves alone. False:
  /// the attempt was over already, nothing changed. COMPLETE without the evaluation of the part that is scored (test; validation while
  /// the test part is closed) is a StorageError.
  bool end_attempt(const AttemptEnd& end, RunStatus status);
  /// Not for ends of attempts. COMPLETE is checked as in end_attempt.
  void set_status(const std::string& run_id, RunStatus status);
  /// A FAILED, QUARANTINED or INTERRUPTED run becomes PLANNED and its failures are forgiven; a COMPLETE one whose last attempt, which
  /// only evaluated, failed stays COMPLETE and is forgiven. False: it was none of these.
  bool retry(const std::string& run_id);

  /// Takes over what the store lost of a run and its files still tell: epochs that follow on those recorded, state by state, and the
  /// checkpoints of recorded states. Checkpoints whose files are gone are no longer live. A run that is not COMPLETE is then INTERRUPTED.
  Restored restore(const FoundRun& found);

  /// Takes over what another store, which nobody writes, knows of its runs: attempts (numbered on), epochs, evaluations, files. A run whose
  /// epochs ended in other states here stays as it is; an evaluation that is here stays, too. Merging again adds nothing. Nothing the other
  /// store says is believed: what cannot be is left out with a note. RefusedError: somebody writes it (on another host: its heartbeat goes
  /// on for a lease). InputError: its tables or views are not ours. StorageError: it is damaged.
  Merged merge(const std::filesystem::path& other, const CopyRunFile& copy);

  /// What a run's network costs to use; the latest measurement of a metric on a device stands. StorageError: no such run.
  void record_efficiency(const EfficiencyReport& report);

  /// Live checkpoints of a run, oldest first: what may be deleted, and what is loaded.
  std::vector<CheckpointRef> live_checkpoints(const std::string& run_id);
  void checkpoint_deleted(const std::string& run_id, std::int64_t attempt, std::int64_t epoch);

  /// Something worth telling; `run_id` may be "".
  /// What Slurm job this coordinator is part of.
  void record_job(const SlurmJobRecord& job);
  void event(std::string_view kind, const std::string& run_id, std::string_view text);
  /// What is known of a host: a JSON object (cores, memory, devices, ...).
  void host(const std::string& name, const Json& facts);
  /// Counts our heartbeat on: at least every lease / 4. While readers keep a commit waiting the lock itself tells others that we live.
  void heartbeat();

  /// Gives the fence back; the file is then one file, without -wal and -shm, if no reader is at it. Nothing may follow. False: other
  /// processes' locks were in the way; what is committed stands, and the next coordinator takes over from a dead one.
  bool release();

private:
  friend class RunningBackup;
  struct Impl;
  struct Merging;
  static Store claimed(const std::filesystem::path& path, StoreOptions options);
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace stdualx
