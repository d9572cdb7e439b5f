// PAMAP2 is read to its publisher's format: which columns, which labels, lost packets, the nested zip; damage is named.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "experiments/archive.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A row at 100 Hz: column c (from 1) holds 1000 c + step, except time, activity, heart rate; `missing` columns hold NaN.
std::string row(int step, int activity, const std::vector<int>& missing = {}) {
  std::string text = fmt::format("{:.2f} {} NaN", 8.38 + 0.01 * step, activity); // the heart rate is mostly missing
  for (int column = 4; column <= 54; ++column) {
    const bool is_missing = std::find(missing.begin(), missing.end(), column) != missing.end();
    text += is_missing ? " NaN" : fmt::format(" {}", 1000 * column + step);
  }
  return text + "\n";
}

std::string rows(int count, int activity) {
  std::string text;
  for (int step = 0; step < count; ++step) text += row(step, activity);
  return text;
}

/// Nine people, 30 steps each: person 10x does activity x in the order of the protocol.
Files tiny_pamap2() {
  const int activities[] = {1, 2, 3, 4, 5, 6, 7, 12, 24};
  Files files;
  for (int i = 0; i < 9; ++i) files[fmt::format("Protocol/subject{}.dat", 101 + i)] = rows(30, activities[i]);
  return files;
}

Dataset read(const Files& files) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "pamap2" / "PAMAP2_Dataset", files);
  return read_dataset("pamap2", folder.data_paths());
}

std::string error_with(const std::string& name, const std::function<void(std::string&)>& damage) {
  Files files = tiny_pamap2();
  damage(files.at(name));
  return input_error([&] { read(files); });
}

TEST(Pamap2, TheRightColumnsAndLabelsAreRead) {
  Files files = tiny_pamap2();
  files["Protocol/subject103.dat"] = row(0, 0) + row(1, 16) + row(2, 17) + row(3, 13);
  const Dataset dataset = read(files);
  ASSERT_EQ(dataset.recordings.size(), 9u);
  EXPECT_EQ(dataset.recordings[8].person, 109);
  EXPECT_EQ(dataset.recordings[8].labels.at(0), 11);
  EXPECT_EQ(dataset.info.classes[11], "rope_jumping");
  EXPECT_THAT(dataset.recordings[2].labels, ElementsAre(no_label, 9, 10, 8));
  ASSERT_EQ(dataset.info.sensors.size(), 3u);
  // Columns from 1, of the publisher's readme: hand 4 to 20, chest 21 to 37, ankle 38 to 54; of each the 2nd to 4th are the acceleration
  // at +-16 g, the 8th to 10th the gyroscope, the 11th to 13th the magnetometer.
  std::vector<float> expected;
  for (const int imu : {4, 21, 38})
    for (const int column : {1, 2, 3, 7, 8, 9, 10, 11, 12}) expected.push_back(static_cast<float>(1000 * (imu + column) + 1));
  EXPECT_THAT(std::vector<float>(dataset.recordings[0].samples.begin() + 27, dataset.recordings[0].samples.begin() + 54),
              ::testing::ElementsAreArray(expected));
}

TEST(Pamap2, LostPacketsAreFilledForAFifthOfASecondAndSplitBeyond) {
  // The hand's packets are lost for `length` steps from step 30: NaN in all of its columns, as the publisher writes it.
  std::vector<int> hand(17);
  for (int i = 0; i < 17; ++i) hand[static_cast<std::size_t>(i)] = 4 + i;
  const auto with_loss = [&](int length) {
    std::string text;
    for (int step = 0; step < 80; ++step) text += row(step, 1, step >= 30 && step < 30 + length ? hand : std::vector<int>{});
    Files files = tiny_pamap2();
    files["Protocol/subject101.dat"] = text;
    return read(files);
  };
  const Dataset filled = with_loss(20), split = with_loss(21);
  ASSERT_EQ(filled.recordings.size(), 9u);
  EXPECT_EQ(filled.recordings[0].samples[49 * 27], filled.recordings[0].samples[29 * 27]);
  EXPECT_EQ(filled.recordings[0].samples[49 * 27 + 9], 22049); // the chest goes on
  ASSERT_EQ(split.recordings.size(), 10u);
  EXPECT_EQ(split.recordings[0].steps(), 30);
  EXPECT_EQ(split.recordings[1].steps(), 29);
  EXPECT_EQ(split.recordings[1].person, 101);
  EXPECT_EQ(split.left_out_steps, 21);
}

TEST(Pamap2, RowsThatAreNotThereAreGapsToo) {
  const auto without_rows = [](int from, int to) {
    std::string text;
    for (int step = 0; step < 80; ++step)
      if (step < from || step >= to) text += row(step, 1);
    Files files = tiny_pamap2();
    files["Protocol/subject101.dat"] = text;
    return read(files);
  };
  const Dataset filled = without_rows(30, 50), split = without_rows(30, 51);
  ASSERT_EQ(filled.recordings.size(), 9u);
  EXPECT_EQ(filled.recordings[0].steps(), 80);
  EXPECT_EQ(filled.recordings[0].samples[49 * 27], filled.recordings[0].samples[29 * 27]);
  ASSERT_EQ(split.recordings.size(), 10u);
  EXPECT_EQ(split.recordings[1].steps(), 29);
}

TEST(Pamap2, ASensorThatNeverWorkedLeavesNothingOfItsRecording) {
  std::string text;
  for (int step = 0; step < 30; ++step) text += row(step, 1, {22});
  Files files = tiny_pamap2();
  files["Protocol/subject101.dat"] = text;
  const Dataset dataset = read(files);
  EXPECT_EQ(dataset.recordings.size(), 8u);
  EXPECT_EQ(dataset.left_out_steps, 30);
}

TEST(Pamap2, WindowsHoldWhatTheyDoCutOneByOne) { expect_windows_cut_one_by_one(read(tiny_pamap2()), {8, 3, 0.5}); }

TEST(Pamap2, TheOptionalFilesChangeNothing) {
  Files files = tiny_pamap2();
  files["Optional/subject101.dat"] = "not read at all";
  EXPECT_EQ(dataset_hash(read(files)), dataset_hash(read(tiny_pamap2())));
}

TEST(Pamap2, TheZipInThePublishersZipIsReadWhereItLies) {
  const TemporaryFolder folder;
  Files inside;
  for (const auto& [name, text] : tiny_pamap2()) inside["PAMAP2_Dataset/" + name] = text;
  write_zip(folder.path() / "inner.zip", inside);
  const std::string inner = read_file(folder.path() / "inner.zip");
  const auto outer = folder.path() / "data" / "pamap2" / "pamap2+physical+activity+monitoring.zip";
  write_zip(outer, {{"PAMAP2_Dataset.zip", inner}, {"readme.pdf", "a document"}});
  EXPECT_EQ(dataset_hash(read_dataset("pamap2", folder.data_paths())), dataset_hash(read(tiny_pamap2())));

  write_zip(outer, {{"PAMAP2_Dataset.zip", inner.substr(0, inner.size() / 2)}});
  EXPECT_THAT(input_error([&] { read_dataset("pamap2", folder.data_paths()); }),
              AllOf(HasSubstr(outer.string()), HasSubstr("fetch it again")));
  write_zip(outer, {{"PAMAP2_Dataset.zip", "no zip at all"}});
  EXPECT_THAT(input_error([&] { read_dataset("pamap2", folder.data_paths()); }), HasSubstr(outer.string()));
  write_zip(outer, {{"PAMAP2_Dataset.zip", inner}});
  std::filesystem::resize_file(outer, std::filesystem::file_size(outer) / 2);
  EXPECT_THAT(input_error([&] { read_dataset("pamap2", folder.data_paths()); }),
              AllOf(HasSubstr(outer.string()), HasSubstr("fetch it again")));
}

TEST(Pamap2, WhatIsMissingOrDamagedIsNamed) {
  Files files = tiny_pamap2();
  files.erase("Protocol/subject105.dat");
  EXPECT_THAT(input_error([&] { read(files); }), AllOf(HasSubstr("holds no 'subject105.dat'"), HasSubstr("Download")));
  const std::string name = "Protocol/subject102.dat";
  EXPECT_THAT(error_with(name, [](std::string& text) { text.resize(text.size() / 2 + 50); }),
              AllOf(HasSubstr("subject102.dat line 16: expected 54 columns, found"), HasSubstr("fetch it again")));
  EXPECT_THAT(error_with(name, [](std::string& text) { text.insert(text.find('\n'), " 7"); }),
              HasSubstr("subject102.dat line 1: expected 54 columns, found more"));
  EXPECT_THAT(error_with(name, [](std::string& text) { text.replace(text.find(" 5000"), 5, " 5x00"); }),
              HasSubstr("line 1: column 5: expected a number or NaN, found '5x00'"));
  EXPECT_THAT(error_with(name, [](std::string& text) { text = row(0, 2) + row(1, 8); }),
              HasSubstr("line 2: column 2: expected 0 or an activity of the protocol"));
  EXPECT_THAT(error_with(name, [](std::string& text) { text.replace(0, 4, "NaN"); }), HasSubstr("line 1: column 1: expected a time"));
}

TEST(Pamap2, DrawnDamageGivesOneSentenceOrIsHarmless) { expect_sentences_for_damage("pamap2", "pamap2", tiny_pamap2()); }

} // namespace
} // namespace stdualx
