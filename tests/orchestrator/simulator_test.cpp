// The coordinator on a simulated cluster: what it promises at a scale.
#include "orchestrator/simulator.h"

#include <gtest/gtest.h>

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
