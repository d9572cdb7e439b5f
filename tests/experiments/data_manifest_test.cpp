// Recordings by manifest: gaps, sensors of different widths, and every mistake named with its place.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/datasets/manifest.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// 10 Hz, so that 0.2 s are two steps; a sensor of three channels and one of a single channel.
Json gym_manifest() {
  return Json::parse(R"({
    "name": "gym", "rate": 10, "files": ["gym.csv"],
    "sensors": [{"name": "wrist", "columns": ["ax", "ay", "az"], "kinds": ["accelerometer"]}, {"name": "belt", "columns": ["pulse"]}],
    "recording_column": "set", "classes": ["squat", "row"], "none_labels": ["rest"], "windows": {"steps": 2, "stride": 1}})");
}

struct Gym {
  TemporaryFolder folder;
  std::filesystem::path manifest = folder.path() / "gym.json";

  explicit Gym(const std::string& csv, const Json& json = gym_manifest()) {
    write_text(manifest, json.dump());
    write_text(folder.path() / "gym.csv", csv);
  }
  Dataset read() const { return read_dataset(manifest.string(), folder.data_paths()); }
  std::string error() const {
    return input_error([&] { read(); });
  }
};

const std::string header = "person,set,note,label,ax,ay,az,pulse\n";

TEST(Manifest, ColumnsBecomeSensorsPaddedToTheWidest) {
  const Gym gym("\xEF\xBB\xBF" + header +
                "4,one,\"a, quoted note\",squat,1,2,3,60\r\n4,one,,rest, 1.5 ,2e0,-3,61\r\n\r\n4,two,,row,7,8,9,70\n5,two,,,7,8,9,70");
  const Dataset dataset = gym.read();
  ASSERT_EQ(dataset.recordings.size(), 3u);
  EXPECT_THAT(dataset.recordings[0].samples, ElementsAre(1, 2, 3, 60, 0, 0, 1.5f, 2, -3, 61, 0, 0));
  EXPECT_THAT(dataset.recordings[0].labels, ElementsAre(0, no_label));
  EXPECT_EQ(dataset.recordings[0].person, 4);
  EXPECT_EQ(dataset.recordings[2].person, 5);
  EXPECT_THAT(dataset.recordings[2].labels, ElementsAre(no_label));
  ASSERT_EQ(dataset.info.sensors.size(), 2u);
  EXPECT_EQ(dataset.info.sensors[0].channels[2], (ChannelInfo{"az", "accelerometer"}));
  EXPECT_EQ(dataset.info.sensors[1].channels[0], (ChannelInfo{"pulse", "other"}));
}

TEST(Manifest, WindowsHoldWhatTheyDoCutOneByOne) {
  std::string csv = header;
  for (int step = 0; step < 12; ++step)
    csv +=
        "4," + std::string(step < 7 ? "one" : "two") + ",," + (step % 3 == 0 ? "rest" : "row") + "," + std::to_string(step) + ",2,3,60\n";
  expect_windows_cut_one_by_one(Gym(csv).read(), {3, 2, 0.6});
}

TEST(Manifest, ShortGapsAreFilledAndLongerOnesSplitTheRecording) {
  std::string csv = header;
  for (const char* ax : {"", "1", "", "NaN", "4", "nan", "", "", "8", ""}) csv += "1,s,,squat," + std::string(ax) + ",0,0,0\n";
  const Dataset dataset = Gym(csv).read();
  ASSERT_EQ(dataset.recordings.size(), 2u);
  const auto first_channel = [&](std::size_t recording) {
    std::vector<float> values;
    for (std::size_t i = 0; i < dataset.recordings[recording].samples.size(); i += 6)
      values.push_back(dataset.recordings[recording].samples[i]);
    return values;
  };
  EXPECT_THAT(first_channel(0), ElementsAre(1, 1, 1, 4)); // what comes before the first value cannot be filled
  EXPECT_THAT(first_channel(1), ElementsAre(8, 8));
}

TEST(Manifest, AChannelWithoutAnyValueIsNamed) {
  EXPECT_THAT(Gym(header + "1,s,,squat,1,2,,3\n1,s,,squat,1,2,NaN,3\n").error(),
              AllOf(HasSubstr("gym.csv lines 2 to 3, column 'az': no value"), HasSubstr("recording 's' of person 1")));
}

TEST(Manifest, AMissingColumnIsNamedWithTheNearWord) {
  EXPECT_THAT(Gym("person,set,label,ax,ay,az,puls\n").error(), AllOf(HasSubstr("gym.csv line 1: there is no column 'pulse'"),
                                                                     HasSubstr("/sensors/1/columns/0"), HasSubstr("did you mean 'puls'?")));
}

TEST(Manifest, WrongFieldsAreNamedWithLineAndColumn) {
  EXPECT_THAT(Gym(header + "1,s,,squat,1,2,3,4\n1,s,,squat,1,2,3\n").error(),
              HasSubstr("gym.csv line 3: expected 8 columns as in the header, found 7"));
  EXPECT_THAT(Gym(header + "1,s,,squat,1,2,x3,4\n").error(), HasSubstr("gym.csv line 2, column 'az': expected a number, found 'x3'"));
  EXPECT_THAT(Gym(header + "1,s,,squat,1,inf,3,4\n").error(), HasSubstr("column 'ay': expected a number, found 'inf'"));
  EXPECT_THAT(Gym(header + ",s,,squat,1,2,3,4\n").error(), HasSubstr("column 'person': expected the person's number or name"));
  EXPECT_THAT(Gym(header + "1,s,,squad,1,2,3,4\n").error(), AllOf(HasSubstr("label 'squad'"), HasSubstr("did you mean 'squat'?")));
  EXPECT_THAT(Gym(header + "1,s,,squat,1,2,3,4\n1,t,,squat,1,2,3,4\n1,s,,squat,1,2,3,4\n").error(),
              HasSubstr("line 4, column 'set': person 1, recording 's' starts a second time"));
  EXPECT_THAT(Gym(header + "1,s,\"open,squat,1,2,3,4\n").error(), HasSubstr("line 2: field 3: expected a closing quote"));
  EXPECT_THAT(Gym("").error(), HasSubstr("is empty"));
}

/// A wrist at 10 Hz with the labels, a belt at 20 Hz and a shoe at 4 Hz with files of their own. Values of the belt: 100 + seconds, of the
/// shoe: 200 + 10 x seconds.
struct Apart {
  TemporaryFolder folder;
  Json manifest = Json::parse(R"({
    "name": "apart", "rate": 10, "files": ["wrist.csv"], "recording_column": "set", "classes": ["squat", "row"],
    "sensors": [{"name": "belt", "columns": ["b"], "files": ["belt.csv"], "rate": 20}, {"name": "wrist", "columns": ["x", "y"]},
                {"name": "shoe", "columns": ["s"], "files": ["shoe.csv"], "rate": 4}],
    "windows": {"steps": 2, "stride": 1}})");
  std::string wrist = "person,set,label,y,x\n", belt = "set,person,b\n", shoe = "person,set,s\n";

  Apart() {
    for (int i = 0; i < 9; ++i) wrist += fmt::format("1,a,squat,{},{}\n", -i, i);
    for (int i = 0; i < 18; ++i) belt += fmt::format("a,1,{}\n", 100 + 0.05 * i);
    for (int i = 0; i < 5; ++i) shoe += fmt::format("1,a,{}\n", 200 + 2.5 * i);
  }
  /// Nothing but headers, with a column of times.
  void empty_with_times() {
    manifest["time_column"] = "t";
    wrist = "person,set,label,y,x,t\n";
    belt = "set,person,b,t\n";
    shoe = "person,set,s,t\n";
  }
  Dataset read() {
    write_text(folder.path() / "wrist.csv", wrist);
    write_text(folder.path() / "belt.csv", belt);
    write_text(folder.path() / "shoe.csv", shoe);
    write_text(folder.path() / "apart.json", manifest.dump());
    return read_dataset((folder.path() / "apart.json").string(), folder.data_paths());
  }
  std::string error() {
    return input_error([&] { read(); });
  }
};

TEST(ManifestOfSensorsApart, EachSensorIsBroughtToTheLabelledRowsByLinearInterpolation) {
  const Dataset dataset = Apart().read();
  ASSERT_EQ(dataset.recordings.size(), 1u);
  ASSERT_EQ(dataset.recordings[0].steps(), 9);
  for (std::size_t i = 0; i < 9; ++i) {
    const float* const sample = dataset.recordings[0].samples.data() + i * 6; // three sensors, padded to two channels
    const float time = 0.1f * static_cast<float>(i);
    EXPECT_FLOAT_EQ(sample[0], 100 + time);
    EXPECT_EQ(sample[2], static_cast<float>(i));
    EXPECT_EQ(sample[3], -static_cast<float>(i));
    EXPECT_FLOAT_EQ(sample[4], 200 + 10 * time);
  }
}

TEST(ManifestOfSensorsApart, GapsAndEndsOfASensorAreGapsOfTheRecording) {
  Apart apart;
  // The belt at 20 Hz: three samples lost lie 0.2 s apart and are bridged; six, 0.35 s, are not: rows 4 to 6 are left out.
  apart.belt = "set,person,b\n";
  for (int i = 0; i < 18; ++i)
    apart.belt += fmt::format("a,1,{}\n", i >= 1 && i <= 3 ? "" : i >= 7 && i <= 12 ? "NaN" : fmt::format("{}", i));
  Dataset dataset = apart.read();
  ASSERT_EQ(dataset.recordings.size(), 2u);
  EXPECT_EQ(dataset.recordings[0].steps(), 4);
  EXPECT_FLOAT_EQ(dataset.recordings[0].samples[6], 2); // row 1, 0.1 s: half-way between 0 and 4
  EXPECT_EQ(dataset.recordings[1].steps(), 2);
  EXPECT_EQ(dataset.left_out_steps, 3);
  Apart ends; // the shoe's last sample lies at 0.5 s: two more rows are filled with it, the others would have to be made up
  ends.shoe = "person,set,s\n1,a,1\n1,a,2\n1,a,3\n";
  dataset = ends.read();
  EXPECT_EQ(dataset.recordings.size(), 1u);
  EXPECT_EQ(dataset.recordings[0].steps(), 6);
}

TEST(ManifestOfSensorsApart, ATimeColumnSetsTheClocks) {
  Apart apart;
  apart.empty_with_times();
  // The belt starts half a second before the wrist, the shoe a quarter of a second.
  for (int i = 0; i < 12; ++i)
    if (i != 5) apart.wrist += fmt::format("1,a,row,0,{},{:.1f}\n", i, 1700000000 + 0.1 * i);
  for (int i = 0; i < 40; ++i) apart.belt += fmt::format("a,1,{},{:.2f}\n", i, 1700000000 - 0.5 + 0.05 * i);
  for (int i = 0; i < 8; ++i) apart.shoe += fmt::format("1,a,{},{:.2f}\n", i, 1700000000 - 0.25 + 0.25 * i);
  const Dataset dataset = apart.read();
  ASSERT_EQ(dataset.recordings.size(), 1u);
  ASSERT_EQ(dataset.recordings[0].steps(), 12); // the lost row is interpolated
  for (const std::size_t row : {0, 1, 4, 6, 11}) {
    EXPECT_NEAR(dataset.recordings[0].samples[row * 6], 10 + 2.0 * static_cast<double>(row), 1e-3);
    EXPECT_NEAR(dataset.recordings[0].samples[row * 6 + 4], 1 + 0.4 * static_cast<double>(row), 1e-3);
  }
  EXPECT_NEAR(dataset.recordings[0].samples[5 * 6], 20, 1e-3);
}

TEST(ManifestOfTimes, StampsThatComeInPairsDoNotStretchTime) {
  Json json = gym_manifest();
  json["time_column"] = "t";
  std::string csv = "person,set,note,label,ax,ay,az,pulse,t\n";
  // 10 Hz, told two by two: 0.085 s apart, then 0.115 s; then a true loss of one; and a clock that runs 1 % slow.
  for (int i = 0; i < 200; ++i)
    if (i != 101) csv += fmt::format("1,s,,squat,{},0,0,0,{:.4f}\n", i, 1.01 * (0.1 * i + (i % 2 == 0 ? 0 : -0.015)));
  const Dataset dataset = Gym(csv, json).read();
  ASSERT_EQ(dataset.recordings.size(), 1u);
  EXPECT_NEAR(static_cast<double>(dataset.recordings[0].steps()), 202, 1);
  // Bursts: three rows at once, then a pause of three, with every row's share of them 0.1 s. Only their median says another rate.
  std::string bursts = "person,set,note,label,ax,ay,az,pulse,t\n";
  for (int i = 0; i < 30; ++i) bursts += fmt::format("1,s,,squat,{},0,0,0,{:.4f}\n", i, 0.3 * (i / 3) + 0.001 * (i % 3));
  const Dataset packets = Gym(bursts, json).read();
  ASSERT_EQ(packets.recordings.size(), 1u);
  EXPECT_EQ(packets.recordings[0].steps(), 28);
}

TEST(ManifestOfSensorsApart, TimesOfAnotherRateAreRefused) {
  Apart apart;
  apart.empty_with_times();
  for (int i = 0; i < 12; ++i) apart.wrist += fmt::format("1,a,row,0,{},{:.1f}\n", i, 0.1 * i);
  for (int i = 0; i < 40; ++i) apart.belt += fmt::format("a,1,{},{:.2f}\n", i, 0.1 * i); // the manifest says 20 Hz
  for (int i = 0; i < 8; ++i) apart.shoe += fmt::format("1,a,{},{:.2f}\n", i, 0.25 * i);
  EXPECT_THAT(apart.error(), AllOf(HasSubstr("belt.csv lines 2 to 41, column 't'"),
                                   HasSubstr("has 10 rows a second (median step 0.1 s, largest 0.1 s), but the manifest's rate says 20")));
}

TEST(ManifestOfSensorsApart, WithoutARecordingColumnTheFilesBelongTogetherByTheirPlace) {
  Apart apart;
  apart.manifest.erase("recording_column");
  EXPECT_EQ(apart.read().recordings.size(), 1u);
  apart.manifest["sensors"][0]["files"] = {"belt.csv", "again.csv"};
  EXPECT_THAT(apart.error(), HasSubstr("/sensors/0/files: expected as many files as in /files"));
}

TEST(ManifestOfSensorsApart, MistakesAreNamed) {
  Apart apart;
  apart.wrist += "1,b,squat,0,0\n";
  EXPECT_THAT(apart.error(), AllOf(HasSubstr("wrist.csv line 11: recording 'b' of person 1 is in none of the files of sensor 'belt'")));
  Apart twice;
  twice.manifest["sensors"][0]["files"] = {"belt.csv", "again.csv"};
  write_text(twice.folder.path() / "again.csv", twice.belt);
  EXPECT_THAT(twice.error(), AllOf(HasSubstr("again.csv line 2: recording 'a' of person 1 is in"), HasSubstr("belt.csv too")));
  twice.manifest["sensors"][0]["files"] = {"belt.csv", "./belt.csv"};
  EXPECT_THAT(twice.error(), HasSubstr("/sensors/0/files/1: expected each file once, found './belt.csv' a second time"));
  Apart main_twice; // would give its windows twice, or one day's belt to another day
  main_twice.manifest["files"] = {"wrist.csv", "again.csv"};
  write_text(main_twice.folder.path() / "again.csv", main_twice.wrist);
  EXPECT_THAT(main_twice.error(), AllOf(HasSubstr("again.csv line 2: recording 'a' of person 1 is in"), HasSubstr("wrist.csv too")));
  main_twice.manifest["files"] = {"wrist.csv", "wrist.csv"};
  EXPECT_THAT(main_twice.error(), HasSubstr("/files/1: expected each file once"));
  Apart empty;
  empty.shoe = "person,set,s\n1,a,\n1,a,NaN\n";
  EXPECT_THAT(empty.error(), HasSubstr("shoe.csv lines 2 to 3, column 's': no value in the whole of recording 'a'"));
  Apart no_file;
  no_file.manifest["sensors"][2]["files"] = {"shoes.csv"};
  EXPECT_THAT(no_file.error(), HasSubstr("/sensors/2/files/0: there is no file"));
  Apart rate;
  rate.manifest["sensors"][1]["rate"] = 5;
  EXPECT_THAT(rate.error(), HasSubstr("/sensors/1/rate: expected it beside files"));
  Apart column;
  column.belt = "set,person,c\na,1,2\n";
  EXPECT_THAT(column.error(), AllOf(HasSubstr("belt.csv line 1: there is no column 'b'"), HasSubstr("/sensors/0/columns/0")));
  Apart times;
  times.manifest["time_column"] = "y";
  EXPECT_THAT(times.error(), HasSubstr("belt.csv line 1: there is no column 'y', which the manifest's /time_column names"));
  Apart clocks;
  clocks.empty_with_times();
  clocks.wrist += "1,a,row,0,0,5\n1,a,row,0,0,5\n";
  clocks.belt += "a,1,1,0\na,1,2,1\n";
  clocks.shoe += "1,a,1,4\n1,a,1,6\n";
  EXPECT_THAT(clocks.error(), HasSubstr("wrist.csv line 3, column 't': expected a time after that of the row before, found '5'"));
  clocks.wrist = "person,set,label,y,x,t\n1,a,row,0,0,5\n1,a,row,0,0,6\n";
  EXPECT_THAT(clocks.error(), AllOf(HasSubstr("belt.csv: recording 'a' of person 1: sensor 'belt' has no value of 'b' while"),
                                    HasSubstr("the same clock, in seconds")));
  Apart windows;
  windows.manifest["windows"]["rate"] = 5;
  EXPECT_THAT(windows.error(), HasSubstr("/windows: expected steps, stride and label_threshold alone"));
}

TEST(Manifest, MistakesInTheManifestAreNamedByJsonPointer) {
  const auto error_with = [](const char* pointer, const Json& value) {
    Json json = gym_manifest();
    json[Json::json_pointer(pointer)] = value;
    return Gym(header, json).error();
  };
  EXPECT_THAT(error_with("/rat", 5), AllOf(HasSubstr("gym.json:1: /rat: unknown key"), HasSubstr("did you mean 'rate'")));
  EXPECT_THAT(error_with("/name", "uci-har"), HasSubstr("/name: expected a name of your own, since 'uci-har' is a published data set's"));
  EXPECT_THAT(error_with("/rate", "fast"), HasSubstr("/rate: expected a number"));
  EXPECT_THAT(error_with("/windows/label_threshold", nullptr), HasSubstr("/windows/label_threshold: expected a number"));
  EXPECT_THAT(error_with("/rate", 0), HasSubstr("/rate: expected the samples a second, above 0"));
  EXPECT_THAT(error_with("/sensors/0/kinds/0", "acceleration"), HasSubstr("/sensors/0/kinds/0: expected accelerometer"));
  EXPECT_THAT(error_with("/sensors/0/kinds", Json{"other", "other"}),
              HasSubstr("/sensors/0/kinds: expected one kind, or one for each of the 3"));
  EXPECT_THAT(error_with("/classes", Json{"squat"}), HasSubstr("/classes: expected at least two"));
  EXPECT_THAT(error_with("/files/0", "other.csv"), AllOf(HasSubstr("/files/0: there is no file"), HasSubstr("other.csv")));
  const TemporaryFolder folder;
  write_text(folder.path() / "twice.json", "{\"name\": \"gym\",\n\"rate\": 10,\n\"rate\": 20}");
  EXPECT_THAT(input_error([&] { read_dataset((folder.path() / "twice.json").string(), {}); }),
              HasSubstr("twice.json:3: /rate: stands twice in one object, first in line 2"));
  write_text(folder.path() / "broken.json", "{\"name\": ");
  EXPECT_THAT(input_error([&] { read_dataset((folder.path() / "broken.json").string(), {}); }), HasSubstr("broken.json:1: not JSON"));
  EXPECT_THAT(input_error([&] { read_dataset((folder.path() / "none.json").string(), {}); }), HasSubstr("none.json"));
}

TEST(Manifest, WatchNamesBothPlacesAndTheScript) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path()); // watch-data of the working directory is one of the places
  const std::string message = input_error([&] { read_dataset("watch", folder.data_paths()); });
  std::filesystem::current_path(before);
  EXPECT_THAT(message, AllOf(HasSubstr("data/watch/manifest.json"), HasSubstr("watch-data/manifest.json"), HasSubstr("watch_to_csv.py")));
}

} // namespace
} // namespace stdualx
