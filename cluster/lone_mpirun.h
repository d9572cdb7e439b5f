// An mpirun that has nothing left to run on this host and does not end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

namespace stdualx {

/// Open MPI ends its ranks when it has lost a host, and then waits for the lost host's answer: as long as TCP tries to send, a quarter of
/// an hour. Its rank 0 runs on the host of mpirun itself, so that its end can be seen there.
class LoneMpirun {
public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds patience{15}; // mpirun ends within some seconds of its ranks

  /// `program`: what the ranks run.
  explicit LoneMpirun(std::filesystem::path program) : program_(std::move(program)) {}
  /// One look at the children of `mpirun`. Whether it had ranks here and has had none for as long as the patience.
  bool look(pid_t mpirun, Clock::time_point now);

private:
  std::filesystem::path program_;
  bool had_ranks_ = false;
  std::optional<Clock::time_point> alone_since_;
};

} // namespace stdualx
