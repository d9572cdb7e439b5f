// Whose fault it is that a run fails at its start, before its first epoch: the run's, or the place's. See coordinator.h.
//
// The difference tells. A run that fails on a second host, too, one of the two a place where runs get on, is to blame itself. A place is to
// blame for the runs that failed there and then got on (recorded an epoch, or completed) elsewhere. A place where two runs failed and none
// got on since rests: it gets no work until all but one of them have failed elsewhere, too, or its time is over and it is tried with one
// run at a time; where that one gets on, all is forgiven. The place is the host; where others get on beside it, the one worker. The last
// places never rest.
#include "orchestrator/coordinator.h"

#include <algorithm>
#include <cmath>

namespace stdualx {

namespace {
constexpr std::size_t runs_to_rest = 2; // one alone may have been an accident
constexpr int longest_rest = 4;         // times four: of 600 s two days
} // namespace

bool Coordinator::is_at_rest(const Worker& worker) const {
  return worker.standing.rests_until || (worker.home != nullptr && worker.home->standing.rests_until);
}
bool Coordinator::is_on_trial(const Worker& worker) const {
  return worker.standing.on_trial || (worker.home != nullptr && worker.home->standing.on_trial);
}

/// Whether a run got on there, on any of its workers, and none failed at its start on that one since.
bool Coordinator::gets_on(const Host& host) const {
  return std::ranges::any_of(host.ranks, [&](int rank) { return workers_.at(rank).proven && workers_.at(rank).against.empty(); });
}

/// Whether a failure there tells against the run: runs got on, and at most one failed since.
bool Coordinator::may_judge(const Host& host) const {
  return runs_against(host, false).size() < runs_to_rest &&
         std::ranges::any_of(host.ranks, [&](int rank) { return workers_.at(rank).proven; });
}

/// Runs that failed at their start there; `sure`: and got on elsewhere.
std::set<std::size_t> Coordinator::runs_against(const Host& host, bool sure) const {
  std::set<std::size_t> runs;
  for (const int rank : host.ranks)
    for (const auto& [run, got_on_elsewhere] : workers_.at(rank).against)
      if (got_on_elsewhere || !sure) runs.insert(run);
  return runs;
}

void Coordinator::failed_at_start(const Group& group, const std::string& reason, double now) {
  if (group.epochs > 0) return; // it got on there: what befell it later is no fault of the place
  Run& run = runs_[group.run];
  std::vector<int> places;
  std::set<const Host*> hosts;
  for (const int rank : group.ranks) {
    const auto said = group.ends.find(rank);
    if (said == group.ends.end() || said->second.reason != reason || workers_.at(rank).home == nullptr) continue;
    places.push_back(rank);
    hosts.insert(workers_.at(rank).home);
  }
  const bool elsewhere_too = std::ranges::any_of(run.failed_at_start, [&](int rank) { return !hosts.contains(workers_.at(rank).home); });
  // Of two bad hosts one must not clear the other: one of them is to be a place where runs get on.
  const bool is_judged =
      elsewhere_too && (std::ranges::any_of(hosts, [&](const Host* host) { return may_judge(*host); }) ||
                        std::ranges::any_of(run.failed_at_start, [&](int rank) { return may_judge(*workers_.at(rank).home); }));
  run.failed_at_start.insert(places.begin(), places.end());
  if (is_judged) {
    blame_run(group.run, now);
    return;
  }
  for (const int rank : places) {
    Worker& worker = workers_.at(rank);
    worker.against.emplace(group.run, false);
    for (Standing* standing : {&worker.standing, &worker.home->standing}) {
      if (!standing->on_trial) continue;
      standing->tried = group.run;
      rest(*standing, standing == &worker.standing ? std::vector<int>{rank} : worker.home->ranks, now);
    }
    doubt(worker, now);
  }
}

/// What it did is held against no place, unless it gets on somewhere after all.
void Coordinator::blame_run(std::size_t index, double now) {
  for (const int rank : runs_[index].failed_at_start) {
    Worker& worker = workers_.at(rank);
    const auto held = worker.against.find(index);
    if (held == worker.against.end() || held->second) continue;
    worker.against.erase(held);
    Standing& standing = worker.home->standing;
    if (!standing.rests_until) continue;
    if (standing.tried == index) {
      standing.rests_until = now; // tried again at once, with another run
      standing.rests = std::max(0, standing.rests - 1);
    } else if (standing.tried == std::nullopt && runs_against(*worker.home, false).size() < runs_to_rest) {
      end_rest(standing, worker.home->ranks);
      standing.rests = std::max(0, standing.rests - 1);
    }
  }
}

void Coordinator::got_on(const Group& group, double now) {
  Run& run = runs_[group.run];
  run.crashes = 0;
  for (const int rank : group.ranks) {
    Worker& worker = workers_.at(rank);
    worker.proven = true;
    worker.against.clear(); // or scattered failures would in time put every good place out of use
    if (in_doubt_ == 0 || worker.home == nullptr) continue;
    for (Standing* standing : {&worker.standing, &worker.home->standing}) {
      if (!standing->in_doubt()) continue;
      const std::vector<int> ranks = standing == &worker.standing ? std::vector<int>{rank} : worker.home->ranks;
      end_rest(*standing, ranks);
      standing->rests = 0;
      for (const int other : ranks) workers_.at(other).against.clear();
    }
  }
  for (const int rank : std::exchange(run.failed_at_start, {})) {
    if (std::ranges::find(group.ranks, rank) != group.ranks.end()) continue;
    Worker& worker = workers_.at(rank);
    const std::size_t before = runs_against(*worker.home, true).size();
    worker.against[group.run] = true;
    if (before + 1 == runs_to_rest && runs_against(*worker.home, true).size() == runs_to_rest && !gets_on(*worker.home))
      act(Notice{"host " + worker.host + " is to blame: two runs that failed there at their start got on elsewhere"});
    doubt(worker, now);
  }
  if (alone_ != group.run) return;
  if (suspects_.empty()) alone_.reset(); // others may join it
  else
    for (const int rank : group.ranks) act(Send{rank, Bare{"drain"}}); // cleared: it makes room for the next suspect
}

/// Sends the worker or its host to rest, where enough is held against it.
void Coordinator::doubt(const Worker& here, double now) {
  Worker& worker = workers_.at(here.rank);
  Host& host = *worker.home;
  if (gets_on(host)) {
    const auto sure = std::ranges::count_if(worker.against, [](const auto& entry) { return entry.second; });
    if (static_cast<std::size_t>(sure) >= runs_to_rest && rest(worker.standing, {worker.rank}, now))
      act(Notice{"worker " + std::to_string(worker.rank) + " on " + worker.host +
                 " is to blame: two runs that failed there at their start got on elsewhere; it is tried again with one run in " +
                 std::to_string(static_cast<int>(*worker.standing.rests_until - now)) + " s"});
    return;
  }
  if (runs_against(host, false).size() >= runs_to_rest && rest(host.standing, host.ranks, now))
    act(Notice{"two runs failed at their start on host " + worker.host + ": it gets no more until they have been tried elsewhere, or for " +
               std::to_string(static_cast<int>(*host.standing.rests_until - now)) + " s; then it is tried with one run"});
}

/// False: it rests already, or there is no other place.
bool Coordinator::rest(Standing& standing, const std::vector<int>& ranks, double now) {
  const auto counted = static_cast<std::size_t>(std::ranges::count_if(ranks, [&](int rank) { return workers_.at(rank).counted; }));
  if (standing.rests_until || usable_ == counted) return false;
  if (!standing.in_doubt()) ++in_doubt_;
  if (!standing.on_trial) standing.tried.reset();
  standing.on_trial = false;
  standing.rests_until = now + options_.first_rest * std::pow(4, std::min(standing.rests++, longest_rest));
  for (const int rank : ranks) {
    workers_.at(rank).proven = false;
    list_one(workers_.at(rank));
  }
  return true;
}

void Coordinator::end_rest(Standing& standing, const std::vector<int>& ranks) {
  if (!standing.in_doubt()) return;
  --in_doubt_;
  standing.rests_until.reset();
  standing.tried.reset();
  standing.on_trial = false;
  for (const int rank : ranks) list_one(workers_.at(rank));
}

/// Who has rested long enough is tried with one run.
void Coordinator::end_rests(double now) {
  const auto try_again = [&](Standing& standing, const std::vector<int>& ranks, const std::string& name) {
    if (!standing.rests_until || *standing.rests_until > now) return;
    standing.rests_until.reset();
    standing.on_trial = true;
    for (const int rank : ranks) list_one(workers_.at(rank));
    act(Notice{name + " is tried again with one run"});
  };
  for (auto& [name, host] : hosts_) try_again(host.standing, host.ranks, "host " + name);
  for (auto& [rank, worker] : workers_) try_again(worker.standing, {rank}, "worker " + std::to_string(rank) + " on " + worker.host);
}

/// Where there is no other place left.
void Coordinator::end_all_rests() {
  for (auto& [name, host] : hosts_) end_rest(host.standing, host.ranks);
  for (auto& [rank, worker] : workers_) end_rest(worker.standing, {rank});
}

/// A member cannot write its window cache, which lies on a host's own disk in most places: that host rests, if others are left. False: none
/// is, or it was another file (a StorageError's text begins with its path).
bool Coordinator::rests_for_full_cache(const Group& group, double now) {
  const auto lies_in = [](const std::string& detail, const std::string& folder) { return !folder.empty() && detail.starts_with(folder); };
  bool all_rest = true;
  for (const auto& [rank, end] : group.ends) {
    Worker& worker = workers_.at(rank);
    if (end.reason != "storage") continue;
    if (!lies_in(end.detail, options_.cache_directory) || lies_in(end.detail, options_.store_directory)) return false;
    runs_[group.run].failed_hosts.insert(worker.host);
    if (rest(worker.home->standing, worker.home->ranks, now))
      act(Notice{"host " + worker.host + ": " + end.detail + "; it gets no work for " +
                 std::to_string(static_cast<int>(*worker.home->standing.rests_until - now)) + " s, its runs go elsewhere"});
    all_rest = all_rest && worker.home->standing.rests_until;
  }
  return all_rest;
}

} // namespace stdualx
