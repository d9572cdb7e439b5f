// Packs: runs of one shape go to one worker together, others do not, and a pack's trainer that dies is held against no run for long.
#include "coordinator_bench.h"

#include <gmock/gmock.h>

#include <functional>

namespace stdualx {
namespace {

/// `runs` of one shape, which differ in their seeds.
Plan packed_plan(std::size_t runs, std::int64_t pack) {
  Plan plan = plan_of(std::vector<std::int64_t>(runs, 1));
  for (PlannedRun& planned : plan.runs) planned.pack = pack;
  return plan;
}

void change(PlannedRun& planned, const std::function<void(RunSpec&)>& how) {
  how(planned.run);
  planned.run_id = run_identity(planned.run);
}

void end_of(Bench& bench, int rank, const Assignment& assignment, const std::string& reason) {
  if (reason == "complete") {
    EvaluationReport report;
    report.run_id = assignment.run_id;
    report.attempt = assignment.attempt;
    bench.tell(rank, Message::of("evaluation", report));
  }
  bench.tell(rank, Message::of("end", AttemptEnd{assignment.run_id, assignment.attempt, reason, "", ""}));
}

TEST(Packs, OfOneShapeGoToAWorkerTogetherAndAFreedPlaceIsFilled) {
  Bench bench(packed_plan(5, 3), 1);
  bench.ready(1);
  ASSERT_EQ(bench.assigned[1].size(), 3u);
  for (const Assignment& assignment : bench.assigned[1]) EXPECT_EQ(assignment.pack, 3);
  end_of(bench, 1, bench.assigned[1][1], "complete");
  EXPECT_EQ(bench.assigned[1].size(), 4u);
  for (const std::size_t i : {0u, 2u, 3u}) end_of(bench, 1, bench.assigned[1][i], "complete");
  end_of(bench, 1, bench.assigned[1].back(), "complete");
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
}

TEST(Packs, FillEveryWorker) {
  Bench bench(packed_plan(6, 2), 2);
  bench.ready(1);
  bench.ready(2);
  EXPECT_EQ(bench.assigned[1].size(), 2u);
  EXPECT_EQ(bench.assigned[2].size(), 2u);
}

TEST(Packs, LeaveThoseWhoAreNotReadyYetTheirShare) {
  Bench bench(packed_plan(8, 16), 4);
  for (const int rank : {1, 2, 3, 4}) bench.ready(rank);
  for (const int rank : {1, 2, 3, 4}) EXPECT_EQ(bench.assigned[rank].size(), 2u) << rank;
}

TEST(Packs, AreOfOneRunWhereASweepLeavesItOpenAndOnGpusTheirWidthIsPartOfThePlatform) {
  Bench cores(packed_plan(20, 0), 1);
  cores.ready(1);
  ASSERT_EQ(cores.assigned[1].size(), 1u);
  EXPECT_EQ(cores.last(1).pack, 1);
  Bench gpu(packed_plan(20, 16), 1);
  gpu.tell(1, Message::of("ready", Placement{"one", 1, "NVIDIA H100 GPU-1", "p", 1}));
  ASSERT_EQ(gpu.assigned[1].size(), 16u);
  EXPECT_EQ(gpu.last(1).pack, 16);
  std::vector<std::string> platforms;
  for (const Action& action : gpu.log)
    if (const auto* begun = std::get_if<RecordBegin>(&action)) platforms.push_back(begun->placement.platform);
  EXPECT_THAT(platforms, testing::Each("p, pack of 16")) << "the width decides bits there";
}

TEST(Packs, HoldRunsOfOneShapeAloneWhateverOrderTheyCameIn) {
  Plan plan = packed_plan(6, 4);
  change(plan.runs[1], [](RunSpec& run) { run.model.embedding = 8; });
  change(plan.runs[2], [](RunSpec& run) { run.model.architecture = "cnn"; });
  change(plan.runs[4], [](RunSpec& run) { run.training.label_smoothing = 0.3; });
  Bench bench(plan, 1);
  bench.ready(1);
  std::vector<std::string> taken;
  for (const Assignment& assignment : bench.assigned[1]) taken.push_back(assignment.run_id);
  EXPECT_THAT(taken, testing::ElementsAre(bench.run(0), bench.run(3), bench.run(4), bench.run(5)));
  for (int i = 0; i < 4; ++i) end_of(bench, 1, bench.assigned[1][static_cast<std::size_t>(i)], "complete");
  ASSERT_EQ(bench.assigned[1].size(), 5u) << "the network of another size, by itself";
  EXPECT_EQ(bench.last(1).run_id, bench.run(1));
  end_of(bench, 1, bench.last(1), "complete");
  EXPECT_EQ(bench.last(1).run_id, bench.run(2));
  EXPECT_EQ(bench.last(1).pack, 1) << "a baseline is no replica";
  end_of(bench, 1, bench.last(1), "complete");
  EXPECT_TRUE(bench.finished);
}

TEST(Packs, WhoseTrainerDiesAreTriedOneByOneAndTheGuiltyRunAloneIsQuarantined) {
  Bench bench(packed_plan(3, 3), 1);
  bench.ready(1);
  ASSERT_EQ(bench.assigned[1].size(), 3u);
  const std::string guilty = bench.assigned[1][1].run_id;
  bench.tell(1, {"starting", Json::object()});
  const std::vector<Assignment> pack = bench.assigned[1];
  for (const Assignment& assignment : pack) end_of(bench, 1, assignment, "trainer_died");
  bench.ready(1);
  for (int tries = 0; tries < 10 && !bench.finished; ++tries) {
    const Assignment assignment = bench.last(1);
    EXPECT_EQ(assignment.pack, 1);
    end_of(bench, 1, assignment, assignment.run_id == guilty ? "trainer_died" : "complete");
  }
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 2u);
  EXPECT_EQ(bench.coordinator.count(RunStatus::quarantined), 1u);
}

TEST(Packs, AllOfAPackDrain) {
  Bench bench(packed_plan(5, 3), 1);
  bench.ready(1);
  bench.coordinator.on_drain(bench.now);
  bench.take();
  EXPECT_EQ(bench.sent(1, "drain").size(), 1u);
  const std::vector<Assignment> pack = bench.assigned[1];
  for (const Assignment& assignment : pack) end_of(bench, 1, assignment, "drained");
  EXPECT_EQ(bench.assigned[1].size(), 3u);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

TEST(Packs, OfATrainerThatHangsEndTogether) {
  Bench bench(packed_plan(2, 2), 1);
  bench.ready(1);
  for (int i = 0; i < 31; ++i) { // the agent lives, the trainer makes no step
    bench.coordinator.on_message(1, Message::of("heartbeat", Heartbeat{0, 0}), bench.now);
    bench.tick(10);
  }
  EXPECT_EQ(bench.sent(1, "abandon").size(), 1u) << "the agent kills the one trainer, and tells the end of each";
  const std::vector<Assignment> pack = bench.assigned[1];
  for (const Assignment& assignment : pack) end_of(bench, 1, assignment, "lease_expired");
  bench.ready(1);
  EXPECT_EQ(bench.assigned[1].size(), 3u);
  EXPECT_EQ(bench.last(1).pack, 1);
}

} // namespace
} // namespace stdualx
