// The trainer as its agent sees it: a child process, its socket, its shared memory and the last lines it wrote to stderr.
#pragma once

#include "cluster/process.h"
#include "experiments/spec/shown_text.h"
#include "worker/messages/messages.h"

#include <span>
#include <string>
#include <vector>

namespace stdualx {

class TrainerProcess {
public:
  /// Starts the command with the socket at descriptor 3 and the memory at 4. Throws std::system_error.
  TrainerProcess(const std::vector<std::string>& command, const std::vector<std::pair<std::string, std::string>>& environment);
  ~TrainerProcess();
  TrainerProcess(const TrainerProcess&) = delete;
  TrainerProcess& operator=(const TrainerProcess&) = delete;

  ChildProcess& child() { return child_; }
  MessageSocket& socket() { return socket_; }
  int stderr_descriptor() const { return stderr_.get(); }
  /// Takes what the trainer wrote to stderr, passes it on to ours as it may be shown, keeps the last lines, and returns it.
  std::string read_stderr();
  const std::string& stderr_tail() const { return stderr_tail_; }
  /// Steps since the trainer started, as its training loop counts them.
  std::int64_t steps() const;
  /// The first `bytes` of the values of a collective. The trainer has grown the memory before it asked. Throws when it has not.
  std::span<std::byte> values(std::size_t bytes);

private:
  void map(std::size_t bytes);
  MessageSocket socket_{-1};
  Descriptor memory_;
  Descriptor stderr_;
  std::string stderr_tail_;
  ShownPieces shown_; // of stderr, on the way to ours
  std::byte* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  ChildProcess child_;
};

} // namespace stdualx
