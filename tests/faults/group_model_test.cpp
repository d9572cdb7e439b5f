// The protocol of one group's collectives as a model: the real Group of every member among late messages and deaths.
#include "worker/agent/group.h"
#include "random_model.h"

#include <deque>
#include <set>
#include <string>
#include <vector>

namespace stdualx {
namespace {

/// Agents of one group and the contributions between them, in order for each pair, as late as chance wants.
class GroupSimulation {
public:
  GroupSimulation(std::uint64_t seed, bool) : chance_(seed) {}

  void run() {
    const int size = static_cast<int>(2 + chance_.upto(3));
    std::vector<int> ranks;
    for (int i = 0; i < size; ++i) ranks.push_back(10 + i);
    std::vector<Group> groups;
    for (const int rank : ranks) groups.emplace_back(7, ranks, rank);
    struct Flight {
      int from, to;
      std::int64_t sequence;
      GroupMessage message;
    };
    std::deque<Flight> flights;
    std::vector<bool> waiting(ranks.size(), false), dead(ranks.size(), false), out(ranks.size(), false);
    std::vector<std::int64_t> complete(ranks.size(), 0), broken_at(ranks.size(), -1);
    const auto send = [&](std::size_t from, const std::vector<int>& to, std::int64_t sequence, GroupMessage message) {
      for (const int rank : to) flights.push_back({ranks[from], rank, sequence, message});
    };
    const double death = chance_.share() * 0.05;
    const std::int64_t rounds = 20;
    std::vector<bool> in_parts; // the form of each collective, which all members know
    for (std::int64_t i = 0; i < rounds; ++i) in_parts.push_back(chance_.upto(1) == 1);
    for (int turn = 0; turn < 20'000; ++turn) {
      const auto who = static_cast<std::size_t>(chance_.upto(size - 1));
      Group& group = groups[who];
      if (!dead[who] && !out[who] && chance_.share() < death) { // its trainer dies, in a collective or between two
        dead[who] = true;
        const std::vector<int> others = group.leave(); // first: it moves the number on
        send(who, others, group.sequence(), GroupMessage::gone);
        waiting[who] = false;
      } else if (!dead[who] && !out[who] && !waiting[who] && complete[who] < rounds) {
        const std::vector<int> to = group.contribute(in_parts[static_cast<std::size_t>(complete[who])]);
        send(who, to, group.sequence(), GroupMessage::contribution);
        waiting[who] = true;
      }
      if (!flights.empty()) { // one message arrives; of a pair the oldest first
        const auto pick = static_cast<std::size_t>(chance_.upto(static_cast<std::int64_t>(flights.size()) - 1));
        std::size_t first = pick;
        for (std::size_t i = 0; i < pick; ++i)
          if (flights[i].from == flights[pick].from && flights[i].to == flights[pick].to) {
            first = i;
            break;
          }
        const Flight flight = flights[first];
        flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(first));
        groups[static_cast<std::size_t>(flight.to - 10)].arrived(flight.from, flight.sequence, flight.message);
      }
      for (std::size_t i = 0; i < groups.size(); ++i) {
        if (!waiting[i] || dead[i]) continue;
        const std::int64_t number = groups[i].sequence();
        const Group::Outcome outcome = groups[i].take_outcome();
        if (outcome == Group::Outcome::open) continue;
        if (outcome == Group::Outcome::gathered) {
          std::vector<int> others = ranks;
          std::erase(others, ranks[i]);
          send(i, others, number, GroupMessage::sum);
          continue;
        }
        waiting[i] = false;
        if (outcome == Group::Outcome::complete) {
          if (number != complete[i]) throw Broken("a collective was skipped");
          ++complete[i];
        } else {
          broken_at[i] = number;
          out[i] = true;
          const std::vector<int> others = groups[i].leave();
          send(i, others, groups[i].sequence(), GroupMessage::gone);
        }
      }
    }
    // Whoever lives has left at one number, or all have done all rounds together.
    std::set<std::int64_t> numbers;
    bool any_dead = false;
    for (std::size_t i = 0; i < ranks.size(); ++i) any_dead = any_dead || dead[i];
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      if (dead[i]) continue;
      if (waiting[i]) throw Broken("member " + std::to_string(ranks[i]) + " hangs in collective " + std::to_string(groups[i].sequence()));
      if (complete[i] == rounds && broken_at[i] < 0) numbers.insert(rounds);
      else numbers.insert(broken_at[i]);
      if (!any_dead && complete[i] != rounds) throw Broken("a group without a death did not do its rounds");
      if (broken_at[i] >= 0 && broken_at[i] != complete[i]) throw Broken("a member left at a number that it had completed");
    }
    if (numbers.size() > 1) {
      std::string text = "members left at different numbers:";
      for (std::size_t i = 0; i < ranks.size(); ++i)
        text += " " + std::to_string(ranks[i]) + (dead[i] ? " dead" : "") + " did " + std::to_string(complete[i]) + ", left at " +
                std::to_string(broken_at[i]) + ";";
      throw Broken(text);
    }
  }

private:
  Chance chance_;
};

TEST(ProtocolModel, AGroupEndsForAllAtOneNumberWhoeverDiesWhen) { try_many<GroupSimulation>(3000); }

} // namespace
} // namespace stdualx
