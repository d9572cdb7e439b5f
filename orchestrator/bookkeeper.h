// Carries out what the coordinator decided: records go into the store, many into one transaction, and a message leaves after the
// COMMIT of the records before it. Around it the loop (loop.h) does MPI and the launcher; tests put other things there.
#pragma once

#include "orchestrator/coordinator.h"
#include "orchestrator/job.h"
#include "orchestrator/progress.h"
#include "results/store.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>

namespace stdualx {

/// A coordinator for `job` with `workers`, as far as the store has come. Registers the sweep. Errors as of Store.
Coordinator coordinator_of(Store& store, const Job& job, int workers);

class Bookkeeper {
public:
  /// `send` takes what may leave now. All three are the caller's and outlive this.
  Bookkeeper(Store& store, Coordinator& coordinator, Progress& progress, std::function<void(int rank, Message)> send)
      : store_(store), coordinator_(coordinator), progress_(progress), send_(std::move(send)) {}

  /// All that the coordinator has decided by now. Errors as of Store; what is committed stands.
  void carry_out();
  /// Commits when nothing else waits (`busy` false), or enough is written, or the oldest record has waited long enough.
  void commit_if_due(bool busy);
  bool open() const { return open_since_.has_value(); }

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
  /// Opens the transaction before its first record.
  Store& to_record();
  void send(const Send& send);

  Store& store_;
  Coordinator& coordinator_;
  Progress& progress_;
  std::function<void(int, Message)> send_;
  std::map<int, AssignmentLine> assignment_lines_;                  // by rank
  std::optional<std::chrono::steady_clock::time_point> open_since_; // of the transaction
  int records_ = 0;
  std::vector<Send> held_; // until the commit
};

} // namespace stdualx
