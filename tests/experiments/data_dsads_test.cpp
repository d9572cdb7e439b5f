// DSADS is read as its publisher laid it out: segments joined at whole seams, parted at broken ones, holes and damage named.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string segment_file(int activity, int person, int segment) {
  return fmt::format("data/a{:02d}/p{}/s{:02d}.txt", activity, person, segment);
}

/// A ramp that goes on from segment to segment, of 0.01 a step in every channel, channels 100 apart.
double ramp(int segment, int step, int channel) { return 100 * channel + 0.01 * (125 * (segment - 1) + step); }

/// 125 rows of 45 numbers, `shift` added to all.
std::string segment_text(int segment, double shift = 0) {
  std::string text;
  for (int step = 0; step < 125; ++step)
    for (int channel = 0; channel < 45; ++channel)
      text += fmt::format("{:.2f}{}", ramp(segment, step, channel) + shift, channel < 44 ? ',' : '\n');
  return text;
}

/// Activities 1 and 19, people 1 and 8, three segments each; person 8's last segment of activity 19 lies `jump` off.
Files tiny_dsads(double jump) {
  Files files;
  for (const int activity : {1, 19})
    for (const int person : {1, 8})
      for (int segment = 1; segment <= 3; ++segment)
        files[segment_file(activity, person, segment)] = segment_text(segment, activity == 19 && person == 8 && segment == 3 ? jump : 0);
  return files;
}

std::string error_with(const std::function<void(Files&)>& damage) {
  const TemporaryFolder folder;
  Files files = tiny_dsads(0);
  damage(files);
  write_folder(folder.path() / "data" / "dsads", files);
  return input_error([&] { read_dataset("dsads", folder.data_paths()); });
}

TEST(Dsads, SegmentsAreJoinedWhereTheSignalGoesOn) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "dsads", tiny_dsads(1));
  const Dataset dataset = read_dataset("dsads", folder.data_paths());
  std::vector<std::int64_t> steps;
  std::vector<std::int32_t> people, labels;
  for (const Recording& recording : dataset.recordings) {
    steps.push_back(recording.steps());
    people.push_back(recording.person);
    labels.push_back(recording.labels.at(0));
  }
  EXPECT_THAT(steps, ElementsAre(375, 375, 375, 250, 125));
  EXPECT_THAT(people, ElementsAre(1, 8, 1, 8, 8));
  EXPECT_THAT(labels, ElementsAre(0, 0, 18, 18, 18));
  ASSERT_EQ(dataset.info.sensors.size(), 5u);
  EXPECT_EQ(dataset.info.channels(), 9);
  EXPECT_EQ(dataset.info.classes.size(), 19u);
  for (const int step : {0, 124, 125, 374})
    for (const int channel : {0, 8, 9, 44})
      EXPECT_EQ(dataset.recordings[0].samples[static_cast<std::size_t>(step * 45 + channel)],
                static_cast<float>(ramp(step / 125 + 1, step % 125, channel)));
}

TEST(Dsads, ASeamIsBrokenOverFiveTimesTheStepInside) {
  // Inside every step is 0.01, at a whole seam too; the last seam's is 0.01 + jump.
  const auto recordings = [](double jump) {
    const TemporaryFolder folder;
    write_folder(folder.path() / "data" / "dsads", tiny_dsads(jump));
    return read_dataset("dsads", folder.data_paths()).recordings.size();
  };
  EXPECT_EQ(recordings(0.03), 4u);
  EXPECT_EQ(recordings(0.05), 5u);
  EXPECT_EQ(recordings(-0.07), 5u);
}

TEST(Dsads, NoWindowLiesAcrossABrokenSeam) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "dsads", tiny_dsads(1));
  const WindowSet windows = open_window_set("dsads", {}, folder.data_paths());
  // 375 steps: starts 0, 62, ..., 248; 250: 0, 62, 124; 125: 0.
  EXPECT_EQ(windows.size(), 3 * 5 + 3 + 1);
  EXPECT_EQ(windows.channel_triples().size(), 15u);
}

TEST(Dsads, WindowsHoldWhatTheyDoCutOneByOne) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "dsads", tiny_dsads(1));
  expect_windows_cut_one_by_one(read_dataset("dsads", folder.data_paths()), {125, 62, 0.5});
}

TEST(Dsads, TheZipAndTheFolderGiveTheSameRecordings) {
  const TemporaryFolder zipped, unpacked;
  write_zip(zipped.path() / "data" / "dsads" / "data.zip", tiny_dsads(1));
  write_folder(unpacked.path() / "data" / "dsads", tiny_dsads(1));
  EXPECT_EQ(dataset_hash(read_dataset("dsads", zipped.data_paths())), dataset_hash(read_dataset("dsads", unpacked.data_paths())));
}

TEST(Dsads, WhatIsMissingOrDamagedIsNamed) {
  EXPECT_THAT(error_with([](Files& files) { files.erase(segment_file(19, 1, 2)); }),
              AllOf(HasSubstr("holds no 'data/a19/p1/s02.txt'"), HasSubstr("Download")));
  EXPECT_THAT(error_with([](Files& files) { files.erase(segment_file(1, 8, 3)); }), HasSubstr("holds no 'data/a01/p8/s03.txt'"));
  const std::string file = segment_file(1, 1, 2);
  EXPECT_THAT(error_with([&](Files& files) { files[file].resize(files[file].size() / 2); }),
              AllOf(HasSubstr("a01/p1/s02.txt line 6"), HasSubstr("expected 45 columns, found")));
  EXPECT_THAT(error_with([&](Files& files) { files[file].erase(files[file].rfind('\n', files[file].size() - 2) + 1); }),
              HasSubstr("a01/p1/s02.txt: holds 124 rows, expected 125"));
  EXPECT_THAT(error_with([&](Files& files) { files[file].insert(files[file].find('\n'), ",1"); }),
              HasSubstr("a01/p1/s02.txt line 1: expected 45 columns, found more"));
  EXPECT_THAT(error_with([&](Files& files) { files[file].replace(0, 4, "NaN"); }),
              HasSubstr("line 1: column 1: expected a number, found 'NaN"));
  EXPECT_THAT(error_with([&](Files& files) { files["data/a20/p1/s01.txt"] = segment_text(1); }), HasSubstr("an activity from a01 to a19"));
  EXPECT_THAT(error_with([&](Files& files) { files["copy/" + file] = segment_text(1); }), HasSubstr("a second file 'data/a01/p1/s02.txt'"));
}

TEST(Dsads, AnArchiveCutShortIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "data" / "dsads" / "data.zip";
  write_zip(path, tiny_dsads(0));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(input_error([&] { read_dataset("dsads", folder.data_paths()); }),
              AllOf(HasSubstr(path.string()), HasSubstr("fetch it again")));
}

TEST(Dsads, DrawnDamageGivesOneSentenceOrIsHarmless) { expect_sentences_for_damage("dsads", "dsads", tiny_dsads(1), 40); }

} // namespace
} // namespace stdualx
