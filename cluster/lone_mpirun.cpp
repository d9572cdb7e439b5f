// See lone_mpirun.h.
#include "cluster/lone_mpirun.h"

#include "cluster/process.h"

#include <fstream>
#include <string>
#include <system_error>

namespace stdualx {

namespace {

/// Whether a living child of `parent` runs `program`; std::nullopt where the kernel does not tell (proc(5), children).
std::optional<bool> has_child(pid_t parent, const std::filesystem::path& program) {
  const std::string number = std::to_string(parent);
  std::ifstream children("/proc/" + number + "/task/" + number + "/children");
  if (!children) return std::nullopt;
  for (pid_t child = 0; children >> child;) {
    std::error_code error;
    const std::filesystem::path runs = std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", error);
    // After a new build the link reads "PROGRAM (deleted)".
    if (!error && runs.string().starts_with(program.string()) && is_alive(child)) return true;
  }
  return false;
}

} // namespace

bool LoneMpirun::look(pid_t mpirun, Clock::time_point now) {
  const std::optional<bool> has = has_child(mpirun, program_);
  if (!has || *has) {
    had_ranks_ = had_ranks_ || has == true;
    alone_since_.reset();
    return false;
  }
  if (!had_ranks_) return false;
  if (!alone_since_) alone_since_ = now;
  return now - *alone_since_ >= patience;
}

} // namespace stdualx
