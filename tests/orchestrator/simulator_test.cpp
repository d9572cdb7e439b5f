// The coordinator on a simulated cluster: what it promises at a scale.
#include "orchestrator/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace stdualx {
namespace {

Simulation small() {
  Simulation simulation;
  simulation.workers = 200;
  simulation.runs = 20'000;
  return simulation;
}

TEST(Simulator, WithoutFailuresTheMakespanIsWithinThreePerCentOfTheBound) {
  const Simulated done = simulate(small());
  EXPECT_EQ(done.complete, 20'000);
  EXPECT_GE(done.makespan, done.bound);
  EXPECT_LE(done.makespan, 1.03 * done.bound);
}

TEST(Simulator, WithFailuresEveryRunEndsOnceOrIsQuarantinedAfterItsThirdFailure) {
  Simulation simulation = small();
  simulation.failures = 0.05;
  const Simulated done = simulate(simulation);
  EXPECT_EQ(done.complete + done.quarantined, 20'000);
  EXPECT_EQ(done.lost, 0);
  EXPECT_EQ(done.twice, 0);
  EXPECT_GT(done.attempts, 20'500) << "failures were drawn";
  EXPECT_LT(done.quarantined, 20) << "1 run in 8000 fails three times";
}

TEST(Simulator, StragglersCostNoMoreThanTheLastOfThem) {
  Simulation simulation = small();
  simulation.stragglers = 0.01;
  const Simulated done = simulate(simulation);
  EXPECT_EQ(done.complete, 20'000);
  EXPECT_LE(done.makespan, done.bound + done.longest);
}

TEST(Simulator, FillingUpBesideWaitingGroupsPaysOnASmallClusterAndCostsNoGroupItsTurn) {
  Simulation simulation = small();
  simulation.workers = 8;
  simulation.runs = 400;
  const Simulated filled = simulate(simulation);
  simulation.policy = SchedulePolicy::widest_longest;
  const Simulated unfilled = simulate(simulation);
  EXPECT_EQ(filled.complete, 400);
  EXPECT_LT(filled.makespan, 0.9 * unfilled.makespan);
  EXPECT_GT(filled.longest_wait, 0);
  EXPECT_LE(filled.longest_wait, filled.longest) << "a group waits for the runs that were there before it, and for no others";
}

/// Over seeds and shapes of clusters: no good run is lost and no good place blamed.
void expect_right_blame(double bad_runs, int bad_hosts, std::int64_t most_failures_until_found) {
  for (const auto& [hosts, workers_per_host] : {std::pair{2, 1}, std::pair{6, 1}, std::pair{4, 2}, std::pair{12, 8}})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      if (2 * bad_hosts > hosts) continue; // where most are bad nothing tells a bad run
      Simulation simulation;
      simulation.workers_per_host = workers_per_host;
      simulation.workers = hosts * workers_per_host;
      simulation.runs = 25 * simulation.workers;
      simulation.widest = std::min(workers_per_host, 2);
      simulation.bad_runs = bad_runs;
      simulation.bad_hosts = bad_hosts;
      simulation.seed = seed;
      const Simulated done = simulate(simulation);
      const std::string which =
          std::to_string(hosts) + " hosts of " + std::to_string(workers_per_host) + " workers, seed " + std::to_string(seed);
      EXPECT_EQ(done.wrongly_lost, 0) << which;
      EXPECT_EQ(done.lost, 0) << which;
      EXPECT_EQ(done.twice, 0) << which;
      EXPECT_EQ(done.quarantined, done.bad_runs) << which;
      EXPECT_EQ(done.wrongly_blamed, 0) << which;
      EXPECT_LE(done.failures_until_found, most_failures_until_found) << which;
      if (bad_hosts > 0) {
        EXPECT_GE(done.failures_on_bad_host, 1) << which;
      }
    }
}

TEST(Simulator, AFifthOfTheRunsIsBadAndNoGoodHostIsBlamedNorAGoodRunLost) { expect_right_blame(0.2, 0, 0); }
TEST(Simulator, OneBadHostIsFoundAfterThreeFailuresAndCostsNoRun) { expect_right_blame(0, 1, 3); }
TEST(Simulator, ABadHostIsFoundAmongBadRunsAndNeitherCostsAGoodRun) { expect_right_blame(0.2, 1, 3); }
TEST(Simulator, ThreeBadHostsAmongBadRunsCostNoGoodRun) { expect_right_blame(0.2, 3, 3); }

TEST(Simulator, BadRunsCostAlmostNoTime) {
  Simulation simulation = small();
  simulation.bad_runs = 0.2;
  const Simulated done = simulate(simulation);
  EXPECT_EQ(done.wrongly_lost, 0);
  EXPECT_LE(done.makespan, done.bound) << "which counts the work of the bad runs, too, that is never done";
}

TEST(Simulator, EqualSimulationsGiveEqualResults) {
  Simulation simulation = small();
  simulation.failures = 0.05;
  const Simulated first = simulate(simulation), second = simulate(simulation);
  EXPECT_EQ(first.makespan, second.makespan);
  EXPECT_EQ(first.attempts, second.attempts);
  simulation.seed = 2;
  EXPECT_NE(simulate(simulation).makespan, first.makespan);
}

TEST(Simulator, AGroupWiderThanTheClusterIsRefused) {
  Simulation simulation = small();
  simulation.workers = 4;
  EXPECT_THROW(simulate(simulation), InputError);
}

} // namespace
} // namespace stdualx
