// A job on a made-up cluster: the coordinator itself, with a clock, workers and durations that are drawn. It shows at what scale the
// schedule holds, and what each order of the queue costs.
#pragma once

#include "orchestrator/coordinator.h"

#include <cstdint>

namespace stdualx {

struct Simulation {
  int workers = 10'000;
  std::int64_t runs = 1'000'000;
  std::int64_t widest = 8; // groups of 1 to this many ranks, evenly
  double failures = 0;     // share of attempts in which a trainer dies midway
  double stragglers = 0;   // share of runs that take ten times as long as they should
  double bad_runs = 0;     // share of runs that fail within seconds wherever they are tried
  int bad_hosts = 0;       // on which every run fails within seconds
  int workers_per_host = 8;
  std::uint64_t seed = 1;
  SchedulePolicy policy = CoordinatorOptions().policy;
};

struct Simulated {
  double makespan = 0;     // seconds of the cluster's clock until the last run had ended
  double longest = 0;      // run
  double work = 0;         // worker seconds of all runs, each done once
  double bound = 0;        // max(longest, work / workers): no schedule is shorter
  double idle_share = 0;   // of all workers' time until the makespan
  double longest_wait = 0; // of a group for its ranks, Coordinator::longest_wait
  std::int64_t events = 0, attempts = 0;
  std::int64_t complete = 0, quarantined = 0;  // runs
  std::int64_t lost = 0, twice = 0;            // runs without an end, and with more than one completion
  std::int64_t bad_runs = 0, wrongly_lost = 0; // runs that fail everywhere; others that are not complete all the same
  std::int64_t wrongly_blamed = 0;             // hosts and workers that were told to be to blame and are not
  // Of good runs, on that bad host where there were most: after how many it got no more but trials, and how many there were in all (those
  // that were at work there meanwhile, too).
  std::int64_t failures_until_found = 0, failures_on_bad_host = 0;
};

/// Durations of a run: its epochs (20 to 200, known to the schedule) times 10 s times a factor (log-normal, sigma 0.3, unknown to it), and
/// ten times that for a straggler. A run whose trainer died goes on from its last whole epoch. A run of a job with bad
/// runs or hosts tells its first epoch, too. Equal simulations give equal results.
Simulated simulate(const Simulation& simulation);

} // namespace stdualx
