// `compare`: who is beside whom, by how much they differ, and what is said where there is nothing to compare.
#include "cells.h"
#include "fixture.h"

#include <gmock/gmock.h>

#include <cmath>

#include "results/tables.h"

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Compare : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  Store store = Store::open_for_writing(file);

  std::string add(const RunSpec& run, std::int64_t right, const std::string& sweep) {
    store.register_sweep(a_plan({run}, sweep));
    complete(store, run, right, 100);
    return run_identity(run);
  }
  static RunSpec without_csa(RunSpec run) {
    run.variant = "without_csa";
    run.model.cross_sensor_attention = false;
    return run;
  }
  std::vector<TitledTable> compared(const std::string& first, const std::string& second) {
    Reader reader(file);
    return compare(reader, first, second);
  }
};

TEST_F(Compare, VariantsArePairedByFoldAndSeed) {
  for (std::int64_t seed = 1; seed <= 3; ++seed) // all alike, so they add nothing to the folds' spread
    for (std::int64_t fold = 0; fold < 3; ++fold) {
      add(a_run(fold, seed), 90, "whole " + std::to_string(3 * seed + fold));
      add(without_csa(a_run(fold, seed)), 90 - 4 * (fold + 1), "ablated " + std::to_string(3 * seed + fold)); // 86, 82, 78
    }
  add(a_run(0, 4), 50, "a seed that the other has not");
  const auto tables = compared("stdual_x", "without_csa");
  ASSERT_EQ(tables.size(), 2u);
  const Row row = row_of(tables[0], {{"data set", "uci-har"}});
  EXPECT_EQ(row.text("part"), "test");
  EXPECT_EQ(row.text("accuracy of first"), "90.00 %");
  EXPECT_EQ(row.text("accuracy of second"), "82.00 %");
  EXPECT_NEAR(row.share("difference (mean)"), 0.08, 1e-9);
  const double deviation = 0.04 * std::sqrt(1.0 / 3 + 100.0 / 100), t = 0.08 / deviation; // 100 test windows, 100 of training
  EXPECT_NEAR(row.real("p"), 1 - t / std::sqrt(t * t + 2), 1e-9);
  EXPECT_NEAR(row.share("95 % low"), 0.08 - 4.302652729911275 * deviation, 1e-9);
  EXPECT_EQ(row.text("verdict"), "NO DIFFERENCE SHOWN");
  EXPECT_EQ(row.text("windows only first has right"), "24") << "4 + 8 + 12";
  EXPECT_EQ(row.text("only second"), "0");
  EXPECT_NEAR(row.real("p (McNemar)"), 2 * std::pow(0.5, 24), 1e-15);
  EXPECT_EQ(row.text("people"), "3");
  EXPECT_NEAR(row.real("p (Wilcoxon, people)"), 0.25, 1e-9) << "three of one sign: 2 / 2^3";
  ASSERT_EQ(tables[1].table.rows.size(), 2u);
  EXPECT_EQ(row_of(tables[1], {{"field", "/model/cross_sensor_attention"}}).text("second's"), "false");
  EXPECT_EQ(row_of(tables[1], {{"field", "/variant"}}).text("first's"), "\"stdual_x\"");
}

TEST_F(Compare, ASideIsASweepARecipeOrARun) {
  RunSpec slow = a_run(), fast = a_run();
  slow.training.learning_rate = 0.001;
  fast.training.learning_rate = 0.01;
  const std::string slow_id = add(slow, 90, "slow"), fast_id = add(fast, 80, "fast");
  add(without_csa(slow), 88, "slow ablated");
  for (const auto& [first, second] :
       std::vector<std::pair<std::string, std::string>>{{"slow", "fast"}, {slow_id.substr(0, 12), fast_id}, {slow_id, "fast"}}) {
    const auto tables = compared(first, second);
    ASSERT_EQ(tables[0].table.rows.size(), 1u);
    EXPECT_EQ(cell_text(tables[0].table.rows[0][7]), "+10.00 points");
  }
  Reader reader(file);
  const std::string recipe = text_at(reader, "SELECT recipe_id FROM runs WHERE run_id = '" + slow_id + "'");
  EXPECT_EQ(compared(recipe.substr(0, 8), "fast")[0].table.rows.size(), 1u);
  // Beside each recipe the one that differs least: the ablation's own learning rate.
  const auto tables = compared("without_csa", "stdual_x");
  ASSERT_EQ(tables[0].table.rows.size(), 1u);
  EXPECT_EQ(cell_text(tables[0].table.rows[0][7]), "-2.00 points");
}

TEST_F(Compare, TwoSweepsThatShareRecipesShowEachPairOnce) {
  RunSpec slow = a_run(), fast = a_run();
  slow.training.learning_rate = 0.001;
  fast.training.learning_rate = 0.01;
  std::vector<RunSpec> runs;
  for (std::int64_t seed = 1; seed <= 2; ++seed)
    for (RunSpec run : {slow, fast}) {
      run.seed = seed;
      runs.push_back(run);
      add(run, run.training.learning_rate < 0.005 ? 90 : 80, "sweep of " + run_identity(run));
    }
  store.register_sweep(a_plan({runs[0], runs[1]}, "one seed"));
  store.register_sweep(a_plan(runs, "two seeds"));
  for (const auto& [first, second] : std::vector<std::pair<std::string, std::string>>{
           {"two seeds", "two seeds"}, {"one seed", "two seeds"}, {"two seeds", "one seed"}, {"stdual_x", "two seeds"}}) {
    const auto tables = compared(first, second);
    ASSERT_EQ(tables[0].table.rows.size(), 1u) << first << ", " << second;
    const double difference = (Row{&tables[0].table, tables[0].table.rows.data()}.share("difference (mean)"));
    EXPECT_NEAR(std::abs(difference), 0.1, 1e-9);
    ASSERT_EQ(tables[1].table.rows.size(), 1u) << "and its settings once";
  }
  // What the first side alone has is still beside what it shares.
  RunSpec third = a_run();
  third.training.learning_rate = 0.002;
  add(third, 85, "a third");
  EXPECT_EQ(compared("a third", "two seeds")[0].table.rows.size(), 2u);
}

TEST_F(Compare, FewerThanThreeSeedsOrMissingFoldsAreUnderpowered) {
  const auto add_fold = [&](std::int64_t fold, std::int64_t seed) {
    add(a_run(fold, seed), 90 + fold, "whole " + std::to_string(3 * seed + fold));
    add(without_csa(a_run(fold, seed)), 40 - fold % 2, "ablated " + std::to_string(3 * seed + fold));
  };
  const auto verdict_of = [&] {
    const auto tables = compared("stdual_x", "without_csa");
    const Row row = row_of(tables[0], {{"data set", "uci-har"}});
    return row.text("p") + " " + row.text("verdict");
  };
  for (std::int64_t seed = 1; seed <= 3; ++seed)
    for (std::int64_t fold = 0; fold < 2; ++fold) add_fold(fold, seed);
  EXPECT_THAT(verdict_of(), AllOf(HasSubstr("0."), HasSubstr(" UNDERPOWERED"))) << "a fold is missing";
  add_fold(2, 1);
  EXPECT_EQ(verdict_of(), "— UNDERPOWERED");
  add_fold(2, 2);
  EXPECT_EQ(verdict_of(), "— UNDERPOWERED") << "the third fold has two seeds";
  add_fold(2, 3);
  EXPECT_THAT(verdict_of(), AllOf(HasSubstr("0.0"), HasSubstr(" ABOVE")));
  const auto turned = compared("without_csa", "stdual_x");
  EXPECT_EQ(row_of(turned[0], {{"data set", "uci-har"}}).text("verdict"), "BELOW");
}

TEST_F(Compare, ClosedTestPartsAreComparedOnValidation) {
  RunSpec closed = a_run();
  closed.protocol.open_test = false;
  add(closed, 90, "closed");
  add(without_csa(closed), 80, "closed, ablated");
  const auto tables = compared("stdual_x", "without_csa");
  EXPECT_EQ(row_of(tables[0], {{"data set", "uci-har"}}).text("part"), "validation");
}

TEST_F(Compare, ARandomSplitIsNotAlone) {
  RunSpec random = a_run();
  random.protocol.kind = "random";
  add(random, 90, "random");
  add(without_csa(random), 80, "random, ablated");
  const auto tables = compared("stdual_x", "without_csa");
  ASSERT_EQ(tables[0].table.rows.size(), 2u);
  EXPECT_THAT(cell_text(tables[0].table.rows[0][1]), HasSubstr("by person"));
  EXPECT_EQ(cell_text(tables[0].table.rows[0][12]), "not run");
}

TEST_F(Compare, WhatCannotBeComparedIsSaid) {
  const std::string run_id = add(a_run(), 90, "first");
  add(without_csa(a_run(1)), 80, "second");
  EXPECT_THAT(message_of<InputError>([&] { compared("stdual_x", "without_cas"); }), HasSubstr("did you mean 'without_csa'"));
  EXPECT_THAT(message_of<InputError>([&] { compared("stdual_x", "without_csa"); }), HasSubstr("share no COMPLETE runs"));
  EXPECT_THAT(message_of<InputError>([&] { compared("first", run_id); }), HasSubstr("a run beside itself"));
}

} // namespace
} // namespace stdualx
