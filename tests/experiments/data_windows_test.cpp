// Windows are cut and labelled as worked out by hand; the cache is never believed when it is torn, foreign or out of date.
#include "data_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "experiments/archive.h"
#include "experiments/resample.h"
#include "experiments/window_cache.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One sensor, one channel; sample i of a recording holds 100 * recording + i.
Dataset one_channel(const std::vector<std::vector<std::int32_t>>& labels) {
  Dataset dataset;
  dataset.info.name = "hand";
  dataset.info.rate = 10;
  dataset.info.sensors = {{"wrist", {{"x", "other"}}}};
  dataset.info.classes = {"a", "b"};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Recording& recording = dataset.recordings.emplace_back();
    recording.person = static_cast<std::int32_t>(i) + 7;
    recording.labels = labels[i];
    for (std::size_t step = 0; step < labels[i].size(); ++step) recording.samples.push_back(static_cast<float>(100 * i + step));
  }
  return dataset;
}

/// What the windows of a data set hold, [windows, sensors, steps, channels].
std::vector<float> values_of(const Dataset& dataset, const WindowSpec& spec) {
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = spec;
  const WindowSet set(info, cut_windows(dataset, spec));
  std::vector<float> values;
  for (std::int64_t index = 0; index < set.size(); ++index) {
    const std::vector<float> window = set.window(index);
    values.insert(values.end(), window.begin(), window.end());
  }
  return values;
}

TEST(CutWindows, MajorityLabelsAreThoseWorkedOutByHand) {
  //                                       0  1  2  3   4   5   6  7  8
  const Dataset dataset = one_channel({{0, 0, 0, 1, 1, -1, -1, -1, 0}, {1, 1, 1}, {1, 1, 1, 1}});
  const Windows windows = cut_windows(dataset, {4, 2, 0.5});
  // Starts 0: three a. 2: a b b none -> b, a half. 4: none has three -> dropped. The second recording is too short.
  EXPECT_THAT(windows.labels, ElementsAre(0, 1, 1));
  EXPECT_THAT(windows.starts, ElementsAre(0, 2, 0));
  EXPECT_THAT(windows.recordings, ElementsAre(0, 0, 2));
  EXPECT_THAT(windows.people, ElementsAre(7, 7, 9));
  EXPECT_THAT(values_of(dataset, {4, 2, 0.5}), ElementsAre(0, 1, 2, 3, 2, 3, 4, 5, 200, 201, 202, 203));
  // Each recording lies there once, the short one, which has no window, not at all.
  EXPECT_THAT(windows.samples, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 200, 201, 202, 203));
  EXPECT_THAT(windows.recording_begins, ElementsAre(0, 9, 9, 13));
  EXPECT_THAT(windows.begins, ElementsAre(0, 2, 9));
  EXPECT_THAT(windows.room_before, ElementsAre(0, 2, 0));
  EXPECT_THAT(windows.room_after, ElementsAre(5, 3, 0));
}

TEST(CutWindows, TheThresholdDropsMixedWindowsAndTiesGoToTheLowerClass) {
  const Dataset dataset = one_channel({{0, 0, 1, 1}, {1, 1, -1, -1}, {0, 1, -1, -1}});
  EXPECT_THAT(cut_windows(dataset, {4, 4, 0.5}).labels, ElementsAre(0, 1)); // of the third, none is the commonest
  EXPECT_TRUE(cut_windows(dataset, {4, 4, 0.75}).labels.empty());
}

TEST(CutWindows, ValuesAreOrderedBySensorThenStepThenChannel) {
  Dataset dataset = one_channel({{0, 0}});
  dataset.info.sensors = {{"wrist", {{"x", "other"}, {"y", "other"}}}, {"belt", {{"x", "other"}}}};
  dataset.recordings[0].samples = {1, 2, 3, 0, /* step 1 */ 4, 5, 6, 0};
  EXPECT_THAT(values_of(dataset, {2, 2, 0.5}), ElementsAre(1, 2, 4, 5, 3, 0, 6, 0));
}

TEST(CutWindows, WithANullClassWindowsWithoutAClassAreOne) {
  const Dataset dataset = one_channel({{0, 0, 0, 1, 1, -1, -1, -1, 0}});
  WindowSpec spec{4, 2, 0.5};
  spec.null_class = true;
  const Windows windows = cut_windows(dataset, spec); // start 4: b and three of none
  EXPECT_THAT(windows.labels, ElementsAre(0, 1, 2));
  EXPECT_THAT(windows.starts, ElementsAre(0, 2, 4));
  spec.label_threshold = 0.8;
  EXPECT_TRUE(cut_windows(dataset, spec).labels.empty()) << "none must cover its share too";
}

TEST(CutWindows, TheTrainingStrideAddsWindowsAfterTheOthers) {
  const Dataset dataset = one_channel({std::vector<std::int32_t>(13, 0), std::vector<std::int32_t>(8, 1)});
  WindowSpec spec{4, 4, 0.5};
  const Windows without = cut_windows(dataset, spec);
  spec.training_stride = 3;
  const Windows with = cut_windows(dataset, spec);
  EXPECT_THAT(with.starts, ElementsAre(0, 4, 8, 0, 4, /* added */ 3, 6, 9, 3));
  EXPECT_THAT(with.recordings, ElementsAre(0, 0, 0, 1, 1, 0, 0, 0, 1));
  EXPECT_EQ(with.samples, without.samples);
  EXPECT_TRUE(std::equal(without.begins.begin(), without.begins.end(), with.begins.begin()));
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = spec;
  const WindowSet set(info, with);
  std::vector<bool> training, evaluation;
  for (std::int64_t index = 0; index < set.size(); ++index) {
    training.push_back(set.is_for_training(index));
    evaluation.push_back(set.is_for_evaluation(index));
  }
  EXPECT_THAT(training, ElementsAre(true, false, false, true, false, true, true, true, true));
  EXPECT_THAT(evaluation, ElementsAre(true, true, true, true, true, false, false, false, false));
  EXPECT_THAT(set.window(6), ElementsAre(6, 7, 8, 9));
}

TEST(Resample, LiesOnTheLinesBetweenSamples) {
  Dataset dataset = one_channel({{0, 0, 1, 1, -1}});
  dataset.info.rate = 4;
  dataset.recordings[0].samples = {0, 4, 2, 10, 6};
  resample(dataset, 3); // at 0, 4/3, 8/3, 4 old samples
  EXPECT_EQ(dataset.info.rate, 3);
  ASSERT_EQ(dataset.recordings[0].steps(), 4);
  const float expected[] = {0, 4 - 2.0f / 3, 2 + 8 * 2.0f / 3, 6};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(dataset.recordings[0].samples[i], expected[i]);
  EXPECT_THAT(dataset.recordings[0].labels, ElementsAre(0, 0, 1, -1));
}

TEST(Resample, GivesWhatNumpyInterpolates) {
  const std::filesystem::path python = std::filesystem::path(STDUALX_SOURCE_DIR) / ".venv" / "bin" / "python";
  if (!std::filesystem::exists(python)) GTEST_SKIP() << "no " << python << "; run cluster/bootstrap.sh";
  const TemporaryFolder folder;
  const auto file = folder.path() / "expected.txt";
  // 1000 samples at 100 Hz of two channels, brought to 33.3 Hz, and to 150 Hz.
  const std::string script = "import numpy\n"
                             "t = numpy.arange(1000) / 100\n"
                             "x = [numpy.float32(numpy.sin(7 * t)), numpy.float32(numpy.cos(31 * t) * 5)]\n"
                             "out = open('" +
                             file.string() +
                             "', 'w')\n"
                             "for rate in (33.3, 150.0):\n"
                             "  new = numpy.arange(int(numpy.floor(t[-1] * rate + 1e-9)) + 1) / rate\n"
                             "  print(len(new), *[repr(float(v)) for c in x for v in numpy.interp(new, t, c)], file=out)\n"
                             "print(*[repr(float(v)) for c in x for v in c], file=out)\n";
  write_text(folder.path() / "reference.py", script);
  ASSERT_EQ(std::system(("'" + python.string() + "' '" + (folder.path() / "reference.py").string() + "'").c_str()), 0);
  std::ifstream numbers(file);
  std::vector<std::vector<double>> expected(2);
  for (auto& list : expected) {
    std::size_t count = 0;
    numbers >> count;
    ASSERT_GT(count, 300u);
    list.resize(2 * count);
    for (double& value : list) numbers >> value;
  }
  Dataset dataset = one_channel({std::vector<std::int32_t>(1000, 0)});
  dataset.info.rate = 100;
  dataset.info.sensors[0].channels.push_back({"y", "other"});
  dataset.recordings[0].samples.resize(2000);
  for (const std::size_t channel : {0, 1})
    for (std::size_t step = 0; step < 1000; ++step) numbers >> dataset.recordings[0].samples[2 * step + channel];
  ASSERT_TRUE(numbers);
  for (const std::size_t i : {0, 1}) {
    Dataset resampled = dataset;
    resample(resampled, i == 0 ? 33.3 : 150);
    const std::size_t count = expected[i].size() / 2;
    ASSERT_EQ(resampled.recordings[0].labels.size(), count);
    for (std::size_t channel = 0; channel < 2; ++channel)
      for (std::size_t step = 0; step < count; ++step)
        ASSERT_NEAR(resampled.recordings[0].samples[2 * step + channel], expected[i][channel * count + step], 1e-6);
  }
}

TEST(ResolveWindows, AnotherRateKeepsAboutTheDurationAndTheOwnRateIsNone) {
  DatasetSource source;
  source.rate = 100;
  source.default_windows = {512, 256, 0.5};
  const auto resolved = [&](double rate, std::int64_t steps) {
    WindowSpec spec{steps, 0, 0};
    spec.rate = rate;
    return resolve_windows(spec, source, "hand");
  };
  EXPECT_EQ(resolved(100, 0), (WindowSpec{512, 256, 0.5})); // so no identity moves
  EXPECT_EQ(resolved(0, 0), (WindowSpec{512, 256, 0.5}));
  const WindowSpec third{170, 85, 0.5, 33.3};
  EXPECT_EQ(resolved(33.3, 0), third);
  const WindowSpec said{100, 85, 0.5, 33.3};
  EXPECT_EQ(resolved(33.3, 100), said);
  const auto with_training_stride = [&](std::int64_t training_stride) {
    WindowSpec spec;
    spec.training_stride = training_stride;
    return resolve_windows(spec, source, "hand").training_stride;
  };
  EXPECT_EQ(with_training_stride(64), 64);
  EXPECT_EQ(with_training_stride(256), 0) << "the stride in words is the same run";
  source.pre_cut = true;
  EXPECT_EQ(with_training_stride(256), 0);
  EXPECT_THAT(input_error([&] { with_training_stride(64); }),
              HasSubstr("/windows/training_stride: data set 'hand' comes cut into windows every 256 steps"));
  EXPECT_THAT(input_error([&] { resolved(33.3, 0); }), HasSubstr("/windows/rate: data set 'hand' comes cut into windows at 100"));
  EXPECT_EQ(resolved(100, 0), (WindowSpec{512, 256, 0.5}));
}

TEST(DatasetHash, DependsOnSamplesLabelsAndPeopleButNotOnNames) {
  const Dataset dataset = one_channel({{0, 0, 1}});
  Dataset other = dataset;
  other.info.name = "renamed";
  EXPECT_EQ(dataset_hash(dataset), dataset_hash(other));
  other.info.sensors[0].name = "belt";
  other.info.sensors[0].channels[0].name = "y";
  other.info.classes = {"c", "d"};
  EXPECT_EQ(dataset_hash(dataset), dataset_hash(other));
  EXPECT_EQ(dataset_hash(dataset).size(), 32u);
  other.recordings[0].samples[1] += 0.5f;
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  other = dataset;
  other.recordings[0].labels[0] = 1;
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  other = dataset;
  other.recordings[0].person = 8;
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
}

TEST(DatasetHash, DependsOnWhatMakesASensorAndAVectorAndOnWhoIsTested) {
  Dataset dataset = one_channel({{0, 0}});
  dataset.info.sensors = {{"wrist", {{"x", "accelerometer"}, {"y", "accelerometer"}}}, {"belt", {{"x", "other"}}}};
  dataset.recordings[0].samples = {1, 2, 3, 0, 4, 5, 6, 0};
  Dataset other = dataset; // the same floats, another sensor's channel
  other.info.sensors = {{"wrist", {{"x", "accelerometer"}}}, {"belt", {{"x", "other"}, {"y", "accelerometer"}}}};
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  other = dataset;
  other.info.sensors[0].channels[1].kind = "gyroscope";
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  other = dataset;
  other.info.rate = 20;
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  other = dataset;
  other.info.official_test_people = {7, 8};
  EXPECT_NE(dataset_hash(dataset), dataset_hash(other));
  dataset.info.official_test_people = {8, 7, 8};
  EXPECT_EQ(dataset_hash(dataset), dataset_hash(other)) << "in whatever order they are named";
}

/// A manifest with ten samples, and its one cache file.
struct Cached {
  TemporaryFolder folder;
  std::string manifest = (folder.path() / "tiny.json").string();

  Cached() {
    write_text(manifest, R"({"name": "tiny", "rate": 10, "files": ["tiny.csv"], "sensors": [{"name": "wrist", "columns": ["x"]}],
                            "classes": ["a", "b"], "windows": {"steps": 4, "stride": 2}})");
    write_samples(1);
  }
  void write_samples(int factor) const {
    std::string csv = "person,label,x\n";
    for (int i = 0; i < 10; ++i) csv += "1,a," + std::to_string(factor * i) + "\n";
    write_text(folder.path() / "tiny.csv", csv);
  }
  WindowSet open() const { return open_window_set(manifest, {}, folder.data_paths()); }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "cache")) found.push_back(entry.path());
    return found;
  }
};

void expect_tiny(const WindowSet& windows) {
  ASSERT_EQ(windows.size(), 4);
  EXPECT_THAT(windows.window(1), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(windows.starts(), ElementsAre(0, 2, 4, 6));
  EXPECT_EQ(windows.info().classes.size(), 2u);
  EXPECT_EQ(windows.window_spec(), (WindowSpec{4, 2, 0.5}));
}

TEST(WindowCache, TheSecondOpeningReadsTheFirstsFile) {
  const Cached cached;
  const WindowSet first = cached.open();
  expect_tiny(first);
  ASSERT_EQ(cached.files().size(), 1u); // and no temporary file beside it
  const auto written = std::filesystem::last_write_time(cached.files()[0]);
  const WindowSet second = cached.open();
  expect_tiny(second);
  EXPECT_EQ(std::filesystem::last_write_time(cached.files()[0]), written);
  EXPECT_EQ(first.dataset_hash(), second.dataset_hash());
}

TEST(WindowCache, SamplesThatWindowsShareAreKeptOnce) {
  const Cached cached;
  std::string csv = "person,label,x\n";
  for (int i = 0; i < 20000; ++i) csv += "1,a," + std::to_string(i) + "\n";
  write_text(cached.folder.path() / "tiny.csv", csv);
  const WindowSet set = open_window_set(cached.manifest, {100, 10, 0.5}, cached.folder.data_paths());
  EXPECT_EQ(set.size(), 1991);
  const auto bytes = std::filesystem::file_size(cached.files().at(0));
  EXPECT_LT(bytes, 20000 * sizeof(float) + 1991 * 32 + 4096);
  EXPECT_LT(bytes, 1991 * 100 * sizeof(float) / 5) << "each window by itself";
}

TEST(WindowCache, ATornFileIsRebuilt) {
  const Cached cached;
  expect_tiny(cached.open());
  const auto file = cached.files().at(0);
  const std::string whole = read_file(file);
  const auto expect_rebuilt = [&](const std::string& damaged, const std::string& how) {
    SCOPED_TRACE(how);
    std::filesystem::remove(file);
    write_text(file, damaged);
    expect_tiny(cached.open());
    EXPECT_EQ(read_file(file), whole);
  };
  expect_rebuilt(whole.substr(0, whole.size() - 1), "last byte missing");
  expect_rebuilt(whole.substr(0, 20), "preamble torn");
  expect_rebuilt("", "empty");
  expect_rebuilt("something else altogether, much longer than a preamble is", "foreign");
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    expect_rebuilt(flipped, "byte " + std::to_string(at) + " flipped");
  }
}

TEST(WindowCache, AChangedSourceIsReadAnewAndWrittenOverTheOldFile) {
  const Cached cached;
  const WindowSet before = cached.open();
  cached.write_samples(100);
  const WindowSet after = cached.open();
  EXPECT_EQ(cached.files().size(), 1u);
  EXPECT_THAT(after.window(1), ElementsAre(200, 300, 400, 500));
  EXPECT_THAT(before.window(1), ElementsAre(2, 3, 4, 5)); // a set that is open keeps its file
  EXPECT_NE(before.dataset_hash(), after.dataset_hash());
}

TEST(WindowCache, TheDataSetsOwnSpecInWordsIsTheSameFile) {
  const Cached cached;
  cached.open();
  open_window_set(cached.manifest, {4, 2, 0.5}, cached.folder.data_paths());
  EXPECT_EQ(cached.files().size(), 1u);
}

TEST(WindowCache, KeepsTheWindowsOfBothStrides) {
  const Cached cached;
  WindowSpec spec;
  spec.training_stride = 3;
  for (int opened = 0; opened < 2; ++opened) { // built, then read back
    const WindowSet set = open_window_set(cached.manifest, spec, cached.folder.data_paths());
    EXPECT_THAT(set.starts(), ElementsAre(0, 2, 4, 6, 3));
    EXPECT_THAT(set.window(4), ElementsAre(3, 4, 5, 6));
    EXPECT_FALSE(set.is_for_evaluation(4));
    EXPECT_EQ(set.window_spec().training_stride, 3);
  }
  EXPECT_EQ(cached.files().size(), 1u);
}

TEST(WindowCache, AnotherSpecHasAnotherFileAndTheSameHash) {
  const Cached cached;
  const WindowSet four = cached.open(), two = open_window_set(cached.manifest, {2, 2, 0.5}, cached.folder.data_paths());
  EXPECT_EQ(two.size(), 5);
  EXPECT_EQ(cached.files().size(), 2u);
  EXPECT_EQ(four.dataset_hash(), two.dataset_hash());
}

TEST(WindowCache, KeepsRateNullClassAndSessions) {
  const Cached cached;
  WindowSpec spec{2, 2, 0.5};
  spec.rate = 5;
  const WindowSet half = open_window_set(cached.manifest, spec, cached.folder.data_paths());
  EXPECT_EQ(half.info().rate, 5);
  EXPECT_THAT(half.window(1), ElementsAre(4, 6));
  EXPECT_EQ(half.dataset_hash(), cached.open().dataset_hash());
  EXPECT_TRUE(half.recording_sessions().empty());

  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "opportunity", tiny_opportunity());
  spec = {};
  const WindowSet without = open_window_set("opportunity-locomotion", spec, folder.data_paths());
  spec.null_class = true;
  for (int opened = 0; opened < 2; ++opened) { // built, then read back
    const WindowSet with = open_window_set("opportunity-locomotion", spec, folder.data_paths());
    EXPECT_EQ(with.info().classes.back(), "null");
    EXPECT_EQ(with.shape().classes, 5);
    EXPECT_EQ(with.size(), 3 * 24);                                 // starts 0, 12, 24
    EXPECT_THAT(with.labels().subspan(0, 3), ElementsAre(0, 0, 4)); // half of the second is labelled: a class goes before none
    EXPECT_EQ(with.recording_sessions().size(), 24u);
    EXPECT_EQ(with.recording_sessions()[7], 7);
    EXPECT_EQ(with.info().sessions[7], "S2-ADL2");
    EXPECT_EQ(with.dataset_hash(), without.dataset_hash());
  }
  EXPECT_EQ(without.size(), 2 * 24);
  EXPECT_EQ(without.shape().classes, 4);
  spec = {};
  spec.null_class = true;
  EXPECT_THAT(input_error([&] { open_window_set(cached.manifest, spec, cached.folder.data_paths()); }),
              HasSubstr("/windows/null_class: data set 'tiny' has no window without a class"));
}

TEST(WindowCache, BuildersAtOnceAllGetTheWindows) {
  const Cached cached;
  std::vector<std::int64_t> sizes(8, 0);
  {
    std::vector<std::jthread> builders;
    for (std::int64_t& size : sizes) builders.emplace_back([&cached, &size] { size = cached.open().size(); });
  }
  EXPECT_THAT(sizes, ::testing::Each(4));
  EXPECT_EQ(cached.files().size(), 1u);
}

TEST(WindowCache, AFolderThatCannotBeWrittenIsNamed) {
  const Cached cached;
  write_text(cached.folder.path() / "cache", "a file where the folder should be");
  try {
    cached.open();
    FAIL() << "no error";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the window cache cannot be written"));
  }
}

TEST(WindowCache, ADataSetWithoutAnyWindowIsRefused) {
  const Cached cached;
  EXPECT_THAT(input_error([&] {
                open_window_set(cached.manifest, {64, 32, 0.5}, cached.folder.data_paths());
              }),
              HasSubstr("yields no window of 64 steps"));
}

} // namespace
} // namespace stdualx
