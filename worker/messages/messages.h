// What crosses a process boundary: trainer <-> agent over a stream socket, agent <-> coordinator over MPI.
//
//   frame   := length (uint32, little endian, bytes of the body) body
//   body    := CBOR of {"type": text, ...fields of the type's struct}
//
//   trainer -> agent        ready(Placement) collective(Collective) epoch(EpochReport) evaluation(EvaluationReport) end(AttemptEnd)
//   agent   -> trainer      assign(Assignment) acknowledge(Acknowledge) collective_done(CollectiveDone) drain exit
//   agent   -> coordinator  hello(Hello) starting ready(Placement) epoch evaluation end heartbeat(Heartbeat) unusable(AttemptEnd) goodbye
//   coordinator -> agent    assign(AssignmentLine) acknowledge abandon(Abandon) drain exit part
//
// An epoch is acknowledged after its COMMIT. A trainer is at most one unacknowledged epoch ahead; an `end` is
// acknowledged too (epoch = 0), and only then does the trainer count as free.
#pragma once

#include "experiments/spec/assignment.h"
#include "experiments/spec/reports.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stdualx {

using Bytes = std::vector<std::uint8_t>;

/// The other end says what no program of ours says: its memory is damaged, or it is no trainer. (A known message with
/// wrong fields is an InputError.)
class ProtocolError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A trainer asks for the sum, over the group, of `count` values that lie in the shared memory after its header.
struct Collective {
  std::int64_t group_id = 0;
  std::int64_t sequence = 0; // counted from 0 within a group
  std::int64_t count = 0;    // values
  std::string type = "float32";
  static const auto& fields() {
    using C = Collective;
    static const auto all =
        std::make_tuple(field("group_id", &C::group_id, 0, "group"), field("sequence", &C::sequence, 0, "which one"),
                        field("count", &C::count, 0, "values"), choice("value_type", &C::type, "", {"float32", "float64"}, "of a value"));
    return all;
  }
};

/// `broken`: a member died or left; the group is over and its run goes back to the coordinator.
struct CollectiveDone {
  std::int64_t group_id = 0;
  std::int64_t sequence = 0;
  bool broken = false;
  static const auto& fields() {
    using C = CollectiveDone;
    static const auto all = std::make_tuple(field("group_id", &C::group_id, 0, "group"), field("sequence", &C::sequence, 0, "which one"),
                                            field("broken", &C::broken, false, "a member is gone"));
    return all;
  }
};

struct Acknowledge {
  std::string run_id;
  std::int64_t attempt = 0;
  std::int64_t epoch = 0; // 0: the end of the attempt
  static const auto& fields() {
    using A = Acknowledge;
    static const auto all = std::make_tuple(field("run_id", &A::run_id, "", "run"), field("attempt", &A::attempt, 0, "attempt"),
                                            field("epoch", &A::epoch, 0, "epoch; 0: the end"));
    return all;
  }
};

/// The coordinator takes an assignment back: the agent kills its trainer and starts another.
struct Abandon {
  std::string run_id;
  std::int64_t attempt = 0;
  std::string reason;
  static const auto& fields() {
    using A = Abandon;
    static const auto all = std::make_tuple(field("run_id", &A::run_id, "", "run"), field("attempt", &A::attempt, 0, "attempt"),
                                            field("reason", &A::reason, "", "why"));
    return all;
  }
};

/// An agent is there.
struct Hello {
  std::string host;
  static const auto& fields() {
    static const auto all = std::make_tuple(field("host", &Hello::host, "", "name"));
    return all;
  }
};

/// The step counter of the training loop, every few seconds: a hung trainer's stands still.
struct Heartbeat {
  std::int64_t steps = 0;
  double waited_seconds = 0; // from each end of an assignment (or start of a trainer) to the next assignment, all together
  static const auto& fields() {
    using H = Heartbeat;
    static const auto all = std::make_tuple(field("steps", &H::steps, 0, "steps since the trainer started"),
                                            field("waited_seconds", &H::waited_seconds, 0.0, "trainers' wait for assignments"));
    return all;
  }
};

/// One message: its type and fields of the type's struct; those that are left out are at their defaults.
struct Message {
  std::string type;
  Json body = Json::object();

  template <HasFields Struct> static Message of(std::string type, const Struct& value) { return {std::move(type), to_json_all(value)}; }
  /// Without what is at its default: between ranks, which are started together. A trainer may be of another build, whose defaults differ.
  template <HasFields Struct> static Message brief(std::string type, const Struct& value) {
    static const Struct plain{};
    return {std::move(type), difference_json(value, plain)};
  }
  template <HasFields Struct> Struct as() const { return from_json<Struct>(body); }
};

/// Assignments that follow one another on a line between ranks differ in few fields: each says only what differs from the one before, the
/// first from Assignment{}. One at each end; a line that is opened again needs new ones at both.
class AssignmentLine {
public:
  Message pack(const Assignment& assignment) {
    Message message{"assign", difference_json(assignment, last_)};
    last_ = assignment;
    return message;
  }
  /// InputError as of update_from_json.
  const Assignment& unpack(const Message& message) {
    update_from_json(last_, message.body, "");
    return last_;
  }

private:
  Assignment last_;
};

/// CBOR body, without the frame's length. A message that is given away is not copied.
Bytes encode(Message message);
/// Throws ProtocolError when the bytes are not a message.
Message decode(std::span<const std::uint8_t> body);

/// A stream socket that speaks frames; owns its descriptor. Not thread-safe.
class MessageSocket {
public:
  explicit MessageSocket(int descriptor) noexcept : descriptor_(descriptor) {}
  ~MessageSocket();
  MessageSocket(MessageSocket&& other) noexcept;
  MessageSocket& operator=(MessageSocket&& other) noexcept;
  MessageSocket(const MessageSocket&) = delete;
  MessageSocket& operator=(const MessageSocket&) = delete;

  int descriptor() const { return descriptor_; }
  /// Writes the whole frame, waiting for room. Throws PeerGone when the other end is gone, else std::system_error.
  void send(const Message& message);
  /// The next message if one is complete within `timeout_ms` (0: look only; -1: wait). Throws PeerGone at end of stream.
  std::optional<Message> receive(int timeout_ms);

private:
  int descriptor_;
  Bytes buffer_;
};

/// The other process has closed its end, or died.
class PeerGone : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The descriptors a trainer is started with.
inline constexpr int trainer_socket_descriptor = 3;
inline constexpr int trainer_memory_descriptor = 4;
/// The shared memory: this header, then the values of a collective. The trainer grows it with ftruncate.
struct SharedHeader {
  std::uint64_t steps; // written by the trainer (relaxed atomic), read by the agent
};
inline constexpr std::size_t shared_values_offset = 4096;

} // namespace stdualx
