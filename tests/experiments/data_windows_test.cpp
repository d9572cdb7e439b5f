// Windows are cut and labelled as worked out by hand; the cache is never believed when it is torn, foreign or out of date.
#include "data_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "experiments/archive.h"
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

TEST(CutWindows, MajorityLabelsAreThoseWorkedOutByHand) {
  //                                       0  1  2  3   4   5   6  7  8
  const Dataset dataset = one_channel({{0, 0, 0, 1, 1, -1, -1, -1, 0}, {1, 1, 1}, {1, 1, 1, 1}});
  const Windows windows = cut_windows(dataset, {4, 2, 0.5});
  // Starts 0: three a. 2: a b b none -> b, a half. 4: none has three -> dropped. The second recording is too short.
  EXPECT_THAT(windows.labels, ElementsAre(0, 1, 1));
  EXPECT_THAT(windows.starts, ElementsAre(0, 2, 0));
  EXPECT_THAT(windows.recordings, ElementsAre(0, 0, 2));
  EXPECT_THAT(windows.people, ElementsAre(7, 7, 9));
  EXPECT_THAT(windows.values, ElementsAre(0, 1, 2, 3, 2, 3, 4, 5, 200, 201, 202, 203));
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
  EXPECT_THAT(cut_windows(dataset, {2, 2, 0.5}).values, ElementsAre(1, 2, 4, 5, 3, 0, 6, 0));
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

TEST(WindowCache, AnotherSpecHasAnotherFileAndTheSameHash) {
  const Cached cached;
  const WindowSet four = cached.open(), two = open_window_set(cached.manifest, {2, 2, 0.5}, cached.folder.data_paths());
  EXPECT_EQ(two.size(), 5);
  EXPECT_EQ(cached.files().size(), 2u);
  EXPECT_EQ(four.dataset_hash(), two.dataset_hash());
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
