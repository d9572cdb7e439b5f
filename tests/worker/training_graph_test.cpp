// When a step is run, captured and replayed, by a stand-in for the device; and that a step can be captured: it asks for the same memory
// each time.
#include "training_fixture.h"
#include "worker/training/step_graph.h"
#include "worker/training/training.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace stdualx {
namespace {

/// Notes what is asked of it; a replay does what was captured.
class StandIn final : public GraphDevice {
public:
  StandIn(std::string& log, bool can_capture) : log_(log), can_capture_(can_capture) {}
  void run(const std::function<void()>& body) override {
    log_ += "r";
    body();
  }
  void capture(const std::function<void()>&) override {
    log_ += can_capture_ ? "c" : "x";
    if (!can_capture_) throw std::runtime_error("this cannot be captured");
  }
  void replay() override { log_ += "p"; }

private:
  std::string& log_;
  const bool can_capture_;
};

TEST(StepGraph, RunsThreeStepsThenCapturesAndReplays) {
  std::string log;
  int computed = 0;
  StepGraph graph(std::make_unique<StandIn>(log, true));
  for (int step = 0; step < 6; ++step) graph.run([&] { ++computed; });
  EXPECT_EQ(log, "rrrcppp");
  EXPECT_EQ(computed, 3);
  log.clear();
  graph.forget();
  for (int step = 0; step < 5; ++step) graph.run([&] { ++computed; });
  EXPECT_EQ(log, "rrrcpp") << "its memory is another: what was captured is of no use";
}

TEST(StepGraph, SaysOnceThatAStepCannotBeCapturedAndGoesOn) {
  testing::internal::CaptureStderr();
  for (int process = 0; process < 2; ++process) {
    std::string log;
    int computed = 0;
    StepGraph graph(std::make_unique<StandIn>(log, false));
    for (int step = 0; step < 6; ++step) graph.run([&] { ++computed; });
    EXPECT_EQ(log, "rrrx") << "it is not tried again";
    EXPECT_EQ(computed, 6);
  }
  const std::string said = testing::internal::GetCapturedStderr();
  static bool said_before = false; // by an earlier round of this test: once is once a process
  const std::string words = "this cannot be captured";
  const auto first = said.find(words);
  EXPECT_EQ(first == std::string::npos, said_before) << said;
  EXPECT_EQ(said.rfind(words), first) << said;
  said_before = true;
}

TEST(StepGraph, RunsEveryStepWhereThereIsNoSuchDevice) {
  int computed = 0;
  StepGraph graph(make_graph_device(at::kCPU));
  for (int step = 0; step < 6; ++step) graph.run([&] { ++computed; });
  EXPECT_EQ(computed, 6);
}

TEST(StepGraph, IsSwitchedOnByAVariable) {
  EXPECT_FALSE(graphs_wanted());
  ::setenv("STDUALX_GRAPHS", "1", 1);
  EXPECT_TRUE(graphs_wanted());
  ::setenv("STDUALX_GRAPHS", "0", 1);
  EXPECT_FALSE(graphs_wanted());
  ::setenv("STDUALX_GRAPHS", "off", 1);
  EXPECT_THROW(graphs_wanted(), InputError);
  ::unsetenv("STDUALX_GRAPHS");
}

/// The sizes of all memory that a thread asks for, in order.
class Allocations final : public c10::MemoryReportingInfoBase {
public:
  using c10::MemoryReportingInfoBase::reportMemoryUsage;
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override {
    if (size > 0) sizes.push_back(size);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::vector<std::int64_t> sizes;
};

template <class Body> std::vector<std::int64_t> allocations_of(const Body& body) {
  const auto noted = std::make_shared<Allocations>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, noted);
  body();
  return noted->sizes;
}

/// Of the halves of three steps whose batches differ in size.
void expect_same_memory(Training& training) {
  std::vector<std::int64_t> rows(32);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<std::vector<std::int64_t>> steps;
  for (std::uint32_t step = 1; step <= 6; ++step) {
    training.prepare(1, step, std::span(rows).first(26 + step));
    steps.push_back(allocations_of([&] { training.compute(); }));
  }
  ASSERT_GT(steps[3].size(), 100u);
  EXPECT_EQ(steps[4], steps[3]);
  EXPECT_EQ(steps[5], steps[3]);
}

RunSpec plain_run() {
  RunSpec run;
  run.training.precision = "float64"; // the plain layers, which are a GPU's
  run.training.batch_size = 32;
  return run;
}

TEST(AStepThatIsCaptured, AsksForTheSameMemoryEachTime) {
  const test::SyntheticWindows data;
  std::vector<std::int64_t> rows(40);
  std::iota(rows.begin(), rows.end(), 0);
  const auto communicator = make_single_communicator();
  Training training(plain_run(), data.windows(), rows, *communicator, at::kCPU);
  expect_same_memory(training);
}

TEST(AStepThatIsCaptured, AsksForTheSameMemoryEachTimeInAPack) {
  const test::SyntheticWindows data;
  std::vector<std::int64_t> rows(40);
  std::iota(rows.begin(), rows.end(), 0);
  const auto communicator = make_single_communicator();
  Turns turns([] { throw std::logic_error("nobody can go on"); });
  Pack pack(3, turns);
  Training training(plain_run(), data.windows(), rows, *communicator, at::kCPU);
  ASSERT_TRUE(training.join(pack));
  expect_same_memory(training);
}

} // namespace
} // namespace stdualx
