// Every statistic against SciPy and NumPy (tests/reference/statistics_reference.py), asked once for all cases.
#include "results/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>

#include "experiments/spec/fields.h"
#include "experiments/spec/random.h"
#include "fixture.h"

namespace stdualx {
namespace {

std::vector<double> drawn_normals(std::int64_t seed, int count, double center, double deviation) {
  const RandomStream stream(seed, "statistics_test");
  std::vector<double> values;
  for (int i = 0; i < count; ++i) {
    const auto words = stream.words(0, 0, 0, static_cast<std::uint32_t>(i));
    values.push_back(center + deviation * standard_normal(words[0], words[1]));
  }
  return values;
}

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Scores about `center` of units by seeds, each unit and each seed with a luck of its own.
CrossedScores drawn_scores(std::int64_t seed, std::size_t units, std::size_t seeds, double center, double of_units, double of_seeds) {
  const auto unit = drawn_normals(seed, static_cast<int>(units), 0, of_units),
             column = drawn_normals(seed + 1, static_cast<int>(seeds), 0, of_seeds),
             rest = drawn_normals(seed + 2, static_cast<int>(units * seeds), 0, 0.005);
  CrossedScores scores(units);
  for (std::size_t u = 0; u < units; ++u)
    for (std::size_t s = 0; s < seeds; ++s) scores[u].push_back(center + unit[u] + column[s] + rest[u * seeds + s]);
  return scores;
}

/// By name: what a mean over folds or people and seeds may look like.
std::map<std::string, CrossedScores> all_scores() {
  std::map<std::string, CrossedScores> all;
  for (const std::size_t units : {2, 3, 5, 10, 30})
    for (const std::size_t seeds : {1, 2, 3, 10})
      for (const double of_seeds : {0.0, 0.02})
        all[std::to_string(units) + "x" + std::to_string(seeds) + (of_seeds > 0 ? " lucky" : "")] =
            drawn_scores(static_cast<std::int64_t>(100 * units + seeds), units, seeds, 0.02, 0.02, of_seeds);
  CrossedScores gaps = drawn_scores(7, 6, 5, 0.03, 0.01, 0.02);
  gaps[2][1] = gaps[4][3] = gaps[4][1] = nan;
  all["gaps"] = gaps;
  for (auto& row : gaps) row[0] = row[2] = nan;
  all["one seed in all"] = gaps;
  return all;
}

/// Windows of nine people, of whom the last has none with the second seed, and hits of three seeds.
const std::vector<std::int64_t> person_windows{300, 320, 290, 340, 330, 320, 300, 290, 350};
std::vector<std::vector<Cluster>> people_seen(std::size_t seeds) {
  std::vector<std::vector<Cluster>> people;
  for (std::size_t i = 0; i < person_windows.size(); ++i) {
    auto& row = people.emplace_back();
    for (std::size_t s = 0; s < seeds; ++s) {
      const auto windows = static_cast<double>(i == 8 && s == 1 ? 0 : person_windows[i]);
      row.push_back({std::floor(windows * (0.7 + 0.03 * static_cast<double>(i) + 0.02 * static_cast<double>((s * 7 + i) % 3))), windows});
    }
  }
  return people;
}

const std::vector<double> tied{0.5, -0.5, 1.0, 1.0, -1.0, 2.0, 2.0, 2.0, 3.0, -0.5, 1.5};

Json cases() {
  Json all = Json::object();
  for (const auto& [name, scores] : all_scores()) {
    const Json with_ratio{{"scores", scores}, {"ratio", 0.25}, {"confidence", 0.95}}; // NaN is written as null
    all["crossed " + name] = with_ratio;
    all["crossed " + name]["kind"] = "crossed_difference";
    if (scores.front().size() == 1) {
      all["plain " + name] = with_ratio;
      all["plain " + name]["kind"] = "plain_difference";
    }
    for (const double center : {0.5, 0.93}) {
      Json& share = all["share " + name + (center > 0.9 ? " high" : "")] = with_ratio;
      share["kind"] = "logit_share";
      share["confidence"] = 0.99;
      share["bounds"] = center > 0.9 ? std::vector{0, 1} : std::vector{-1, 1};
      for (auto& row : share["scores"])
        for (auto& value : row) value = value.get<double>() + center;
    }
  }
  for (const std::size_t seeds : {1, 3}) {
    Json& people = all["people " + std::to_string(seeds)] = {{"kind", "ratio"}};
    for (const auto& person : people_seen(seeds)) {
      Json hits = Json::array(), windows = Json::array();
      for (const Cluster& seen : person) {
        hits.push_back(seen.hits);
        windows.push_back(seen.windows);
      }
      people["hits"].push_back(hits);
      people["windows"].push_back(windows);
    }
  }
  all["positive"] = {{"kind", "positive"}, {"values", {0.0011, 0.0016, 0.0012, 0.0031}}, {"confidence", 0.95}};
  for (const int count : {1, 4, 9, 25, 50})
    all["wilcoxon" + std::to_string(count)] = {
        {"kind", "wilcoxon"}, {"values", drawn_normals(100 + count, count, 0.3, 1)}, {"method", "exact"}};
  all["wilcoxon_many"] = {{"kind", "wilcoxon"}, {"values", drawn_normals(160, 60, 0.2, 1)}, {"method", "approx"}};
  // SciPy permutes where there are ties and few values.
  all["wilcoxon_tied"] = {{"kind", "wilcoxon"}, {"values", tied}, {"method", "auto"}};
  all["wilcoxon_five_alike"] = {{"kind", "wilcoxon"}, {"values", {0.01, 0.01, 0.01, 0.01, 0.01}}, {"method", "auto"}};
  for (const auto& [b, c] : std::vector<std::pair<int, int>>{{0, 0}, {1, 0}, {10, 3}, {7, 7}, {120, 161}, {900, 1000}})
    all["mcnemar" + std::to_string(b) + "_" + std::to_string(c)] = {{"kind", "mcnemar"}, {"only_first", b}, {"only_second", c}};
  all["holm"] = {{"kind", "holm"}, {"values", {0.04, 0.001, 0.03, 0.03, 0.5, 0.012}}};
  all["quantile"] = {{"kind", "quantile"}, {"values", {1.0, 2.0, 4.0, 8.0, 16.0}}, {"probability", 0.3}};
  return all;
}

class Statistics : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    TemporaryFolder folder;
    std::ofstream(folder / "cases.json") << cases();
    const std::string source = STDUALX_SOURCE_DIR;
    const std::string command = "'" + source + "/.venv/bin/python' '" + source + "/tests/reference/statistics_reference.py' '" +
                                (folder / "cases.json").string() + "'";
    FILE* pipe = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string text;
    std::array<char, 4096> chunk{};
    while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), pipe)) text.append(chunk.data(), count);
    ASSERT_EQ(::pclose(pipe), 0) << "the reference needs NumPy and SciPy in .venv (cluster/bootstrap.sh); command: " << command;
    answers() = Json::parse(text);
  }
  static Json& answers() {
    static Json all;
    return all;
  }
  static double center_of(const CrossedScores& scores) {
    std::vector<double> units;
    for (const auto& row : scores) {
      std::vector<double> there;
      std::copy_if(row.begin(), row.end(), std::back_inserter(there), [](double value) { return !std::isnan(value); });
      units.push_back(mean(there));
    }
    return mean(units);
  }
  static double close_to(double value) { return 1e-9 * std::max(1.0, std::abs(value)); }
  static void expect_all(const std::string& name, const std::vector<double>& ours) {
    ASSERT_TRUE(answers().contains(name)) << name;
    const auto theirs = answers()[name].get<std::vector<double>>();
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], close_to(theirs[i])) << name << " " << i;
  }
  static void expect(const std::string& name, const Interval& ours) { expect_all(name, {ours.mean, ours.low, ours.high}); }
  static void expect(const std::string& name, const TestResult& ours) { expect_all(name, {ours.statistic, ours.p}); }
};

TEST_F(Statistics, DifferencesOverFoldsAndSeedsAgreeWithLeastSquares) {
  for (const auto& [name, scores] : all_scores()) {
    const double center = center_of(scores);
    for (const auto& [kind, ratio] : {std::pair{"crossed ", 0.25}, std::pair{"plain ", 0.0}}) {
      if (!answers().contains(kind + name)) continue;
      const Spread spread = crossed_spread(scores, ratio);
      const Interval interval = difference_interval(center, spread);
      const TestResult test = difference_test(center, spread);
      expect_all(kind + name, {spread.variance, spread.degrees, interval.low, interval.high, test.statistic, test.p});
    }
  }
}

TEST_F(Statistics, SharesAndSilhouettesHaveTheirIntervalOnTheLogitScale) {
  for (auto [name, scores] : all_scores())
    for (const double center : {0.5, 0.93}) {
      CrossedScores moved = scores;
      for (auto& row : moved)
        for (double& value : row) value += center;
      const double lowest = center > 0.9 ? 0 : -1;
      expect("share " + name + (center > 0.9 ? " high" : ""),
             logit_interval(center_of(moved), crossed_spread(moved, 0.25), lowest, 1, 0.99));
    }
}

TEST_F(Statistics, TheSpreadOfARatioIsItsPeoplesInfluence) {
  for (const std::size_t seeds : {1, 3}) {
    const Spread spread = crossed_spread(ratio_contributions(people_seen(seeds)));
    expect_all("people " + std::to_string(seeds), {spread.variance, spread.degrees});
  }
  // Equal windows: the ratio is a mean of accuracies.
  const std::vector<std::vector<Cluster>> people{{{90, 100}}, {{80, 100}}, {{85, 100}}};
  EXPECT_NEAR(crossed_spread(ratio_contributions(people)).variance, crossed_spread({{0.9}, {0.8}, {0.85}}).variance, 1e-15);
}

TEST_F(Statistics, LatenciesHaveTheirIntervalOnTheLogarithmicScale) {
  expect("positive", positive_interval(std::vector{0.0011, 0.0016, 0.0012, 0.0031}));
  EXPECT_GT(positive_interval(std::vector{1e-6, 5.0}).low, 0);
  const Interval equal = positive_interval(std::vector{3.0, 3.0});
  EXPECT_NEAR(equal.reach(), 0, 1e-12) << "a size may be the same each time";
  EXPECT_TRUE(std::isnan(positive_interval(std::vector{0.0, 1.0}).low));
  EXPECT_TRUE(std::isnan(positive_interval(std::vector{HUGE_VAL, 1.0}).high));
}

TEST_F(Statistics, IntervalsStayWhereTheirValuesCanBe) {
  const Spread two_folds = crossed_spread({{0.48}, {1.0}}, 1);
  for (const double center : {0.0001, 0.29, 0.74, 0.9999}) {
    const Interval share = logit_interval(center, two_folds), silhouette = logit_interval(center, two_folds, -1, 1),
                   difference = difference_interval(center, two_folds);
    EXPECT_GE(share.low, 0);
    EXPECT_LE(share.high, 1);
    EXPECT_LT(share.low, center);
    EXPECT_GT(share.high, center);
    EXPECT_GT(share.reach(), 0.5) << "two folds that far apart say nothing";
    EXPECT_GE(silhouette.low, -1);
    EXPECT_LE(silhouette.high, 1);
    EXPECT_EQ(difference.low, -1);
    EXPECT_EQ(difference.high, 1);
  }
  EXPECT_TRUE(std::isnan(logit_interval(1, two_folds).low)) << "no error seen yet";
  EXPECT_TRUE(std::isnan(logit_interval(0, two_folds).low));
  EXPECT_TRUE(std::isnan(logit_interval(-1, two_folds, -1, 1).low));
  EXPECT_NEAR((Interval{0.9, 0.7, 0.95}).reach(), 0.2, 1e-15);
  EXPECT_NEAR((Interval{0.9, 0.89, 0.95}).reach(), 0.05, 1e-15);
}

TEST_F(Statistics, EqualDifferencesAreAnAccidentAndNoProof) {
  const CrossedScores equal{{0.96 - 0.95}, {0.03 - 0.02}, {0.90 - 0.89}};
  ASSERT_NE(equal[0], equal[1]) << "their last bits differ";
  const Spread spread = crossed_spread(equal, 0.5);
  EXPECT_TRUE(std::isnan(spread.variance));
  EXPECT_TRUE(std::isnan(difference_test(0.01, spread).p));
  EXPECT_TRUE(std::isnan(difference_interval(0.01, spread).low));
  EXPECT_TRUE(std::isnan(logit_interval(0.95, spread).high));
  // Seeds that differ do not make up for folds that do not.
  EXPECT_TRUE(std::isnan(crossed_spread({{0.1, 0.3}, {0.3, 0.1}}).variance));
  EXPECT_FALSE(std::isnan(crossed_spread({{0.010}, {0.010001}}).variance)) << "a window of a million";
}

TEST_F(Statistics, SharedTrainingDataAndLuckySeedsWidenTheInterval) {
  const CrossedScores scores = drawn_scores(10, 10, 1, 0.9, 0.03, 0);
  EXPECT_NEAR(crossed_spread(scores, 0.3).variance, 4 * crossed_spread(scores).variance, 1e-15) << "(1/10 + 3/10) / (1/10) = 4";
  // Seeds 0.01 apart at every unit: their variance is 0.00005 over two.
  const Spread lucky = crossed_spread({{0.50, 0.51}, {0.60, 0.61}, {0.70, 0.71}}), plain = crossed_spread({{0.505}, {0.605}, {0.705}});
  EXPECT_NEAR(lucky.variance, plain.variance + 0.000025, 1e-12);
  EXPECT_EQ(plain.degrees, 2);
  EXPECT_NEAR(crossed_spread({{0.1, 0.3}, {0.2, 0.0}, {0.1, 0.1}}).variance, crossed_spread({{0.2}, {0.1}, {0.1}}).variance, 1e-15)
      << "seeds that differ no more than chance add nothing, and take nothing away";
}

TEST_F(Statistics, NoTestSaysThatSomethingIsImpossible) {
  EXPECT_GT(mcnemar_exact(0, 100000).p, 0);
  EXPECT_GT(difference_test(1, {1e-18, 1000}).p, 0);
  EXPECT_EQ(mcnemar_exact(7, 7).p, 1);
}

TEST_F(Statistics, WilcoxonAgreesWithSciPy) {
  for (const int count : {1, 4, 9, 25, 50})
    expect("wilcoxon" + std::to_string(count), wilcoxon_signed_rank(drawn_normals(100 + count, count, 0.3, 1)));
  expect("wilcoxon_many", wilcoxon_signed_rank(drawn_normals(160, 60, 0.2, 1)));
  expect("wilcoxon_tied", wilcoxon_signed_rank(tied));
  const std::vector<double> alike(5, 0.01);
  expect("wilcoxon_five_alike", wilcoxon_signed_rank(alike));
  EXPECT_EQ(wilcoxon_signed_rank(alike).p, 2.0 / 32);
}

TEST_F(Statistics, McNemarAndHolmAgree) {
  for (const auto& [b, c] : std::vector<std::pair<int, int>>{{0, 0}, {1, 0}, {10, 3}, {7, 7}, {120, 161}, {900, 1000}})
    expect("mcnemar" + std::to_string(b) + "_" + std::to_string(c), mcnemar_exact(b, c));
  expect_all("holm", holm(std::vector<double>{0.04, 0.001, 0.03, 0.03, 0.5, 0.012}));
  const auto adjusted = holm(std::vector<double>{nan, 0.04, 0.01});
  EXPECT_TRUE(std::isnan(adjusted[0]));
  EXPECT_DOUBLE_EQ(adjusted[1], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.02) << "of two tests, not of three";
}

TEST_F(Statistics, QuantilesAreNumPys) {
  EXPECT_NEAR(quantile_of_sorted(std::vector{1.0, 2.0, 4.0, 8.0, 16.0}, 0.3), answers()["quantile"], 1e-12);
  EXPECT_EQ(median({4, 1, 2, 8}), 3);
  EXPECT_EQ(median({5}), 5);
}

TEST_F(Statistics, TooFewValuesGiveNoInterval) {
  EXPECT_TRUE(std::isnan(crossed_spread({{0.9}}).variance));
  EXPECT_TRUE(std::isnan(crossed_spread({{0.9, 0.8, 0.7}}, 0.1).variance)) << "one fold";
  EXPECT_TRUE(std::isnan(crossed_spread({{0.9}, {nan}}).variance));
  EXPECT_TRUE(std::isnan(crossed_spread({}).variance));
  EXPECT_TRUE(std::isnan(positive_interval(std::vector{0.9}).high));
  EXPECT_TRUE(std::isnan(wilcoxon_signed_rank(std::vector{0.0, 0.0}).p));
  EXPECT_THROW(mean({}), std::invalid_argument);
  EXPECT_THROW(positive_interval({}), std::invalid_argument);
  EXPECT_THROW(ratio_contributions({}), std::invalid_argument);
  EXPECT_THROW(mcnemar_exact(-1, 0), std::invalid_argument);
}

} // namespace
} // namespace stdualx
