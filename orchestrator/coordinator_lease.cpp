// Who does not answer any more: trainers without steps, members of broken groups, agents without a word. See coordinator.h.
#include "orchestrator/coordinator.h"

#include <algorithm>

namespace stdualx {

void Coordinator::on(Worker& worker, Heartbeat heartbeat, double now) {
  worker.waited_seconds = heartbeat.waited_seconds;
  const std::int64_t steps = heartbeat.steps;
  if (steps <= worker.steps) { // fewer: another trainer counts from 0
    worker.steps = steps;
    return;
  }
  if (worker.stepped) worker.seconds_per_step = (now - worker.steps_seen) / static_cast<double>(steps - worker.steps);
  worker.steps = steps;
  worker.stepped = true;
  worker.steps_seen = now;
}

void Coordinator::restart_lease(Worker& worker, double now) { worker.steps_seen = now; }

void Coordinator::on_tick(double now, bool store_is_held_up) {
  // Time in which the coordinator itself was suspended counts for nobody.
  const double pause = last_tick_ >= 0 && now - last_tick_ > options_.longest_pause ? now - last_tick_ : 0;
  // Nor does that in which what a trainer waits for could not leave count for its steps; its agent speaks meanwhile.
  const double excused = last_tick_ >= 0 && store_is_held_up ? now - last_tick_ : pause;
  last_tick_ = now;
  for (auto& [rank, worker] : workers_) {
    worker.heard = worker.heard < 0 ? now : std::min(worker.heard + pause, now); // one that never said a word is silent from here on
    if (!worker.groups.empty()) worker.steps_seen = std::min(worker.steps_seen + excused, now);
  }
  for (auto& [rank, worker] : workers_) {
    if (worker.groups.empty() || worker.abandoned) continue;
    const Group& group = groups_.at(worker.groups.front());
    // It has done its part and waits for the others; or the others wait to hear that the group is broken (below).
    if (group.ends.contains(rank) || group.broken_since) continue;
    const double lease =
        worker.stepped ? std::max(options_.shortest_lease, options_.lease_steps * worker.seconds_per_step) : options_.start_lease;
    const double standstill = now - latest_step(group);
    if (standstill <= lease || (!is_quiet(worker, now) && waits_for_quiet_agent(group, now))) continue;
    act(Notice{"run " + short_id(runs_[group.run].run_id()) + ": no step on rank " + std::to_string(rank) + " for " +
               std::to_string(static_cast<int>(standstill)) + " s; its trainer is killed"});
    abandon(worker, group, "lease_expired");
  }
  lose_silent_agents(now);
  end_broken_groups(now);
  if (in_doubt_ > 0) end_rests(now);
  schedule(now);
}

/// Members wait for one another: one that steps, a long evaluation on the first of them say, speaks for all.
double Coordinator::latest_step(const Group& group) const {
  double latest = -1;
  for (const int rank : group.ranks)
    if (!group.ends.contains(rank)) latest = std::max(latest, workers_.at(rank).steps_seen);
  return latest;
}

bool Coordinator::is_quiet(const Worker& worker, double now) const { return now - worker.heard > options_.quiet_agent; }

/// Then it is that one's fault, and the others' trainers are well.
bool Coordinator::waits_for_quiet_agent(const Group& group, double now) const {
  return std::ranges::any_of(group.ranks, [&](int rank) { return !group.ends.contains(rank) && is_quiet(workers_.at(rank), now); });
}

// ---- agents

void Coordinator::lose_silent_agents(double now) {
  for (auto& [rank, worker] : workers_)
    if (!worker.lost && (worker.usable || !worker.groups.empty()) && now - worker.heard > options_.agent_lease) lose(worker, now);
}

/// Nothing more is planned with it, and what it worked at goes elsewhere. Should it wake, it finds in its messages that this is so.
void Coordinator::lose(Worker& worker, double now) {
  worker.lost = true;
  give_up(worker);
  const std::string silence = "the agent of rank " + std::to_string(worker.rank) + " on " + worker.host + " has not said a word for " +
                              std::to_string(static_cast<int>(now - worker.heard)) + " s";
  act(Notice{silence + ": the worker is lost, what it worked at goes elsewhere"});
  for (const std::int64_t id : std::deque<std::int64_t>(worker.groups)) {
    const Group& group = groups_.at(id);
    if (group.ends.contains(worker.rank)) continue;
    const std::string run_id = runs_[group.run].run_id();
    const std::int64_t attempt = group.attempt;
    if (id != worker.groups.front() || !worker.abandoned) act(Send{worker.rank, Abandon{run_id, attempt, "lease_expired"}});
    on(worker, AttemptEnd{run_id, attempt, "lease_expired", silence, "", {}}, now);
    worker.owed.insert({run_id, attempt});
  }
}

/// It was only frozen. Once it has ended what was taken from it, it is a worker as before.
void Coordinator::heard_again(Worker& worker) {
  if (!worker.owed.empty()) return;
  worker.lost = false;
  worker.usable = true;
  ++left_;
  list(worker);
  act(Notice{"the agent of rank " + std::to_string(worker.rank) + " on " + worker.host + " answers again: it gets work again"});
}

std::size_t Coordinator::lost() const {
  return static_cast<std::size_t>(std::ranges::count_if(workers_, [](const auto& entry) { return entry.second.lost; }));
}

void Coordinator::abandon(Worker& worker, const Group& group, const std::string& reason) {
  worker.abandoned = true;
  act(Send{worker.rank, Abandon{runs_[group.run].run_id(), group.attempt, reason}});
}

/// On CPUs a member's death is told by the next collective. In NCCL the others spin (NVIDIA/nccl#279): they are killed.
void Coordinator::end_broken_groups(double now) {
  for (const auto& [id, group] : groups_) {
    if (!group.broken_since || now - *group.broken_since <= options_.longest_breaking) continue;
    for (const int rank : group.ranks)
      if (Worker& worker = workers_.at(rank); !group.ends.contains(rank) && !worker.abandoned) abandon(worker, group, "group_broken");
  }
}

} // namespace stdualx
