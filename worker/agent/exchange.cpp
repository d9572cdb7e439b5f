// See exchange.h.
#include "worker/agent/exchange.h"

#include "experiments/spec/fault.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace stdualx {

namespace {
constexpr std::size_t together_up_to = 4096; // bytes of a payload that goes with its header in one message
// Bytes that a member sends to all others together where a sum goes whole; more are taken in parts. Measured with 2, 4 and 8 members
// (tests/benchmarks/measured/all_reduce.txt): about there the two forms cost the same.
constexpr std::size_t whole_up_to = 65536;
constexpr std::size_t part_unit = 64; // bytes; no cache line has two owners
constexpr std::size_t most_spare = 16;

template <class Value> void sum_in_order(std::span<std::byte> own, const std::vector<const std::byte*>& members, std::size_t own_place) {
  auto* result = reinterpret_cast<Value*>(own.data());
  const std::size_t count = own.size() / sizeof(Value);
  if (members.size() == 2) { // the common case, in one pass; a + b and b + a are the same bits
    const auto* other = reinterpret_cast<const Value*>(members[1 - own_place]);
    for (std::size_t i = 0; i < count; ++i) result[i] += other[i];
    return;
  }
  std::array<Value, 2048> total; // stays in the nearest cache while the members pass by
  for (std::size_t first = 0; first < count; first += total.size()) {
    const std::size_t length = std::min(total.size(), count - first);
    const auto values_of = [&](std::size_t m) { return reinterpret_cast<const Value*>(members[m]) + first; };
    std::copy_n(values_of(0), length, total.begin());
    for (std::size_t m = 1; m < members.size(); ++m) {
      const Value* const values = values_of(m);
      for (std::size_t i = 0; i < length; ++i) total[i] += values[i];
    }
    std::copy_n(total.begin(), length, result + first);
  }
}

std::size_t size_of(const Collective& request) {
  if (request.count < 0) throw ProtocolError("a trainer asked for a collective of " + std::to_string(request.count) + " values");
  return static_cast<std::size_t>(request.count) * (request.type == "float64" ? 8 : 4);
}

void refuse_other_size(int member, std::size_t given, std::size_t expected) {
  if (given == expected) return;
  throw std::runtime_error("rank " + std::to_string(member) + " gave " + std::to_string(given) + " bytes to a sum of " +
                           std::to_string(expected));
}
} // namespace

void Exchange::open_group(const Assignment& assignment, int self) {
  close_group();
  group_.emplace(assignment.group_id, std::vector<int>(assignment.ranks.begin(), assignment.ranks.end()), self);
  newest_group_ = assignment.group_id;
}

void Exchange::leave_group() {
  open_.reset();
  if (!group_) return;
  for (const int member : group_->leave()) send(member, group_->sequence(), GroupMessage::gone, {});
}

void Exchange::close_group() {
  open_.reset();
  group_.reset();
  contributions_.clear();
  sums_.clear();
  spare_.clear();
}

void Exchange::send(int member, std::int64_t sequence, GroupMessage message, std::span<const std::byte> payload) {
  const Header header{group_->id(), sequence, static_cast<std::int64_t>(payload.size()), message};
  const bool together = payload.size() <= together_up_to;
  std::vector<std::uint8_t> packed(sizeof header + (together ? payload.size() : 0));
  std::memcpy(packed.data(), &header, sizeof header);
  if (together && !payload.empty()) std::memcpy(packed.data() + sizeof header, payload.data(), payload.size());
  world_.send(member, MpiTag::group_header, std::move(packed));
  if (!together) outgoing_.push_back({member, open_->trainer, world_.send_view(member, MpiTag::group_payload, payload)});
}

std::span<std::byte> Exchange::part(std::size_t place) const {
  const std::size_t all = open_->values.size(), members = group_->members().size();
  const std::size_t size = (all / members / part_unit + 1) * part_unit;
  const std::size_t first = std::min(all, place * size);
  return open_->values.subspan(first, std::min(size, all - first));
}

void Exchange::start(const Collective& request, const std::shared_ptr<TrainerProcess>& trainer) {
  if (!group_ || group_->id() != request.group_id)
    throw ProtocolError("a trainer asked for a collective of group " + std::to_string(request.group_id) + ", which it is not in");
  if (open_) throw ProtocolError("a trainer asked for a collective while another is open");
  const std::size_t bytes = size_of(request);
  const bool in_parts = bytes * (group_->members().size() - 1) > whole_up_to;
  open_ = {request, trainer, trainer->values(bytes), in_parts, group_->sequence(), {}};
  const std::vector<int> others = group_->contribute(open_->in_parts);
  for (std::size_t place = 0; place < group_->members().size(); ++place) {
    const int member = group_->members()[place];
    if (std::ranges::find(others, member) != others.end())
      send(member, open_->number, GroupMessage::contribution, open_->in_parts ? part(place) : open_->values);
  }
  fault_point(FaultPoint::agent_collective);
}

bool Exchange::receive() {
  bool moved = false;
  while (auto received = world_.poll(MpiTag::group_header)) {
    moved = true;
    Incoming incoming{received->rank, {}, {}, {}, {}};
    if (received->bytes.size() < sizeof(Header))
      throw std::runtime_error("a group header has " + std::to_string(received->bytes.size()) + " bytes");
    std::memcpy(&incoming.header, received->bytes.data(), sizeof(Header));
    const auto bytes = static_cast<std::size_t>(incoming.header.bytes);
    const bool together = bytes <= together_up_to;
    if (received->bytes.size() != sizeof(Header) + (together ? bytes : 0))
      throw std::runtime_error("a group header for " + std::to_string(bytes) + " bytes has " + std::to_string(received->bytes.size()));
    receiving_.push_back(std::move(incoming));
    if (!together) {
      receive_payload(receiving_.back());
    } else if (bytes > 0) {
      receiving_.back().payload = buffer(bytes);
      std::memcpy(receiving_.back().payload.data(), received->bytes.data() + sizeof(Header), bytes);
    }
  }
  for (auto it = receiving_.begin(); it != receiving_.end();) {
    if (it->request && !it->request->done()) {
      ++it;
      continue;
    }
    moved = true;
    it->request.reset();
    it->memory.reset();
    early_.splice(early_.end(), receiving_, it++);
  }
  return moved;
}

/// A sum goes straight to where the trainer will read it, if this member's own contribution has left from there.
void Exchange::receive_payload(Incoming& incoming) {
  const Header& header = incoming.header;
  const auto bytes = static_cast<std::size_t>(header.bytes);
  const bool of_open = open_ && !open_->outcome && header.group_id == group_->id() && header.sequence == open_->number;
  std::span<std::byte> place;
  if (header.message == GroupMessage::sum && of_open && open_->in_parts) {
    for (auto it = outgoing_.begin(); it != outgoing_.end();) it = it->request.done() ? outgoing_.erase(it) : std::next(it);
    const bool leaving = std::ranges::any_of(
        outgoing_, [&](const Outgoing& sent) { return sent.member == incoming.member && sent.memory == open_->trainer; });
    const auto& members = group_->members();
    const auto found = std::ranges::find(members, incoming.member);
    if (!leaving && found != members.end()) {
      place = part(static_cast<std::size_t>(found - members.begin()));
      refuse_other_size(incoming.member, bytes, place.size());
      incoming.memory = open_->trainer;
    }
  }
  if (place.empty()) {
    incoming.payload = buffer(bytes);
    place = incoming.payload;
  }
  incoming.request.emplace(world_.receive_into(incoming.member, MpiTag::group_payload, place));
}

void Exchange::sort_arrived() {
  for (auto it = early_.begin(); it != early_.end();) {
    const Header& header = it->header;
    if (header.group_id > newest_group_) { // a member was quicker to join than this one
      ++it;
      continue;
    }
    if (group_ && header.group_id == group_->id()) {
      group_->arrived(it->member, header.sequence, header.message);
      if (header.message == GroupMessage::contribution) contributions_[{header.sequence, it->member}] = std::move(it->payload);
      else if (!it->payload.empty()) sums_[{header.sequence, it->member}] = std::move(it->payload);
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

std::vector<std::byte> Exchange::buffer(std::size_t bytes) {
  const auto fits =
      std::ranges::find_if(spare_, [&](const auto& spare) { return spare.capacity() >= bytes && spare.capacity() / 2 <= bytes; });
  std::vector<std::byte> taken;
  if (fits != spare_.end()) {
    taken = std::move(*fits);
    spare_.erase(fits);
  }
  taken.resize(bytes);
  return taken;
}

void Exchange::drop(Messages& messages, std::int64_t sequence) {
  const auto first = messages.lower_bound({sequence, 0}), last = messages.lower_bound({sequence + 1, 0});
  for (auto it = first; it != last; ++it)
    if (spare_.size() < most_spare) spare_.push_back(std::move(it->second));
  messages.erase(first, last);
}

void Exchange::sum(std::span<std::byte> own) {
  std::vector<const std::byte*> members;
  for (const int member : group_->members()) {
    const auto found = contributions_.find({open_->number, member});
    if (found != contributions_.end()) refuse_other_size(member, found->second.size(), own.size());
    members.push_back(found == contributions_.end() ? own.data() : found->second.data());
  }
  if (open_->request.type == "float64") sum_in_order<double>(own, members, group_->place());
  else sum_in_order<float>(own, members, group_->place());
  drop(contributions_, open_->number);
}

/// This member's own part is sent to nobody before it is summed, so the sum may take its place at once.
void Exchange::sum_own_part() {
  const std::span<std::byte> own = part(group_->place());
  sum(own);
  for (std::size_t place = 0; place < group_->members().size(); ++place)
    if (place != group_->place()) send(group_->members()[place], open_->number, GroupMessage::sum, own);
}

bool Exchange::moves_bytes_of(const std::shared_ptr<TrainerProcess>& trainer) const {
  const auto is_its_own = [&](const auto& moving) { return moving.memory == trainer; };
  return std::ranges::any_of(outgoing_, is_its_own) || std::ranges::any_of(receiving_, is_its_own);
}

std::optional<CollectiveDone> Exchange::take_done() {
  if (!open_ || !group_) return std::nullopt;
  if (!open_->outcome) {
    Group::Outcome outcome = group_->take_outcome();
    if (outcome == Group::Outcome::gathered) {
      sum_own_part();
      outcome = group_->take_outcome();
    }
    if (outcome == Group::Outcome::open) return std::nullopt;
    open_->outcome = outcome;
  }
  // The sum goes where the contribution lies, and the trainer writes the next one there, so what leaves from there must have left, and what
  // arrives there must be there, first, broken or not.
  // (Contributions of a trainer that is gone may never leave, where their receiver hangs: no other waits for them.)
  if (moves_bytes_of(open_->trainer)) return std::nullopt;
  const CollectiveDone done{open_->request.group_id, open_->request.sequence, *open_->outcome == Group::Outcome::broken};
  if (!done.broken && !open_->in_parts) sum(open_->values);
  if (!done.broken && open_->in_parts)
    for (std::size_t place = 0; place < group_->members().size(); ++place) {
      const int member = group_->members()[place];
      const auto found = sums_.find({open_->number, member});
      if (found == sums_.end()) continue; // its own, or there already
      refuse_other_size(member, found->second.size(), part(place).size());
      std::ranges::copy(found->second, part(place).begin());
    }
  drop(contributions_, open_->number);
  drop(sums_, open_->number);
  open_.reset();
  return done;
}

} // namespace stdualx
