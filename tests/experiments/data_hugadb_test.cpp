// HuGaDB is read as its publisher wrote it: units, labels and people; bad values are missing, damage is named.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <numbers>

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string head = [] {
  std::string text = "#Activity\twalking \n#ActivityID\t1 \n#Date 08-22-18-52\n";
  for (const char* column : {"rf", "rs", "rt", "lf", "ls", "lt"})
    for (const char* kind : {"acc", "gyro"})
      for (const char* axis : {"x", "y", "z"}) text += fmt::format("{}_{}_{}\t", kind, column, axis);
  return text + "EMG_r\tEMG_l\tact\n";
}();

/// A row whose column c holds 100 c + step; `columns` of them and the activity.
std::string row(int step, int activity, int columns = 38) {
  std::string text;
  for (int column = 0; column < columns; ++column) text += fmt::format("{}\t", 100 * column + step);
  return text + fmt::format("{}\n", activity);
}

std::string rows(int count, int activity) {
  std::string text;
  for (int step = 0; step < count; ++step) text += row(step, activity);
  return text;
}

Files tiny_hugadb() {
  return {{"HuGaDB_v1_walking_02_00.txt", head + rows(3, 1)},
          {"HuGaDB_v1_down_by_elevator_12_01.txt", head + rows(2, 11)},
          {"HuGaDB_v1_various_02_00.txt", head + row(0, 3) + row(1, 9) + row(2, 12) + row(3, 8)},
          {"HuGaDB_v1_bicycling_01_00.txt", "not read at all"},
          {"README.md", "neither"}};
}

Dataset read(const Files& files) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "hugadb", files);
  return read_dataset("hugadb", folder.data_paths());
}

TEST(Hugadb, RecordingsHaveThePublishersUnitsLabelsAndPeople) {
  const Dataset dataset = read(tiny_hugadb());
  ASSERT_EQ(dataset.recordings.size(), 3u); // by the files' names
  EXPECT_EQ(dataset.recordings[0].person, 12);
  EXPECT_THAT(dataset.recordings[0].labels, ElementsAre(9, 9));
  EXPECT_EQ(dataset.info.classes[9], "down_by_elevator");
  EXPECT_EQ(dataset.recordings[1].person, 2);
  EXPECT_THAT(dataset.recordings[1].labels, ElementsAre(2, no_label, no_label, 7)); // bicycling and the car are no class
  EXPECT_THAT(dataset.recordings[2].labels, ElementsAre(0, 0, 0));
  ASSERT_EQ(dataset.info.sensors.size(), 6u);
  EXPECT_EQ(dataset.info.sensors[4].name, "left_shin");
  EXPECT_EQ(dataset.info.channels(), 6);
  // Step 1 of the walk: acceleration z of the right shin is column 8, gyroscope x of the left thigh column 33. EMG is left out.
  ASSERT_EQ(dataset.recordings[2].samples.size(), 3u * 36);
  EXPECT_FLOAT_EQ(dataset.recordings[2].samples[36 + 8], static_cast<float>(801 * 2 * 9.80665 / 32768));
  EXPECT_FLOAT_EQ(dataset.recordings[2].samples[36 + 33], static_cast<float>(3301.0 * 2000 / 32768 * std::numbers::pi / 180));
}

TEST(Hugadb, ValuesOutsideInt16AreMissing) {
  // At 58.82 Hz 0.2 s are 11 samples: a gap of 11 is filled, one of 12 splits.
  const auto with_gap = [](int length) {
    std::string text = head;
    for (int step = 0; step < 40; ++step) {
      std::string line = row(step, 1);
      if (step >= 20 && step < 20 + length) line.replace(0, line.find('\t'), step % 2 == 0 ? "-27682432" : "32768");
      text += line;
    }
    return read({{"HuGaDB_v1_walking_02_00.txt", text}});
  };
  const Dataset filled = with_gap(11), split = with_gap(12);
  ASSERT_EQ(filled.recordings.size(), 1u);
  EXPECT_EQ(filled.recordings[0].samples[30 * 36], filled.recordings[0].samples[19 * 36]);
  EXPECT_NE(filled.recordings[0].samples[30 * 36 + 1], filled.recordings[0].samples[19 * 36 + 1]);
  EXPECT_EQ(filled.left_out_steps, 0);
  ASSERT_EQ(split.recordings.size(), 2u);
  EXPECT_EQ(split.recordings[0].steps(), 20);
  EXPECT_EQ(split.recordings[1].steps(), 8);
  EXPECT_EQ(split.left_out_steps, 12);
}

TEST(Hugadb, WindowsHoldWhatTheyDoCutOneByOne) { expect_windows_cut_one_by_one(read(tiny_hugadb()), {2, 1, 0.5}); }

TEST(Hugadb, TheZipAndTheFolderGiveTheSameRecordings) {
  const TemporaryFolder zipped;
  Files inside;
  for (const auto& [name, text] : tiny_hugadb()) inside["HuGaDB/" + name] = text;
  write_zip(zipped.path() / "data" / "hugadb" / "HuGaDB.zip", inside);
  EXPECT_EQ(dataset_hash(read_dataset("hugadb", zipped.data_paths())), dataset_hash(read(tiny_hugadb())));
}

TEST(Hugadb, WhatIsDamagedIsNamed) {
  const auto error_of = [](const std::string& text, const std::string& name = "HuGaDB_v1_walking_02_00.txt") {
    return input_error([&] { read({{name, text}}); });
  };
  EXPECT_THAT(error_of(head + row(0, 1) + row(1, 1, 37)), HasSubstr("walking_02_00.txt line 6: expected 39 columns, found 38"));
  EXPECT_THAT(error_of((head + rows(3, 1)).substr(0, head.size() + 300)),
              AllOf(HasSubstr("line 6: expected 39 columns, found"), HasSubstr("fetch it again")));
  EXPECT_THAT(error_of(head + row(0, 13)), HasSubstr("line 5: column 39: expected an activity from 1 to 12, found 13"));
  EXPECT_THAT(error_of(head + "a" + row(0, 1)), HasSubstr("line 5: column 1: expected a number, found 'a0'"));
  EXPECT_THAT(error_of(head), HasSubstr("holds no samples"));
  EXPECT_THAT(error_of(rows(3, 1)), HasSubstr("line 1: expected the columns' names"));
  EXPECT_THAT(error_of(head + rows(3, 1), "HuGaDB_v1_walking.txt"), HasSubstr("expected a name such as HuGaDB_v1_walking_06_03.txt"));
  EXPECT_THAT(error_of(head + rows(3, 1), "notes.txt"), HasSubstr("'hugadb' was not found"));
}

TEST(Hugadb, DrawnDamageGivesOneSentenceOrIsHarmless) { expect_sentences_for_damage("hugadb", "hugadb", tiny_hugadb()); }

} // namespace
} // namespace stdualx
