// The group protocol, as a pure state machine: what to send when, and when a collective is complete or broken.
//
// A group lives for one assignment; its id is never used twice in a job. Its collectives are numbered from 0, and every member
// takes part in all of them. There are two forms; which one a collective has, all members know beforehand:
//
//   whole      every member sends its whole contribution to every other. Complete: all contributions are there.
//   in parts   every member owns a part of the values. It sends each other member that one's part of its contribution; has it
//              all contributions to its own part, it sums them (`gathered`) and sends the sum to every other member.
//              Complete: all sums are there.
//
// A member is through with a collective when its last message of it is sent: its contribution, or its sum. One whose trainer dies or
// leaves sends, once, `gone` with the first number that it is not through with. A collective is broken where somebody is gone at
// its number or before. That nobody sees a collective broken that another saw complete follows: complete means that every member was
// through with it, so none is gone at its number. So the group is over, for everyone, at the least number at which a member is gone.
// Since agents do not die with their trainers, every collective ends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace stdualx {

enum class GroupMessage : std::int64_t { contribution = 0, sum = 1, gone = 2 };

class Group {
public:
  /// `members`: world ranks in the group's order; `self` is one of them.
  Group(std::int64_t group_id, std::vector<int> members, int self);

  std::int64_t id() const { return group_id_; }
  const std::vector<int>& members() const { return members_; }
  /// This member's place among them.
  std::size_t place() const;
  bool over() const { return over_; }

  /// The local trainer asks for the next collective. Returns the members to send the contribution, or their part of it, to: none when
  /// the group is broken at or before this number. Throws std::logic_error when a collective is still open.
  std::vector<int> contribute(bool in_parts);
  /// The local trainer died or left: returns the members to tell (none the second time, or when the group is over).
  std::vector<int> leave();
  /// A message of another member arrived in full.
  void arrived(int member, std::int64_t sequence, GroupMessage message);

  enum class Outcome { open, gathered, complete, broken };
  /// Of the collective that `contribute` opened; `complete` and `broken` close it. `gathered` comes once, and only in parts: the
  /// caller sums its own part and sends the sum to all others before it calls anything else here.
  Outcome take_outcome();
  /// The number that the next or the open collective has.
  std::int64_t sequence() const { return sequence_; }

private:
  std::vector<int> others() const;
  bool all_sent(GroupMessage message) const;

  std::int64_t group_id_;
  std::vector<int> members_;
  int self_;
  std::int64_t sequence_ = 0;
  enum class Stage { idle, contributed, through }; // in the collective `sequence_`
  Stage stage_ = Stage::idle;
  bool in_parts_ = false; // the open one
  bool over_ = false;
  std::map<std::pair<std::int64_t, GroupMessage>, std::set<int>> arrived_; // by sequence: who sent it
  std::optional<std::int64_t> broken_at_;                                  // the least number at which somebody is gone
};

} // namespace stdualx
