// UCI-HAR is read as it lies, and what is wrong with it is named.
#include "data_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "experiments/archive.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Files in_outer_folder(const Files& files) {
  Files outer;
  for (const auto& [name, text] : files) outer["UCI HAR Dataset/" + name] = text;
  return outer;
}

void expect_tiny_recordings(const Dataset& dataset) {
  ASSERT_EQ(dataset.recordings.size(), 4u); // person 1 has two: the publisher left something out
  EXPECT_EQ(dataset.recordings[0].person, 1);
  EXPECT_EQ(dataset.recordings[0].steps(), 2 * 128);
  EXPECT_EQ(dataset.recordings[1].person, 1);
  EXPECT_EQ(dataset.recordings[1].steps(), 128);
  EXPECT_EQ(dataset.recordings[2].person, 3);
  EXPECT_EQ(dataset.recordings[3].person, 2);
  EXPECT_EQ(dataset.recordings[0].labels[127], 0);
  EXPECT_EQ(dataset.recordings[1].labels[0], 4);
  EXPECT_THAT(dataset.info.official_test_people, ElementsAre(2));
  for (int window = 0; window < 3; ++window)
    for (int step = 0; step < 128; ++step)
      for (int sensor = 0; sensor < 3; ++sensor)
        for (int axis = 0; axis < 3; ++axis)
          ASSERT_EQ(dataset.recordings[window / 2].samples[static_cast<std::size_t>((window % 2 * 128 + step) * 9 + sensor * 3 + axis)],
                    tiny_uci_value(false, window, sensor, axis, step));
  EXPECT_EQ(dataset.recordings[3].samples[128 * 9 + 8], tiny_uci_value(true, 1, 2, 2, 0));
}

TEST(UciHar, TheZipAndTheFolderGiveTheSameRecordings) {
  const TemporaryFolder zipped, unpacked;
  write_zip(zipped.path() / "data" / "uci-har" / "UCI HAR Dataset.zip", in_outer_folder(tiny_uci_har()));
  write_folder(unpacked.path() / "data" / "UCI HAR Dataset", tiny_uci_har());
  const Dataset from_zip = read_dataset("uci-har", zipped.data_paths()), from_folder = read_dataset("uci-har", unpacked.data_paths());
  expect_tiny_recordings(from_zip);
  expect_tiny_recordings(from_folder);
  EXPECT_EQ(dataset_hash(from_zip), dataset_hash(from_folder));
}

TEST(UciHar, WindowsAreKeptAsThePublisherCutThem) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "uci-har", tiny_uci_har());
  const WindowSet windows = open_window_set("uci-har", {}, folder.data_paths());
  EXPECT_EQ(windows.size(), 6);
  EXPECT_EQ(windows.window_spec().steps, 128);
  EXPECT_THAT(windows.labels(), ElementsAre(0, 0, 4, 5, 1, 2));
  EXPECT_THAT(windows.people(), ElementsAre(1, 1, 1, 3, 2, 2));
  EXPECT_THAT(windows.recordings(), ElementsAre(0, 0, 1, 2, 3, 3));
  EXPECT_THAT(windows.starts(), ElementsAre(0, 64, 0, 0, 0, 64));
  for (int sensor = 0; sensor < 3; ++sensor)
    for (int step = 0; step < 128; ++step)
      for (int axis = 0; axis < 3; ++axis)
        ASSERT_EQ(windows.window(4)[static_cast<std::size_t>((sensor * 128 + step) * 3 + axis)],
                  tiny_uci_value(true, 0, sensor, axis, step));
  ASSERT_EQ(windows.channel_triples().size(), 3u);
  EXPECT_EQ(windows.channel_triples()[1].kind, "gyroscope");
  EXPECT_EQ(windows.shape().classes, 6);
}

TEST(UciHar, RecordingsArePutTogetherAgainWhereWindowsOverlapToTheBit) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "uci-har", tiny_uci_har());
  Dataset dataset = read_dataset("uci-har", folder.data_paths());
  const WindowSpec spec{128, 64, 0.5};
  expect_windows_cut_one_by_one(dataset, spec);
  const Windows whole = cut_windows(dataset, spec);
  EXPECT_THAT(whole.recording_begins, ElementsAre(0, 192, 320, 448, 640));
  EXPECT_THAT(whole.begins, ElementsAre(0, 64, 192, 320, 448, 512));
  EXPECT_THAT(whole.room_before, ElementsAre(0, 64, 0, 0, 0, 64));
  EXPECT_THAT(whole.room_after, ElementsAre(64, 0, 0, 0, 64, 0));

  // -0 is equal to 0 and other bits; what is not equal to the bit stays as it came, and is never shifted into its neighbour.
  dataset.recordings[0].samples[64 * 9] = 0.0f;
  dataset.recordings[0].samples[128 * 9] = -0.0f;
  expect_windows_cut_one_by_one(dataset, spec);
  const Windows apart = cut_windows(dataset, spec);
  EXPECT_THAT(apart.recording_begins, ElementsAre(0, 256, 384, 512, 704));
  EXPECT_THAT(apart.begins, ElementsAre(0, 128, 256, 384, 512, 576));
  EXPECT_THAT(apart.starts, ElementsAre(0, 64, 0, 0, 0, 64)) << "when they began does not change";
  EXPECT_THAT(apart.room_before, ElementsAre(0, 0, 0, 0, 0, 64));
  EXPECT_THAT(apart.room_after, ElementsAre(0, 0, 0, 0, 64, 0));
}

TEST(UciHar, OtherWindowsThanThePublishersAreRefused) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "uci-har", tiny_uci_har());
  EXPECT_THAT(input_error([&] {
                open_window_set("uci-har", {64, 32, 0.5}, folder.data_paths());
              }),
              HasSubstr("comes in windows of 128 steps every 64, found 64 every 32"));
}

TEST(UciHar, AMissingDataSetNamesEveryPlaceAndWhatToDo) {
  const TemporaryFolder folder;
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", folder.data_paths()); }),
              AllOf(HasSubstr("data/uci-har/UCI HAR Dataset.zip"), HasSubstr("data/UCI HAR Dataset,"), HasSubstr("Download")));
  EXPECT_THAT(input_error([&] { read_dataset("uci-hra", folder.data_paths()); }), HasSubstr("did you mean 'uci-har'?"));
}

TEST(UciHar, ATruncatedZipIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "data" / "UCI HAR Dataset.zip";
  write_zip(path, in_outer_folder(tiny_uci_har()));
  const auto whole = std::filesystem::file_size(path);
  // Without the end of its list of contents all data are still there, each with its checksum: no reason to refuse.
  std::filesystem::resize_file(path, whole - 10);
  expect_tiny_recordings(read_dataset("uci-har", folder.data_paths()));
  for (const auto kept : {whole * 8 / 10, whole / 2, whole / 10, std::uintmax_t{3}, std::uintmax_t{0}}) {
    std::filesystem::resize_file(path, kept);
    EXPECT_THAT(input_error([&] { read_dataset("uci-har", folder.data_paths()); }), HasSubstr(path.string())) << kept << " of " << whole;
  }
}

TEST(UciHar, AFlippedByteInTheZipIsNoticed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "data" / "UCI HAR Dataset.zip";
  write_zip(path, in_outer_folder(tiny_uci_har()));
  {
    std::FILE* file = std::fopen(path.c_str(), "r+b");
    ASSERT_NE(file, nullptr);
    std::fseek(file, 2000, SEEK_SET);
    const int byte = std::fgetc(file);
    std::fseek(file, 2000, SEEK_SET);
    std::fputc(byte ^ 0x10, file);
    std::fclose(file);
  }
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", folder.data_paths()); }), HasSubstr("damaged"));
}

TEST(UciHar, TheZipAroundTheZipIsReadAndCompanionsOfMacOSAreNot) {
  const TemporaryFolder folder;
  Files inner = in_outer_folder(tiny_uci_har());
  for (const auto& [name, text] : tiny_uci_har())
    inner["__MACOSX/UCI HAR Dataset/" + std::filesystem::path(name).parent_path().string() + "/._" +
          std::filesystem::path(name).filename().string()] = "not text";
  write_zip(folder.path() / "inner.zip", inner);
  const std::string zip = read_file(folder.path() / "inner.zip");
  write_zip(folder.path() / "data" / "uci-har" / "human+activity+recognition+using+smartphones.zip",
            {{"UCI HAR Dataset.zip", zip}, {"__MACOSX/._UCI HAR Dataset.zip", "not a zip"}});
  expect_tiny_recordings(read_dataset("uci-har", folder.data_paths()));
}

TEST(UciHar, ASecondCopyInAnArchiveOrFolderIsRefused) {
  const TemporaryFolder zipped, unpacked;
  Files twice = in_outer_folder(tiny_uci_har());
  for (const auto& [name, text] : tiny_uci_har()) twice["copy/" + name] = text;
  write_zip(zipped.path() / "data" / "UCI HAR Dataset.zip", twice);
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", zipped.data_paths()); }), HasSubstr("a second file"));
  write_folder(unpacked.path() / "data" / "uci-har", twice);
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", unpacked.data_paths()); }), HasSubstr("a second file"));
}

TEST(Archive, ZipsInZipsEndAtTheThird) {
  const TemporaryFolder folder;
  std::string zip = "no zip, but it would never be looked at";
  for (int depth = 0; depth < 5; ++depth) {
    write_zip(folder.path() / "nested.zip", {{"nested.zip", zip}});
    zip = read_file(folder.path() / "nested.zip");
  }
  const auto nothing = [](std::string_view) { return false; };
  EXPECT_THAT(input_error([&] { read_archive(folder.path() / "nested.zip", nothing, [](std::string_view, std::string_view) {}); }),
              AllOf(HasSubstr("nested.zip"), HasSubstr("the third zip inside one another")));
}

TEST(UciHar, AFileMissingFromTheZipOrFolderIsNamed) {
  const TemporaryFolder folder;
  Files files = tiny_uci_har();
  files.erase("test/Inertial Signals/body_gyro_y_test.txt");
  write_zip(folder.path() / "data" / "UCI HAR Dataset.zip", in_outer_folder(files));
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", folder.data_paths()); }),
              HasSubstr("holds no 'test/Inertial Signals/body_gyro_y_test.txt'"));
  const TemporaryFolder unpacked;
  write_folder(unpacked.path() / "data" / "uci-har", files);
  EXPECT_THAT(input_error([&] { read_dataset("uci-har", unpacked.data_paths()); }),
              AllOf(HasSubstr("data/uci-har: holds no 'test/Inertial Signals/body_gyro_y_test.txt'"), HasSubstr("Download")));
}

TEST(UciHar, WrongColumnsNonNumbersAndUnequalRowsAreNamedWithTheirLine) {
  const auto error_with = [](const std::string& name, const std::function<void(std::string&)>& damage) {
    const TemporaryFolder folder;
    Files files = tiny_uci_har();
    damage(files.at(name));
    write_folder(folder.path() / "data" / "uci-har", files);
    return input_error([&] { read_dataset("uci-har", folder.data_paths()); });
  };
  const std::string signal = "train/Inertial Signals/total_acc_x_train.txt";
  EXPECT_THAT(error_with(signal, [](std::string& text) { text.erase(text.rfind(' ')); }),
              AllOf(HasSubstr(signal), HasSubstr("line 4: expected 128 columns, found 127")));
  EXPECT_THAT(error_with(signal, [](std::string& text) { text.insert(text.find('\n'), " 1.0"); }),
              HasSubstr("line 1: expected 128 columns"));
  EXPECT_THAT(error_with(signal, [](std::string& text) { text.replace(text.find('\n') + 2, 3, "1x2"); }),
              HasSubstr("line 2: column 1: expected a number, found '1x2"));
  EXPECT_THAT(error_with(signal, [](std::string& text) { text.replace(0, 5, " nan "); }), HasSubstr("line 1: column 1: expected a number"));
  EXPECT_THAT(error_with(signal, [](std::string& text) { text.erase(0, text.find('\n') + 1); }), HasSubstr("holds 3 rows"));
  EXPECT_THAT(error_with("train/y_train.txt", [](std::string& text) { text = "1\n1\n7\n6\n"; }),
              HasSubstr("y_train.txt line 3: expected a class from 1 to 6, found 7"));
  EXPECT_THAT(error_with("test/subject_test.txt", [](std::string& text) { text = "2\n"; }), HasSubstr("subject_test.txt holds 1 rows"));
}

TEST(UciHar, DrawnDamageGivesOneSentenceOrIsHarmless) { expect_sentences_for_damage("uci-har", "uci-har", tiny_uci_har()); }

} // namespace
} // namespace stdualx
