// The coordinator's decisions, fed with events by hand: no clock, MPI or SQLite.
#include "coordinator_bench.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Coordinator, HandsOutEveryRunOnceAndFinishes) {
  Bench bench(plan_of({1, 1, 1}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.complete(1);
  bench.complete(1);
  EXPECT_FALSE(bench.finished);
  bench.complete(2);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 3u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
  std::set<std::string> runs;
  for (const auto& [rank, assignments] : bench.assigned)
    for (const auto& assignment : assignments) EXPECT_TRUE(runs.insert(assignment.run_id).second) << "handed out twice";
  EXPECT_EQ(runs.size(), 3u);
}

TEST(Coordinator, HandsOutSeveralRunsAtOnceWhereTheyLastMillisecondsAndNeverMoreThanHalfASecondsWorth) {
  for (const double seconds : {0.0002, 0.005, 0.019, 0.5}) { // a run; a worker does them one after the other
    Bench bench(plan_of(std::vector<std::int64_t>(2000, 1)), 1);
    bench.ready(1);
    std::size_t done = 0, most = 0;
    for (; done < 2000; ++done) {
      const std::size_t held = bench.assigned[1].size() - done;
      ASSERT_GT(held, 0u);
      most = std::max(most, held);
      bench.now += seconds;
      const Assignment next = bench.assigned[1].at(done);
      EvaluationReport report;
      report.run_id = next.run_id;
      report.attempt = next.attempt;
      bench.coordinator.on_message(1, Message::of("evaluation", report), bench.now);
      bench.coordinator.on_message(1, Message::of("end", AttemptEnd{next.run_id, next.attempt, "complete", "", ""}), bench.now);
      bench.take();
    }
    EXPECT_TRUE(bench.finished);
    EXPECT_LE(static_cast<double>(most) * seconds, std::max(0.51, seconds)) << seconds;
    EXPECT_EQ(most, seconds < 0.001 ? 256u : seconds < 0.01 ? 100u : seconds < 0.02 ? 26u : 1u);
  }
}

TEST(Coordinator, RecordsTheAttemptBeforeItHandsItOut) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  ASSERT_EQ(bench.log.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<RecordHost>(bench.log[0]));
  EXPECT_TRUE(std::holds_alternative<RecordBegin>(bench.log[1]));
  EXPECT_TRUE(std::holds_alternative<Send>(bench.log[2]));
}

TEST(Coordinator, ASecondWorkerOnAGpuOfAHostGetsNoWorkAndBothAreNamed) {
  Bench bench(plan_of({1, 1, 1, 1}), 4);
  const auto on = [&](int rank, const std::string& host, const std::string& device) {
    bench.tell(rank, Message::of("ready", Placement{host, 1, device, "p", 1}));
  };
  on(1, "one", "H100 GPU-aa");
  on(2, "one", "H100 GPU-aa");
  on(3, "one", "H100 GPU-bb");
  on(4, "two", "H100 GPU-aa"); // another host
  ASSERT_EQ(bench.notices.size(), 1u);
  EXPECT_THAT(bench.notices[0], HasSubstr("workers 2 and 1 on one have the same GPU (H100 GPU-aa)"));
  EXPECT_TRUE(bench.assigned.contains(1));
  EXPECT_FALSE(bench.assigned.contains(2));
  EXPECT_TRUE(bench.assigned.contains(3));
  EXPECT_TRUE(bench.assigned.contains(4));
  // Its trainer, started anew, is no second one beside itself.
  bench.tell(1, Message{"starting", Json::object()});
  bench.end(1, "trainer_died", "killed");
  on(1, "one", "H100 GPU-aa");
  EXPECT_EQ(bench.assigned[1].size(), 2u);
  on(2, "one", "H100 GPU-aa");
  EXPECT_FALSE(bench.assigned.contains(2));
}

TEST(Coordinator, WorkersOnCoresShareTheirHost) {
  Bench bench(plan_of({1, 1}), 2);
  bench.ready(1);
  bench.ready(2);
  EXPECT_TRUE(bench.notices.empty());
  EXPECT_TRUE(bench.assigned.contains(2));
}

TEST(Coordinator, RecordsTheDevicesOfAHost) {
  Bench bench(plan_of({1, 1}), 3);
  for (const auto& [rank, host] : {std::pair{1, "one"}, std::pair{2, "two"}, std::pair{3, "one"}})
    bench.tell(rank, Message::of("ready", Placement{host, 1, "H100 GPU-" + std::to_string(rank), "p", 1}));
  std::vector<std::string> devices;
  for (const Action& action : bench.log)
    if (const auto* record = std::get_if<RecordHost>(&action)) devices = record->devices;
  EXPECT_THAT(devices, ElementsAre("H100 GPU-1", "H100 GPU-3"));
}

TEST(Coordinator, RecordsAnEpochBeforeItAcknowledgesIt) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.log.clear();
  bench.epoch(1, 1);
  ASSERT_EQ(bench.log.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<RecordEpoch>(bench.log[0]));
  EXPECT_EQ(std::get<Send>(bench.log[1]).message().type, "acknowledge");
}

TEST(Coordinator, AWideGroupIsServedFirstAndOnFreeRanksOnly) {
  Bench bench(plan_of({1, 1, 2}), 2);
  bench.ready(1);
  EXPECT_TRUE(bench.assigned.empty()) << "a narrow run must not slip in before the group";
  bench.ready(2);
  EXPECT_THAT(bench.last(1).ranks, ElementsAre(1, 2));
  EXPECT_EQ(bench.last(2).index, 1);
  EXPECT_EQ(bench.last(1).group_id, bench.last(2).group_id);
}

TEST(Coordinator, AGroupEndsWhenAllItsMembersHaveEnded) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.complete(1);
  EXPECT_TRUE(bench.ends.empty());
  bench.end(2, "complete");
  EXPECT_EQ(bench.ends.size(), 1u);
  EXPECT_TRUE(bench.finished);
}

TEST(Coordinator, ABrokenGroupIsRecordedWithItsCauseAndGoesBackToTheQueue) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.epoch(1, 1);
  bench.end(2, "trainer_died", "killed by signal 9");
  bench.end(1, "group_broken");
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].reason, "trainer_died");
  EXPECT_EQ(bench.last(1).attempt, 2);
  EXPECT_EQ(bench.last(1).resume_epoch, 1);
  EXPECT_EQ(bench.last(2).resume_sha256, "hash 1");
}

TEST(Coordinator, AGroupThatBreaksWithoutACauseCountsAsAFailure) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(bench.finished);
    bench.end(1, "group_broken", "NCCL: unhandled system error");
    bench.end(2, "group_broken");
  }
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::quarantined);
  EXPECT_TRUE(bench.finished);
}

TEST(Coordinator, AWorkerGetsNothingWhileItsTrainerStartsAgain) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  const auto begun = [&] {
    return std::count_if(bench.log.begin(), bench.log.end(),
                         [](const Action& action) { return std::holds_alternative<RecordBegin>(action); });
  };
  bench.tell(1, {"starting", Json::object()});
  bench.end(1, "trainer_died", "killed by signal 9");
  EXPECT_EQ(begun(), 1);
  bench.tell(1, Message::of("ready", Placement{"one", 77, "cpu", "p", 8}));
  EXPECT_EQ(begun(), 2);
  const auto begin =
      std::find_if(bench.log.rbegin(), bench.log.rend(), [](const Action& action) { return std::holds_alternative<RecordBegin>(action); });
  EXPECT_EQ(std::get<RecordBegin>(*begin).placement.pid, 77) << "the new trainer's";
  EXPECT_EQ(std::get<RecordBegin>(*begin).placement.threads, 1) << "those that the run asks for";
}

TEST(Coordinator, AnUnusableWorkerEndsAJobThatHasNoOther) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.tell(1, {"starting", Json::object()});
  bench.end(1, "trainer_died", "killed by signal 9");
  bench.tell(1, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "no such library", ""}));
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Coordinator, MembersOfABrokenGroupThatDoNotNoticeAreKilled) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.end(2, "trainer_died", "killed by signal 9");
  const auto abandoned = [&] {
    std::vector<std::string> reasons;
    for (const auto& action : bench.log)
      if (const auto* send = std::get_if<Send>(&action); send != nullptr && send->message().type == "abandon") {
        EXPECT_EQ(send->rank, 1);
        reasons.push_back(send->message().as<Abandon>().reason);
      }
    return reasons;
  };
  for (int i = 0; i < 4; ++i) {
    bench.coordinator.on_tick(bench.now += 2);
    bench.take();
  }
  EXPECT_THAT(abandoned(), ElementsAre());
  for (int i = 0; i < 4; ++i) {
    bench.coordinator.on_tick(bench.now += 2);
    bench.take();
  }
  EXPECT_THAT(abandoned(), ElementsAre("group_broken"));
  bench.end(1, "group_broken");
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].reason, "trainer_died");
}

TEST(Coordinator, TheTimeThatTrainersWaitedIsWhatTheirAgentsSay) {
  Bench bench(plan_of({1, 1}), 2);
  bench.tell(1, Message::of("heartbeat", Heartbeat{0, 0.5}));
  bench.tell(2, Message::of("heartbeat", Heartbeat{0, 0.25}));
  bench.tell(1, Message::of("heartbeat", Heartbeat{3, 0.75}));
  EXPECT_EQ(bench.coordinator.waited_seconds(), 1.0);
}

TEST(Coordinator, ThreeFailuresQuarantineARunAndTheOthersGoOn) {
  Bench bench(plan_of({1, 1}), 1);
  bench.ready(1);
  const std::string bad = bench.last(1).run_id;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bench.last(1).run_id, bad);
    bench.end(1, "trainer_died", "killed by signal 11");
  }
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::quarantined);
  EXPECT_NE(bench.last(1).run_id, bad);
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Coordinator, ARunThatFailedSomewhereGoesElsewhere) {
  Bench bench(plan_of({1}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.end(1, "trainer_died", "killed by signal 9");
  EXPECT_EQ(bench.assigned[2].size(), 1u);
}

TEST(Coordinator, ALossThatIsNotFiniteIsNotRetried) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.end(1, "not_finite", "epoch 2, step 17");
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::failed);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
  EXPECT_THAT(bench.notices.back(), HasSubstr("epoch 2, step 17"));
}

TEST(Coordinator, ADamagedCheckpointIsSetAsideAndTheOneBeforeIsUsed) {
  KnownRun known{RunStatus::interrupted, 1, 4, 0, {{1, 3, "three", "hash 3"}, {1, 4, "four", "hash 4"}}};
  Bench bench(plan_of({1}, 6), 1, {known});
  bench.ready(1);
  EXPECT_EQ(bench.last(1).resume_path, "four");
  bench.end(1, "error", "checkpoint damaged: four");
  EXPECT_EQ(bench.last(1).resume_path, "three");
  EXPECT_EQ(bench.last(1).resume_epoch, 3);
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::interrupted);
  const bool dropped = std::any_of(bench.log.begin(), bench.log.end(), [](const Action& action) {
    const auto* drop = std::get_if<DropCheckpoint>(&action);
    return drop != nullptr && drop->checkpoint.epoch == 4;
  });
  EXPECT_TRUE(dropped);
}

TEST(Coordinator, WhatIsCompleteIsNotRunAgainAndAttemptsAreCountedOn) {
  Bench bench(plan_of({1, 1}), 1,
              {KnownRun{RunStatus::complete, 1, 2, 0, {}}, KnownRun{RunStatus::running, 4, 1, 0, {{4, 1, "one", "hash 1"}}}});
  bench.ready(1);
  EXPECT_EQ(bench.last(1).run_id, bench.coordinator.plan().runs[1].run_id);
  EXPECT_EQ(bench.last(1).attempt, 5);
  EXPECT_EQ(bench.last(1).resume_epoch, 1);
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
}

TEST(Coordinator, DrainHandsOutNothingMoreAndEndsWith75) {
  Bench bench(plan_of({1, 1, 1}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.coordinator.on_drain(10);
  bench.take();
  bench.end(1, "drained");
  bench.end(2, "drained");
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.assigned[1].size() + bench.assigned[2].size(), 2u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

TEST(Coordinator, StopRecordsWhatRanAsInterrupted) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.coordinator.on_stop(10);
  bench.take();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].reason, "stopped");
  EXPECT_EQ(bench.end_statuses[0], RunStatus::interrupted);
  EXPECT_TRUE(bench.finished);
}

TEST(Coordinator, ATrainerWithoutStepsIsTakenBackAfterItsLeaseAndASlowOneIsNot) {
  Bench bench(plan_of({1, 1}), 2);
  bench.ready(1);
  bench.ready(2);
  std::int64_t abandoned = 0;
  const auto count = [&] {
    for (const auto& action : bench.log)
      if (const auto* send = std::get_if<Send>(&action); send != nullptr && send->message().type == "abandon") abandoned = send->rank;
  };
  for (double now = 10; now < 200; now += 5) {
    if (now < 30) bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{static_cast<std::int64_t>(now)}), now);
    bench.coordinator.on_message(2, Message::of("heartbeat", Heartbeat{static_cast<std::int64_t>(now / 50)}), now); // a step in 50 s
    bench.coordinator.on_tick(now);
  }
  bench.take();
  count();
  EXPECT_EQ(abandoned, 1);
  bench.end(1, "lease_expired");
  bench.complete(2);
  EXPECT_EQ(bench.last(2).attempt, 2);
}

TEST(Coordinator, StepsOfAnotherTrainerAreNoStepAndOneThatHasEndedNeedsNone) {
  Bench bench(plan_of({2}), 2);
  bench.ready(1);
  bench.ready(2);
  bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{9}), 4);
  bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{0}), 5); // it began to count anew: no sign of work
  bench.end(2, "complete");
  bench.coordinator.on_tick(70);
  bench.take();
  std::vector<int> abandoned;
  for (const auto& action : bench.log)
    if (const auto* send = std::get_if<Send>(&action); send != nullptr && send->message().type == "abandon")
      abandoned.push_back(send->rank);
  EXPECT_THAT(abandoned, ElementsAre(1));
}

TEST(Coordinator, ItsOwnPauseExpiresNobody) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.coordinator.on_tick(2);
  bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{5}), 3);
  bench.coordinator.on_tick(3);
  bench.coordinator.on_tick(5000); // suspended in between
  bench.take();
  for (const auto& action : bench.log) {
    if (const auto* send = std::get_if<Send>(&action)) {
      EXPECT_NE(send->message().type, "abandon");
    }
  }
}

TEST(Coordinator, WithTooFewWorkersAGroupWaitsAndTheRestIsDone) {
  Bench bench(plan_of({4, 1}), 2);
  bench.ready(1);
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 1u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Coordinator, WordsOfAnAttemptThatIsOverDoNotCount) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  EpochReport report;
  report.run_id = bench.last(1).run_id;
  report.attempt = 99;
  report.epoch = 1;
  bench.log.clear();
  bench.tell(1, Message::of("epoch", report));
  EXPECT_TRUE(bench.log.empty());
  EXPECT_EQ(bench.coordinator.epochs_done(), 0);
}

TEST(Coordinator, NoRunIsCompleteWithoutItsEvaluation) {
  Bench bench(plan_of({1}), 1);
  bench.ready(1);
  bench.end(1, "complete");
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::interrupted);
  EXPECT_EQ(bench.last(1).attempt, 2);
  EvaluationReport damaged; // one that contradicts itself is none
  damaged.run_id = bench.last(1).run_id;
  damaged.attempt = 2;
  damaged.windows = {1, 2};
  bench.tell(1, Message::of("evaluation", damaged));
  bench.end(1, "complete");
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::interrupted);
  EXPECT_EQ(bench.last(1).attempt, 3);
}

/// A run of two ranks that is COMPLETE and is asked to be evaluated under a further condition.
std::vector<KnownRun> complete_but_for(const std::vector<EvaluationSpec>& missing, std::int64_t failures = 0) {
  KnownRun run;
  run.status = RunStatus::complete;
  run.last_attempt = 1;
  run.failures = failures;
  run.missing = missing;
  run.weights = Artifact{"weights", "r/1/best.safetensors", "hash", 10};
  return {run};
}

TEST(Coordinator, AFurtherConditionOfACompleteRunIsEvaluatedOnOneRankWithoutTraining) {
  Bench bench(plan_of({2}), 1, complete_but_for({{"noise/10/1"}}));
  EXPECT_NE(bench.coordinator.exit_status(), ExitStatus::done);
  bench.ready(1);
  const Assignment& assignment = bench.last(1);
  EXPECT_TRUE(assignment.evaluate_only);
  EXPECT_EQ(assignment.attempt, 2);
  EXPECT_EQ(assignment.ranks, std::vector<std::int64_t>{1});
  EXPECT_EQ(assignment.resume_path, "r/1/best.safetensors");
  EXPECT_EQ(assignment.resume_sha256, "hash");
  EXPECT_EQ(assignment.evaluations, std::vector<EvaluationSpec>{{"noise/10/1"}});
  const auto begin =
      std::find_if(bench.log.begin(), bench.log.end(), [](const Action& action) { return std::holds_alternative<RecordBegin>(action); });
  ASSERT_NE(begin, bench.log.end());
  EXPECT_EQ(std::get<RecordBegin>(*begin).kind, AttemptKind::evaluate);
  EXPECT_EQ(std::get<RecordBegin>(*begin).world_size, 1);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u) << "it stays COMPLETE meanwhile";
  bench.complete(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.end_statuses, std::vector<RunStatus>{RunStatus::complete});
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
}

TEST(Coordinator, AnEvaluationThatKeepsFailingIsGivenUpAndTheRunStaysComplete) {
  Bench bench(plan_of({1}), 1, complete_but_for({{"noise/10/1"}}));
  bench.ready(1);
  for (int i = 0; i < 3; ++i) bench.end(1, "error", "no such file");
  EXPECT_TRUE(bench.finished);
  EXPECT_THAT(bench.end_statuses, ElementsAre(RunStatus::complete, RunStatus::complete, RunStatus::complete));
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);

  Bench later(plan_of({1}), 1, complete_but_for({{"noise/10/1"}}, 3)); // until `retry` forgives it
  later.ready(1);
  EXPECT_FALSE(later.assigned.contains(1));
  EXPECT_EQ(later.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(Coordinator, AnEvaluationThatIsStoppedLeavesTheRunComplete) {
  Bench bench(plan_of({1}), 1, complete_but_for({{"noise/10/1"}}));
  bench.ready(1);
  bench.coordinator.on_stop(bench.now);
  bench.take();
  EXPECT_EQ(bench.end_statuses, std::vector<RunStatus>{RunStatus::complete});
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

} // namespace
} // namespace stdualx
