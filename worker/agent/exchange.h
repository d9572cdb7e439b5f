// The collectives of a group, done by the agents over MPI: the protocol's decisions are Group's (group.h); here bytes move.
//
//   message := header [payload]
//   header  := group_id (int64) sequence (int64) bytes (int64) GroupMessage (int64)   MpiTag::group_header
//   payload := that many bytes: behind the header where they are few, else            MpiTag::group_payload
//
// Long sums are taken in parts, one a member: a member sends and receives 2 (n - 1) / n of the values' size instead of n - 1 times it, and
// adds up one n-th of them. Short ones are sent whole, which takes one way instead of two. In both, each value is summed in the group's
// rank order, so all get the same bits, whichever form it was.
#pragma once

#include "cluster/mpi.h"
#include "worker/agent/group.h"
#include "worker/messages/messages.h"
#include "worker/agent/trainer_process.h"

#include <list>
#include <map>
#include <memory>
#include <optional>

namespace stdualx {

class Exchange {
public:
  explicit Exchange(MpiWorld& world) : world_(world) {}

  void open_group(const Assignment& assignment, int self);
  /// The local trainer died or left before its time: the others are told.
  void leave_group();
  /// The assignment has been acknowledged as ended: what still arrives for its group is dropped.
  void close_group();
  /// The trainer asks for a sum over the values it shares; it is kept alive until the last byte is sent.
  void start(const Collective& request, const std::shared_ptr<TrainerProcess>& trainer);
  /// Moves what can move; true when something did.
  bool pump();
  /// The answer for the trainer, once there is one.
  std::optional<CollectiveDone> take_done();
  /// A collective waits.
  bool open() const { return open_.has_value(); }
  /// Every message has left.
  bool all_sent() const { return outgoing_.empty(); }

private:
  struct Header {
    std::int64_t group_id, sequence, bytes;
    GroupMessage message;
  };
  struct Incoming {
    int member;
    Header header;
    std::vector<std::byte> payload;
    std::shared_ptr<TrainerProcess> memory; // where the payload goes straight to the trainer's values
    std::optional<MpiRequest> request;
  };
  struct Outgoing {
    int member;
    std::shared_ptr<TrainerProcess> memory;
    MpiRequest request;
  };
  /// The collective that the trainer waits for.
  struct Open {
    Collective request;
    std::shared_ptr<TrainerProcess> trainer;
    std::span<std::byte> values; // in the trainer's memory
    bool in_parts = false;
    std::int64_t number = 0;               // the group's
    std::optional<Group::Outcome> outcome; // complete or broken, and bytes may still be on their way
  };
  using Messages = std::map<std::pair<std::int64_t, int>, std::vector<std::byte>>; // by sequence and member

  void send(int member, std::int64_t sequence, GroupMessage message, std::span<const std::byte> payload);
  bool receive();
  void receive_payload(Incoming& incoming);
  void sort_arrived();
  void sum_own_part();
  /// The part of the values that belongs to the member at this place of the group.
  std::span<std::byte> part(std::size_t place) const;
  /// Sums `own` and what the others sent for it into `own`.
  void sum(std::span<std::byte> own);
  bool moves_bytes_of(const std::shared_ptr<TrainerProcess>& trainer) const;
  std::vector<std::byte> buffer(std::size_t bytes);
  void drop(Messages& messages, std::int64_t sequence);

  MpiWorld& world_;
  std::optional<Group> group_;
  std::int64_t newest_group_ = -1; // ids only grow
  std::optional<Open> open_;
  std::list<Outgoing> outgoing_;
  std::list<Incoming> receiving_;
  std::list<Incoming> early_; // complete, for a group yet to be joined
  Messages contributions_;
  Messages sums_;                             // that could not go straight to the trainer's values
  std::vector<std::vector<std::byte>> spare_; // buffers to be used again: fresh memory costs as much as the transfer
};

} // namespace stdualx
