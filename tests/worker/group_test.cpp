// The group protocol attacked by random schedules: deaths at any number, double deaths, late joins; every collective ends.
#include "worker/agent/group.h"

#include "experiments/spec/random.h"

#include <gtest/gtest.h>

#include <deque>

namespace stdualx {
namespace {

TEST(Group, ACollectiveIsCompleteWhenEveryContributionIsThere) {
  Group group(1, {3, 5, 7}, 5);
  EXPECT_EQ(group.contribute(), (std::vector<int>{3, 7}));
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(7, 0, false);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(3, 0, false);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
  EXPECT_EQ(group.sequence(), 1);
}

TEST(Group, AMemberThatIsGoneBreaksTheCollectiveItMissesAndNoneBefore) {
  Group group(1, {0, 1}, 0);
  group.arrived(1, 0, false);
  group.arrived(1, 1, true);
  group.contribute();
  EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
  EXPECT_TRUE(group.contribute().empty());
  EXPECT_EQ(group.take_outcome(), Group::Outcome::broken);
  EXPECT_TRUE(group.over());
}

TEST(Group, OfTwoMembersThatAreGoneTheOneThatLeftFirstBreaksTheCollective) {
  for (const bool first_heard_first : {true, false}) {
    Group group(1, {0, 1, 2}, 0);
    group.arrived(1, 0, false);
    group.arrived(2, 0, false);
    group.arrived(2, 1, false);
    if (first_heard_first) group.arrived(1, 1, true);
    group.arrived(2, 2, true);
    if (!first_heard_first) group.arrived(1, 1, true);
    EXPECT_EQ(group.contribute(), (std::vector<int>{1, 2}));
    EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
    EXPECT_TRUE(group.contribute().empty());
    EXPECT_EQ(group.take_outcome(), Group::Outcome::broken) << "not at the number of the one that left later";
  }
}

TEST(Group, LeavingIsToldOnceAndAfterTheContributionThatWasSent) {
  Group group(1, {0, 1, 2}, 0);
  group.contribute();
  EXPECT_EQ(group.leave(), (std::vector<int>{1, 2}));
  EXPECT_EQ(group.sequence(), 1);
  EXPECT_TRUE(group.leave().empty());
}

/// Members over a network that keeps order between two members and nothing else; some die at drawn moments.
void simulate(std::int64_t seed) {
  const RandomStream random(seed, "group simulation");
  std::uint32_t draw = 0;
  const auto below = [&](std::uint32_t limit) { return random.words(0, 0, 0, draw++)[0] % limit; };
  const int size = 2 + static_cast<int>(below(4));
  std::vector<int> members;
  for (int i = 0; i < size; ++i) members.push_back(i);
  struct Wire {
    std::int64_t sequence;
    bool gone;
  };
  std::map<std::pair<int, int>, std::deque<Wire>> wires;
  std::vector<Group> groups;
  std::vector<std::int64_t> completed(members.size(), 0);
  std::vector<bool> waiting(members.size(), false), over(members.size(), false);
  for (const int member : members) groups.emplace_back(seed, members, member);
  constexpr std::int64_t collectives = 12;
  int steps = 0;
  while (true) {
    ASSERT_LT(++steps, 100000) << "seed " << seed << ": the group hangs";
    bool all_done = true;
    for (std::size_t m = 0; m < groups.size(); ++m) all_done = all_done && (over[m] || completed[m] == collectives);
    if (all_done) break;
    const auto m = static_cast<std::size_t>(below(static_cast<std::uint32_t>(size)));
    const int self = static_cast<int>(m);
    const std::uint32_t what = below(100);
    if (what < 2 && !over[m] && completed[m] < collectives) { // its trainer dies
      for (const int other : groups[m].leave()) wires[{self, other}].push_back({groups[m].sequence(), true});
      over[m] = true;
    } else if (what < 40 && !over[m] && !waiting[m] && completed[m] < collectives) {
      for (const int other : groups[m].contribute()) wires[{self, other}].push_back({groups[m].sequence(), false});
      waiting[m] = true;
    } else if (what < 80) { // something arrives
      const int from = static_cast<int>(below(static_cast<std::uint32_t>(size)));
      auto& wire = wires[{from, self}];
      if (!wire.empty()) {
        groups[m].arrived(from, wire.front().sequence, wire.front().gone);
        wire.pop_front();
      }
    } else if (waiting[m] && !over[m]) {
      const Group::Outcome outcome = groups[m].take_outcome();
      if (outcome == Group::Outcome::open) continue;
      waiting[m] = false;
      if (outcome == Group::Outcome::complete) ++completed[m];
      else {
        over[m] = true;
        // A survivor's trainer says that the group is broken; its agent then leaves, which must tell nobody anything new.
        for (const int other : groups[m].leave()) wires[{self, other}].push_back({groups[m].sequence(), true});
      }
    }
  }
  // Nobody completes a collective that a survivor saw broken: survivors differ by the one under way at most.
  std::int64_t least = collectives, most = 0;
  for (const std::int64_t count : completed) {
    least = std::min(least, count);
    most = std::max(most, count);
  }
  EXPECT_LE(most - least, 1) << "seed " << seed;
}

TEST(Group, EveryCollectiveEndsUnderThousandsOfRandomDeaths) {
  for (std::int64_t seed = 0; seed < 5000; ++seed) simulate(seed);
}

} // namespace
} // namespace stdualx
