// See out_of_memory.h.
#include "cluster/out_of_memory.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

// The log names processes by their number in the first pid namespace, whose inode never changes (PROC_PID_INIT_INO).
constexpr const char* first_pid_namespace = "pid:[4026531836]";

std::optional<std::int64_t> number_in(const fs::path& file, const std::string& key) {
  std::ifstream stream(file);
  std::string word;
  std::int64_t number = 0;
  while (stream >> word >> number)
    if (word == key) return number;
  return std::nullopt;
}

/// "512 MB"; "" where there is none.
std::string limit_in(const fs::path& file) {
  std::ifstream stream(file);
  double bytes = 0;
  constexpr double none = 1e15; // version 1 says so by a number that no host has
  if (!(stream >> bytes) || bytes >= none) return "";
  return fmt::format("{:.0f} MB", bytes / 1e6);
}

} // namespace

OutOfMemoryWatch::OutOfMemoryWatch(pid_t pid, fs::path root) : pid_(pid), root_(std::move(root)) {
  std::ifstream groups(root_ / "proc" / std::to_string(pid) / "cgroup");
  for (std::string line; std::getline(groups, line) && counter_.empty();) {
    // "0::/path" of version 2, "4:cpu,memory:/path" of version 1
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",memory,") == std::string::npos) continue;
    const fs::path path = fs::path(line.substr(second + 1)).relative_path();
    for (const char* mount : {"sys/fs/cgroup", "sys/fs/cgroup/unified", "sys/fs/cgroup/memory"})
      // A container may see its own group as the root of the mount; and a group without the controller is counted in the one above.
      for (fs::path group = path;; group = group.parent_path()) {
        const fs::path file = root_ / mount / group / (unified ? "memory.events" : "memory.oom_control");
        if (number_in(file, "oom_kill")) {
          counter_ = file;
          cgroup_ = "/" + group.string();
          limit_ = limit_in(file.parent_path() / (unified ? "memory.max" : "memory.limit_in_bytes"));
          break;
        }
        if (group.empty()) break;
      }
  }
  before_ = lately_ = count();
  std::error_code error;
  if (fs::read_symlink(root_ / "proc/self/ns/pid", error) == first_pid_namespace)
    log_ = Descriptor(::open((root_ / "dev/kmsg").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (log_) ::lseek(log_.get(), 0, SEEK_END);
}

std::optional<std::int64_t> OutOfMemoryWatch::count() const { return counter_.empty() ? std::nullopt : number_in(counter_, "oom_kill"); }

void OutOfMemoryWatch::look(std::chrono::steady_clock::time_point now) {
  if (now - looked_ < dying) return;
  looked_ = now;
  before_ = std::exchange(lately_, count());
}

/// The line of the log that says that it was killed; "": none does.
std::string OutOfMemoryWatch::told_by_kernel() {
  const std::string told = "Killed process " + std::to_string(pid_) + " (";
  std::string text;
  char chunk[8192]; // the log gives a record at a time
  while (true) {
    const ssize_t bytes = ::read(log_.get(), chunk, sizeof chunk);
    if (bytes > 0) text.append(chunk, static_cast<std::size_t>(bytes)).append("\n");
    else if (bytes == 0 || (errno != EINTR && errno != EPIPE)) break; // EPIPE: what was overwritten is skipped
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find(told) != std::string::npos) return line.substr(line.find(';') == std::string::npos ? 0 : line.find(';') + 1);
  return "";
}

std::string OutOfMemoryWatch::words(bool sent_by_us) {
  if (log_)
    if (const std::string told = told_by_kernel(); !told.empty()) return ": the host was out of memory (the kernel's log: " + told + ")";
  const auto now = count();
  if (now && before_ && *now > *before_)
    return fmt::format(": the host was out of memory (the kernel ended a process of the memory cgroup {}{})", cgroup_,
                       limit_.empty() ? "" : ", whose limit is " + limit_);
  if ((now && before_) || log_ || sent_by_us) return "";
  return "; perhaps the host was out of memory: neither a memory cgroup nor the kernel's log can be asked";
}

} // namespace stdualx
