// See exchange.h.
#include "worker/agent/exchange.h"

#include "experiments/spec/fault.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace stdualx {

namespace {
template <class Value> void sum_in_order(std::span<std::byte> own, const std::vector<const std::byte*>& members, std::size_t own_place) {
  auto* result = reinterpret_cast<Value*>(own.data());
  const std::size_t count = own.size() / sizeof(Value);
  if (members.size() == 2) { // the common case, in one pass; a + b and b + a are the same bits
    const auto* other = reinterpret_cast<const Value*>(members[1 - own_place]);
    for (std::size_t i = 0; i < count; ++i) result[i] += other[i];
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    Value total = own_place == 0 ? result[i] : reinterpret_cast<const Value*>(members[0])[i];
    for (std::size_t m = 1; m < members.size(); ++m) total += m == own_place ? result[i] : reinterpret_cast<const Value*>(members[m])[i];
    result[i] = total;
  }
}

std::size_t size_of(const Collective& request) {
  if (request.count < 0) throw ProtocolError("a trainer asked for a collective of " + std::to_string(request.count) + " values");
  return static_cast<std::size_t>(request.count) * (request.type == "float64" ? 8 : 4);
}
} // namespace

void Exchange::open_group(const Assignment& assignment, int self) {
  close_group();
  group_.emplace(assignment.group_id, std::vector<int>(assignment.ranks.begin(), assignment.ranks.end()), self);
  newest_group_ = assignment.group_id;
}

void Exchange::leave_group() {
  request_.reset();
  trainer_.reset();
  if (!group_) return;
  for (const int member : group_->leave()) send_header(member, group_->sequence(), 0, true);
}

void Exchange::close_group() {
  request_.reset();
  trainer_.reset();
  group_.reset();
  contributions_.clear();
}

void Exchange::send_header(int member, std::int64_t sequence, std::size_t bytes, bool gone) {
  const Header header{group_->id(), sequence, static_cast<std::int64_t>(bytes), gone ? 1 : 0};
  std::vector<std::uint8_t> packed(sizeof header);
  std::memcpy(packed.data(), &header, sizeof header);
  world_.send(member, MpiTag::group_header, std::move(packed));
}

void Exchange::start(const Collective& request, const std::shared_ptr<TrainerProcess>& trainer) {
  if (!group_ || group_->id() != request.group_id)
    throw ProtocolError("a trainer asked for a collective of group " + std::to_string(request.group_id) + ", which it is not in");
  if (request_) throw ProtocolError("a trainer asked for a collective while another is open");
  request_ = request;
  trainer_ = trainer;
  const std::span<std::byte> values = trainer->values(size_of(request));
  for (const int member : group_->contribute()) {
    send_header(member, group_->sequence(), values.size(), false);
    if (!values.empty()) outgoing_.push_back({trainer, world_.send_view(member, MpiTag::group_payload, values)});
  }
  fault_point(FaultPoint::agent_collective);
}

bool Exchange::receive() {
  bool moved = false;
  while (auto received = world_.poll(MpiTag::group_header)) {
    moved = true;
    if (received->bytes.size() != sizeof(Header))
      throw std::runtime_error("a group header has " + std::to_string(received->bytes.size()) + " bytes");
    Incoming incoming{received->rank, {}, {}, {}};
    std::memcpy(&incoming.header, received->bytes.data(), sizeof(Header));
    receiving_.push_back(std::move(incoming));
    Incoming& kept = receiving_.back();
    if (kept.header.bytes > 0) {
      kept.payload.resize(static_cast<std::size_t>(kept.header.bytes));
      kept.request.emplace(world_.receive_into(kept.member, MpiTag::group_payload, kept.payload));
    }
  }
  for (auto it = receiving_.begin(); it != receiving_.end();) {
    if (it->request && !it->request->done()) {
      ++it;
      continue;
    }
    moved = true;
    it->request.reset();
    early_.splice(early_.end(), receiving_, it++);
  }
  return moved;
}

void Exchange::sort_arrived() {
  for (auto it = early_.begin(); it != early_.end();) {
    if (it->header.group_id > newest_group_) { // a member was quicker to join than this one
      ++it;
      continue;
    }
    if (group_ && it->header.group_id == group_->id()) {
      group_->arrived(it->member, it->header.sequence, it->header.gone != 0);
      if (it->header.gone == 0) contributions_[{it->header.sequence, it->member}] = std::move(it->payload);
    }
    it = early_.erase(it);
  }
}

bool Exchange::pump() {
  bool moved = receive();
  sort_arrived();
  for (auto it = outgoing_.begin(); it != outgoing_.end();) {
    if (it->request.done()) {
      it = outgoing_.erase(it);
      moved = true;
    } else {
      ++it;
    }
  }
  return moved;
}

std::optional<CollectiveDone> Exchange::take_done() {
  // The sum goes where the contribution lies, so the contribution must have left first.
  // (Contributions of a trainer that is gone may never leave, where their receiver hangs: no other waits for them.)
  const auto is_its_own = [&](const Outgoing& sent) { return sent.memory == trainer_; };
  if (!request_ || !group_ || std::ranges::any_of(outgoing_, is_its_own)) return std::nullopt;
  const std::int64_t sequence = group_->sequence();
  const Group::Outcome outcome = group_->take_outcome();
  if (outcome == Group::Outcome::open) return std::nullopt;
  CollectiveDone done{request_->group_id, request_->sequence, outcome == Group::Outcome::broken};
  if (!done.broken) {
    const std::span<std::byte> values = trainer_->values(size_of(*request_));
    std::vector<const std::byte*> members;
    std::size_t own_place = 0;
    for (const int member : group_->members()) {
      const auto found = contributions_.find({sequence, member});
      if (found == contributions_.end()) {
        own_place = members.size();
        members.push_back(values.data());
      } else {
        if (found->second.size() != values.size())
          throw std::runtime_error("rank " + std::to_string(member) + " gave " + std::to_string(found->second.size()) +
                                   " bytes to a sum of " + std::to_string(values.size()));
        members.push_back(found->second.data());
      }
    }
    if (request_->type == "float64") sum_in_order<double>(values, members, own_place);
    else sum_in_order<float>(values, members, own_place);
  }
  contributions_.erase(contributions_.lower_bound({sequence, 0}), contributions_.lower_bound({sequence + 1, 0}));
  request_.reset();
  trainer_.reset();
  return done;
}

} // namespace stdualx
