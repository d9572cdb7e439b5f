// A group over shared memory: the trainer lays its values there, the agents add them up between them (worker/messages/messages.h).
#pragma once

#include "worker/messages/agent_link.h"
#include "worker/training/communicator.h"

namespace stdualx {

/// The group `group_id` of `size` members, of which this is number `rank`. Collectives are counted from 0 and carry the group's
/// number, so an answer left over from an earlier group is told apart. `link` must outlive it. Its all_reduce_sum throws
/// GroupBroken when the agents say so, ExitRequested and PeerGone as the link does. Tensors may lie on any device.
std::unique_ptr<Communicator> make_shared_communicator(AgentLink& link, std::int64_t group_id, std::int64_t rank, std::int64_t size);

} // namespace stdualx
