// Results lead back: to a recording and a second of it, to the names of classes, to each class and person; own data without the paper.
#include "report_fixture.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Plan with_origins(const RunSpec& run) {
  Plan plan = a_plan({run});
  plan.datasets = {{run.dataset_hash, run.dataset, {"wrist"}, {"sitting", "walking"}}};
  WindowOrigins origins;
  origins.cut_id = cut_identity(run);
  origins.rate = 50;
  origins.recordings = {"monday", "monday", ""};
  origins.begins = {0, 12.5, 0};
  for (std::int64_t i = 0; i < 10; ++i) {
    origins.recording.push_back(i < 4 ? 0 : i < 8 ? 1 : 2);
    origins.starts.push_back(64 * (i % 4));
  }
  plan.origins = {origins};
  return plan;
}

TEST(PredictionsLeadBack, ToTheRecordingTheSecondAndTheNamesOfClasses) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "results.db";
  Store store = Store::open_for_writing(file);
  const RunSpec run = a_run();
  store.register_sweep(with_origins(run));
  store.register_sweep(with_origins(run)); // a second time, as when a job goes on
  complete(store, run);
  Reader reader(file);
  const auto row = [&](int window) {
    return reader.query("SELECT recording, start, class, predicted_class FROM v_predictions WHERE window = " + std::to_string(window))
        .rows.at(0);
  };
  EXPECT_EQ(row(2), (std::vector<Cell>{std::string("monday"), Real{2.56}, std::string("sitting"), std::string("sitting")}));
  EXPECT_EQ(row(5), (std::vector<Cell>{std::string("monday"), Real{12.5 + 1.28}, std::string("walking"), std::string("walking")}));
  EXPECT_EQ(row(9), (std::vector<Cell>{std::string("2"), Real{1.28}, std::string("walking"), std::string("sitting")})) << "by its number";
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_predictions"), 10) << "each once";
  EXPECT_EQ(text_at(reader, "SELECT class || ' as ' || predicted_class FROM v_confusion WHERE label <> predicted"), "walking as sitting");
}

TEST(PredictionsLeadBack, RunsPlannedBeforeThatWasKeptHaveNoRecording) {
  const TemporaryFolder folder;
  Store store = Store::open_for_writing(folder / "results.db");
  store.register_sweep(a_plan({a_run()}));
  complete(store, a_run());
  Reader reader(folder / "results.db");
  EXPECT_EQ(reader.query("SELECT DISTINCT recording, start, class FROM v_predictions WHERE label = 0").rows,
            (std::vector<std::vector<Cell>>{{std::monostate{}, std::monostate{}, std::string("class 0")}}));
}

TEST(PredictionsLeadBack, AMergedStoreLeadsBackThoughItNumbersOtherwise) {
  const TemporaryFolder folder;
  const RunSpec ours = a_run();
  RunSpec theirs = a_run();
  theirs.dataset_hash = std::string(32, 'f');
  {
    Store other = Store::open_for_writing(folder / "other.db");
    other.register_sweep(with_origins(theirs));
    complete(other, theirs);
  }
  Store store = Store::open_for_writing(folder / "results.db");
  Plan plan = with_origins(ours);
  plan.origins[0].recordings = {"tuesday", "tuesday", "tuesday"};
  store.register_sweep(plan);
  complete(store, ours);
  store.merge(folder / "other.db", [](const std::string&, const std::string&, const std::string&) { return ""; });
  Reader reader(folder / "results.db");
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_predictions WHERE recording = 'tuesday' AND run_id = '" + run_identity(ours) + "'"),
            10);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_predictions WHERE recording = 'monday' AND run_id = '" + run_identity(theirs) + "'"),
            8);
}

TEST_F(Report, ClassesAreScoredOverAllAndByPersonWhereTheyAreAskedFor) {
  add(a_network("stdual_x", 0), 901); // wrong: 49 windows of sitting, 50 of walking
  const auto made = tables({"classes"});
  ASSERT_EQ(made.size(), 2u);
  const Row sitting = row_of(made[0], {{"class", "sitting"}});
  EXPECT_NEAR(sitting.share("precision"), 451.0 / 501, closeness);
  EXPECT_NEAR(sitting.share("recall"), 451.0 / 500, closeness);
  EXPECT_NEAR(sitting.share("F1"), 902.0 / 1001, closeness);
  EXPECT_EQ(sitting.text("windows"), "500");
  // Person 1 has every seventh window; of those from 903 on, 7 of sitting and 7 of walking are wrong.
  const Row walking = row_of(made[1], {{"person", "1"}, {"class", "walking"}});
  EXPECT_EQ(walking.text("windows"), "71");
  EXPECT_NEAR(walking.share("recall"), 64.0 / 71, closeness);
  EXPECT_EQ(rows_of(made[1], Wanted{{"class", "walking"}}).size(), 7u);
  for (const TitledTable& table : tables({})) EXPECT_NE(table.title, "classes") << "a row a class and person, only where it is asked for";
}

TEST_F(Report, OwnRecordingsStandWithoutThePapersClaims) {
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    add(a_network("stdual_x", fold, "gym"), 900 + fold);
    add(a_network("without_csa", fold, "gym"), 880 + fold);
  }
  for (const TitledTable& table : tables({})) {
    EXPECT_THAT(table.title, Not(HasSubstr("paper")));
    EXPECT_THAT(table.table.columns, Not(Contains("paper"))) << table.title;
    for (const std::string& note : table.notes) EXPECT_THAT(note, Not(HasSubstr("paper"))) << table.title;
    for (const auto& row : table.table.rows) {
      EXPECT_EQ(row.size(), table.table.columns.size()) << table.title;
      EXPECT_THAT(cell_text(row.at(0)), HasSubstr("gym")) << table.title;
    }
  }
  add(a_network("stdual_x", 0), 950); // of uci-har
  EXPECT_EQ(tables({}).at(0).title, "claims of the paper");
}

} // namespace
} // namespace stdualx
