// Recordings by manifest: gaps, sensors of different widths, and every mistake named with its place.
#include "data_fixtures.h"

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
  EXPECT_THAT(Gym(header + "Ann,s,,squat,1,2,3,4\n").error(), HasSubstr("column 'person': expected a whole number, found 'Ann'"));
  EXPECT_THAT(Gym(header + "1,s,,squad,1,2,3,4\n").error(), AllOf(HasSubstr("label 'squad'"), HasSubstr("did you mean 'squat'?")));
  EXPECT_THAT(Gym(header + "1,s,,squat,1,2,3,4\n1,t,,squat,1,2,3,4\n1,s,,squat,1,2,3,4\n").error(),
              HasSubstr("line 4, column 'set': person 1, recording 's' starts a second time"));
  EXPECT_THAT(Gym(header + "1,s,\"open,squat,1,2,3,4\n").error(), HasSubstr("line 2: field 3: expected a closing quote"));
  EXPECT_THAT(Gym("").error(), HasSubstr("is empty"));
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
