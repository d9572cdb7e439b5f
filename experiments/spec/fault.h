// Fault points: the places where a promise about what survives (docs/promises.md) could break. Tests make this process die, hang or
// fail there; a person repeats it with
//
//   STDUALX_FAULT=POINT:NTH:ACTION    at the NTH time (from 1) that this process comes to POINT
//   STDUALX_FAULT_ONCE=FILE           in one process only: whoever makes FILE first. A job that is started again goes on undisturbed
//
// Compiled in always; where nothing is set a point costs one load and a branch.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stdualx {

enum class FaultPoint {
  store_before_write,
  store_before_commit,
  store_after_commit,
  store_file_write,
  store_file_sync,
  coordinator_before_claim,
  coordinator_after_claim,
  coordinator_received,
  coordinator_before_send,
  coordinator_after_send,
  coordinator_drains,
  coordinator_before_outcome,
  launcher_before_spawn,
  launcher_after_spawn,
  agent_starts,
  agent_received,
  agent_before_send,
  agent_collective,
  trainer_starts,
  trainer_received,
  trainer_before_send,
  trainer_after_send,
  trainer_step,
  trainer_collective,
  trainer_evaluation,
  trainer_drains,
  file_write,
  file_before_sync,
  file_before_rename,
  file_after_rename,
  file_after_folder_sync,
  checkpoint_before_remove,
  cache_write,
  cache_before_rename,
  cache_after_rename,
};

enum class FaultAction {
  kill,     // SIGKILL
  hang,     // SIGSTOP to itself: it holds what it holds, until SIGCONT or SIGKILL
  error,    // an exception that nobody expects
  torn,     // half of what should be written is there, then SIGKILL
  no_space, // ENOSPC
  quota,    // EDQUOT
  io_error, // EIO
};

struct FaultPointFacts {
  FaultPoint point;
  std::string_view name, where;
  bool writes; // can be torn or fail with an errno
};
/// All points, in the order of the enum.
std::span<const FaultPointFacts> fault_points();
std::string_view fault_action_name(FaultAction action);
std::span<const FaultAction> fault_actions();

struct Fault {
  FaultPoint point = FaultPoint::store_before_write;
  long nth = 1;
  FaultAction action = FaultAction::kill;
};
/// "point:nth:action"; InputError says what may stand there.
Fault fault_of(std::string_view text);
std::string fault_text(const Fault& fault);

/// What a write has to do at a point.
struct FaultyWrite {
  int error = 0; // errno to fail with; 0: none
  bool torn = false;
};

namespace fault_detail {
extern std::atomic<int> wanted; // index of the point; -1: none; -2: the environment was not read yet
FaultyWrite reached(FaultPoint point);
} // namespace fault_detail

/// Passes a fault point where nothing is written. `error` throws std::runtime_error.
inline void fault_point(FaultPoint point) {
  const int wanted = fault_detail::wanted.load(std::memory_order_relaxed);
  if (wanted == static_cast<int>(point) || wanted == -2) [[unlikely]]
    fault_detail::reached(point);
}
/// The same before a write.
inline FaultyWrite faulty_write(FaultPoint point) {
  const int wanted = fault_detail::wanted.load(std::memory_order_relaxed);
  if (wanted == static_cast<int>(point) || wanted == -2) [[unlikely]]
    return fault_detail::reached(point);
  return {};
}
/// Whether this process may ever be disturbed there.
bool fault_is_set_at(FaultPoint point);
/// Ends this process as SIGKILL does; for whoever has written half.
[[noreturn]] void die_at_once();

/// Reads the environment now, so that a misspelt STDUALX_FAULT ends the process (with 2) at its start.
void read_fault_from_environment();
/// Replaces what the environment says, and counts anew; for tests in one process. Nothing: no fault.
void set_fault(const std::optional<Fault>& fault);
/// How often this process has come to the set point.
long fault_count();

} // namespace stdualx
