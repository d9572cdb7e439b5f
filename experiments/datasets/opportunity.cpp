// Opportunity (Roggen et al. 2010, Chavarriaga et al. 2013): 4 people in a kitchen, five runs of daily living (ADL) and a drill each,
// seven body-worn IMUs, 30 Hz. Two tracks of labels make two data sets: `opportunity-locomotion` and `opportunity-gestures`.
//
// `dataset/S1-ADL1.dat` ... `S4-Drill.dat`: rows of 250 numbers parted by blanks (column_names.txt): time (ms), sensors on body, objects
// and furniture, and seven tracks of labels (label_legend.txt). Read are the IMUs: back, right and left upper and lower arm, with
// acceleration (milli g), gyroscope and magnetometer; and both shoes with their own 16 channels. The wireless accelerometers lose too
// much. NaN is missing; label 0 is no class.
#include <algorithm>
#include <array>
#include <map>

#include "experiments/datasets/number_rows.h"
#include "experiments/datasets/readers.h"
#include "experiments/gaps.h"

namespace stdualx {
namespace {

constexpr std::size_t column_count = 250;
constexpr std::size_t locomotion_column = 243, gestures_column = 249; // from 0

struct Label {
  std::int32_t number;
  const char* name;
};
constexpr std::array<Label, 4> locomotion = {{{1, "stand"}, {2, "walk"}, {4, "sit"}, {5, "lie"}}};
constexpr std::array<Label, 17> gestures = {{{406516, "open_door_1"},
                                             {406517, "open_door_2"},
                                             {404516, "close_door_1"},
                                             {404517, "close_door_2"},
                                             {406520, "open_fridge"},
                                             {404520, "close_fridge"},
                                             {406505, "open_dishwasher"},
                                             {404505, "close_dishwasher"},
                                             {406519, "open_drawer_1"},
                                             {404519, "close_drawer_1"},
                                             {406511, "open_drawer_2"},
                                             {404511, "close_drawer_2"},
                                             {406508, "open_drawer_3"},
                                             {404508, "close_drawer_3"},
                                             {408512, "clean_table"},
                                             {407521, "drink_from_cup"},
                                             {405506, "toggle_switch"}}};

struct Track {
  const char* name;
  std::size_t column;
  std::span<const Label> labels;
  const char* words; // for messages
};
constexpr Track locomotion_track{"opportunity-locomotion", locomotion_column, locomotion, "Locomotion"};
constexpr Track gestures_track{"opportunity-gestures", gestures_column, gestures, "ML_Both_Arms"};

constexpr std::array<PublishedFile, 24> published = {{
    {"dataset/S1-ADL1.dat", 51803164, "2b247432acbe4d3970f052c1e3e7ff8d2fc98ba5c49f95e2a0d63a32c553aab8"},
    {"dataset/S1-ADL2.dat", 32761206, "cb7951936acb4637e27b3c8c95480341354a93ba90a5cce232526279d2f127ba"},
    {"dataset/S1-ADL3.dat", 33899243, "118378e10af6bf042a65f7d14234993b9e1229ef12b4dc75afff1a79760f7132"},
    {"dataset/S1-ADL4.dat", 34242592, "283cf48e4114b4fb05a7def13c29b5497a0e02947ca5855d831fc68b72eec1c8"},
    {"dataset/S1-ADL5.dat", 30729238, "8519f3a4c09ee10c67215aef53520152355ddadf0d70b5b708998478b0c53a1c"},
    {"dataset/S1-Drill.dat", 56321443, "26b5e4d9f40243cc64471592bf86a5a282b0bde864b1efcdd5699d5a7f00bf42"},
    {"dataset/S2-ADL1.dat", 43165447, "38d76a30b49b6fff3dcc77cec676a19de5c252ed14c10b7400b4666997fa7f1f"},
    {"dataset/S2-ADL2.dat", 30710584, "b30f15e8a1927cd19427e2b1028bc787df06810466fd548523fc6a11e2d01aed"},
    {"dataset/S2-ADL3.dat", 34808274, "64eca28aa6cefc38e6362510f95d2a770d3a4e6c8b2326fd6608d7c10707240e"},
    {"dataset/S2-ADL4.dat", 33124185, "25cd0d6eb7e0fd9a9786d213ffdac131f06a5279e24d78ff50b1621a3fa205d1"},
    {"dataset/S2-ADL5.dat", 32398053, "2300842180e2640aa9512d602c0a7ba6ee1a4ef1999889b34bceb110dc5c5c0d"},
    {"dataset/S2-Drill.dat", 54381079, "98e7ed170e860457198fd1346f4b284d7ae5983e5de78d3924273ec47fa8e78f"},
    {"dataset/S3-ADL1.dat", 37810795, "1b15fc4766ba9a79f8ec97c15bb4cb128e7a2fd2c08f8dcb60dec65ca543e699"},
    {"dataset/S3-ADL2.dat", 28329759, "a61b0418486f07114719d30ea6bf119e530f233d36d8eee7da542946b0358f4a"},
    {"dataset/S3-ADL3.dat", 27222179, "ad976087c3c428f75d5a83df82640935323b3923eb8256466c99e7d2c556590a"},
    {"dataset/S3-ADL4.dat", 27972830, "e2502620983c38ecb78b21ca232516decc64753ad476ea242d3cbebcba20e637"},
    {"dataset/S3-ADL5.dat", 27048082, "8c66c65e561c4b2a8fb36d40cbca36cee246d6fad6072b097fcb3ee0ed8620fa"},
    {"dataset/S3-Drill.dat", 72116889, "3f5c13d4e52ea96f218040480e68bdf279818e7ea99d7dba7a78c12f2e21f7f1"},
    {"dataset/S4-ADL1.dat", 42129019, "9a9a6fedd1889f9210ff3ecc0d9ee9da602bd11a3a86f629ac06273a9b8bb98a"},
    {"dataset/S4-ADL2.dat", 28272896, "022be538306b443096667f37909d2a4a6f69222ddd2381a63160efc6ef146a04"},
    {"dataset/S4-ADL3.dat", 26254876, "f81f5d19cf3f76e531e2af5aab2333f6a776d82202869c740ee7791c1095fd7f"},
    {"dataset/S4-ADL4.dat", 22661204, "d2f5bd0e2f770ef8cbc0e1b11cab1ea9fe537d1bef3586dc92c395fd47b1426d"},
    {"dataset/S4-ADL5.dat", 31116303, "1ace7199f8a5285691a58326ded0a2932ea56d8f43da537ff23db0ad359e7ef6"},
    {"dataset/S4-Drill.dat", 46154259, "9076c861d9b5ad94345abf61659064f8e7b94e73d29518ab30e156a30555a3bd"},
}};

std::vector<std::string> sessions_of(const std::vector<const char*>& people, const std::vector<const char*>& runs) {
  std::vector<std::string> sessions;
  for (const char* person : people)
    for (const char* run : runs) sessions.push_back(std::string(person) + "-" + run);
  return sessions;
}

/// "S1-ADL1" ... "S4-Drill": the runs, in the order of their files' names.
std::vector<std::string> all_sessions() { return sessions_of({"S1", "S2", "S3", "S4"}, {"ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"}); }

/// The challenge of 2011: all of S1, and of S2 and S3 all but ADL4 and ADL5, which are the test; S4 was for another task. ADL3 of S2 and S3
/// is what others validate with (Ordóñez and Roggen 2016): of the tested people, another day.
ChallengeSplit challenge_split() {
  ChallengeSplit split;
  split.train = sessions_of({"S1"}, {"ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"});
  for (std::string& session : sessions_of({"S2", "S3"}, {"ADL1", "ADL2", "Drill"})) split.train.push_back(std::move(session));
  split.validation = sessions_of({"S2", "S3"}, {"ADL3"});
  split.test = sessions_of({"S2", "S3"}, {"ADL4", "ADL5"});
  return split;
}

bool is_run(std::string_view file) {
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos) file.remove_prefix(slash + 1);
  if (!file.ends_with(".dat")) return false;
  file.remove_suffix(4);
  static const auto sessions = all_sessions();
  return std::find(sessions.begin(), sessions.end(), file) != sessions.end();
}

constexpr std::size_t first_imu = 37, imu_columns = 13; // nine channels and a quaternion each
constexpr std::array<const char*, 5> imu_names = {"back", "right_upper_arm", "right_lower_arm", "left_upper_arm", "left_lower_arm"};
constexpr std::size_t first_shoe = 102, shoe_columns = 16;
constexpr std::array<const char*, 2> shoe_names = {"left_shoe", "right_shoe"};

std::vector<std::size_t> wanted_columns(const Track& track) {
  std::vector<std::size_t> columns = {0};
  for (std::size_t imu = 0; imu < imu_names.size(); ++imu)
    for (std::size_t channel = 0; channel < 9; ++channel) columns.push_back(first_imu + imu * imu_columns + channel);
  for (std::size_t channel = 0; channel < shoe_names.size() * shoe_columns; ++channel) columns.push_back(first_shoe + channel);
  columns.push_back(track.column);
  return columns;
}

DatasetInfo info_of_track(const Track& track, const CatalogEntry& entry) {
  DatasetInfo info = info_of(entry);
  for (const char* name : imu_names) {
    SensorInfo& sensor = info.sensors.emplace_back(SensorInfo{name, {}});
    add_axes(sensor, "acceleration", "accelerometer");
    add_axes(sensor, "gyroscope", "gyroscope");
    add_axes(sensor, "magnetometer", "magnetometer");
  }
  for (const char* name : shoe_names) {
    // What is told in the room's frame, or as angles, does not turn with the shoe: "other".
    SensorInfo& sensor = info.sensors.emplace_back(SensorInfo{name, {}});
    add_axes(sensor, "euler_angle", "other");
    add_axes(sensor, "room_acceleration", "other");
    add_axes(sensor, "acceleration", "accelerometer");
    add_axes(sensor, "angular_velocity", "gyroscope");
    add_axes(sensor, "room_angular_velocity", "other");
    sensor.channels.push_back({"compass", "other"});
  }
  for (const Label& label : track.labels) info.classes.emplace_back(label.name);
  info.sessions = all_sessions();
  info.challenge = challenge_split();
  info.citation =
      "Roggen et al.: Collecting complex activity data sets in highly rich networked sensor environments, INSS 2010; Chavarriaga "
      "et al.: The Opportunity challenge, Pattern Recognition Letters 34(15), 2013.";
  return info;
}

Dataset read_track(const DatasetSource& source, const Track& track, const CatalogEntry& entry) {
  Dataset dataset{info_of_track(track, entry), {}};
  std::map<std::int32_t, std::int32_t> classes = {{0, no_label}};
  for (const Label& label : track.labels) classes.emplace(label.number, static_cast<std::int32_t>(classes.size()) - 1);
  std::vector<std::string> files;
  for (const std::string& session : all_sessions()) files.push_back(session + ".dat");
  const std::size_t label_index = wanted_columns(track).size() - 1;

  read_in_order(source, entry, files, dataset, [&](const std::string& origin, const std::string& file, std::string_view text) {
    const auto session = std::find(files.begin(), files.end(), file) - files.begin();
    TimedRecording recording(dataset, file[1] - '0', static_cast<std::int32_t>(session));
    NumberRows rows(origin, text, {.columns = column_count, .wanted = wanted_columns(track), .missing_allowed = true});
    while (rows.next()) {
      const float time = rows.values()[0];
      if (!(time >= 0)) rows.fail("column 1: expected a time in milliseconds, found " + std::to_string(time));
      const auto label = classes.find(rows.whole_number(label_index));
      if (label == classes.end())
        rows.fail("column " + std::to_string(track.column + 1) + ": expected 0 or a label of the track " + track.words + ", found " +
                  std::to_string(rows.whole_number(label_index)));
      recording.add(static_cast<double>(time) / 1000, rows.values().subspan(1, label_index - 1), label->second);
    }
    recording.finish();
  });
  return dataset;
}

CatalogEntry entry_of(const Track& track, const char* summary, Dataset (*read)(const DatasetSource&)) {
  return {.name = track.name,
          .summary = summary,
          .obtain = "Download 'opportunity+activity+recognition.zip' (OPPORTUNITY Activity Recognition, archive.ics.uci.edu, data set 226) "
                    "and put it, the 'OpportunityUCIDataset.zip' in it, or the folder that unpacks to, into DATA/opportunity, where DATA "
                    "is your data directory.",
          .reader_version = 1,
          .places = {"opportunity/OpportunityUCIDataset.zip", "opportunity/opportunity+activity+recognition.zip",
                     "OpportunityUCIDataset.zip", "OpportunityUCIDataset", "opportunity"},
          .rate = 30,
          .windows = {24, 12, 0.5}, // 0.8 s, half overlapping, as Ordóñez and Roggen 2016
          .wanted = is_run,
          .read = read,
          .published = published};
}

} // namespace

CatalogEntry opportunity_locomotion() {
  return entry_of(locomotion_track, "4 people, 4 ways to move, seven IMUs (back, arms, shoes), 30 Hz",
                  [](const DatasetSource& source) { return read_track(source, locomotion_track, opportunity_locomotion()); });
}

CatalogEntry opportunity_gestures() {
  return entry_of(gestures_track, "the recordings of opportunity-locomotion, 17 gestures of the arms",
                  [](const DatasetSource& source) { return read_track(source, gestures_track, opportunity_gestures()); });
}

} // namespace stdualx
