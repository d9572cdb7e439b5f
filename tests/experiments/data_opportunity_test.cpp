// Opportunity is read to its publisher's format: which columns make which sensor, both tracks of labels, gaps; damage is named.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "experiments/archive.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Dataset read(const Files& files, const std::string& track = "opportunity-locomotion") {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "opportunity", files);
  return read_dataset(track, folder.data_paths());
}

TEST(Opportunity, BothTracksAreReadFromTheSameRecordings) {
  Files files = tiny_opportunity();
  files["dataset/S1-ADL1.dat"] =
      opportunity_row(0, 0, 0) + opportunity_row(1, 1, 406516) + opportunity_row(2, 4, 405506) + opportunity_row(3, 5, 404511);
  const Dataset moves = read(files), gestures = read(files, "opportunity-gestures");
  ASSERT_EQ(moves.recordings.size(), 24u);
  ASSERT_EQ(gestures.recordings.size(), 24u);
  EXPECT_THAT(moves.info.classes, ElementsAre("stand", "walk", "sit", "lie"));
  EXPECT_THAT(moves.recordings[0].labels, ElementsAre(no_label, 0, 2, 3));
  EXPECT_EQ(gestures.info.classes.size(), 17u);
  EXPECT_THAT(gestures.recordings[0].labels, ElementsAre(no_label, 0, 16, 11));
  EXPECT_EQ(gestures.info.classes[11], "close_drawer_2");
  EXPECT_EQ(moves.recordings[0].samples, gestures.recordings[0].samples);
  EXPECT_EQ(moves.recordings[23].person, 4);
}

TEST(Opportunity, SensorsHoldTheColumnsThatTheirPublisherSays) {
  const Dataset dataset = read(tiny_opportunity());
  ASSERT_EQ(dataset.info.sensors.size(), 7u);
  EXPECT_EQ(dataset.info.channels(), 16);
  // Columns from 1: BACK acceleration x is 38, RUA 51, RLA 64, LUA 77, LLA 90; L-SHOE begins at 103, R-SHOE at 119.
  const std::vector<float>& samples = dataset.recordings[0].samples;
  const auto at = [&](int sensor, int channel) { return samples[static_cast<std::size_t>((7 + sensor) * 16 + channel)]; }; // of step 1
  for (int imu = 0; imu < 5; ++imu) {
    for (int channel = 0; channel < 9; ++channel) EXPECT_EQ(at(imu, channel), opportunity_value(1, 38 + 13 * imu + channel));
    EXPECT_EQ(at(imu, 9), 0.0f);
  }
  for (int shoe = 0; shoe < 2; ++shoe)
    for (int channel = 0; channel < 16; ++channel) EXPECT_EQ(at(5 + shoe, channel), opportunity_value(1, 103 + 16 * shoe + channel));
  // Only what is told in the sensor's own frame turns with it: 109 to 111 Body_A, 112 to 114 AngVelBodyFrame.
  EXPECT_EQ(dataset.info.sensors[5].channels[6], (ChannelInfo{"acceleration_x", "accelerometer"}));
  EXPECT_EQ(dataset.info.sensors[5].channels[9], (ChannelInfo{"angular_velocity_x", "gyroscope"}));
  EXPECT_EQ(dataset.info.sensors[5].channels[3].kind, "other");
}

// The publisher's own column_names.txt, where it can be had, says the same.
TEST(Opportunity, TheColumnsAreThoseOfThePublishersList) {
  const char* data = std::getenv("STDUALX_DATA");
  const auto list = std::filesystem::path(data == nullptr ? "none" : data) / "formats/opportunity/dataset/column_names.txt";
  if (!std::filesystem::exists(list)) GTEST_SKIP() << "no " << list;
  std::map<int, std::string> names;
  std::ifstream file(list);
  // "Column: 38 InertialMeasurementUnit BACK accX; value = ..."
  for (std::string line; std::getline(file, line);) {
    int column = 0, end = 0;
    if (std::sscanf(line.c_str(), "Column: %d %n", &column, &end) != 1) continue;
    std::string name = line.substr(static_cast<std::size_t>(end), line.find_first_of(";\r") - static_cast<std::size_t>(end));
    const std::string kind = "InertialMeasurementUnit ";
    names[column] = name.starts_with(kind) ? name.substr(kind.size()) : name;
  }
  const char* imus[] = {"BACK", "RUA", "RLA", "LUA", "LLA"};
  for (int imu = 0; imu < 5; ++imu) {
    EXPECT_EQ(names[38 + 13 * imu], std::string(imus[imu]) + " accX");
    EXPECT_EQ(names[38 + 13 * imu + 3], std::string(imus[imu]) + " gyroX");
    EXPECT_EQ(names[38 + 13 * imu + 8], std::string(imus[imu]) + " magneticZ");
  }
  EXPECT_EQ(names[103], "L-SHOE EuX");
  EXPECT_EQ(names[109], "L-SHOE Body_Ax");
  EXPECT_EQ(names[112], "L-SHOE AngVelBodyFrameX");
  EXPECT_EQ(names[119], "R-SHOE EuX");
  EXPECT_EQ(names[134], "R-SHOE Compass");
  EXPECT_EQ(names[244], "Locomotion");
  EXPECT_EQ(names[250], "ML_Both_Arms");
}

TEST(Opportunity, WindowsHoldWhatTheyDoCutOneByOne) {
  expect_windows_cut_one_by_one(read(tiny_opportunity()), {24, 12, 0.5});
  expect_windows_cut_one_by_one(read(tiny_opportunity(), "opportunity-gestures"), {10, 15, 0.5}); // with samples between windows
}

TEST(Opportunity, GapsUpToAFifthOfASecondAreFilled) {
  // At 30 Hz 6 steps; column 40 is an acceleration of the back.
  const auto with_gap = [](int length) {
    std::string text;
    for (int step = 0; step < 30; ++step) text += opportunity_row(step, 1, 0, step >= 10 && step < 10 + length ? 40 : 0);
    Files files = tiny_opportunity();
    files["dataset/S1-ADL1.dat"] = text;
    return read(files);
  };
  EXPECT_EQ(with_gap(6).recordings.size(), 24u);
  const Dataset split = with_gap(7);
  EXPECT_EQ(split.recordings.size(), 25u);
  EXPECT_EQ(split.left_out_steps, 7);
}

TEST(Opportunity, TheZipInThePublishersZipIsReadWhereItLies) {
  const TemporaryFolder folder;
  Files inside;
  for (const auto& [name, text] : tiny_opportunity()) inside["OpportunityUCIDataset/" + name] = text;
  write_zip(folder.path() / "inner.zip", inside);
  write_zip(folder.path() / "data" / "opportunity" / "opportunity+activity+recognition.zip",
            {{"OpportunityUCIDataset.zip", read_file(folder.path() / "inner.zip")}});
  EXPECT_EQ(dataset_hash(read_dataset("opportunity-locomotion", folder.data_paths())), dataset_hash(read(tiny_opportunity())));
}

TEST(Opportunity, WhatIsMissingOrDamagedIsNamed) {
  const auto error_with = [](const std::function<void(Files&)>& damage, const std::string& track = "opportunity-locomotion") {
    Files files = tiny_opportunity();
    damage(files);
    return input_error([&] { read(files, track); });
  };
  EXPECT_THAT(error_with([](Files& files) { files.erase("dataset/S3-Drill.dat"); }),
              AllOf(HasSubstr("holds no 'S3-Drill.dat'"), HasSubstr("Download")));
  const std::string name = "dataset/S2-ADL4.dat";
  EXPECT_THAT(error_with([&](Files& files) { files[name].resize(files[name].size() / 2); }),
              AllOf(HasSubstr("S2-ADL4.dat line "), HasSubstr("expected 250 columns, found"), HasSubstr("fetch it again")));
  EXPECT_THAT(error_with([&](Files& files) { files[name] = opportunity_row(0, 3, 0); }),
              HasSubstr("line 1: column 244: expected 0 or a label of the track Locomotion, found 3"));
  EXPECT_THAT(error_with([&](Files& files) { files[name] = opportunity_row(0, 1, 7); }, "opportunity-gestures"),
              HasSubstr("line 1: column 250: expected 0 or a label of the track ML_Both_Arms, found 7"));
  EXPECT_THAT(error_with([&](Files& files) { files["copy/S2-ADL4.dat"] = files[name]; }), HasSubstr("a second file 'S2-ADL4.dat'"));
}

TEST(Opportunity, DrawnDamageGivesOneSentenceOrIsHarmless) {
  expect_sentences_for_damage("opportunity-gestures", "opportunity", tiny_opportunity(), 24);
}

} // namespace
} // namespace stdualx
