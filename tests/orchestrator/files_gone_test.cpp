// Weights and checkpoints that the store names and whose files are gone or damaged: what the coordinator does then.
#include "coordinator_bench.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

std::vector<KnownRun> complete_without_weights() {
  KnownRun run;
  run.status = RunStatus::complete;
  run.last_attempt = 1;
  run.epochs_recorded = 3;
  run.missing = {{"noise/10/1"}};
  run.gone_weights = "r/1/best.safetensors";
  return {run};
}

template <class What> std::vector<What> all_of(const std::vector<Action>& log) {
  std::vector<What> found;
  for (const Action& action : log)
    if (const auto* what = std::get_if<What>(&action)) found.push_back(*what);
  return found;
}

TEST(FilesGone, ACompleteRunWhoseWeightsAreGoneIsTrainedAgainByItsWholeGroupAndStaysComplete) {
  Bench bench(plan_of({2}, 3), 2, complete_without_weights());
  bench.ready(1);
  bench.ready(2);
  ASSERT_EQ(bench.notices.size(), 1u);
  EXPECT_THAT(bench.notices[0], HasSubstr("weights of 1 COMPLETE runs are gone (r/1/best.safetensors)"));
  ASSERT_EQ(all_of<LostWeights>(bench.log).size(), 1u);
  const Assignment& assignment = bench.last(1);
  EXPECT_FALSE(assignment.evaluate_only);
  EXPECT_EQ(assignment.ranks, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(assignment.resume_path, "");
  EXPECT_EQ(assignment.evaluations, (std::vector<EvaluationSpec>{{"clean"}, {"noise/10/1"}}));
  EXPECT_EQ(all_of<RecordBegin>(bench.log).at(0).kind, AttemptKind::train_again);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u);
  EXPECT_EQ(bench.coordinator.epochs_done(), 3);
  for (int epoch = 1; epoch <= 3; ++epoch) bench.epoch(1, epoch);
  EXPECT_EQ(bench.coordinator.epochs_done(), 3) << "the same epochs again";
  bench.evaluation(1);
  bench.end(1, "complete");
  bench.end(2, "complete");
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.end_statuses, std::vector<RunStatus>{RunStatus::complete});
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
}

TEST(FilesGone, ATrainingAgainThatWasInterruptedGoesOnFromItsCheckpoint) {
  std::vector<KnownRun> known = complete_without_weights();
  known[0].checkpoints = {{2, 1, "one", "hash 1"}, {2, 2, "two", "hash 2"}};
  Bench bench(plan_of({1}, 3), 1, known);
  bench.ready(1);
  EXPECT_EQ(bench.last(1).resume_path, "two");
  EXPECT_EQ(bench.last(1).resume_epoch, 2);
  bench.coordinator.on_stop(bench.now);
  bench.take();
  EXPECT_EQ(bench.end_statuses, std::vector<RunStatus>{RunStatus::complete});
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained) << "conditions are still missing";
}

TEST(FilesGone, WeightsThatATrainerDoesNotFindOrFindsDamagedCostNoFailure) {
  for (const std::string detail : {"weights gone: best.safetensors is not there", "weights damaged: its SHA-256 is another"}) {
    std::vector<KnownRun> known = complete_without_weights();
    known[0].weights = Artifact{"weights", "r/1/best.safetensors", "hash", 10};
    known[0].failures = 2; // one more would be the last
    Bench bench(plan_of({1}, 3), 1, known);
    bench.ready(1);
    EXPECT_TRUE(bench.last(1).evaluate_only);
    bench.end(1, "error", detail);
    EXPECT_EQ(bench.ends.back().reason, "stopped");
    EXPECT_FALSE(bench.last(1).evaluate_only);
    EXPECT_EQ(bench.last(1).attempt, 3);
    EXPECT_THAT(bench.notices.back(), HasSubstr(detail + "; it is trained again"));
    bench.complete(1);
    EXPECT_EQ(bench.end_statuses, (std::vector<RunStatus>{RunStatus::complete, RunStatus::complete}));
    EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
  }
}

TEST(FilesGone, ATrainingAgainWhoseConditionsAreRecordedIsDoneThoughItsEndDoesNotCome) {
  for (const bool stopped : {true, false}) {
    Bench bench(plan_of({1}, 3), 1, complete_without_weights());
    bench.ready(1);
    EvaluationReport report;
    report.run_id = bench.last(1).run_id;
    report.attempt = bench.last(1).attempt;
    report.condition = "noise/10/1";
    bench.tell(1, Message::of("evaluation", report));
    if (stopped) bench.coordinator.on_stop(bench.now);
    else bench.end(1, "trainer_died", "killed by signal 9 (Killed)");
    bench.take();
    EXPECT_TRUE(bench.finished);
    EXPECT_EQ(bench.assigned.at(1).size(), 1u) << "nothing is left to do";
    EXPECT_EQ(bench.end_statuses, std::vector<RunStatus>{RunStatus::complete});
    EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
  }
}

TEST(FilesGone, ARunThatCannotBeTrainedAgainForWantOfRanksStaysComplete) {
  Bench bench(plan_of({2}, 3), 1, complete_without_weights());
  bench.ready(1);
  EXPECT_TRUE(bench.finished);
  EXPECT_TRUE(all_of<RecordStatus>(bench.log).empty());
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 1u);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::runs_failed);
}

TEST(FilesGone, CheckpointsThatAreGoneAreDroppedAndNamedAndTheOneBeforeIsUsed) {
  KnownRun some{RunStatus::interrupted, 1, 4, 0, {{1, 3, "three", "hash 3"}}};
  some.gone = {{1, 4, "four", "hash 4"}};
  KnownRun all{RunStatus::interrupted, 1, 4, 0, {}};
  all.gone = {{1, 3, "three", "hash 3"}, {1, 4, "four", "hash 4"}};
  Bench bench(plan_of({1, 1}, 6), 2, {some, all});
  bench.ready(1);
  bench.ready(2);
  EXPECT_EQ(bench.last(1).resume_epoch, 3);
  EXPECT_EQ(bench.last(2).resume_epoch, 0);
  ASSERT_EQ(bench.notices.size(), 1u);
  EXPECT_THAT(bench.notices[0], HasSubstr("checkpoints of 2 unfinished runs are gone (four): 1 of them start anew"));
  const auto dropped = all_of<DropCheckpoint>(bench.log);
  ASSERT_EQ(dropped.size(), 3u);
  EXPECT_EQ(dropped[0].why, "checkpoint gone: four is not there");
}

} // namespace
} // namespace stdualx
