// The group protocol, as a pure state machine: which contributions to send, when a collective is complete or broken.
//
// A group lives for one assignment; its id is never used twice in a job. Every member's agent sends one contribution a
// collective to every other member, numbered from 0. A member whose trainer dies or leaves sends, once, a contribution with
// the `gone` flag in place of the next one. A collective is complete when all contributions are there, and broken when one of them
// is flagged; after that the group is over, for everyone at the same number. Since agents do not die with their
// trainers, every collective ends. A contribution of a group that is over is dropped; one of a group yet to be joined is kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace stdualx {

class Group {
public:
  /// `members`: world ranks in the group's order; `self` is one of them.
  Group(std::int64_t group_id, std::vector<int> members, int self);

  std::int64_t id() const { return group_id_; }
  const std::vector<int>& members() const { return members_; }
  bool over() const { return over_; }

  /// The local trainer asks for the next collective. Returns the members to send the contribution to: none when the
  /// group is broken at or before this number. Throws std::logic_error when a collective is still open.
  std::vector<int> contribute();
  /// The local trainer died or left: returns the members to tell (none the second time, or when the group is over).
  std::vector<int> leave();
  /// A contribution of another member arrived in full.
  void arrived(int member, std::int64_t sequence, bool gone);

  enum class Outcome { open, complete, broken };
  /// Of the collective that `contribute` opened; `complete` and `broken` close it.
  Outcome take_outcome();
  /// The number that the next or the open collective has.
  std::int64_t sequence() const { return sequence_; }

private:
  std::int64_t group_id_;
  std::vector<int> members_;
  int self_;
  std::int64_t sequence_ = 0;
  bool waiting_ = false;
  bool left_ = false;
  bool over_ = false;
  std::map<std::int64_t, std::set<int>> arrived_; // by sequence: who is there
  std::optional<std::int64_t> broken_at_;         // the least number at which somebody is gone
};

} // namespace stdualx
