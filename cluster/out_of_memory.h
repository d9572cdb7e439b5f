// Whether the kernel's out-of-memory killer has ended a process. Its memory cgroup counts such kills (version 2: memory.events, version 1:
// memory.oom_control), and the kernel's log (/dev/kmsg) names them, where a site lets us read it.
#pragma once

#include "cluster/process.h"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace stdualx {

class OutOfMemoryWatch {
public:
  /// Of a process that lives, from now on. Below `root` lie proc, sys and dev: tests put others there. Throws nothing.
  explicit OutOfMemoryWatch(pid_t pid, std::filesystem::path root = "/");
  /// Again and again while it lives: what was counted long before its end ended others. A process of much memory takes some seconds from
  /// being counted to its end, so the last `dying` seconds do not count as long before.
  void look(std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
  static constexpr std::chrono::seconds dying{10};
  /// After it was ended by SIGKILL, to be put behind that: ": the host was out of memory (who says so)"; "; perhaps ..." where nobody can
  /// be asked, which is left out if we sent the signal; "" where it is known that memory was not the reason.
  std::string words(bool sent_by_us);

private:
  std::optional<std::int64_t> count() const;
  std::string told_by_kernel();

  pid_t pid_;
  std::filesystem::path root_, counter_; // counter_: the cgroup's file; empty: none can be read
  std::string cgroup_, limit_;
  std::optional<std::int64_t> before_, lately_;
  std::chrono::steady_clock::time_point looked_ = std::chrono::steady_clock::now();
  Descriptor log_; // at the end of what the kernel had said before
};

} // namespace stdualx
