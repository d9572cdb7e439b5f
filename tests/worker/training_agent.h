// A tiny agent for tests: the other end of a trainer's socket and shared memory.
#pragma once

#include "worker/messages/agent_link.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <vector>

namespace stdualx::test {

class TestAgent {
public:
  TestAgent() : TestAgent(make_pair()) {}
  ~TestAgent() { ::close(memory_); }
  TestAgent(const TestAgent&) = delete;
  TestAgent& operator=(const TestAgent&) = delete;

  /// The trainer's end; can be taken once.
  std::unique_ptr<AgentLink> trainer_end() { return std::make_unique<AgentLink>(trainer_socket_, ::dup(memory_)); }

  /// The next message, which must be of `type`.
  Message expect(const std::string& type) {
    const auto message = socket.receive(60000);
    if (!message) throw std::runtime_error("no message within a minute, expected '" + type + "'");
    if (message->type != type) throw std::runtime_error("expected '" + type + "', got '" + message->type + "': " + message->body.dump());
    return *message;
  }
  void acknowledge(const std::string& run_id, std::int64_t attempt, std::int64_t epoch) {
    socket.send(Message::of("acknowledge", Acknowledge{run_id, attempt, epoch}));
  }
  std::uint64_t steps() const {
    SharedHeader header{};
    if (::pread(memory_, &header, sizeof header, 0) != sizeof header) throw std::runtime_error("no header in the shared memory");
    return header.steps;
  }
  std::vector<std::byte> read_values(std::size_t bytes) const {
    std::vector<std::byte> values(bytes);
    if (::pread(memory_, values.data(), bytes, shared_values_offset) != static_cast<ssize_t>(bytes))
      throw std::runtime_error("too few values in the shared memory");
    return values;
  }
  void write_values(const std::vector<std::byte>& values) {
    if (::pwrite(memory_, values.data(), values.size(), shared_values_offset) != static_cast<ssize_t>(values.size()))
      throw std::runtime_error("the shared memory took no values");
  }

private:
  struct Pair {
    int agent, trainer;
  };
  static Pair make_pair() {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw std::runtime_error("no socket pair");
    return {sockets[0], sockets[1]};
  }
  explicit TestAgent(Pair pair) : socket(pair.agent), trainer_socket_(pair.trainer), memory_(::memfd_create("stdualx-test", MFD_CLOEXEC)) {}

public:
  MessageSocket socket;

private:
  int trainer_socket_;
  int memory_;
};

template <class Value> void add_values(std::vector<std::byte>& sum, const std::vector<std::byte>& values) {
  for (std::size_t i = 0; i < sum.size(); i += sizeof(Value)) {
    Value a, b;
    std::memcpy(&a, sum.data() + i, sizeof a);
    std::memcpy(&b, values.data() + i, sizeof b);
    a += b;
    std::memcpy(sum.data() + i, &a, sizeof a);
  }
}

/// Serves one collective of all members: they must agree on it.
inline void serve_collective(const std::vector<TestAgent*>& agents, const std::vector<Message>& requests) {
  const auto first = requests[0].as<Collective>();
  const std::size_t bytes = static_cast<std::size_t>(first.count) * (first.type == "float64" ? 8 : 4);
  std::vector<std::byte> sum = agents[0]->read_values(bytes);
  for (std::size_t i = 1; i < agents.size(); ++i) {
    const auto other = requests[i].as<Collective>();
    if (other.sequence != first.sequence || other.count != first.count || other.type != first.type)
      throw std::runtime_error("members disagree on a collective: " + requests[i].body.dump() + " and " + requests[0].body.dump());
    const auto values = agents[i]->read_values(bytes);
    if (first.type == "float64") add_values<double>(sum, values);
    else add_values<float>(sum, values);
  }
  for (auto* agent : agents) {
    agent->write_values(sum);
    agent->socket.send(Message::of("collective_done", CollectiveDone{first.group_id, first.sequence, false}));
  }
}

} // namespace stdualx::test
