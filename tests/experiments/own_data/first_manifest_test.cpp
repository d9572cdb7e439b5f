// First manifests: what is guessed of files must read them, and what was not told is said.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "experiments/datasets/first_manifest.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string file_in(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  write_text(folder.path() / name, text);
  return (folder.path() / name).string();
}

TEST(FirstManifest, ReadsTheFilesThatItWasMadeOf) {
  const TemporaryFolder folder;
  std::string csv =
      "Subject;trial;timestamp;wrist_acc_x;wrist_acc_y;wrist_acc_z;wrist_gyro_x;wrist_gyro_y;wrist_gyro_z;pulse;note;activity\n";
  for (const char* trial : {"1", "2"})
    for (int i = 0; i < 300; ++i)
      csv += fmt::format("anna;{};{};{},5;1;2;3;4;5;{};ok;{}\n", trial, 1700000000000 + 20 * i, i % 17, i % 20 == 19 ? "NA" : "70",
                         i < 150 ? "walk" : "none");
  const FirstManifest made = first_manifest({file_in(folder, "day.csv", csv)});
  const Json& manifest = made.manifest;
  EXPECT_EQ(manifest["delimiter"], ";");
  EXPECT_EQ(manifest["decimal"], ",");
  EXPECT_EQ(manifest["person_column"], "Subject");
  EXPECT_EQ(manifest["recording_column"], "trial");
  EXPECT_EQ(manifest["time_column"], "timestamp");
  EXPECT_EQ(manifest["time_unit"], "ms");
  EXPECT_EQ(manifest["rate"], 50);
  EXPECT_EQ(manifest["classes"], Json({"walk"}));
  EXPECT_EQ(manifest["none_labels"], Json({"none"}));
  EXPECT_EQ(manifest["missing_values"], Json({"NA"}));
  ASSERT_EQ(manifest["sensors"].size(), 2u);
  EXPECT_EQ(manifest["sensors"][0]["name"], "wrist");
  EXPECT_EQ(manifest["sensors"][0]["kinds"],
            Json({"accelerometer", "accelerometer", "accelerometer", "gyroscope", "gyroscope", "gyroscope"}));
  EXPECT_EQ(manifest["sensors"][1]["columns"], Json({"pulse"}));
  EXPECT_THAT(made.guessed, Contains(HasSubstr("/time_unit: \"ms\", since rows are 20 apart (median)")));
  EXPECT_THAT(made.open, Contains(HasSubstr("/sensors: column 'note' is left out: it holds words such as 'ok'")));
  EXPECT_THAT(made.open, Contains(HasSubstr("/name")));

  Json corrected = manifest; // by a person
  corrected["classes"].push_back("sit");
  corrected["files"] = {"day.csv"};
  write_text(folder.path() / "manifest.json", corrected.dump());
  const Dataset dataset = read_dataset((folder.path() / "manifest.json").string(), folder.data_paths());
  EXPECT_EQ(dataset.account.rows, 600);
  EXPECT_EQ(dataset.recordings.at(0).samples.at(0), 0.5f);
}

TEST(FirstManifest, SaysWhatItCouldNotTell) {
  const TemporaryFolder folder;
  std::string csv = "ax,ay,az,thetax\n";
  for (int i = 0; i < 50; ++i) csv += fmt::format("{},1,2,3\n", i);
  const FirstManifest made = first_manifest({file_in(folder, "unknown.csv", csv)});
  for (const char* key : {"/person_column", "/recording_column", "/rate", "/label_column"})
    EXPECT_THAT(made.open, Contains(HasSubstr(key))) << key;
  EXPECT_EQ(made.manifest["sensors"][0]["columns"], Json({"ax", "ay", "az"}));
  EXPECT_EQ(made.manifest["sensors"][1]["columns"], Json({"thetax"}));
}

TEST(FirstManifest, FindsPeopleInPathsAndTimesThatAreDates) {
  const TemporaryFolder folder;
  std::string csv = "datetime,label,gx,gy,gz\n";
  for (int i = 0; i < 40; ++i) csv += fmt::format("2026-12-01T08:00:{:05.2f},{},1,2,{}\n", i * 0.04, i < 20 ? "a" : "b", i);
  std::filesystem::create_directories(folder.path() / "subject_07");
  const FirstManifest made = first_manifest({file_in(folder, "subject_07/day.csv", csv)});
  EXPECT_EQ(made.manifest["person_column"], "path:subject_([0-9A-Za-z]+)");
  EXPECT_EQ(made.manifest["time_format"], "iso8601");
  EXPECT_EQ(made.manifest["rate"], 25);
  EXPECT_EQ(made.manifest["sensors"][0]["kinds"], Json({"gyroscope", "gyroscope", "gyroscope"}));
}

TEST(FirstManifest, WhatItCannotBeMadeOfIsNamed) {
  const TemporaryFolder folder;
  const std::string one = file_in(folder, "one.csv", "person,x\n1,2\n"), other = file_in(folder, "other.csv", "person,y\n1,2\n"),
                    none = file_in(folder, "none.csv", "person,x\n");
  EXPECT_THAT(input_error([] { first_manifest({}); }), HasSubstr("data init: which CSV files?"));
  EXPECT_THAT(input_error([&] { first_manifest({one, other}); }), HasSubstr("other.csv: has other columns than"));
  EXPECT_THAT(input_error([&] { first_manifest({one, none}); }), HasSubstr("none.csv: holds a header and no row"));
  EXPECT_THAT(input_error([&] { first_manifest({(folder.path() / "gone.csv").string()}); }), HasSubstr("gone.csv"));
}

} // namespace
} // namespace stdualx
