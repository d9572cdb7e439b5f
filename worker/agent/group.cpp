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

std::size_t Group::place() const { return static_cast<std::size_t>(std::find(members_.begin(), members_.end(), self_) - members_.begin()); }

std::vector<int> Group::others() const {
  std::vector<int> all = members_;
  std::erase(all, self_);
  return all;
}

bool Group::all_sent(GroupMessage message) const {
  const auto here = arrived_.find({sequence_, message});
  return (here == arrived_.end() ? 0 : here->second.size()) + 1 == members_.size();
}

std::vector<int> Group::contribute(bool in_parts) {
  if (stage_ != Stage::idle) throw std::logic_error("a collective of group " + std::to_string(group_id_) + " is still open");
  in_parts_ = in_parts;
  stage_ = in_parts ? Stage::contributed : Stage::through;
  if (over_ || (broken_at_ && *broken_at_ <= sequence_)) return {};
  return others();
}

std::vector<int> Group::leave() {
  if (over_) return {};
  if (stage_ == Stage::through) ++sequence_; // what was sent for the open collective stands
  broken_at_ = std::min(broken_at_.value_or(sequence_), sequence_);
  over_ = true;
  return others();
}

void Group::arrived(int member, std::int64_t sequence, GroupMessage message) {
  if (std::find(members_.begin(), members_.end(), member) == members_.end()) return;
  if (message == GroupMessage::gone) broken_at_ = std::min(broken_at_.value_or(sequence), sequence);
  else arrived_[{sequence, message}].insert(member);
}

Group::Outcome Group::take_outcome() {
  if (stage_ == Stage::idle) return Outcome::open;
  if (over_ || (broken_at_ && *broken_at_ <= sequence_)) {
    stage_ = Stage::idle;
    over_ = true;
    return Outcome::broken;
  }
  if (stage_ == Stage::contributed) {
    if (!all_sent(GroupMessage::contribution)) return Outcome::open;
    stage_ = Stage::through;
    return Outcome::gathered;
  }
  if (!all_sent(in_parts_ ? GroupMessage::sum : GroupMessage::contribution)) return Outcome::open;
  arrived_.erase(arrived_.begin(), arrived_.lower_bound({sequence_ + 1, GroupMessage::contribution}));
  stage_ = Stage::idle;
  ++sequence_;
  return Outcome::complete;
}

} // namespace stdualx
