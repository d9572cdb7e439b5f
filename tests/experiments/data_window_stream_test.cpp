// Windows of a stream are those that are cut from the whole recording, to the bit.
#include "experiments/gaps.h"
#include "experiments/window_stream.h"
#include "experiments/windows.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace stdualx {
namespace {

constexpr std::int64_t steps = 12, stride = 5;

/// Two sensors of two and three channels, at 25 a second: gaps of up to five samples are filled.
DatasetInfo two_sensors() {
  DatasetInfo info;
  info.name = "made_up";
  info.rate = 25;
  info.sensors = {{"wrist", {{"a"}, {"b"}}}, {"ankle", {{"c"}, {"d"}, {"e"}}}};
  info.classes = {"still", "moving"};
  return info;
}

struct Cut {
  std::int32_t recording;
  std::int64_t start;
  std::vector<float> values;
  bool operator==(const Cut&) const = default;
};

std::vector<Cut> whole(const std::vector<float>& values) {
  Dataset dataset;
  dataset.info = two_sensors();
  add_recording(dataset, {1, -1, values, std::vector<std::int32_t>(values.size() / 5, no_label)});
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows.steps = steps;
  info.windows.stride = stride;
  info.windows.label_threshold = 0;
  info.windows.null_class = true;
  const WindowSet set(info, cut_windows(dataset, info.windows));
  std::vector<Cut> cuts;
  for (std::int64_t i = 0; i < set.size(); ++i)
    cuts.push_back({set.recordings()[static_cast<std::size_t>(i)], set.starts()[static_cast<std::size_t>(i)], set.window(i)});
  return cuts;
}

std::vector<Cut> streamed(const std::vector<float>& values) {
  std::vector<Cut> cuts;
  WindowStream stream(two_sensors(), steps, stride, [&](const StreamedWindow& window) {
    cuts.push_back({window.recording, window.start, {window.values.begin(), window.values.end()}});
  });
  for (std::size_t at = 0; at < values.size(); at += 5) stream.add(std::span(values).subspan(at, 5));
  stream.finish();
  return cuts;
}

TEST(WindowStream, WindowsAreThoseOfTheWholeRecordingWhateverIsMissing) {
  std::mt19937 random(7);
  std::size_t most = 0, splits = 0;
  for (int recording = 0; recording < 300; ++recording) {
    std::vector<float> values(5 * 200);
    for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
    for (int gap = recording % 12; gap > 0; --gap) {
      const auto channel = random() % 5, begin = random() % 200, length = 1 + random() % 8;
      for (auto step = begin; step < std::min<std::size_t>(begin + length, 200); ++step)
        values[step * 5 + channel] = std::numeric_limits<float>::quiet_NaN();
    }
    const std::vector<Cut> expected = whole(values);
    ASSERT_EQ(streamed(values), expected) << "recording " << recording;
    most = std::max(most, expected.size());
    splits += !expected.empty() && expected.back().recording > 0;
  }
  EXPECT_EQ(most, 38u);
  EXPECT_GT(splits, 50u) << "gaps that split were tried";
}

TEST(WindowStream, AWindowComesWithItsLastSampleAndNotLater) {
  std::size_t windows = 0;
  WindowStream stream(two_sensors(), steps, stride, [&](const StreamedWindow&) { ++windows; });
  const std::vector<float> sample(5, 1.0f);
  for (int i = 1; i <= 40; ++i) {
    stream.add(sample);
    EXPECT_EQ(windows, i < 12 ? 0u : static_cast<std::size_t>((i - 12) / 5 + 1)) << i;
  }
}

TEST(WindowStream, ASensorThatIsGoneForeverFillsNoMemoryAndEndsTheStretch) {
  std::vector<std::int32_t> recordings;
  WindowStream stream(two_sensors(), steps, stride, [&](const StreamedWindow& window) { recordings.push_back(window.recording); });
  std::vector<float> sample(5, 1.0f);
  for (int i = 0; i < 12; ++i) stream.add(sample);
  sample[3] = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 10'000; ++i) stream.add(sample);
  sample[3] = 1;
  for (int i = 0; i < 12; ++i) stream.add(sample);
  EXPECT_EQ(recordings, (std::vector<std::int32_t>{0, 1}));
}

TEST(WindowStream, ASampleOfAnotherWidthIsRefused) {
  WindowStream stream(two_sensors(), steps, stride, [](const StreamedWindow&) {});
  EXPECT_EQ(stream.width(), 5u);
  EXPECT_THROW(stream.add(std::vector<float>(4)), std::invalid_argument);
}

} // namespace
} // namespace stdualx
