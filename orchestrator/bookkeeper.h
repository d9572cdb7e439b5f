// Carries out what the coordinator decided: records go into the store, many into one transaction, and a message leaves after the
// COMMIT of the records before it. Around it the loop (loop.h) does MPI and the launcher; tests put other things there.
#pragma once

#include "orchestrator/coordinator.h"
#include "orchestrator/job.h"
#include "orchestrator/live.h"
#include "orchestrator/progress.h"
#include "results/store.h"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>

namespace stdualx {

/// How much may wait for the store while other processes' locks keep it from being written; then the job ends, to go on later.
struct UnwrittenLimits {
  std::int64_t bytes = 512 << 20; // of SQLite's memory for the open transaction
  std::size_t records = 1'000'000;
};

/// A coordinator for `job` with `workers`, as far as the store has come. Registers the sweep. Errors as of Store.
Coordinator coordinator_of(Store& store, const Job& job, int workers);

class Bookkeeper {
public:
  /// `send` takes what may leave now. All three are the caller's and outlive this.
  Bookkeeper(Store& store, Coordinator& coordinator, Progress& progress, std::function<void(int rank, Message)> send,
             UnwrittenLimits limits = {})
      : store_(store), coordinator_(coordinator), progress_(progress), send_(std::move(send)), limits_(limits) {}

  /// All that the coordinator has decided by now. Errors as of Store; what is committed stands. Never waits for another process's lock,
  /// where the store was told so (Store::wait_for_locks): what cannot be written now is kept, in order, and tried again with growing pauses
  /// by this and by commit_if_due. HeldUpError: more than `limits` is kept so.
  void carry_out();
  /// Commits when nothing else waits (`busy` false), or enough is written, or the oldest record has waited long enough.
  void commit_if_due(bool busy);
  /// Counts the store's heartbeat on.
  void heartbeat();
  /// Something worth telling that is no run's. False: not now.
  bool event(const std::string& kind, const std::string& text);
  /// Something is not committed yet.
  bool open() const { return open_since_.has_value() || !waiting_.empty(); }
  /// Since when other processes' locks have kept the store from being written; none: nothing does.
  std::optional<std::chrono::steady_clock::time_point> held_up_since() const { return held_up_since_; }

  /// The attempts that ended otherwise than they should, oldest first; at most most_live_failures.
  const std::deque<LiveFailure>& last_failures() const { return last_failures_; }

private:
  void carry_out(const RecordBegin& begin);
  void carry_out(const RecordEpoch& epoch);
  void carry_out(const RecordEvaluation& evaluation);
  void carry_out(const RecordEnd& end);
  void carry_out(const RecordStatus& status);
  void carry_out(const RecordHost& host);
  void carry_out(const DropCheckpoint& drop);
  void carry_out(const LostWeights& lost);
  void carry_out(Send&& send);
  void carry_out(const Notice& notice);
  void carry_out(const Finish&) {}
  /// Opens the transaction before its first record; false: not now.
  bool opened();
  Store& to_record();
  void send(const Send& send);
  /// A lock was in the way.
  void put_off();
  void got_on() { held_up_since_.reset(); }

  Store& store_;
  Coordinator& coordinator_;
  Progress& progress_;
  std::function<void(int, Message)> send_;
  UnwrittenLimits limits_;
  std::map<int, AssignmentLine> assignment_lines_;                  // by rank
  std::optional<std::chrono::steady_clock::time_point> open_since_; // of the transaction
  int records_ = 0;
  std::vector<Send> held_;     // until the commit
  std::deque<Action> waiting_; // until a transaction can be opened
  std::optional<std::chrono::steady_clock::time_point> held_up_since_;
  std::chrono::steady_clock::time_point next_try_;
  std::chrono::milliseconds pause_{0};
  std::deque<LiveFailure> last_failures_;
};

} // namespace stdualx
