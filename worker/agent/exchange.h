// The collectives of a group, done by the agents over MPI: the protocol's decisions are Group's (group.h); here bytes move.
//
//   contribution := header [payload]
//   header       := group_id (int64) sequence (int64) bytes (int64) gone (int64)      MpiTag::group_header
//   payload      := that many bytes, straight from the trainer's shared memory         MpiTag::group_payload
//
// Sums are taken in the group's rank order by every member, so all get the same bits.
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
  bool open() const { return request_.has_value(); }
  /// Every contribution has left.
  bool all_sent() const { return outgoing_.empty(); }

private:
  struct Header {
    std::int64_t group_id, sequence, bytes, gone;
  };
  struct Incoming {
    int member;
    Header header;
    std::vector<std::byte> payload;
    std::optional<MpiRequest> request;
  };
  struct Outgoing {
    std::shared_ptr<TrainerProcess> memory;
    MpiRequest request;
  };
  void send_header(int member, std::int64_t sequence, std::size_t bytes, bool gone);
  bool receive();
  void sort_arrived();

  MpiWorld& world_;
  std::optional<Group> group_;
  std::int64_t newest_group_ = -1; // ids only grow
  std::optional<Collective> request_;
  std::shared_ptr<TrainerProcess> trainer_;
  std::list<Outgoing> outgoing_;
  std::list<Incoming> receiving_;
  std::list<Incoming> early_;                                                    // complete, for a group yet to be joined
  std::map<std::pair<std::int64_t, int>, std::vector<std::byte>> contributions_; // (sequence, member)
};

} // namespace stdualx
