// The report's first table: the right interval for each protocol, the verdicts, and no leaking number alone.
#include "cells.h"
#include "fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "results/format.h"
#include "results/tables.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

RunSpec with_protocol(const std::string& kind, std::int64_t folds, std::int64_t fold, std::int64_t seed = 1) {
  RunSpec run = a_run(fold, seed);
  run.protocol.kind = kind;
  run.protocol.folds = folds;
  return run;
}

class AccuracyReport : public ::testing::Test {
protected:
  TemporaryFolder folder;
  Store store = Store::open_for_writing(folder / "results.db");
  void add(const RunSpec& run, std::int64_t right, std::int64_t count = 1000, std::int64_t people = 3) {
    store.register_sweep(a_plan({run}, "sweep of " + run_identity(run)));
    complete(store, run, right, count, people);
  }
  std::vector<TitledTable> report() {
    Reader reader(folder / "results.db");
    return accuracy_report(reader);
  }
};

TEST(Verdict, FollowsTheRulesOfTheDesign) {
  const auto of = [](double paper, double mean, double low, double high) { return verdict({paper, Interval{mean, low, high}}); };
  EXPECT_EQ(verdict({0.9, {}}), "NOT RUN");
  EXPECT_EQ(of(0.970, 0.972, 0.964, 0.980), "REPRODUCED");
  EXPECT_EQ(of(0.970, 0.972, 0.961, 0.983), "UNDERPOWERED") << "inside, but wider than one point to each side";
  EXPECT_EQ(of(0.970, 0.972, nan, nan), "UNDERPOWERED");
  EXPECT_EQ(of(0.970, 0.974, 0.972, 0.976), "WITHIN TOLERANCE");
  EXPECT_EQ(of(0.970, 0.966, 0.964, 0.968), "WITHIN TOLERANCE");
  EXPECT_EQ(of(0.970, 0.976, 0.974, 0.978), "BETTER");
  EXPECT_EQ(of(0.970, 0.900, 0.880, 0.920), "NOT REPRODUCED");
  EXPECT_EQ(of(0.970, 0.880, 0.800, 0.960), "NOT REPRODUCED") << "outside a wide interval is outside";
  EXPECT_EQ(verdict({0.970, Interval{0.970, 0.965, 0.975}, true, false}), "SUBSTITUTED DATA");
  EXPECT_EQ(verdict({0.0016, Interval{0.0016, 0.0015, 0.0017}, false, true}), "OTHER HARDWARE");
  EXPECT_EQ(verdict({0.970, std::nullopt, true, true}), "NOT RUN");
}

TEST(Verdict, AnIntervalConfirmsOnlyIfBothItsSidesAreShort) {
  const auto of = [](double low, double high) { return verdict({0.970, Interval{0.970, low, high}}); };
  EXPECT_EQ(of(0.961, 0.979), "REPRODUCED");
  EXPECT_EQ(of(0.958, 0.974), "UNDERPOWERED") << "1.2 points below, 0.4 above: near 100 % intervals are not symmetric";
  EXPECT_EQ(of(0.966, 0.982), "UNDERPOWERED");
}

TEST(Verdict, OfADifferenceNeedsAPAndEnoughSeeds) {
  EXPECT_EQ(difference_verdict(0.02, 0.049, false), "ABOVE");
  EXPECT_EQ(difference_verdict(-0.02, 0.049, false), "BELOW");
  EXPECT_EQ(difference_verdict(0.02, 0.05, false), "NO DIFFERENCE SHOWN");
  EXPECT_EQ(difference_verdict(0.02, 0.001, true), "UNDERPOWERED");
  EXPECT_EQ(difference_verdict(0.02, nan, false), "UNDERPOWERED") << "not tested is not the same as failed";
}

TEST(ProtocolWords, NameEveryProtocolAndTheNullClass) {
  EXPECT_EQ(protocol_words("official", 0), "official split by person");
  EXPECT_EQ(protocol_words("challenge", 0), "challenge split by session (people on both sides)");
  EXPECT_EQ(protocol_words("leave_one_person_out", 8), "leave one person out, 8 folds");
  EXPECT_EQ(protocol_words("leave_persons_out", 4, true), "leave persons out, 4 folds, with null class");
  EXPECT_EQ(protocol_words("random", 5), "random windows, 5 folds (overlapping windows leak)");
}

TEST_F(AccuracyReport, RunsWithAndWithoutTheNullClassAreRowsOfTheirOwn) {
  for (const bool null_class : {false, true})
    for (std::int64_t fold = 0; fold < 3; ++fold) {
      RunSpec run = with_protocol("leave_one_person_out", 3, fold);
      run.windows.null_class = null_class;
      add(run, null_class ? 800 : 950);
    }
  add(with_protocol("challenge", 0, 0), 900);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].text("protocol"), "challenge split by session (people on both sides)");
  EXPECT_EQ(rows[0].text("folds x seeds"), "1 x 1");
  EXPECT_EQ(rows[0].text("95 % low"), "—") << "three people of a publisher's choice are no sample";
  std::map<std::string, double> shares;
  for (const auto& row : {rows[1], rows[2]}) shares[row.text("protocol")] = row.share("ours (mean)");
  EXPECT_NEAR(shares.at("leave one person out, 3 folds"), 0.95, 1e-12);
  EXPECT_NEAR(shares.at("leave one person out, 3 folds, with null class"), 0.80, 1e-12);
  Reader reader(folder / "results.db");
  const TitledTable runs = runs_table(reader, {0});
  EXPECT_EQ(std::count_if(runs.table.rows.begin(), runs.table.rows.end(),
                          [](const auto& row) { return cell_text(row[3]) == "leave one person out, 3 folds, with null class"; }),
            3);
}

TEST_F(AccuracyReport, AnEmptyStoreSaysThatThePapersDataSetsWereNotRun) {
  const auto tables = report();
  ASSERT_EQ(tables.size(), 1u);
  ASSERT_EQ(tables[0].table.rows.size(), 3u);
  for (const auto* dataset : {"opportunity", "pamap2", "uci-har"}) {
    const auto rows = rows_of(tables[0], dataset);
    ASSERT_EQ(rows.size(), 1u) << dataset;
    EXPECT_EQ(rows[0].text("verdict"), "NOT RUN");
    EXPECT_EQ(rows[0].text("ours (mean)"), "—");
  }
  EXPECT_EQ(rows_of(tables[0], "uci-har")[0].text("paper"), "98.80 %");
}

TEST_F(AccuracyReport, FoldsGetTheCorrectedIntervalOverMeansOfTheirSeeds) {
  const std::int64_t right[3][2] = {{960, 970}, {940, 950}, {980, 960}};
  for (std::int64_t fold = 0; fold < 3; ++fold)
    for (std::int64_t seed = 1; seed <= 2; ++seed) add(with_protocol("leave_persons_out", 3, fold, seed), right[fold][seed - 1]);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  CrossedScores scores;
  for (const auto& of_seeds : right) scores.push_back({static_cast<double>(of_seeds[0]) / 1000, static_cast<double>(of_seeds[1]) / 1000});
  const Interval expected = logit_interval(0.96, crossed_spread(scores, 1000.0 / 100)); // the fixture's epochs trained on 100 windows
  EXPECT_NEAR(rows[0].share("ours (mean)"), 0.96, 1e-12);
  EXPECT_NEAR(rows[0].share("95 % low"), expected.low, 1e-12);
  EXPECT_NEAR(rows[0].share("95 % high"), expected.high, 1e-12);
  EXPECT_NEAR(rows[0].share("difference"), 0.96 - 0.988, 1e-12);
  EXPECT_EQ(rows[0].text("folds x seeds"), "3 x 2");
  EXPECT_EQ(rows[0].text("test windows overlapping training"), "25.00 %");
  EXPECT_EQ(rows[0].text("protocol"), "leave persons out, 3 folds");
  EXPECT_EQ(rows[0].text("verdict"), "UNDERPOWERED");
}

TEST_F(AccuracyReport, AnOfficialSplitDrawsItsTestPeopleAndSeeds) {
  for (std::int64_t seed = 1; seed <= 2; ++seed) add(with_protocol("official", 0, 0, seed), 1000 - 40 * seed, 1000, 9);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  std::vector<std::vector<Cluster>> people(9, std::vector<Cluster>(2)); // window i was worn by person i % 9, and the first are right
  for (std::int64_t seed = 1; seed <= 2; ++seed)
    for (std::int64_t i = 0; i < 1000; ++i) {
      Cluster& person = people[static_cast<std::size_t>(i % 9)][static_cast<std::size_t>(seed - 1)];
      person.windows += 1;
      person.hits += i < 1000 - 40 * seed ? 1 : 0;
    }
  const Interval expected = logit_interval(0.94, crossed_spread(ratio_contributions(people)));
  EXPECT_NEAR(rows[0].share("ours (mean)"), 0.94, 1e-12);
  EXPECT_NEAR(rows[0].share("95 % low"), expected.low, 1e-12);
  EXPECT_NEAR(rows[0].share("95 % high"), expected.high, 1e-12);
  EXPECT_LT(expected.low, 0.80) << "two trainings four points apart";
  EXPECT_EQ(rows[0].text("folds x seeds"), "1 x 2");
  EXPECT_EQ(rows[0].text("protocol"), "official split by person");
  EXPECT_EQ(rows[0].text("verdict"), "UNDERPOWERED");
}

TEST_F(AccuracyReport, ARandomSplitNeverStandsWithoutThePersonWiseRowBesideIt) {
  for (std::int64_t fold = 0; fold < 3; ++fold) add(with_protocol("random", 3, fold), 4940 + fold / 2, 5000);
  const auto before = report();
  auto rows = rows_of(before[0], "uci-har");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0].text("protocol"), HasSubstr("by person"));
  EXPECT_EQ(rows[0].text("verdict"), "NOT RUN");
  EXPECT_EQ(rows[0].text("paper"), "98.80 %");
  EXPECT_THAT(rows[1].text("protocol"), HasSubstr("leak"));
  EXPECT_EQ(rows[1].text("verdict"), "REPRODUCED");

  add(with_protocol("official", 0, 0), 950, 1000, 9);
  const auto tables = report();
  rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text("protocol"), "official split by person");
  EXPECT_EQ(rows[0].text("ours (mean)"), "95.00 %");
}

TEST_F(AccuracyReport, AVariantRunOnRandomWindowsAloneGetsItsOwnMissingRow) {
  RunSpec ablated = with_protocol("random", 2, 0);
  ablated.variant = "without_csa";
  add(with_protocol("official", 0, 0), 950, 1000, 9);
  add(ablated, 970);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].text("variant"), "without_csa");
  EXPECT_EQ(rows[1].text("verdict"), "NOT RUN");
  EXPECT_EQ(rows[2].text("verdict"), "no paper value") << "the paper gives no accuracy of an ablation";
  EXPECT_EQ(rows[2].text("paper"), "—");
}

TEST_F(AccuracyReport, MissingFoldsAndRunsShow) {
  add(with_protocol("leave_persons_out", 3, 0), 990);
  add(with_protocol("leave_persons_out", 3, 1), 990);
  store.register_sweep(a_plan({with_protocol("leave_persons_out", 3, 2)}, "one more"));
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("folds x seeds"), "2 of 3 x 1, 2 of 3 runs");
  EXPECT_EQ(rows[0].text("verdict"), "UNDERPOWERED");
}

TEST_F(AccuracyReport, RegisteredRunsWithoutANumberAreNotRun) {
  store.register_sweep(a_plan({with_protocol("official", 0, 0)}));
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("verdict"), "NOT RUN");
}

TEST_F(AccuracyReport, ADataSetThatThePaperDoesNotNameHasNoPaperValue) {
  RunSpec run = with_protocol("official", 0, 0);
  run.dataset = "watch";
  add(run, 900, 1000, 10);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "watch");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("verdict"), "no paper value");
  EXPECT_EQ(rows[0].text("paper"), "—");
  EXPECT_EQ(rows[0].text("difference"), "—");
}

TEST_F(AccuracyReport, ClosedTestPartsStandInTheirOwnTableOnly) {
  RunSpec closed = with_protocol("official", 0, 0);
  closed.protocol.open_test = false;
  add(closed, 930);
  const auto tables = report();
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(rows_of(tables[0], "uci-har").at(0).text("verdict"), "NOT RUN");
  EXPECT_EQ(tables[1].title, "validation (choices are made here)");
  const auto rows = rows_of(tables[1], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("validation accuracy (mean)"), "93.00 %");
}

TEST_F(AccuracyReport, ValidationGroupsOfTheOfficialSplitAreItsFolds) {
  for (std::int64_t group = 0; group < 4; ++group) {
    RunSpec closed = with_protocol("official", 0, group);
    closed.protocol.open_test = false;
    for (std::int64_t person = 1; person <= group + 1; ++person)
      closed.protocol.validation_people.push_back(4 * group + person); // of different sizes
    if (group < 3) add(closed, 900 + 20 * group);
    else store.register_sweep(a_plan({closed}, "to come"));
  }
  const auto tables = report();
  const auto rows = rows_of(tables.at(1), "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("validation accuracy (mean)"), "92.00 %");
  EXPECT_EQ(rows[0].text("lowest"), "90.00 %");
  EXPECT_EQ(rows[0].text("folds x seeds"), "3 of 4 x 1, 3 of 4 runs");
}

TEST_F(AccuracyReport, FoldsOfUnequallyManySeedsWeighAlikeInMeanAndInterval) {
  // Two groups of validation people beside one test part: the first has one seed yet, the second three.
  const auto run = [](std::int64_t group, std::int64_t seed) {
    RunSpec spec = with_protocol("official", 0, group, seed);
    spec.protocol.validation_people = {group + 1};
    return spec;
  };
  add(run(0, 1), 1000, 1000, 9);
  for (std::int64_t seed = 1; seed <= 3; ++seed) add(run(1, seed), 900, 1000, 9);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_NEAR(rows[0].share("ours (mean)"), 0.95, 1e-12);
  EXPECT_LE(rows[0].share("95 % low"), 0.95);
  EXPECT_GE(rows[0].share("95 % high"), 0.95) << "a mean within its interval";
}

TEST_F(AccuracyReport, GroupsOfTwoSweepsAreDifferentFoldsThoughNumberedAlike) {
  for (const std::int64_t first_person : {1, 11})
    for (std::int64_t group = 0; group < 2; ++group) {
      RunSpec closed = with_protocol("official", 0, group);
      closed.protocol.open_test = false;
      closed.protocol.validation_people = {first_person + group};
      add(closed, first_person == 1 ? 900 : 940 + 20 * group);
    }
  const auto tables = report();
  const auto rows = rows_of(tables.at(1), "uci-har");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text("folds x seeds"), "4 x 1");
  EXPECT_EQ(rows[0].text("validation accuracy (mean)"), "92.50 %");
  EXPECT_EQ(rows[0].text("lowest"), "90.00 %");
  EXPECT_EQ(rows[0].text("highest"), "96.00 %");
}

TEST_F(AccuracyReport, ARandomSplitIsNotAloneInTheValidationTableEither) {
  for (std::int64_t fold = 0; fold < 2; ++fold) {
    RunSpec closed = with_protocol("random", 2, fold);
    closed.protocol.open_test = false;
    add(closed, 990);
  }
  const auto before = report();
  auto rows = rows_of(before.at(1), "uci-har");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0].text("protocol"), HasSubstr("by person"));
  EXPECT_EQ(rows[0].text("folds x seeds"), "not run");
  EXPECT_EQ(rows[0].text("validation accuracy (mean)"), "—");
  EXPECT_THAT(rows[1].text("protocol"), HasSubstr("leak"));
  EXPECT_EQ(rows[1].text("validation accuracy (mean)"), "99.00 %");

  RunSpec by_person = with_protocol("leave_persons_out", 3, 0);
  by_person.protocol.open_test = false;
  add(by_person, 930);
  const auto after = report();
  rows = rows_of(after.at(1), "uci-har");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text("protocol"), "leave persons out, 3 folds");
}

TEST_F(AccuracyReport, RecipesThatDifferInMoreThanNamesAreNotMixed) {
  RunSpec warm = with_protocol("official", 0, 0), cold = warm;
  cold.training.learning_rate = 0.0005;
  add(warm, 950, 1000, 9);
  add(cold, 900, 1000, 9);
  const auto tables = report();
  const auto rows = rows_of(tables[0], "uci-har");
  ASSERT_EQ(rows.size(), 2u);
  std::vector<std::string> words{rows[0].text("differs in") + " " + rows[0].text("ours (mean)"),
                                 rows[1].text("differs in") + " " + rows[1].text("ours (mean)")};
  std::sort(words.begin(), words.end());
  EXPECT_EQ(words, (std::vector<std::string>{"training.learning_rate=0.0005 90.00 %", "training.learning_rate=0.002 95.00 %"}));
}

TEST_F(AccuracyReport, EveryFormatTakesIt) {
  add(with_protocol("random", 3, 0), 988);
  for (const Format format : {Format::table, Format::csv, Format::json, Format::markdown, Format::latex})
    EXPECT_THAT(format_tables(report(), format), HasSubstr("NOT RUN"));
}

} // namespace
} // namespace stdualx
