// Agents that do not answer, and runs that the job dies with.
#include "coordinator_bench.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LostAgent, ItsRunGoesElsewhereAndTheWordsSayWhy) {
  Bench bench(plan_of({1, 1, 1}), 2);
  bench.ready(1, "frozen");
  bench.ready(2, "well");
  const std::string run = bench.last(1).run_id;
  bench.live(60, {2});
  EXPECT_TRUE(bench.ends.empty());
  bench.live(40, {2});
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].reason, "lease_expired");
  EXPECT_THAT(bench.ends[0].detail, HasSubstr("the agent of rank 1 on frozen has not said a word for 9"));
  EXPECT_EQ(bench.sent(1, "abandon").size(), 1u) << "should it wake, it finds that";
  EXPECT_EQ(bench.coordinator.lost(), 1u);
  bench.complete(2);
  EXPECT_EQ(bench.last(2).run_id, run);
  bench.complete(2);
  bench.complete(2);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
  EXPECT_FALSE(bench.coordinator.agents_are_lost());
}

TEST(LostAgent, AnIdleOneIsLostTooAndOneThatNeverSaidAWord) {
  Bench bench(plan_of({1}), 3);
  bench.ready(2);
  bench.ready(3); // idle; 1 never comes
  bench.live(100, {2});
  EXPECT_EQ(bench.coordinator.lost(), 2u);
  bench.complete(2);
  EXPECT_TRUE(bench.finished);
}

TEST(LostAgent, OneThatHasNotSpokenYetIsSilentFromTheFirstTickOnAndNotSinceTheClockBegan) {
  Bench bench(plan_of({1}), 1);
  bench.now = 1e6;
  bench.tick(1);
  EXPECT_EQ(bench.coordinator.lost(), 0u);
}

TEST(LostAgent, TheOthersOfItsGroupWaitAndAreBlamedForNothing) {
  Bench bench(plan_of({3}), 4);
  for (const int rank : {1, 2, 3, 4}) bench.ready(rank, "host" + std::to_string(rank));
  bench.epoch(1, 1);
  for (int i = 0; i < 40; ++i) { // 2 is frozen; the trainers of 1 and 3 hang in a collective, their agents are well
    for (const int rank : {1, 3, 4}) bench.coordinator.on_message(rank, Message::of("heartbeat", Heartbeat{7, 0}), bench.now);
    bench.tick(2);
  }
  ASSERT_EQ(bench.sent(1, "abandon").size(), 0u);
  for (int i = 0; i < 14; ++i) {
    for (const int rank : {1, 3, 4}) bench.coordinator.on_message(rank, Message::of("heartbeat", Heartbeat{7, 0}), bench.now);
    bench.tick(2);
  }
  ASSERT_EQ(bench.sent(1, "abandon").size(), 1u);
  EXPECT_EQ(bench.sent(1, "abandon")[0].as<Abandon>().reason, "group_broken");
  bench.end(1, "group_broken");
  bench.end(3, "group_broken");
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].reason, "lease_expired");
  EXPECT_THAT(bench.ends[0].detail, HasSubstr("rank 2 on host2"));
  EXPECT_THAT(bench.last(1).ranks, ElementsAre(1, 3, 4));
  EXPECT_EQ(bench.last(1).resume_epoch, 1);
}

TEST(LostAgent, TimeInWhichTheCoordinatorItselfSleptDoesNotCount) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.tick(1);
  bench.tick(5000);
  bench.tick(60);
  bench.tick(5000);
  EXPECT_EQ(bench.coordinator.lost(), 0u);
}

TEST(LostAgent, GroupsThatCannotBeHadWithoutItWait) {
  Bench bench(plan_of({2, 1}), 2);
  bench.ready(1, "frozen");
  bench.ready(2, "well");
  bench.live(100, {2});
  bench.live(14, {2});
  bench.end(2, "group_broken");
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 1u);
  EXPECT_EQ(bench.last(2).run_id, bench.run(1));
  bench.complete(2);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
  EXPECT_FALSE(bench.coordinator.agents_are_lost());
}

TEST(LostAgent, OneThatWakesGetsWorkOnceItHasEndedWhatWasTakenFromIt) {
  Bench bench(plan_of({1, 1, 1}), 2);
  bench.ready(1, "frozen");
  bench.ready(2, "well");
  const Assignment taken = bench.last(1);
  bench.live(100, {2});
  ASSERT_EQ(bench.coordinator.lost(), 1u);
  bench.tell(1, Message::of("heartbeat", Heartbeat{8, 0}));
  EXPECT_EQ(bench.assigned[1].size(), 1u);
  EXPECT_EQ(bench.coordinator.lost(), 1u) << "its trainer may still be at it";
  bench.tell(1, {"starting", Json::object()});
  bench.tell(1, Message::of("end", AttemptEnd{taken.run_id, taken.attempt, "lease_expired", "", ""}));
  EXPECT_EQ(bench.ends.size(), 1u) << "that attempt is over";
  EXPECT_EQ(bench.coordinator.lost(), 0u);
  EXPECT_EQ(bench.assigned[1].size(), 1u) << "its new trainer is not ready";
  bench.ready(1, "frozen");
  EXPECT_EQ(bench.assigned[1].size(), 2u);
  EXPECT_TRUE(bench.said("rank 1 on frozen answers again"));
  bench.tell(2, {"starting", Json::object()});
  bench.end(2, "trainer_died", "killed by signal 9");
  bench.tell(2, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "none starts", ""}));
  bench.complete(1);
  EXPECT_FALSE(bench.finished) << "the one that woke is left";
  EXPECT_EQ(bench.assigned[1].size(), 3u);
}

TEST(LostAgent, OneThatWokeMayMakeUpAGroupAgain) {
  Bench bench(plan_of({2, 1}), 3);
  bench.ready(1, "frozen");
  bench.ready(2, "two");
  bench.ready(3, "three");
  ASSERT_THAT(bench.last(2).ranks, ElementsAre(2, 3));
  const Assignment taken = bench.last(1);
  bench.live(100, {2, 3});
  ASSERT_EQ(bench.coordinator.lost(), 1u);
  bench.tell(1, {"starting", Json::object()});
  bench.tell(1, Message::of("end", AttemptEnd{taken.run_id, taken.attempt, "lease_expired", "", ""}));
  bench.ready(1, "frozen");
  bench.complete(1);
  bench.tell(2, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "none starts", ""}));
  bench.end(2, "trainer_died", "killed by signal 9");
  bench.end(3, "group_broken");
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 0u);
  EXPECT_THAT(bench.last(1).ranks, ElementsAre(1, 3));
}

TEST(LostAgent, OneThatWakesAndCannotStartATrainerStaysUnusable) {
  Bench bench(plan_of({1, 1, 1, 1}), 2);
  bench.ready(1, "frozen");
  bench.ready(2, "well");
  const Assignment taken = bench.last(1);
  bench.live(100, {2});
  bench.tell(1, {"starting", Json::object()});
  bench.tell(1, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "none starts", ""}));
  bench.tell(1, Message::of("end", AttemptEnd{taken.run_id, taken.attempt, "lease_expired", "", ""}));
  bench.ready(1, "frozen");
  EXPECT_EQ(bench.assigned[1].size(), 1u);
}

TEST(LostAgent, WhenAllAreLostTheJobIsToBeStartedAgain) {
  Bench bench(plan_of({1, 1}), 1);
  bench.ready(1);
  bench.tick(1);
  for (int i = 0; i < 12; ++i) bench.tick(9);
  EXPECT_TRUE(bench.finished);
  EXPECT_TRUE(bench.coordinator.agents_are_lost());
}

TEST(LostAgent, WithoutWorkLeftOrAfterADrainNothingIsStartedAgain) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.coordinator.on_drain(bench.now);
  bench.tick(1);
  for (int i = 0; i < 12; ++i) bench.tick(9);
  EXPECT_TRUE(bench.finished);
  EXPECT_FALSE(bench.coordinator.agents_are_lost());
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

TEST(Lease, AMemberThatStepsSpeaksForThoseThatWaitForIt) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  for (const int rank : {1, 2}) bench.coordinator.on_message(rank, Message::of("heartbeat", Heartbeat{5, 0}), bench.now);
  for (std::int64_t i = 0; i < 100; ++i) { // the first one evaluates, the other waits in the next collective
    bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{6 + i, 0}), bench.now);
    bench.coordinator.on_message(2, Message::of("heartbeat", Heartbeat{5, 0}), bench.now);
    bench.tick(4);
  }
  EXPECT_TRUE(bench.sent(2, "abandon").empty());
  bench.live(0, {});
  for (int i = 0; i < 20; ++i) { // then nobody steps
    for (const int rank : {1, 2})
      bench.coordinator.on_message(rank, Message::of("heartbeat", Heartbeat{rank == 1 ? 105 : 5, 0}), bench.now);
    bench.tick(4);
  }
  EXPECT_EQ(bench.sent(1, "abandon").size(), 1u);
  EXPECT_EQ(bench.sent(2, "abandon").size(), 1u);
}

// ---- runs that the job dies with

KnownRun crashed(std::int64_t crashes, const std::string& host = "one") {
  KnownRun known;
  known.status = RunStatus::interrupted;
  known.last_attempt = crashes;
  known.crashes = crashes;
  known.crash_hosts.assign(static_cast<std::size_t>(crashes), host);
  return known;
}

TEST(Suspect, ARunThatWasAtWorkInTwoCrashesIsTreatedAsAnyOther) {
  Bench bench(plan_of({1, 1}), 2, {crashed(2), crashed(2)});
  bench.ready(1);
  bench.ready(2);
  EXPECT_NE(bench.at(1), "");
  EXPECT_NE(bench.at(2), "");
}

TEST(Suspect, AfterThreeItIsTriedAloneUntilItsFirstEpoch) {
  Bench bench(plan_of({1, 1, 2}), 2, {KnownRun{}, crashed(3), KnownRun{}});
  EXPECT_TRUE(bench.said("is tried alone"));
  bench.ready(1);
  bench.ready(2);
  EXPECT_EQ(bench.at(1), bench.run(1));
  EXPECT_EQ(bench.at(2), "");
  bench.tick(1);
  EXPECT_EQ(bench.at(2), "");
  bench.epoch(1, 1);
  EXPECT_EQ(bench.at(1), bench.run(1)) << "cleared, it goes on";
  bench.complete(1);
  EXPECT_EQ(bench.at(1), bench.run(2));
  bench.complete(1);
  bench.end(2, "complete");
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
}

TEST(Suspect, SeveralAreTriedOneAfterTheOther) {
  Bench bench(plan_of({1, 1, 1}, 9), 2, {crashed(3), crashed(3), KnownRun{}});
  bench.ready(1);
  bench.ready(2);
  const std::string first = bench.at(1);
  EXPECT_EQ(first, bench.run(0));
  EXPECT_EQ(bench.at(2), "");
  bench.epoch(1, 1);
  EXPECT_EQ(bench.at(2), "") << "the other suspect must be alone, too";
  EXPECT_EQ(bench.sent(1, "drain").size(), 1u) << "so it makes room";
  bench.epoch(1, 2);
  bench.end(1, "drained");
  EXPECT_EQ(bench.at(1) + bench.at(2), bench.run(1));
  const int rank = bench.at(1).empty() ? 2 : 1;
  bench.epoch(rank, 1);
  EXPECT_NE(bench.at(3 - rank), "");
  EXPECT_TRUE(bench.sent(rank, "drain").size() == (rank == 1 ? 1u : 0u)) << "nobody else waits for that";
  EXPECT_EQ(bench.last(3 - rank).run_id, first);
  EXPECT_EQ(bench.last(3 - rank).resume_epoch, 2);
}

TEST(Suspect, OneThatCrashesAloneTooIsQuarantinedAndTheOthersGoOn) {
  Bench bench(plan_of({1, 1}), 1, {crashed(4), KnownRun{}});
  const auto status =
      std::find_if(bench.log.begin(), bench.log.end(), [](const Action& action) { return std::holds_alternative<RecordStatus>(action); });
  ASSERT_NE(status, bench.log.end());
  EXPECT_EQ(std::get<RecordStatus>(*status).status, RunStatus::quarantined);
  EXPECT_THAT(std::get<RecordStatus>(*status).why, HasSubstr("crashed 4 times"));
  bench.ready(1);
  EXPECT_EQ(bench.at(1), bench.run(1));
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Suspect, ItIsTriedWhereTheJobHasNotCrashedYet) {
  Bench bench(plan_of({1, 1}), 2, {crashed(3, "one"), KnownRun{}});
  bench.ready(1, "one");
  bench.ready(2, "two");
  EXPECT_EQ(bench.at(1), "");
  EXPECT_EQ(bench.at(2), bench.run(0));
}

TEST(Suspect, OneThatFailsAloneIsTriedAloneAgain) {
  Bench bench(plan_of({1, 1}), 2, {crashed(3), KnownRun{}});
  bench.ready(1);
  bench.ready(2);
  bench.end(1, "error", "as it goes");
  EXPECT_EQ(bench.at(1) + bench.at(2), bench.run(0));
}

TEST(Suspect, AnEvaluationThatKeepsCrashingIsGivenUpAndTheRunStaysComplete) {
  KnownRun known = crashed(4);
  known.status = RunStatus::complete;
  known.missing = {EvaluationSpec{"noise/10/1"}};
  known.weights = Artifact{"weights", "r/1/best.safetensors", "hash", 10};
  Bench bench(plan_of({1}), 1, {known});
  bench.ready(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Suspect, AGroupThatCannotBeHadWaitsAndKeepsNobody) {
  Bench bench(plan_of({3, 1}), 2, {crashed(3), KnownRun{}});
  bench.ready(1);
  bench.ready(2);
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 1u);
  EXPECT_NE(bench.at(1) + bench.at(2), "");
}

TEST(Suspect, AfterADrainTheNextIsNotTried) {
  Bench bench(plan_of({1, 1}), 1, {crashed(3), crashed(3)});
  bench.ready(1);
  bench.coordinator.on_drain(bench.now);
  bench.take();
  bench.end(1, "drained");
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.assigned[1].size(), 1u);
}

TEST(Suspect, ADrainTriesNone) {
  Bench bench(plan_of({1}), 1, {crashed(3)});
  bench.coordinator.on_drain(1);
  bench.take();
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

} // namespace
} // namespace stdualx
