// See simulator.h. A discrete-event loop around a Coordinator.
#include "orchestrator/simulator.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <random>
#include <stdexcept>

namespace stdualx {

namespace {

constexpr double seconds_of_epoch = 10, seconds_to_start = 0.4, sigma = 0.3, straggles = 10, seconds_between_ticks = 600;
constexpr double seconds_to_fail = 5; // at most, of what is bad
constexpr int ends = -1, first_epoch = -2;

struct Event {
  double when;
  std::int64_t number; // of equal moments the one that was planned first
  int rank;            // or `ends`, `first_epoch` of an assignment
  std::size_t assignment;
  bool operator<(const Event& other) const { return std::pair(when, number) > std::pair(other.when, other.number); }
};

class Cluster {
public:
  explicit Cluster(const Simulation& simulation)
      : simulation_(simulation), random_(simulation.seed),
        coordinator_(planned(), std::vector<KnownRun>(static_cast<std::size_t>(simulation.runs)), options()) {
    completions_.assign(durations_.size(), 0); // planned() has drawn them
  }

  Simulated run() {
    for (int rank = 1; rank <= simulation_.workers; ++rank) plan(seconds_to_start * uniform(), rank);
    double next_tick = seconds_between_ticks;
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.when;
      ++result_.events;
      if (event.rank >= 0) coordinator_.hear(event.rank, place(event.rank), now_);
      else if (event.rank == first_epoch) tell_epoch(attempts_[event.assignment], attempts_[event.assignment].resumed + 1);
      else end(event.assignment);
      carry_out();
      if (now_ >= next_tick) {
        coordinator_.on_tick(now_);
        carry_out();
        next_tick = now_ + seconds_between_ticks;
      }
    }
    if (!coordinator_.finished()) throw std::logic_error("the simulated job came to a stop with runs left to do");
    result_.bound = std::max(result_.longest, result_.work / simulation_.workers);
    result_.idle_share = 1 - busy_ / (result_.makespan * simulation_.workers);
    result_.longest_wait = coordinator_.longest_wait();
    result_.complete = static_cast<std::int64_t>(coordinator_.count(RunStatus::complete));
    result_.quarantined = static_cast<std::int64_t>(coordinator_.count(RunStatus::quarantined));
    for (const std::uint8_t completions : completions_) result_.twice += completions > 1;
    result_.lost = static_cast<std::int64_t>(durations_.size()) - result_.complete - result_.quarantined;
    result_.wrongly_lost = static_cast<std::int64_t>(durations_.size()) - result_.bad_runs - result_.complete;
    for (const auto& [host, failures] : failures_) {
      result_.failures_on_bad_host = std::max(result_.failures_on_bad_host, failures.all);
      result_.failures_until_found = std::max(result_.failures_until_found, failures.until_found);
    }
    return result_;
  }

private:
  double uniform() { return std::uniform_real_distribution<double>()(random_); }

  Plan planned() {
    Plan plan;
    plan.name = "simulated";
    plan.runs.resize(static_cast<std::size_t>(simulation_.runs));
    std::normal_distribution<double> normal(0, sigma);
    for (std::size_t i = 0; i < plan.runs.size(); ++i) {
      PlannedRun& planned = plan.runs[i];
      planned.run_id = std::to_string(i); // the coordinator asks for no more than that they differ
      planned.run.world_size = std::uniform_int_distribution<std::int64_t>(1, simulation_.widest)(random_);
      planned.run.training.epochs = std::uniform_int_distribution<std::int64_t>(20, 200)(random_);
      double seconds = static_cast<double>(planned.run.training.epochs) * seconds_of_epoch * std::exp(normal(random_));
      if (uniform() < simulation_.stragglers) seconds *= straggles;
      durations_.push_back(seconds);
      is_bad_.push_back(simulation_.bad_runs > 0 && uniform() < simulation_.bad_runs);
      result_.bad_runs += is_bad_.back();
      result_.longest = std::max(result_.longest, seconds);
      result_.work += seconds * static_cast<double>(planned.run.world_size);
    }
    return plan;
  }

  CoordinatorOptions options() const {
    CoordinatorOptions options;
    options.workers = simulation_.workers;
    options.policy = simulation_.policy;
    options.shortest_lease = options.start_lease = options.longest_pause = options.agent_lease = 1e12; // nobody hangs here
    return options;
  }

  int host_of(int rank) const { return (rank - 1) / simulation_.workers_per_host; }
  bool is_on_bad_host(int rank) const { return host_of(rank) < simulation_.bad_hosts; }
  std::string host_name(int host) const { return (host < simulation_.bad_hosts ? "bad" : "host") + std::to_string(host); }
  Placement place(int rank) const { return {host_name(host_of(rank)), rank, "cpu", "simulated", 1}; }

  void plan(double when, int rank, std::size_t assignment = 0) { events_.push({when, next_number_++, rank, assignment}); }

  void carry_out() {
    for (Action& action : coordinator_.take_actions()) {
      if (auto* send = std::get_if<Send>(&action)) {
        if (auto* assignment = std::get_if<Assignment>(&send->what); assignment != nullptr && assignment->index == 0) begin(*assignment);
      } else if (const auto* end = std::get_if<RecordEnd>(&action)) {
        if (end->end.reason == "complete") ++completions_[std::stoul(end->end.run_id)];
        result_.makespan = std::max(result_.makespan, now_);
      } else if (const auto* notice = std::get_if<Notice>(&action)) {
        result_.wrongly_blamed += notice->text.find("is to blame") != std::string::npos && notice->text.find("bad") == std::string::npos;
        for (auto& [host, failures] : failures_)
          failures.on_trial = failures.on_trial || notice->text.starts_with("host " + host_name(host) + " is tried again");
      }
    }
  }

  /// All members have it: the coordinator gives groups to idle workers only.
  void begin(const Assignment& assignment) {
    ++result_.attempts;
    const std::size_t run = std::stoul(assignment.run_id);
    for (const std::int64_t rank : assignment.ranks)
      if (is_on_bad_host(static_cast<int>(rank)))
        if (Failures& there = failures_[host_of(static_cast<int>(rank))]; !there.on_trial) there.until_found = there.all + 1;
    const auto epochs = static_cast<double>(assignment.run.training.epochs);
    const double whole = durations_[run], done = static_cast<double>(assignment.resume_epoch) / epochs;
    Attempt attempt{run, assignment.attempt, {}, -1, whole * (1 - done), 0, assignment.resume_epoch};
    for (const std::int64_t rank : assignment.ranks) attempt.ranks.push_back(static_cast<int>(rank));
    const auto culprit = std::ranges::find_if(attempt.ranks, [&](int rank) { return is_on_bad_host(rank); });
    if (is_bad_[run] || culprit != attempt.ranks.end()) {
      attempt.dies =
          is_bad_[run] ? attempt.ranks[std::uniform_int_distribution<std::size_t>(0, attempt.ranks.size() - 1)(random_)] : *culprit;
      attempt.seconds = seconds_to_fail * uniform();
    } else if (uniform() < simulation_.failures) {
      attempt.dies = attempt.ranks[std::uniform_int_distribution<std::size_t>(0, attempt.ranks.size() - 1)(random_)];
      attempt.seconds *= uniform();
      attempt.epoch = static_cast<std::int64_t>((done + attempt.seconds / whole) * epochs);
      if (attempt.epoch == assignment.resume_epoch) attempt.epoch = 0; // not one more
    }
    if (free_places_.empty()) {
      free_places_.push_back(attempts_.size());
      attempts_.emplace_back();
    }
    const std::size_t place = free_places_.back();
    free_places_.pop_back();
    const double epoch_seconds = whole / epochs;
    if ((simulation_.bad_runs > 0 || simulation_.bad_hosts > 0) && attempt.seconds > epoch_seconds)
      plan(now_ + epoch_seconds, first_epoch, place);
    plan(now_ + attempt.seconds, ends, place);
    attempts_[place] = std::move(attempt);
  }

  void end(std::size_t place_of_attempt) {
    const Attempt attempt = std::move(attempts_[place_of_attempt]);
    free_places_.push_back(place_of_attempt);
    busy_ += attempt.seconds * static_cast<double>(attempt.ranks.size());
    const std::string run_id = std::to_string(attempt.run);
    if (attempt.epoch > 0) tell_epoch(attempt, attempt.epoch);
    if (attempt.dies > 0 && is_on_bad_host(attempt.dies) && !is_bad_[attempt.run]) ++failures_[host_of(attempt.dies)].all;
    if (attempt.dies < 0) {
      EvaluationReport report;
      report.run_id = run_id;
      report.attempt = attempt.number;
      coordinator_.hear(attempt.ranks.front(), std::move(report), now_);
    }
    for (const int rank : attempt.ranks) {
      const bool died = rank == attempt.dies;
      if (died) {
        coordinator_.hear(rank, Starting{}, now_);
        plan(now_ + seconds_to_start, rank);
      }
      const char* const reason = attempt.dies < 0 ? "complete" : died ? "trainer_died" : "group_broken";
      coordinator_.hear(rank, AttemptEnd{run_id, attempt.number, reason, "", ""}, now_);
    }
  }

  struct Attempt;
  void tell_epoch(const Attempt& attempt, std::int64_t epoch) {
    EpochReport report;
    report.run_id = std::to_string(attempt.run);
    report.attempt = attempt.number;
    report.epoch = epoch;
    coordinator_.hear(attempt.ranks.front(), std::move(report), now_);
  }

  struct Failures { // of good runs on a bad host
    std::int64_t all = 0, until_found = 0;
    bool on_trial = false;
  };
  struct Attempt {
    std::size_t run = 0;
    std::int64_t number = 0;
    std::vector<int> ranks;
    int dies = -1; // rank
    double seconds = 0;
    std::int64_t epoch = 0; // the last one it recorded; 0: none
    std::int64_t resumed = 0;
  };

  Simulation simulation_;
  std::mt19937_64 random_;
  Simulated result_;
  std::vector<double> durations_; // by run
  std::vector<bool> is_bad_;
  std::map<int, Failures> failures_; // by host
  Coordinator coordinator_;
  std::priority_queue<Event> events_;
  std::vector<Attempt> attempts_;
  std::vector<std::size_t> free_places_; // in attempts_
  std::vector<std::uint8_t> completions_;
  std::int64_t next_number_ = 0;
  double now_ = 0, busy_ = 0;
};

} // namespace

Simulated simulate(const Simulation& simulation) {
  if (simulation.workers < simulation.widest || simulation.widest < 1 || simulation.runs < 1)
    throw InputError("a simulation needs runs, and as many workers as its widest group has ranks");
  const int good = simulation.workers_per_host < 1 ? 0 : simulation.workers - simulation.bad_hosts * simulation.workers_per_host;
  if (simulation.bad_hosts < 0 || good < simulation.widest)
    throw InputError("a simulation needs hosts with workers, and beside the bad ones as many workers as its widest group has ranks");
  return Cluster(simulation).run();
}

} // namespace stdualx
