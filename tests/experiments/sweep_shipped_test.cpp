// The sweeps that come with the program, and the schema for editors.
#include "sweep_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace stdualx::sweep_tests {
namespace {

const std::filesystem::path experiments = std::filesystem::path(STDUALX_SOURCE_DIR) / "experiments";

Plan shipped(const std::string& name) { return make_plan(load_sweep(experiments / "sweeps" / name), facts_of); }

TEST(ShippedSweeps, AllLoadAndPlanAndAreNamedAsTheirFile) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(experiments / "sweeps")) {
    const Plan plan = make_plan(load_sweep(entry.path()), facts_of);
    EXPECT_EQ(plan.name, entry.path().stem().string());
    EXPECT_FALSE(plan.runs.empty());
    ++count;
  }
  EXPECT_GE(count, 3);
}

TEST(ShippedSweeps, TheDemoIsTenRunsOneOfThemOnTwoRanks) {
  const Plan plan = shipped("demo.json");
  EXPECT_EQ(plan.runs.size(), 10u);
  EXPECT_EQ(plan.runs[0].run.world_size, 2);
  EXPECT_EQ(std::count_if(plan.runs.begin(), plan.runs.end(), [](const PlannedRun& planned) { return planned.run.world_size == 2; }), 1);
  for (const auto& planned : plan.runs) EXPECT_EQ(planned.run.training.epochs, 5);
}

// A run's row stands beside the paper's only where both spell the data set alike.
TEST(ShippedSweeps, TheOfficialSplitIsOfADataSetThatThePaperNames) {
  std::ifstream stream(experiments.parent_path() / "results" / "paper_values.json");
  const Json text = Json::parse(stream);
  const Json& values = text.is_array() ? text : text.begin().value();
  EXPECT_TRUE(std::any_of(values.begin(), values.end(),
                          [](const Json& value) { return value["dataset"] == shipped("uci_har_official.json").runs[0].run.dataset; }));
}

TEST(ShippedSweeps, TheOfficialSplitOpensItsTestPartOnlyWhereNothingIsChosen) {
  const Plan plan = shipped("uci_har_official.json");
  ASSERT_EQ(plan.runs.size(), 5u);
  for (const auto& planned : plan.runs) EXPECT_NE(planned.run.protocol.validation, planned.run.protocol.open_test);
}

TEST(ShippedSweeps, ARandomSplitStandsBesideFoldsOfPeople) {
  for (const auto& entry : std::filesystem::directory_iterator(experiments / "sweeps")) {
    std::map<std::string, std::map<std::string, int>> kinds; // by data set
    for (const SweepPart& part : load_sweep(entry.path()).parts)
      for (const auto& protocol : part.protocols) ++kinds[part.dataset][protocol.spec.kind == "random" ? "random" : "by person"];
    for (auto& [dataset, counts] : kinds) EXPECT_LE(counts["random"], counts["by person"]) << entry.path() << " " << dataset;
  }
}

TEST(SweepSchema, IsTheShippedFile) {
  std::ifstream stream(experiments / "sweep.schema.json");
  const Json shipped_schema = Json::parse(stream, nullptr, false);
  if (shipped_schema == sweep_schema()) return;
  const auto wanted = std::filesystem::path(STDUALX_BUILD_DIR) / "sweep.schema.json";
  std::ofstream(wanted) << sweep_schema().dump(2) << "\n";
  FAIL() << "a field has changed: copy " << wanted << " over experiments/sweep.schema.json";
}

TEST(SweepSchema, KnowsEveryKeyThatTheReaderKnows) {
  const Json properties = sweep_schema()["properties"];
  for (const char* key : {"name", "dataset", "preset", "windows", "fixed", "grid", "zip", "random", "variants", "protocols", "folds",
                          "seeds", "conditions", "resources", "parts"})
    EXPECT_TRUE(properties.contains(key)) << key;
  EXPECT_EQ(properties.size(), 18u); // and $schema, description
}

} // namespace
} // namespace stdualx::sweep_tests
