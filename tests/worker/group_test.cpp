// The group protocol attacked by random schedules (deaths at any number, double deaths, late joins: every collective ends), and, for few
// members, by all schedules there are.
#include "worker/agent/group.h"

#include "experiments/spec/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>

namespace stdualx {
namespace {

using enum GroupMessage;

TEST(Group, ACollectiveIsCompleteWhenEveryContributionIsThere) {
  Group group(1, {3, 5, 7}, 5);
  EXPECT_EQ(group.contribute(false), (std::vector<int>{3, 7}));
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(7, 0, contribution);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(3, 0, contribution);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
  EXPECT_EQ(group.sequence(), 1);
}

TEST(Group, ACollectiveInPartsIsGatheredOnceAndCompleteWhenEverySumIsThere) {
  Group group(1, {3, 5, 7}, 5);
  EXPECT_EQ(group.place(), 1u);
  EXPECT_EQ(group.contribute(true), (std::vector<int>{3, 7}));
  group.arrived(7, 0, contribution);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(3, 0, contribution);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::gathered);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(3, 0, sum);
  group.arrived(3, 1, contribution); // of the next one: a member that is complete goes on
  EXPECT_EQ(group.take_outcome(), Group::Outcome::open);
  group.arrived(7, 0, sum);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
  EXPECT_EQ(group.sequence(), 1);
}

TEST(Group, AMemberIsThroughWithACollectiveInPartsOnlyWhenItsSumIsSent) {
  for (const bool summed : {false, true}) {
    Group group(1, {0, 1, 2}, 0);
    group.contribute(true);
    group.arrived(1, 0, contribution);
    group.arrived(2, 0, contribution);
    if (summed) {
      EXPECT_EQ(group.take_outcome(), Group::Outcome::gathered);
    }
    EXPECT_EQ(group.leave(), (std::vector<int>{1, 2}));
    EXPECT_EQ(group.sequence(), summed ? 1 : 0);
  }
}

TEST(Group, AMemberThatIsGoneBeforeItsSumBreaksACollectiveOfWhichAllContributionsAreThere) {
  for (const bool heard_before_summing : {true, false}) {
    Group group(1, {0, 1}, 0);
    group.contribute(true);
    group.arrived(1, 0, contribution);
    if (!heard_before_summing) {
      EXPECT_EQ(group.take_outcome(), Group::Outcome::gathered);
    }
    group.arrived(1, 0, gone);
    EXPECT_EQ(group.take_outcome(), Group::Outcome::broken);
    EXPECT_TRUE(group.leave().empty());
  }
}

TEST(Group, AMemberThatIsGoneBreaksTheCollectiveItMissesAndNoneBefore) {
  Group group(1, {0, 1}, 0);
  group.arrived(1, 0, contribution);
  group.arrived(1, 1, gone);
  group.contribute(false);
  EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
  EXPECT_TRUE(group.contribute(false).empty());
  EXPECT_EQ(group.take_outcome(), Group::Outcome::broken);
  EXPECT_TRUE(group.over());
}

TEST(Group, OfTwoMembersThatAreGoneTheOneThatLeftFirstBreaksTheCollective) {
  for (const bool first_heard_first : {true, false}) {
    Group group(1, {0, 1, 2}, 0);
    group.arrived(1, 0, contribution);
    group.arrived(2, 0, contribution);
    group.arrived(2, 1, contribution);
    if (first_heard_first) group.arrived(1, 1, gone);
    group.arrived(2, 2, gone);
    if (!first_heard_first) group.arrived(1, 1, gone);
    EXPECT_EQ(group.contribute(false), (std::vector<int>{1, 2}));
    EXPECT_EQ(group.take_outcome(), Group::Outcome::complete);
    EXPECT_TRUE(group.contribute(false).empty());
    EXPECT_EQ(group.take_outcome(), Group::Outcome::broken) << "not at the number of the one that left later";
  }
}

TEST(Group, LeavingIsToldOnceAndAfterTheContributionThatWasSent) {
  Group group(1, {0, 1, 2}, 0);
  group.contribute(false);
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
    GroupMessage message;
  };
  std::map<std::pair<int, int>, std::deque<Wire>> wires;
  std::vector<Group> groups;
  std::vector<std::int64_t> completed(members.size(), 0);
  std::vector<bool> waiting(members.size(), false), over(members.size(), false);
  for (const int member : members) groups.emplace_back(seed, members, member);
  constexpr std::int64_t collectives = 12;
  const std::uint32_t forms = below(1 << collectives); // which collectives are in parts
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
      for (const int other : groups[m].leave()) wires[{self, other}].push_back({groups[m].sequence(), gone});
      over[m] = true;
    } else if (what < 40 && !over[m] && !waiting[m] && completed[m] < collectives) {
      const bool in_parts = (forms >> completed[m] & 1) != 0;
      for (const int other : groups[m].contribute(in_parts)) wires[{self, other}].push_back({groups[m].sequence(), contribution});
      waiting[m] = true;
    } else if (what < 80) { // something arrives
      const int from = static_cast<int>(below(static_cast<std::uint32_t>(size)));
      auto& wire = wires[{from, self}];
      if (!wire.empty()) {
        groups[m].arrived(from, wire.front().sequence, wire.front().message);
        wire.pop_front();
      }
    } else if (waiting[m] && !over[m]) {
      const Group::Outcome outcome = groups[m].take_outcome();
      if (outcome == Group::Outcome::open) continue;
      if (outcome == Group::Outcome::gathered) {
        for (const int other : members)
          if (other != self) wires[{self, other}].push_back({groups[m].sequence(), sum});
        continue;
      }
      waiting[m] = false;
      if (outcome == Group::Outcome::complete) ++completed[m];
      else {
        over[m] = true;
        // A survivor's trainer says that the group is broken; its agent then leaves, which must tell nobody anything new.
        for (const int other : groups[m].leave()) wires[{self, other}].push_back({groups[m].sequence(), gone});
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

/// All schedules of a small group: at every moment each member may ask, look or die, and the oldest message of each pair may arrive.
class AllSchedules {
public:
  /// `in_parts`: the form of each collective. At most `deaths` trainers die. `looks_at_once`: a member that would see something looks
  /// before anything else happens, which leaves few enough schedules of four members.
  AllSchedules(int size, std::vector<bool> in_parts, int deaths, bool looks_at_once)
      : forms_(std::move(in_parts)), looks_at_once_(looks_at_once) {
    World world;
    world.deaths_left = deaths;
    for (int i = 0; i < size; ++i) ranks_.push_back(i);
    for (const int rank : ranks_) world.members.emplace_back(Group(1, ranks_, rank));
    world.wires.resize(ranks_.size() * ranks_.size());
    visit(world);
  }
  std::size_t worlds() const { return seen_.size(); }
  std::size_t ends = 0;
  std::string wrong; // the first schedule that ends badly

private:
  struct Member {
    explicit Member(Group its_group) : group(std::move(its_group)) {}
    Group group;
    bool waiting = false, summed = false, dead = false;
    std::int64_t completed = 0, broken_at = -1;
  };
  struct Sent {
    std::int64_t sequence;
    GroupMessage message;
  };
  struct Wire {
    std::vector<Sent> sent;
    std::size_t arrived = 0;
  };
  struct World {
    std::vector<Member> members;
    std::vector<Wire> wires; // from * size + to
    int deaths_left = 0;
  };

  void send(World& world, std::size_t from, const std::vector<int>& to, GroupMessage message) const {
    for (const int rank : to)
      world.wires[from * ranks_.size() + static_cast<std::size_t>(rank)].sent.push_back({world.members[from].group.sequence(), message});
  }
  /// What tells worlds apart: a Group is a function of what was done to it, the order of what arrived from different members is nothing
  /// to it, and neither is which member has which rank.
  std::string key(const World& world) const {
    std::vector<std::size_t> order(ranks_.begin(), ranks_.end());
    std::string least, text;
    do {
      text.clear();
      for (const std::size_t m : order) {
        const Member& member = world.members[m];
        text += static_cast<char>('0' + member.waiting + 2 * member.summed + 4 * member.dead);
        text += static_cast<char>('0' + member.completed);
        text += static_cast<char>('0' + member.broken_at);
      }
      for (std::size_t from = 0; from < order.size() && (least.empty() || text <= least); ++from)
        for (const std::size_t to : order) {
          const Wire& wire = world.wires[order[from] * order.size() + to];
          text += static_cast<char>('0' + 8 * wire.sent.size() + wire.arrived);
        }
      if (least.empty() || text < least) least = text;
    } while (std::next_permutation(order.begin(), order.end()));
    return least;
  }

  void visit(const World& world) {
    if (!wrong.empty() || !seen_.insert(key(world)).second) return;
    bool moved = false;
    const auto go_on = [&](const World& next) {
      moved = true;
      visit(next);
    };
    for (std::size_t m = 0; m < world.members.size(); ++m)
      if (world.members[m].waiting && !world.members[m].dead) look(world, m, go_on);
    if (moved && looks_at_once_) return;
    for (std::size_t m = 0; m < world.members.size(); ++m) {
      const Member& member = world.members[m];
      if (member.dead || member.broken_at >= 0) continue;
      if (world.deaths_left > 0 && (member.waiting || member.completed < rounds())) {
        World next = world;
        --next.deaths_left;
        Member& dying = next.members[m];
        dying.dead = true;
        const std::vector<int> told = dying.group.leave();
        send(next, m, told, gone);
        go_on(next);
      }
      if (!member.waiting && member.completed < rounds()) {
        World next = world;
        Member& asking = next.members[m];
        asking.waiting = true;
        send(next, m, asking.group.contribute(forms_[static_cast<std::size_t>(member.completed)]), contribution);
        go_on(next);
      }
    }
    for (std::size_t w = 0; w < world.wires.size(); ++w) {
      if (world.wires[w].arrived == world.wires[w].sent.size()) continue;
      World next = world;
      const Sent& sent = next.wires[w].sent[next.wires[w].arrived++];
      next.members[w % ranks_.size()].group.arrived(static_cast<int>(w / ranks_.size()), sent.sequence, sent.message);
      go_on(next);
    }
    if (!moved) judge(world);
  }

  template <class GoOn> void look(const World& world, std::size_t m, const GoOn& go_on) const {
    World next = world;
    Member& looking = next.members[m];
    const Group::Outcome outcome = looking.group.take_outcome();
    if (outcome == Group::Outcome::open) return;
    if (outcome == Group::Outcome::gathered) {
      looking.summed = true;
      std::vector<int> others = ranks_;
      std::erase(others, static_cast<int>(m));
      send(next, m, others, sum);
    } else {
      looking.waiting = looking.summed = false;
      if (outcome == Group::Outcome::complete) ++looking.completed;
      else {
        looking.broken_at = looking.group.sequence();
        send(next, m, looking.group.leave(), gone);
      }
    }
    go_on(next);
  }

  /// Nothing can happen any more: nobody waits, and those that live have left at one number, which no one completed.
  void judge(const World& world) {
    ++ends;
    std::int64_t number = -1;
    bool right = true, anyone_dead = false;
    for (const Member& member : world.members) anyone_dead = anyone_dead || member.dead;
    for (const Member& member : world.members) {
      if (member.dead) continue;
      if (number < 0) number = member.completed;
      right = right && !member.waiting && member.completed == number && (member.broken_at < 0 || member.broken_at == number);
      right = right && (member.broken_at >= 0 || member.completed == rounds());
      right = right && (anyone_dead || member.completed == rounds());
    }
    for (const Member& member : world.members) right = right && (!member.dead || number < 0 || member.completed <= number);
    if (!right)
      for (const Member& member : world.members)
        wrong += std::string(member.dead      ? "dead"
                             : member.waiting ? "waiting"
                                              : "out") +
                 ", completed " + std::to_string(member.completed) + ", broken at " + std::to_string(member.broken_at) + "; ";
  }
  std::int64_t rounds() const { return static_cast<std::int64_t>(forms_.size()); }

  std::vector<bool> forms_;
  bool looks_at_once_;
  std::vector<int> ranks_;
  std::unordered_set<std::string> seen_;
};

TEST(Group, EndsForAllAtOneNumberInEverySchedule) {
  struct Case {
    int size;
    std::vector<bool> in_parts;
    int deaths;
  };
  for (const Case& small : std::vector<Case>{{2, {false, true, false}, 2},
                                             {2, {true, true, true}, 2},
                                             {2, {true, false, true}, 2},
                                             {3, {true}, 3},
                                             {3, {false}, 3},
                                             {3, {true, false}, 1},
                                             {3, {false, true}, 1},
                                             {4, {true}, 1},
                                             {4, {false}, 1}}) {
    const AllSchedules all(small.size, small.in_parts, small.deaths, small.size > 3);
    EXPECT_EQ(all.wrong, "") << small.size << " members, " << small.in_parts.size() << " collectives, " << small.deaths << " deaths";
    EXPECT_GT(all.ends, 1u);
  }
}

} // namespace
} // namespace stdualx
