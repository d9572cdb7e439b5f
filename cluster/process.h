// Child processes that cannot outlive their parent: spawn, watch, end. RAII for descriptors and children.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stdualx {

/// Owns one file descriptor.
class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(std::exchange(other.number_, -1));
    return *this;
  }
  ~Descriptor() { reset(-1); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void reset(int number = -1);

private:
  int number_ = -1;
};

/// A pair of connected stream sockets, close-on-exec. Throws std::system_error.
std::pair<Descriptor, Descriptor> socket_pair();
/// Read end, write end; close-on-exec.
std::pair<Descriptor, Descriptor> make_pipe();

struct SpawnOptions {
  std::vector<std::string> arguments;                           // [0] is the program's path
  std::vector<std::pair<std::string, std::string>> environment; // added to ours
  std::vector<std::string> unset;                               // taken out of ours
  std::vector<std::pair<int, int>> descriptors;                 // (ours, its number in the child); all others from 3 up are closed
  bool own_process_group = false;                               // the terminal's Ctrl-C does not reach it
  int death_signal = 9;                                         // sent to the child when the spawning thread ends
};

/// A running child. Its destructor kills and reaps: no child of ours is left, and no zombie.
class ChildProcess {
public:
  /// Spawn from the main thread: the parent-death signal follows the spawning thread. Throws std::system_error.
  static ChildProcess spawn(const SpawnOptions& options);
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  /// Becomes readable when the child has ended.
  int pidfd() const { return pidfd_.get(); }
  void signal(int number) const;
  /// Wait status once the child has ended, without blocking; afterwards the child is reaped.
  std::optional<int> poll();
  /// Waits at most `limit`; std::nullopt when it still runs.
  std::optional<int> wait_for(std::chrono::milliseconds limit);
  /// Gives up one that SIGKILL does not end: it hangs in the kernel, and waiting for it would hang us.
  void leave();

private:
  ChildProcess(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  Descriptor pidfd_;
  std::optional<int> status_;
};

/// A program that has ended, and all that it wrote.
struct Finished {
  int status = 0; // wait status
  std::string output, errors;
  bool timed_out = false; // it was ended, since it took too long

  bool went_well() const { return status == 0 && !timed_out; }
  bool operator==(const Finished&) const = default;
};
/// Runs a short program to its end, with nothing on its standard input and `unset` taken out of its environment. With a `limit` it gets a
/// process group of its own, which gets SIGTERM when that time is over, SIGKILL 3 s later, and is left alone after 3 s more. What it
/// leaves behind that holds its output is not waited for. Throws std::system_error when it cannot be
/// started.
Finished run_to_end(const std::vector<std::string>& arguments, std::optional<std::chrono::milliseconds> limit = std::nullopt,
                    const std::vector<std::string>& unset = {});
/// The same; std::nullopt where there is no such program that we may run.
std::optional<Finished> run_if_there(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                                     const std::vector<std::string>& unset = {});
/// The first file of that name in PATH that can be run; "" where there is none.
std::filesystem::path find_program(const std::string& name);

/// "exit status 3" or "killed by signal 9 (Killed)".
std::string describe_wait_status(int status);

/// Path of the running program.
std::filesystem::path own_executable();
std::string host_name();
/// Whether a process of this number runs; one that is dead and not yet waited for does not.
bool is_alive(pid_t process);

} // namespace stdualx
