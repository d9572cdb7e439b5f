// See group.h.
#include "worker/agent/group.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace stdualx {

Group::Group(std::int64_t group_id, std::vector<int> members, int self) : group_id_(group_id), members_(std::move(members)), self_(self) {
  if (std::find(members_.begin(), members_.end(), self_) == members_.end())
    throw std::logic_error("rank " + std::to_string(self_) + " is no member of group " + std::to_string(group_id_));
}

std::vector<int> Group::contribute() {
  if (waiting_) throw std::logic_error("a collective of group " + std::to_string(group_id_) + " is still open");
  waiting_ = true;
  if (over_ || left_ || (broken_at_ && *broken_at_ <= sequence_)) return {};
  std::vector<int> others = members_;
  std::erase(others, self_);
  return others;
}

std::vector<int> Group::leave() {
  if (over_ || left_) return {};
  left_ = true;
  // A contribution already sent for the open collective stands; the flag takes the next number.
  const std::int64_t number = waiting_ ? sequence_ + 1 : sequence_;
  broken_at_ = std::min(broken_at_.value_or(number), number);
  sequence_ = number;
  over_ = true;
  std::vector<int> others = members_;
  std::erase(others, self_);
  return others;
}

void Group::arrived(int member, std::int64_t sequence, bool gone) {
  if (std::find(members_.begin(), members_.end(), member) == members_.end()) return;
  if (gone) broken_at_ = std::min(broken_at_.value_or(sequence), sequence);
  else arrived_[sequence].insert(member);
}

Group::Outcome Group::take_outcome() {
  if (!waiting_) return Outcome::open;
  if (over_ || (broken_at_ && *broken_at_ <= sequence_)) {
    waiting_ = false;
    over_ = true;
    return Outcome::broken;
  }
  const auto here = arrived_.find(sequence_);
  const std::size_t count = here == arrived_.end() ? 0 : here->second.size();
  if (count + 1 < members_.size()) return Outcome::open;
  if (here != arrived_.end()) arrived_.erase(here);
  waiting_ = false;
  ++sequence_;
  return Outcome::complete;
}

} // namespace stdualx
