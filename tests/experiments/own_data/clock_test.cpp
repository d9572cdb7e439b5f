// Recordings whose rows carry times: how long they last, what their samples are, and what is said of their clocks.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "experiments/datasets/clock.h"

#include <cmath>
#include <numbers>

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// Rows at the times given of a value that grows by 1 a second, declared at `rate` a second.
struct Timed {
  TemporaryFolder folder;
  double rate;
  std::string csv = "person,label,t,x\n";
  std::string more = "{}"; // further keys of the manifest

  explicit Timed(double rate_) : rate(rate_) {}
  void row(double time, const std::string& label = "walk", const std::string& value = "") {
    csv += fmt::format("1,{},{:.6f},{}\n", label, time, value.empty() ? fmt::format("{:.6f}", time) : value);
  }
  Dataset read() const {
    Json manifest = Json::parse(R"({"name": "timed", "files": ["timed.csv"], "time_column": "t", "classes": ["walk", "sit"],
      "sensors": [{"name": "wrist", "columns": ["x"]}], "windows": {"steps": 2, "stride": 1}})");
    manifest["rate"] = rate;
    manifest.update(Json::parse(more));
    write_text(folder.path() / "timed.csv", csv);
    write_text(folder.path() / "timed.json", manifest.dump());
    return read_dataset((folder.path() / "timed.json").string(), folder.data_paths());
  }
  std::string error() const {
    return input_error([&] { read(); });
  }
};

std::int64_t samples_of(const Dataset& dataset) {
  std::int64_t samples = 0;
  for (const Recording& recording : dataset.recordings) samples += recording.steps();
  return samples;
}

/// Every sample is what the value was at its own time.
void expect_on_time(const Dataset& dataset, double first, double tolerance) {
  for (const Recording& recording : dataset.recordings)
    for (std::int64_t step = 0; step < recording.steps(); ++step)
      ASSERT_NEAR(recording.samples[static_cast<std::size_t>(step)],
                  first + recording.begin + static_cast<double>(step) / dataset.info.rate, tolerance);
}

TEST(ClocksOfRows, PacketsOfARadioKeepTheDurationAndEverySampleItsTime) {
  // 120 s at 36 Hz in packets of four rows, each 20 ms after the one before: their median says 50 a second.
  Timed timed(36);
  for (int i = 0; i < 4320; ++i) timed.row((i / 4) * 4 / 36.0 + 0.02 * (i % 4));
  const Dataset dataset = timed.read();
  ASSERT_EQ(dataset.recordings.size(), 1u);
  EXPECT_NEAR(static_cast<double>(samples_of(dataset)), 4320, 2);
  expect_on_time(dataset, 0, 1e-3);
}

TEST(ClocksOfRows, TimesOnTheGridKeepTheirRowsToTheBit) {
  Timed timed(50);
  std::vector<float> values;
  for (int i = 0; i < 200; ++i) {
    const std::string value = fmt::format("{}", i * 37 % 101);
    timed.row(1700000000 + i / 50.0, i < 100 ? "walk" : "sit", value);
    values.push_back(std::stof(value));
  }
  const Dataset dataset = timed.read();
  ASSERT_EQ(dataset.recordings.size(), 1u);
  EXPECT_EQ(dataset.recordings[0].samples, values);
  EXPECT_EQ(std::count(dataset.recordings[0].labels.begin(), dataset.recordings[0].labels.end(), 0), 100);
}

TEST(ClocksOfRows, AClockThatRunsSlowKeepsItsDurationAndIsSaid) {
  Timed timed(50);
  for (int i = 0; i <= 3000; ++i) timed.row(i / 48.0);
  const Dataset dataset = timed.read();
  EXPECT_NEAR(static_cast<double>(samples_of(dataset)), 62.5 * 50 + 1, 1);
  expect_on_time(dataset, 0, 1e-3);
  EXPECT_THAT(dataset.notes, Contains(AllOf(HasSubstr("declared 50 Hz, measured 48 to 48 rows a second in 1 recording"),
                                            HasSubstr("median step 0.02083 s, largest gap 0.02083 s"))));
  EXPECT_THAT(dataset.notes, Contains(HasSubstr("48 rows a second, 4.0 % below the declared 50")));
}

TEST(ClocksOfRows, ADifferenceOfATwentiethIsSaidOfTheRightRateNothingIs) {
  Timed as_declared(50);
  for (int i = 0; i < 300; ++i) as_declared.row(i / 50.3);
  EXPECT_THAT(as_declared.read().notes, ElementsAre(HasSubstr("Clock: declared 50 Hz, measured 50.3 to 50.3"))) << "0.6 %";
  Timed wrong(27);
  for (int i = 0; i < 300; ++i) wrong.row(i / 32.0);
  EXPECT_THAT(wrong.read().notes, Contains(HasSubstr("32 rows a second, 18.5 % above the declared 27")));
}

TEST(ClocksOfRows, AnotherRateIsRefusedByLineAndColumn) {
  Timed timed(50);
  for (int i = 0; i < 300; ++i) timed.row(i / 25.0);
  EXPECT_THAT(timed.error(),
              AllOf(HasSubstr("timed.csv lines 2 to 301, column 't': recording '' of person 1 has 25 rows a second (median step "
                              "0.04 s, largest 0.04 s), but the manifest's rate says 50"),
                    HasSubstr("correct the rate, or the times")));
}

TEST(ClocksOfRows, LostRowsAreNoOtherRate) {
  Timed timed(50);
  for (int i = 0; i < 1000; ++i)
    if (i % 20 >= 7) timed.row(i / 50.0); // 0.16 s of each 0.4 s are lost: 35 %
  const Dataset dataset = timed.read();
  EXPECT_EQ(dataset.recordings.size(), 1u);
  EXPECT_EQ(samples_of(dataset), 993);
  expect_on_time(dataset, 0.14, 1e-3);
  EXPECT_THAT(dataset.notes, Contains(HasSubstr("below the declared 50; where rows were not lost, correct the rate")));
}

TEST(ClocksOfRows, APauseSplitsAndTheGridGoesOnBehindIt) {
  Timed timed(50);
  for (int i = 0; i < 100; ++i) timed.row(i / 50.0);
  for (int i = 0; i < 100; ++i) timed.row(86400 * 365.0 + 0.007 + i / 50.0); // a year later, off the grid
  const Dataset dataset = timed.read();
  ASSERT_EQ(dataset.recordings.size(), 2u);
  EXPECT_EQ(dataset.recordings[0].steps(), 100);
  EXPECT_EQ(dataset.recordings[1].steps(), 99);
  EXPECT_NEAR(dataset.recordings[1].begin, 86400 * 365.0 + 0.02, 1e-6);
  EXPECT_EQ(dataset.account.rows, 200);
  EXPECT_EQ(dataset.account.regridded, -1);
}

TEST(ClocksOfRows, AMissingValueIsInterpolatedAndALongHoleLeftOut) {
  Timed timed(10);
  for (int i = 0; i < 40; ++i) timed.row(i / 10.0, "walk", i == 5 || (i >= 20 && i < 28) ? "NaN" : "");
  const Dataset dataset = timed.read();
  ASSERT_EQ(dataset.recordings.size(), 2u);
  EXPECT_NEAR(dataset.recordings[0].samples.at(5), 0.5, 1e-6);
  EXPECT_EQ(dataset.account.rows, 40);
  EXPECT_EQ(dataset.account.in_gaps, 8);
  EXPECT_EQ(samples_of(dataset), 32);
}

TEST(ClocksOfRows, ASineIsNotBent) {
  // 40 Hz stamps that jitter by up to 10 ms, brought to 50 Hz.
  Timed timed(40);
  for (int i = 0; i < 2000; ++i) {
    const double time = i / 40.0 + 0.01 * std::sin(i * 12.9898);
    timed.row(time, "walk", fmt::format("{:.6f}", std::sin(2 * std::numbers::pi * time)));
  }
  const Dataset dataset = timed.read();
  for (std::int64_t step = 0; step < dataset.recordings.at(0).steps(); ++step)
    ASSERT_NEAR(dataset.recordings[0].samples[static_cast<std::size_t>(step)],
                std::sin(2 * std::numbers::pi * static_cast<double>(step) / 40), 0.01);
}

TEST(ClocksOfRows, AGridTakesTheNearestRowsLabelHalfWayTheEarlier) {
  const std::vector<double> times = {0, 0.15, 0.2, 0.35};
  const Grid grid = even_grid(times, 10, 0.3);
  EXPECT_THAT(grid.nearest, ElementsAre(0u, 1u, 2u, 3u));
  EXPECT_THAT(even_grid(std::vector<double>{0, 0.2, 0.4}, 10, 0.3).nearest, ElementsAre(0u, 0u, 1u, 1u, 2u));
  EXPECT_THAT(grid.begins, ElementsAre(0u, 4u));
}

} // namespace
} // namespace stdualx
