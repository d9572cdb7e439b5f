// Disturbances: what is lost and filled, drawn by place in the recording alone; sizes as their definitions say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "data_fixtures.h"
#include "experiments/corruption.h"

namespace stdualx {
namespace {

using test::input_error;
using ::testing::HasSubstr;

constexpr std::int64_t steps = 8, sensors = 2, channels = 6;

/// Two recordings of `cuts` windows that overlap by half and cover them whole, rate 4. Sensor 0: an accelerometer and a gyroscope; sensor
/// 1: one axis, padded. Value of sensor, recording, step, channel: a smooth function of its own.
float value_at(int recording, std::int64_t step, int sensor, int channel) {
  if (sensor == 1 && channel > 0) return 0;
  return static_cast<float>(std::sin(0.37 * static_cast<double>(step) + channel + 2 * sensor + 5 * recording) + 0.5 * channel + 3);
}

/// After them come `unlabelled` steps in no window.
WindowSet overlapping_windows(int cuts, int unlabelled = 0) {
  WindowSetInfo info;
  info.dataset.name = "made-up";
  info.dataset.rate = 4;
  const std::string a = "accelerometer", g = "gyroscope";
  info.dataset.sensors = {{"wrist", {{"ax", a}, {"ay", a}, {"az", a}, {"gx", g}, {"gy", g}, {"gz", g}}}, {"belt", {{"x", "other"}}}};
  info.dataset.classes = {"a", "b"};
  info.windows = {steps, steps / 2, 0.6}; // so that half of it without a class is no window
  Dataset dataset{info.dataset, {}};
  for (int number = 0; number < 2; ++number) {
    Recording& recording = dataset.recordings.emplace_back();
    recording.person = number + 1;
    for (std::int64_t step = 0; step < (cuts + 1) * (steps / 2) + unlabelled; ++step) {
      recording.labels.push_back(step < (cuts + 1) * (steps / 2) ? 0 : no_label);
      for (int sensor = 0; sensor < sensors; ++sensor)
        for (int channel = 0; channel < channels; ++channel) recording.samples.push_back(value_at(number, step, sensor, channel));
    }
  }
  return {info, cut_windows(dataset, info.windows)};
}

/// [windows, sensors, steps, channels].
std::vector<float> values_of(const WindowedSamples& source) {
  std::vector<float> values(static_cast<std::size_t>(source.size()) * source.window_floats());
  for (std::int64_t window = 0; window < source.size(); ++window)
    source.read(window, 0, std::span(values).subspan(static_cast<std::size_t>(window) * source.window_floats(), source.window_floats()));
  return values;
}

struct Disturbed {
  explicit Disturbed(int count, int unlabelled = 0)
      : windows(overlapping_windows(count, unlabelled)), cuts(count), rows(static_cast<std::size_t>(windows.size())) {
    std::iota(rows.begin(), rows.end(), 0);
    training.mean.assign(sensors * channels, 0);
    training.deviation.assign(sensors * channels, 1);
    for (std::size_t i = 0; i < training.mean.size(); ++i) {
      training.mean[i] = -10.0f - static_cast<float>(i);
      training.deviation[i] = 1.0f + static_cast<float>(i);
    }
  }
  std::vector<float> under(const std::string& condition) const {
    return values_of(disturbed_windows(windows, rows, condition_of(condition), training));
  }
  /// From windows back to the recording's step, out of the first window that holds it.
  float at(const std::vector<float>& values, int recording, std::int64_t step, int sensor, int channel) const {
    const std::int64_t cut = std::min<std::int64_t>(step / (steps / 2), cuts - 1), within = step - cut * (steps / 2);
    return values[static_cast<std::size_t>((((recording * cuts + cut) * sensors + sensor) * steps + within) * channels + channel)];
  }
  std::int64_t length() const { return (cuts + 1) * (steps / 2); }

  WindowSet windows;
  int cuts;
  std::vector<std::int64_t> rows;
  Standardisation training;
};

const std::vector<std::string> one_of_each = {
    "missing_samples/0.3/last/1", "missing_blocks/0.3/linear/1", "missing_sensor/0/last", "noise/10/1", "gain/0.2/1", "rotation/30/1",
    "clock_jitter/0.4/1"};

TEST(Corruption, WindowsThatOverlapShareTheirDisturbanceAndPaddingStaysZero) {
  const Disturbed data(6);
  for (const std::string& condition : one_of_each) {
    const std::vector<float> values = data.under(condition);
    const std::vector<float> undisturbed = values_of(data.windows.source());
    ASSERT_EQ(values.size(), undisturbed.size());
    EXPECT_NE(values, undisturbed) << condition;
    const auto at = [&](std::int64_t row, int sensor, std::int64_t step, int channel) {
      return values[static_cast<std::size_t>(((row * sensors + sensor) * steps + step) * channels + channel)];
    };
    for (std::int64_t row = 0; row + 1 < 6; ++row)
      for (int sensor = 0; sensor < sensors; ++sensor)
        for (std::int64_t step = 0; step < steps / 2; ++step)
          for (int channel = 0; channel < channels; ++channel) {
            EXPECT_EQ(at(row, sensor, step + steps / 2, channel), at(row + 1, sensor, step, channel)) << condition;
            if (sensor == 1 && channel > 0) {
              EXPECT_EQ(at(row, sensor, step, channel), 0) << condition;
            }
          }
  }
}

TEST(Corruption, AWindowIsDisturbedAlikeWhateverIsAskedForBesideIt) {
  const Disturbed data(6);
  for (const std::string& condition : one_of_each) {
    const std::vector<float> all = data.under(condition);
    const std::vector<std::int64_t> some = {9, 2};
    const std::vector<float> few = values_of(disturbed_windows(data.windows, some, condition_of(condition), data.training));
    const std::ptrdiff_t size = sensors * steps * channels;
    EXPECT_TRUE(std::equal(few.begin(), few.begin() + size, all.begin() + 9 * size)) << condition;
    EXPECT_TRUE(std::equal(few.begin() + size, few.end(), all.begin() + 2 * size)) << condition;
  }
}

TEST(Corruption, EachRecordingIsToldSoThatALargePartIsNoHang) {
  const Disturbed data(6);
  int told = 0;
  const auto told_of = disturbed_windows(data.windows, data.rows, condition_of("noise/10/1"), data.training, [&] { ++told; });
  EXPECT_EQ(told, 2);
  EXPECT_EQ(values_of(told_of), data.under("noise/10/1"));
}

TEST(Corruption, ARecordingIsDisturbedWholeAlsoWhereItLiesInNoWindow) {
  const Disturbed covered(20), longer(20, 30);
  ASSERT_EQ(covered.windows.size(), longer.windows.size()) << "steps without a class are in no window";
  for (const std::string condition :
       {"missing_samples/0.3/last/1", "missing_blocks/0.3/zero/1", "noise/10/1", "gain/0.2/1", "rotation/30/1"})
    EXPECT_EQ(covered.under(condition), longer.under(condition)) << condition << ": what is drawn depends on the place alone";
  // What is lost at the end of the last window is filled from beyond it, where there is something.
  bool differs = false;
  for (int seed = 1; seed < 20; ++seed) {
    const std::string condition = "missing_samples/0.5/linear/" + std::to_string(seed);
    differs = differs || covered.under(condition) != longer.under(condition);
  }
  EXPECT_TRUE(differs);
}

/// Where sensor `sensor` lost its sample: there `zero` puts the training mean.
std::vector<bool> lost_steps(const Disturbed& data, const std::vector<float>& zero, int recording, int sensor) {
  std::vector<bool> lost;
  for (std::int64_t step = 0; step < data.length(); ++step)
    lost.push_back(data.at(zero, recording, step, sensor, 0) == data.training.mean[static_cast<std::size_t>(sensor * channels)]);
  return lost;
}

TEST(Corruption, LostSamplesAreTheSameForEachFillAndFilledAsTheirNamesSay) {
  const Disturbed data(300);
  for (const std::string kind : {"missing_samples/0.4/", "missing_blocks/0.4/"}) {
    const auto zero = data.under(kind + "zero/3"), last = data.under(kind + "last/3"), linear = data.under(kind + "linear/3");
    for (int recording = 0; recording < 2; ++recording) {
      const std::vector<bool> lost = lost_steps(data, zero, recording, 0);
      const double share = static_cast<double>(std::count(lost.begin(), lost.end(), true)) / static_cast<double>(lost.size());
      EXPECT_NEAR(share, 0.4, 0.1) << kind; // four deviations of 300 blocks
      for (int channel = 0; channel < channels; ++channel) {
        const auto mean = static_cast<double>(data.training.mean[static_cast<std::size_t>(channel)]);
        for (std::int64_t step = 0; step < data.length(); ++step) {
          const auto original = [&](std::int64_t place) { return static_cast<double>(value_at(recording, place, 0, channel)); };
          if (!lost[static_cast<std::size_t>(step)]) {
            for (const auto* values : {&zero, &last, &linear}) EXPECT_EQ(data.at(*values, recording, step, 0, channel), original(step));
            continue;
          }
          std::int64_t before = step, after = step;
          while (before >= 0 && lost[static_cast<std::size_t>(before)]) --before;
          while (after < data.length() && lost[static_cast<std::size_t>(after)]) ++after;
          EXPECT_EQ(data.at(zero, recording, step, 0, channel), mean) << "all channels of a sensor are lost together";
          EXPECT_EQ(data.at(last, recording, step, 0, channel), before < 0 ? mean : original(before));
          const double share_after = static_cast<double>(step - before) / static_cast<double>(after - before);
          const double between = before < 0               ? original(after)
                                 : after >= data.length() ? original(before)
                                                          : original(before) + share_after * (original(after) - original(before));
          EXPECT_NEAR(data.at(linear, recording, step, 0, channel), between, 1e-5);
        }
      }
      EXPECT_NE(lost, lost_steps(data, zero, recording, 1)) << "each sensor loses its own";
      EXPECT_NE(lost, lost_steps(data, data.under(kind + "zero/4"), recording, 0)) << "another seed, other holes";
      const std::size_t block = kind.starts_with("missing_blocks") ? 4 : 1; // one second
      for (std::size_t step = 0; step < lost.size(); ++step) EXPECT_EQ(lost[step], lost[step / block * block]);
    }
  }
}

TEST(Corruption, AMissingSensorIsTheTrainingMeanAndTheOthersAreUntouched) {
  const Disturbed data(3);
  const auto values = data.under("missing_sensor/1/last");
  for (std::int64_t step = 0; step < data.length(); ++step) {
    EXPECT_EQ(data.at(values, 0, step, 1, 0), data.training.mean[channels]);
    for (int channel = 0; channel < channels; ++channel) EXPECT_EQ(data.at(values, 0, step, 0, channel), value_at(0, step, 0, channel));
  }
  EXPECT_THAT(input_error([&] { data.under("missing_sensor/2/last"); }), HasSubstr("there are 2 sensors, numbered from 0"));
}

TEST(Corruption, NoiseHasTheDeviationThatItsDecibelsSay) {
  const Disturbed data(2000);
  for (const double decibels : {20.0, 0.0, -6.0}) {
    const auto values = data.under("noise/" + Json(static_cast<int>(decibels)).dump() + "/1");
    for (int channel = 0; channel < channels; ++channel) {
      double sum = 0, squares = 0;
      for (std::int64_t step = 0; step < data.length(); ++step) {
        const double noise = data.at(values, 0, step, 0, channel) - value_at(0, step, 0, channel);
        sum += noise, squares += noise * noise;
      }
      const auto count = static_cast<double>(data.length());
      const double expected = data.training.deviation[static_cast<std::size_t>(channel)] * std::pow(10, -decibels / 20);
      EXPECT_NEAR(std::sqrt(squares / count) / expected, 1, 0.05);
      EXPECT_NEAR(sum / count / expected, 0, 0.05);
    }
  }
}

TEST(Corruption, AGainIsOneFactorForAWholeSensorOfARecording) {
  const Disturbed data(4);
  const auto values = data.under("gain/0.3/2");
  const auto gain = [&](int recording, int sensor) { return data.at(values, recording, 0, sensor, 0) / value_at(recording, 0, sensor, 0); };
  EXPECT_NE(gain(0, 0), gain(0, 1));
  EXPECT_NE(gain(0, 0), gain(1, 0));
  for (std::int64_t step = 0; step < data.length(); ++step)
    for (int channel = 0; channel < channels; ++channel)
      EXPECT_NEAR(data.at(values, 0, step, 0, channel), gain(0, 0) * value_at(0, step, 0, channel), 1e-5);
}

TEST(Corruption, ARotationTurnsEachVectorOfASensorByOneRotationOfThatAngle) {
  const Disturbed data(40);
  const double degrees = 25, radians = degrees * std::acos(-1.0) / 180;
  const auto values = data.under("rotation/25/1");
  const auto vectors = [&](std::int64_t step, int first) {
    std::array<std::array<double, 3>, 2> pair{};
    for (int i = 0; i < 3; ++i) {
      pair[0][static_cast<std::size_t>(i)] = value_at(0, step, 0, first + i);
      pair[1][static_cast<std::size_t>(i)] = data.at(values, 0, step, 0, first + i);
    }
    return pair;
  };
  const auto dot = [](const std::array<double, 3>& a, const std::array<double, 3>& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; };
  double largest = 0;
  for (std::int64_t step = 0; step < data.length(); ++step) {
    const auto [acceleration, turned_acceleration] = vectors(step, 0);
    const auto [rate, turned_rate] = vectors(step, 3);
    EXPECT_NEAR(dot(turned_acceleration, turned_acceleration), dot(acceleration, acceleration), 1e-3);
    EXPECT_NEAR(dot(turned_acceleration, turned_rate), dot(acceleration, rate), 1e-3) << "one rotation for both";
    const double cosine = dot(acceleration, turned_acceleration) / dot(acceleration, acceleration);
    const double angle = std::acos(std::min(1.0, cosine));
    largest = std::max(largest, angle);
    EXPECT_LE(angle, radians + 1e-3); // equal where the vector is perpendicular to the axis
  }
  EXPECT_GT(largest, 0.02);
  for (std::int64_t step = 0; step < data.length(); ++step)
    EXPECT_EQ(data.at(values, 0, step, 1, 0), value_at(0, step, 1, 0)) << "no vector";
}

TEST(Corruption, AnUnsteadyClockReadsTheSignalAtOtherMoments) {
  const Disturbed data(1000);
  const auto values = data.under("clock_jitter/0.3/1");
  // Between two samples the signal is read on the straight line, so each value lies among those near it.
  double moved = 0;
  for (std::int64_t step = 2; step + 2 < data.length(); ++step) {
    float low = 1e9f, high = -1e9f;
    for (std::int64_t near = step - 2; near <= step + 2; ++near) {
      low = std::min(low, value_at(0, near, 0, 0));
      high = std::max(high, value_at(0, near, 0, 0));
    }
    const float read = data.at(values, 0, step, 0, 0);
    EXPECT_GE(read, low - 1e-5f);
    EXPECT_LE(read, high + 1e-5f);
    moved += std::pow((read - value_at(0, step, 0, 0)) / 0.37, 2);
  }
  // The slope of sin(0.37 t) has the mean square 1/2 * 0.37^2: what is read differs by 0.3 periods of it, less what the line cuts off.
  EXPECT_NEAR(std::sqrt(moved / static_cast<double>(data.length())), 0.3 / std::sqrt(2.0), 0.02);
}

} // namespace
} // namespace stdualx
