// The shipped sweeps on the real recordings: each run that they plan has a split.
#include "data_fixtures.h"
#include "sweep_fixture.h"

#include <gtest/gtest.h>

#include "experiments/split.h"

#include <cstdlib>
#include <filesystem>

namespace stdualx::sweep_tests {
namespace {

class ShippedSweepOnRealData : public testing::TestWithParam<std::string> {};

TEST_P(ShippedSweepOnRealData, PlansRunsThatEachHaveASplit) {
  const char* asked = std::getenv("STDUALX_DATA");
  const std::filesystem::path source = STDUALX_SOURCE_DIR;
  DataPaths paths;
  paths.data_directory = asked != nullptr ? std::filesystem::path(asked) : source.parent_path() / "shared" / "data";
  paths.cache_directory = std::filesystem::path(STDUALX_BUILD_DIR) / "tests" / "window_caches";
  const Sweep sweep = load_sweep(source / "experiments" / "sweeps" / (GetParam() + ".json"));
  ASSERT_EQ(sweep.parts.size(), 1u);
  const SweepPart& part = sweep.parts[0];
  const test::TemporaryFolder folder;
  if (part.dataset == "watch") { // written on demand, from the package that cluster/bootstrap.sh fetches
    paths.data_directory = folder.path();
    const std::string command = "'" + (source / ".venv/bin/python").string() + "' '" +
                                (source / "experiments/datasets/watch_to_csv.py").string() + "' '" + (folder.path() / "watch").string() +
                                "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  try {
    find_dataset(part.dataset, paths);
  } catch (const InputError& error) {
    if (std::getenv("CI") != nullptr) FAIL() << error.what(); // CI has the recordings
    GTEST_SKIP() << error.what();
  }
  const Plan plan = make_plan(sweep, paths);
  const WindowSet windows = open_window_set(part.dataset, part.windows, paths);
  for (const PlannedRun& planned : plan.runs) {
    const RunSpec& run = planned.run;
    EXPECT_EQ(run.dataset_hash, windows.dataset_hash());
    const Split split = make_split(windows, run.protocol, run.fold);
    EXPECT_FALSE(split.train.empty());
    EXPECT_FALSE(split.test.empty());
    EXPECT_EQ(split.validation.empty(), !run.protocol.validation);
    if (!run.protocol.validation_people.empty()) {
      EXPECT_EQ(split.validation_people, run.protocol.validation_people);
    }
  }
  RecordProperty("runs", static_cast<int>(plan.runs.size()));
  RecordProperty("windows", static_cast<int>(windows.size()));
}

INSTANTIATE_TEST_SUITE_P(Sweeps, ShippedSweepOnRealData,
                         testing::Values("demo", "dsads", "pamap2_hand", "uci_har_official", "uci_har_random"),
                         [](const auto& test) { return test.param; });

} // namespace
} // namespace stdualx::sweep_tests
