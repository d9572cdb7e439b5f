// Every statistic against SciPy and scikit-learn (tests/reference/statistics_reference.py), asked once for all cases.
#include "results/statistics.h"

#include <gtest/gtest.h>

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

/// Over the labels that occur in either list, as scikit-learn defines it.
double macro_f1(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& predicted, std::int64_t classes) {
  double sum = 0;
  int occurring = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    int hits = 0, both = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      hits += labels[i] == c && predicted[i] == c ? 1 : 0;
      both += (labels[i] == c ? 1 : 0) + (predicted[i] == c ? 1 : 0);
    }
    if (both == 0) continue;
    sum += 2.0 * hits / both;
    ++occurring;
  }
  return sum / occurring;
}

std::vector<std::int64_t> drawn_labels(std::int64_t seed, int count, std::int64_t classes) {
  const RandomStream stream(seed, "statistics_test labels");
  std::vector<std::int64_t> labels;
  for (int i = 0; i < count; ++i)
    labels.push_back(
        static_cast<std::int64_t>(stream.words(0, 0, 0, static_cast<std::uint32_t>(i))[0] % static_cast<std::uint64_t>(classes)));
  return labels;
}

struct F1Case {
  std::vector<std::int64_t> labels = drawn_labels(31, 120, 4), predicted = drawn_labels(32, 120, 4), person;
  F1Case() {
    for (std::int64_t i = 0; i < 120; ++i) {
      person.push_back(i % 6);
      if (i % 3 != 0) predicted[static_cast<std::size_t>(i)] = labels[static_cast<std::size_t>(i)];
    }
  }
};

const std::vector<std::int64_t> person_hits{250, 301, 199, 330, 280, 310, 295, 270, 333},
    person_windows{300, 320, 290, 340, 330, 320, 300, 290, 350};

/// Another network on the same windows: a little worse for most, as good, and worse for all.
const std::map<std::string, std::vector<std::int64_t>> person_hits_of_another{
    {"a_little_worse", {245, 296, 203, 329, 271, 310, 299, 260, 330}},
    {"equal", person_hits},
    {"worse", {240, 291, 189, 320, 270, 300, 285, 260, 323}}};

const std::vector<double> tied{0.5, -0.5, 1.0, 1.0, -1.0, 2.0, 2.0, 2.0, 3.0, -0.5, 1.5};

Json cases() {
  Json all = Json::object();
  const auto key = [](std::int64_t seed) { return RandomStream(seed, "bootstrap").key; };
  for (const int count : {2, 5, 10, 30}) {
    const auto values = drawn_normals(count, count, 0.9, 0.03);
    const std::string n = std::to_string(count);
    all["t" + n] = {{"kind", "t_interval"}, {"values", values}, {"confidence", 0.95}};
    all["corrected" + n] = {{"kind", "corrected_interval"}, {"values", values}, {"ratio", 1.0 / 9}, {"confidence", 0.99}};
    all["corrected_test" + n] = {{"kind", "corrected_test"}, {"values", drawn_normals(count, count, 0.02, 0.03)}, {"ratio", 0.25}};
  }
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
  all["bootstrap"] = {{"kind", "bootstrap"}, {"hits", person_hits}, {"windows", person_windows},
                      {"resamples", 2000},   {"key", key(1)},       {"confidence", 0.95}};
  for (const auto& [name, second] : person_hits_of_another)
    all["paired_" + name] = {{"kind", "paired_bootstrap"}, {"first", person_hits}, {"second", second},  {"windows", person_windows},
                             {"resamples", 2000},          {"key", key(1)},        {"confidence", 0.95}};
  const F1Case f1;
  all["bootstrap_f1"] = {{"kind", "bootstrap_f1"}, {"labels", f1.labels}, {"predicted", f1.predicted}, {"person", f1.person},
                         {"resamples", 200},       {"key", key(5)},       {"confidence", 0.9}};
  return all;
}

class Statistics : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    TemporaryFolder folder;
    std::ofstream(folder / "cases.json") << cases();
    const std::string source = STDUALX_SOURCE_DIR;
    const std::string command =
        "'" + source + "/.venv/bin/python' '" + source + "/tests/reference/statistics_reference.py' '" + (folder / "cases.json").string() + "'";
    FILE* pipe = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string text;
    std::array<char, 4096> chunk{};
    while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), pipe)) text.append(chunk.data(), count);
    ASSERT_EQ(::pclose(pipe), 0) << "the reference needs SciPy and scikit-learn in .venv (cluster/bootstrap.sh); command: " << command;
    answers() = Json::parse(text);
  }
  static Json& answers() {
    static Json all;
    return all;
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

TEST_F(Statistics, IntervalsAndTestsOverFoldsAgreeWithSciPy) {
  for (const int count : {2, 5, 10, 30}) {
    const auto values = drawn_normals(count, count, 0.9, 0.03);
    const std::string n = std::to_string(count);
    expect("t" + n, t_interval(values));
    expect("corrected" + n, corrected_resampled_interval(values, 1.0 / 9, 0.99));
    expect("corrected_test" + n, corrected_resampled_test(drawn_normals(count, count, 0.02, 0.03), 0.25));
  }
}

TEST_F(Statistics, TheCorrectionWidensTheInterval) {
  const auto values = drawn_normals(10, 10, 0.9, 0.03);
  EXPECT_NEAR(corrected_resampled_interval(values, 0).half_width(), t_interval(values).half_width(), 1e-15);
  EXPECT_NEAR(corrected_resampled_interval(values, 0.3).half_width(), 2 * t_interval(values).half_width(), 1e-12)
      << "(1/10 + 3/10) / (1/10) = 4";
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
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto adjusted = holm(std::vector<double>{nan, 0.04, 0.01});
  EXPECT_TRUE(std::isnan(adjusted[0]));
  EXPECT_DOUBLE_EQ(adjusted[1], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.02) << "of two tests, not of three";
}

TEST_F(Statistics, TheClusterBootstrapDrawsTheSamePeopleEverywhere) {
  std::vector<Cluster> people;
  for (std::size_t i = 0; i < person_hits.size(); ++i)
    people.push_back({static_cast<double>(person_hits[i]), static_cast<double>(person_windows[i])});
  expect("bootstrap", cluster_bootstrap(people, 2000));
  const F1Case f1;
  const auto macro = [&](std::span<const std::int64_t> drawn) {
    std::vector<std::int64_t> labels, predicted;
    for (const std::int64_t person : drawn)
      for (std::size_t i = 0; i < f1.person.size(); ++i)
        if (f1.person[i] == person) {
          labels.push_back(f1.labels[i]);
          predicted.push_back(f1.predicted[i]);
        }
    return macro_f1(labels, predicted, 4);
  };
  expect("bootstrap_f1", cluster_bootstrap(6, macro, 200, 5, 0.9));
}

TEST_F(Statistics, ThePairedBootstrapTestsTheDifferenceOfTwoNetworks) {
  for (const auto& [name, second] : person_hits_of_another) {
    std::vector<Cluster> people;
    for (std::size_t i = 0; i < person_hits.size(); ++i)
      people.push_back({static_cast<double>(person_hits[i] - second[i]), static_cast<double>(person_windows[i])});
    const auto [difference, p] = paired_cluster_bootstrap(people, 2000);
    expect_all("paired_" + name, {difference.mean, difference.low, difference.high, p});
    if (name == "equal") {
      EXPECT_EQ(p, 1);
    }
    if (name == "worse") {
      EXPECT_NEAR(p, 2.0 / 2001, 1e-12) << "no resample reaches 0";
    }
  }
  EXPECT_TRUE(std::isnan(paired_cluster_bootstrap(std::vector<Cluster>{{3, 10}}).p)) << "one person";
}

TEST_F(Statistics, QuantilesAreNumPys) {
  EXPECT_NEAR(quantile_of_sorted(std::vector{1.0, 2.0, 4.0, 8.0, 16.0}, 0.3), answers()["quantile"], 1e-12);
  EXPECT_EQ(median({4, 1, 2, 8}), 3);
  EXPECT_EQ(median({5}), 5);
}

TEST_F(Statistics, TooFewValuesGiveNoInterval) {
  EXPECT_TRUE(std::isnan(t_interval(std::vector{0.9}).low));
  EXPECT_TRUE(std::isnan(corrected_resampled_interval(std::vector{0.9}, 0.1).high));
  EXPECT_TRUE(std::isnan(corrected_resampled_test(std::vector{0.9}, 0.1).p));
  EXPECT_TRUE(std::isnan(cluster_bootstrap(std::vector<Cluster>{{9, 10}}).low));
  EXPECT_TRUE(std::isnan(wilcoxon_signed_rank(std::vector{0.0, 0.0}).p));
  EXPECT_THROW(mean({}), std::invalid_argument);
  EXPECT_THROW(t_interval({}), std::invalid_argument);
  EXPECT_THROW(mcnemar_exact(-1, 0), std::invalid_argument);
  EXPECT_EQ(corrected_resampled_test(std::vector{0.1, 0.1}, 0.1).p, 0) << "the same difference in every fold";
}

} // namespace
} // namespace stdualx
