// The kinds of error a person can meet. orchestrator/exit_statuses.cpp turns each into an exit status, and docs/commands.md lists these.
// Every message names the file, line or key, what was expected, and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace stdualx {

enum class ExitStatus : int { done = 0, bad_input = 2, runs_failed = 3, refused = 4, drained = 75, stopped = 130 };

/// Something a person gave is wrong: a sweep file, an option, a recording.
class InputError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The store refuses: another coordinator holds it, or its schema is from a newer version.
class RefusedError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A file of ours (checkpoint, cache, store) is damaged or cannot be written.
class StorageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

} // namespace stdualx
