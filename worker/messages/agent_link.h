// A trainer's end of the line to its agent: the socket (worker/messages/messages.h) and the shared memory.
//
// What arrives out of turn (an acknowledgement during a collective) is kept in order; `drain` becomes a mark; `exit` ends the
// process by an exception, wherever it is noticed.
#pragma once

#include "worker/messages/messages.h"

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>

namespace stdualx {

/// The agent said `exit`: leave, nothing more is reported.
class ExitRequested : public std::exception {
public:
  const char* what() const noexcept override { return "the agent said exit"; }
};

/// The memory shared with the agent: a header, then the values of a collective. Owns the descriptor and the mapping.
class SharedMemory {
public:
  /// Throws std::system_error when the descriptor cannot be grown or mapped.
  explicit SharedMemory(int descriptor);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// One more step or batch done: what the agent's heartbeat reports.
  void count_step();
  /// Room for `bytes` of values; stays valid until a larger room is asked for. Throws std::system_error.
  std::byte* values(std::size_t bytes);

private:
  void map(std::size_t bytes);

  int descriptor_;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

class AgentLink {
public:
  AgentLink(int socket_descriptor, int memory_descriptor);

  /// Throws PeerGone.
  void send(const Message& message);
  /// The next message of `type`, waiting for it. Throws ExitRequested, PeerGone.
  Message wait_for(std::string_view type);
  /// The next message of `type`, if one has arrived. Throws as wait_for.
  std::optional<Message> take(std::string_view type);

  /// Waits until something has arrived. Throws as wait_for.
  void wait();

  /// Sums the values that lie in `memory`, in place, over the group; waits. False: a member is gone, the group is over. Answers for
  /// groups that were over before are passed by. Throws as wait_for.
  bool sum(const Collective& request);

  /// Whether `drain` arrived after the last `assign`. Looks. Throws as wait_for.
  bool draining();

  SharedMemory memory;

private:
  void receive(int timeout_ms);
  std::optional<Message> take_waiting(std::string_view type);

  MessageSocket socket_;
  std::deque<Message> waiting_;
  bool draining_ = false, exit_requested_ = false;
};

} // namespace stdualx
