// Ctrl-Z: a whole job stopped and continued, on this host.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stdualx {

/// Living processes below `process`, nearest first.
std::vector<pid_t> descendants(pid_t process);

/// How many of them have `word` as the last of their command line.
int count_with_last_word(const std::vector<pid_t>& processes, const std::string& word);

/// SIGSTOP to `mpirun` and all below it, and to what they started meanwhile. Then to this process: returns when it is continued (fg, bg,
/// SIGCONT), after all those have been.
void suspend_with(pid_t mpirun);

} // namespace stdualx
