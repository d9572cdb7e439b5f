// See exit_statuses.h.
#include "orchestrator/exit_statuses.h"

#include "experiments/spec/damage.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/fields.h"

#include <new>
#include <optional>
#include <stdexcept>
#include <variant>

namespace stdualx {

const std::vector<StatusMeaning>& exit_statuses() {
  static const std::vector<StatusMeaning> all = {
      {static_cast<int>(ExitStatus::done), "all done", "What was asked for is done; of a sweep: all its runs are COMPLETE."},
      {output_cut, "done but its output is cut",
       "All is done, but what was to be printed could not be written: the disk is full, or the reader of a pipe is gone."},
      {static_cast<int>(ExitStatus::bad_input), "bad input",
       "An option, a file of yours or a name is wrong, or a file cannot be used; the message says which, and what was expected."},
      {static_cast<int>(ExitStatus::runs_failed), "some runs failed",
       "Some runs are FAILED (`stdualx status` says why, `stdualx retry` plans them again), or `doctor` or `db check` found a fault."},
      {static_cast<int>(ExitStatus::refused), "refused",
       "The store is in use, is of a newer version, or may not be written by this user; the same command meets it again."},
      {damaged_status, "storage damaged",
       "A store or a file of ours is not as it was written: SQLite finds it corrupt, or a SHA-256 differs. `stdualx db check` says what is "
       "wrong, `stdualx db rebuild` repairs."},
      {internal_error_status, "internal error", "A fault of stdualx: please report the command and its message."},
      {static_cast<int>(ExitStatus::drained), "drained (start me again)",
       "Not all is done, and nothing recorded is lost: it was asked to drain, its time was up, or the disk was full. Start the same "
       "command "
       "again."},
      {static_cast<int>(ExitStatus::stopped), "stopped by a second Ctrl-C",
       "Stopped at once, without the end of an epoch; what is recorded stays. Start the same command again."},
  };
  return all;
}

namespace {
Ending broken_invariant(const std::exception& failure) {
  return {internal_error_status, std::string("internal error (") + failure.what() +
                                     "): a fault of stdualx, or the store was altered by another program, which `stdualx db check` tells; "
                                     "if it finds nothing, please report the command"};
}
} // namespace

Ending ending_of(const std::exception_ptr& error) {
  const auto as = [](ExitStatus status, const std::exception& failure) { return Ending{static_cast<int>(status), failure.what()}; };
  try {
    std::rethrow_exception(error);
  } catch (const InputError& failure) {
    return as(ExitStatus::bad_input, failure);
  } catch (const RefusedError& failure) {
    return as(ExitStatus::refused, failure);
  } catch (const PermissionError& failure) {
    return as(ExitStatus::refused, failure);
  } catch (const ReadOnlyError& failure) {
    return as(ExitStatus::refused, failure);
  } catch (const DiskError& failure) {
    return as(ExitStatus::drained, failure);
  } catch (const DamagedError& failure) {
    return {damaged_status, failure.what()};
  } catch (const Json::exception& failure) { // what is given is read with the file and key in mind; this is a text of ours
    return {damaged_status, std::string("what was read does not hold together (") + failure.what() +
                                "): another program altered the store or a file; `stdualx db check` tells which"};
  } catch (const std::logic_error& failure) {
    return broken_invariant(failure);
  } catch (const std::bad_optional_access& failure) {
    return broken_invariant(failure);
  } catch (const std::bad_variant_access& failure) {
    return broken_invariant(failure);
  } catch (const std::bad_alloc&) {
    return {static_cast<int>(ExitStatus::bad_input), "there was not enough memory: free some, or ask for less at a time"};
  } catch (const std::exception& failure) {
    return as(ExitStatus::bad_input, failure);
  } catch (...) {
    return {internal_error_status, "internal error (something that is no error was thrown): please report the command"};
  }
}

} // namespace stdualx
