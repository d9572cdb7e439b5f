// One frame of the display, as text.
#include "orchestrator/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

TEST(Progress, AFrameHasABarAndALineAWorkerAndFitsItsColumns) {
  Plan plan;
  PlannedRun planned;
  planned.run.training.epochs = 4;
  planned.run.variant = "without_csa";
  planned.run_id = run_identity(planned.run);
  plan.runs = {planned};
  CoordinatorOptions options;
  options.workers = 2;
  Coordinator coordinator(plan, {KnownRun{}}, options);
  coordinator.on_message(1, Message::of("ready", Placement{"host", 1, "cpu", "", 1}), 0);
  EpochReport report;
  report.run_id = planned.run_id;
  report.attempt = 1;
  report.epoch = 1;
  report.validation_accuracy = 0.875;
  report.windows = 300;
  report.wall_seconds = 2;
  coordinator.on_message(1, Message::of("epoch", report), 2);
  const auto lines = progress_frame(coordinator, 10, 120);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("25 %"));
  EXPECT_THAT(lines[0], HasSubstr("30 s left"));
  EXPECT_THAT(lines[1], HasSubstr("without_csa"));
  EXPECT_THAT(lines[1], HasSubstr("epoch 1/4"));
  EXPECT_THAT(lines[1], HasSubstr("87.50 %"));
  EXPECT_THAT(lines[1], HasSubstr("150 windows/s"));
  EXPECT_THAT(lines[2], HasSubstr("starting"));
  for (const auto& line : progress_frame(coordinator, 10, 40)) EXPECT_LE(line.size(), 40u);
}

TEST(Progress, AFrameFitsItsRowsAndSaysNothingOfAValidationPartThatIsNotThere) {
  Plan plan;
  PlannedRun planned;
  planned.run.world_size = 6;
  planned.run_id = run_identity(planned.run);
  plan.runs = {planned};
  CoordinatorOptions options;
  options.workers = 6;
  Coordinator coordinator(plan, {KnownRun{}}, options);
  for (int rank = 1; rank <= 6; ++rank) coordinator.on_message(rank, Message::of("ready", Placement{"host", 1, "cpu", "", 1}), 0);
  EpochReport report;
  report.run_id = planned.run_id;
  report.attempt = 1;
  report.epoch = 1;
  report.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  coordinator.on_message(1, Message::of("epoch", report), 2);
  const auto all = progress_frame(coordinator, 10, 120, 8);
  ASSERT_EQ(all.size(), 7u);
  EXPECT_THAT(all[6], HasSubstr("epoch 1/10")) << "each member of a group shows the group's epoch";
  EXPECT_THAT(all[1], testing::Not(HasSubstr("validation")));
  const auto few = progress_frame(coordinator, 10, 120, 6);
  ASSERT_EQ(few.size(), 5u);
  EXPECT_EQ(few[4], "and 3 more workers");
}

} // namespace
} // namespace stdualx
