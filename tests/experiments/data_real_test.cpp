// The real recordings, where they can be had: counts that their publishers state.
#include "data_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/split.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::ElementsAre;

std::filesystem::path real_data() {
  const char* named = std::getenv("STDUALX_DATA");
  return named != nullptr ? std::filesystem::path(named) : std::filesystem::path(STDUALX_SOURCE_DIR).parent_path() / "shared" / "data";
}

bool in_ci() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

// CI has the data: there, missing data is a failure, not a skip.
#define SKIP_UNLESS(condition, reason)                                                                                                     \
  if (!(condition)) {                                                                                                                      \
    if (in_ci()) FAIL() << reason;                                                                                                         \
    GTEST_SKIP() << reason;                                                                                                                \
  }

TEST(RealUciHar, HasThePublishedWindowsPeopleAndSplit) {
  SKIP_UNLESS(std::filesystem::exists(real_data() / "uci-har"), "no " << real_data() / "uci-har"
                                                                      << "; name a data directory with STDUALX_DATA");
  const TemporaryFolder folder;
  const WindowSet windows = open_window_set("uci-har", {}, {real_data(), folder.path()});
  ASSERT_EQ(windows.size(), 10299);
  EXPECT_EQ(windows.dataset_hash(), "ead11d3906d2d6dd5e327197284265dc");
  EXPECT_EQ(windows.shape().sensors, 3);
  // Put together again: 64 samples a window, and 64 more where each of the 857 recordings begins.
  EXPECT_EQ(windows.source().samples.size(), (std::size_t{10299} * 64 + std::size_t{857} * 64) * 9);
  ProtocolSpec protocol;
  protocol.kind = "official";
  protocol.validation = false;
  const Split split = make_split(windows, protocol, 0);
  EXPECT_EQ(split.train.size(), 7352u);
  EXPECT_EQ(split.test.size(), 2947u);
  EXPECT_THAT(split.test_people, ElementsAre(2, 4, 9, 10, 12, 13, 18, 20, 24));
  EXPECT_EQ(split.train_people.size(), 21u);
  EXPECT_EQ(split.test_overlap_share, 0.0);
  // Counted with NumPy in the files: 600 in the training part, 257 in the test part, for each signal alone as for all.
  EXPECT_EQ(windows.recordings().back() + 1, 857);
  EXPECT_EQ(windows.recordings()[split.test.front()], 600);
  std::map<std::int32_t, int> classes;
  for (const std::int32_t label : windows.labels()) ++classes[label];
  EXPECT_THAT(classes, ElementsAre(std::pair(0, 1722), std::pair(1, 1544), std::pair(2, 1406), std::pair(3, 1777), std::pair(4, 1906),
                                   std::pair(5, 1944)));
  const Standardisation standard = standardise(windows, split.train);
  EXPECT_NEAR(standard.mean[6], 0.80, 0.02); // gravity on the phone's x axis, in g
}

TEST(RealUciHar, WindowsHoldWhatTheyDoCutOneByOne) {
  SKIP_UNLESS(std::filesystem::exists(real_data() / "uci-har"), "no " << real_data() / "uci-har"
                                                                      << "; name a data directory with STDUALX_DATA");
  expect_windows_cut_one_by_one(read_dataset("uci-har", {real_data(), {}}), {128, 64, 0.5});
}

TEST(RealUciHar, ARandomSplitLeaksInFiveOfSixTestWindows) {
  SKIP_UNLESS(std::filesystem::exists(real_data() / "uci-har"), "no " << real_data() / "uci-har"
                                                                      << "; name a data directory with STDUALX_DATA");
  const TemporaryFolder folder;
  ProtocolSpec protocol;
  protocol.kind = "random";
  protocol.folds = 5;
  const Split split = make_split(open_window_set("uci-har", {}, {real_data(), folder.path()}), protocol, 0);
  EXPECT_EQ(split.test.size(), 2060u);
  EXPECT_EQ(split.test_overlap_share, 1714.0 / 2060);
}

/// Windows by class.
std::vector<std::int64_t> class_counts(const WindowSet& windows) {
  std::vector<std::int64_t> counts(windows.info().classes.size());
  for (const std::int32_t label : windows.labels()) ++counts.at(static_cast<std::size_t>(label));
  return counts;
}

std::size_t people_in(const WindowSet& windows) { return std::set(windows.people().begin(), windows.people().end()).size(); }

// What follows was counted with NumPy in the files, by the same rules written anew.

TEST(RealDsads, HasThePublishedPeopleAndBreaksAt181Seams) {
  SKIP_UNLESS(std::filesystem::exists(real_data() / "dsads"), "no " << real_data() / "dsads"
                                                                    << "; name a data directory with STDUALX_DATA");
  const TemporaryFolder folder;
  const WindowSet windows = open_window_set("dsads", {}, {real_data(), folder.path()});
  EXPECT_EQ(people_in(windows), 8u);
  // 8 people x 19 activities, each in one piece but for the breaks.
  ASSERT_EQ(windows.recordings().back() + 1, 152 + 181);
  std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::int32_t>> pieces; // recordings by activity and person
  for (std::size_t i = 0; i < windows.labels().size(); ++i)
    pieces[{windows.labels()[i] + 1, windows.people()[i]}].insert(windows.recordings()[i]);
  EXPECT_EQ(pieces.size(), 152u);
  const std::pair<std::int32_t, std::int32_t> stairs[] = {{5, 1}, {5, 6}, {6, 6}};
  EXPECT_EQ(pieces[stairs[0]].size(), 56u);
  EXPECT_EQ(pieces[stairs[1]].size(), 59u);
  EXPECT_EQ(pieces[stairs[2]].size(), 46u);
  EXPECT_EQ(windows.size(), 17907);
  EXPECT_THAT(class_counts(windows),
              ElementsAre(950, 950, 950, 952, 837, 901, 952, 949, 952, 952, 952, 952, 952, 952, 950, 951, 952, 951, 950));
}

TEST(RealHugadb, HasTheRecordingsPeopleAndClassesOfItsFiles) {
  SKIP_UNLESS(std::filesystem::exists(real_data() / "hugadb"), "no " << real_data() / "hugadb"
                                                                     << "; name a data directory with STDUALX_DATA");
  const TemporaryFolder folder;
  const WindowSet windows = open_window_set("hugadb", {}, {real_data(), folder.path()});
  EXPECT_EQ(people_in(windows), 18u);
  EXPECT_EQ(windows.recordings().back() + 1, 601); // each bad value stands alone and is filled
  EXPECT_EQ(windows.size(), 26752);
  EXPECT_THAT(class_counts(windows), ElementsAre(10354, 1100, 2057, 1831, 3573, 349, 282, 4751, 1380, 1075));
  EXPECT_EQ(windows.channel_triples().size(), 12u);
  for (const float value : windows.source().samples) ASSERT_TRUE(std::abs(value) <= 35.0f) << value; // +-2 g, +-2000 degrees/s
}

TEST(RealWatch, TheScriptWritesAllSeriesAndTheyAreRead) {
  const std::filesystem::path source = STDUALX_SOURCE_DIR, python = source / ".venv" / "bin" / "python";
  SKIP_UNLESS(std::filesystem::exists(python), "no " << python << "; run cluster/bootstrap.sh");
  const TemporaryFolder folder;
  const std::string command = "'" + python.string() + "' '" + (source / "experiments/datasets/watch_to_csv.py").string() + "' '" +
                              (folder.path() / "data/watch").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const Dataset dataset = read_dataset("watch", folder.data_paths());
  EXPECT_EQ(dataset.recordings.size(), 140u);
  std::set<std::int32_t> people;
  std::int64_t steps = 0;
  for (const Recording& recording : dataset.recordings) {
    people.insert(recording.person);
    steps += recording.steps();
  }
  EXPECT_EQ(people.size(), 10u);
  EXPECT_EQ(steps, 244102);
  EXPECT_EQ(dataset_hash(dataset), "a945219320e3e8a494ee61b9f4bfe8ac");
  EXPECT_EQ(dataset.info.classes.size(), 7u);
  const WindowSet windows = open_window_set("watch", {}, folder.data_paths());
  EXPECT_EQ(windows.shape().sensors, 2);
  EXPECT_EQ(windows.window_spec(), (WindowSpec{128, 64, 0.5}));
  EXPECT_EQ(windows.channel_triples().size(), 2u);
  EXPECT_EQ(windows.dataset_hash(), dataset_hash(dataset));
}

} // namespace
} // namespace stdualx
