// The exit statuses of `stdualx`: one table, which the help and the reference print, and the one place that turns errors into them.
#pragma once

#include "experiments/spec/errors.h"
#include "orchestrator/output.h"

#include <exception>
#include <string>
#include <vector>

namespace stdualx {

/// As EX_SOFTWARE of sysexits.h is numbered, as `drained` is EX_TEMPFAIL.
constexpr int damaged_status = 5, internal_error_status = 70;

struct StatusMeaning {
  int status;
  std::string words;  // a few, for --help
  std::string advice; // a sentence: when it is given, and what to do
};

/// Every status that a command ends with, ascending.
const std::vector<StatusMeaning>& exit_statuses();

/// How a command ends that an exception left: the status, and the sentence to be said.
struct Ending {
  int status;
  std::string sentence;
};
/// `error` must not be null. What is no std::exception is an internal error.
Ending ending_of(const std::exception_ptr& error);

} // namespace stdualx
