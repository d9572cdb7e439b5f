// PAMAP2, Physical Activity Monitoring (Reiss, Stricker 2012): 9 people, three IMUs (hand, chest, ankle), 100 Hz.
//
// `Protocol/subject101.dat` to `subject109.dat`: rows of 54 numbers parted by blanks: time (s), activity, heart rate, then 17 of each IMU:
// temperature, acceleration at +-16 g (m/s2), acceleration at +-6 g (which saturates: left out), gyroscope (rad/s), magnetometer
// (microtesla), orientation (invalid, says the publisher). NaN where a wireless packet was lost. Activity 0 is what lies between two
// activities.
//
// `Optional/` is not read: it holds none of the twelve activities of the protocol, and is there of five people only.
#include <array>
#include <map>

#include "experiments/datasets/number_rows.h"
#include "experiments/datasets/readers.h"
#include "experiments/gaps.h"

namespace stdualx {
namespace {

constexpr std::size_t column_count = 54;
constexpr std::int32_t first_person = 101, last_person = 109;

struct Activity {
  std::int32_t number;
  const char* name;
};
constexpr std::array<Activity, 12> activities = {{{1, "lying"},
                                                  {2, "sitting"},
                                                  {3, "standing"},
                                                  {4, "walking"},
                                                  {5, "running"},
                                                  {6, "cycling"},
                                                  {7, "nordic_walking"},
                                                  {12, "ascending_stairs"},
                                                  {13, "descending_stairs"},
                                                  {16, "vacuum_cleaning"},
                                                  {17, "ironing"},
                                                  {24, "rope_jumping"}}};

constexpr std::array<PublishedFile, 14> published = {{
    {"Protocol/subject101.dat", 141698539, "80b3fffd089c236ae88098df3b906b8d3c67a858023fe4f75045d78612147266"},
    {"Protocol/subject102.dat", 207349310, "468f3c6ba3e6e961f383783665265afbcddbbd33a3a84bba0386b7d0d4e3c632"},
    {"Protocol/subject103.dat", 117863364, "5be64631d085e3efc700728395516da3512ff9de17dab30d253508441a98d3f0"},
    {"Protocol/subject104.dat", 153227482, "7eb272213cbfe11d9e466a2163b6c9c2ed8d2542fc6f08283fd1bf222cac8994"},
    {"Protocol/subject105.dat", 173773599, "7837cfede57fe45ec20d553c6c2b0c498ab324daae23bfd202c0ffea9f71a7f6"},
    {"Protocol/subject106.dat", 168263273, "0da1dda3fa56d75d6413fc9198949d3ebc2102d77574cb5fe0739674687609f2"},
    {"Protocol/subject107.dat", 145823268, "a02195e9599eb249f79103912d27eb4f62d8a0f59e4763b0dd8250fee5f3f020"},
    {"Protocol/subject108.dat", 190019653, "81ce6b21b9c1e01dc02099c4f9387699547b08b28b387d09a56e0cb0a8af22fc"},
    {"Protocol/subject109.dat", 3891140, "5109d5cd8334769566b4ae602adf3e5f4bb7b9ee8ca678f0c481d333114b07c7"},
    {"Optional/subject101.dat", 121246257, "a8b71371406001ae563acad1d7d946ceacd0afeb51b97bfb9a9cbad95c78e52c"},
    {"Optional/subject105.dat", 72521536, "a7c4ccd8d7e8fe21abad8c111229649ec10ca9b353cc29fcc4986c2243301adc"},
    {"Optional/subject106.dat", 60905306, "50882fc519f01e8fe200a5a4373daff443e88624d7e8a2d31d759569823fb491"},
    {"Optional/subject108.dat", 85403002, "e871b2e5692867f8655b69b769e866927739aa288b9da5cc9a15dc930f154336"},
    {"Optional/subject109.dat", 90594049, "a6a8f7521d63fe80bd7f203c5ee1256a2bc8b3772f028ae767256ec1d6a93930"},
}};

std::string file_of(std::int32_t person) { return "subject" + std::to_string(person) + ".dat"; }

bool is_protocol(std::string_view file) {
  for (std::int32_t person = first_person; person <= last_person; ++person) {
    const std::string name = "Protocol/" + file_of(person);
    if (file.ends_with(name) && (file.size() == name.size() || file[file.size() - name.size() - 1] == '/')) return true;
  }
  return false;
}

/// Time, activity, and of each IMU acceleration at +-16 g, gyroscope and magnetometer.
std::vector<std::size_t> wanted_columns() {
  std::vector<std::size_t> columns = {0, 1};
  for (const std::size_t imu : {3, 20, 37})
    for (const std::size_t vector : {1, 7, 10})
      for (const std::size_t axis : {0, 1, 2}) columns.push_back(imu + vector + axis);
  return columns;
}

Dataset read_pamap2(const DatasetSource& source) {
  Dataset dataset{info_of(pamap2()), {}};
  for (const char* place : {"hand", "chest", "ankle"}) {
    SensorInfo& sensor = dataset.info.sensors.emplace_back(SensorInfo{place, {}});
    add_axes(sensor, "acceleration", "accelerometer");
    add_axes(sensor, "gyroscope", "gyroscope");
    add_axes(sensor, "magnetometer", "magnetometer");
  }
  std::map<std::int32_t, std::int32_t> classes = {{0, no_label}};
  for (const Activity& activity : activities) {
    classes[activity.number] = static_cast<std::int32_t>(dataset.info.classes.size());
    dataset.info.classes.emplace_back(activity.name);
  }
  // As most do; the publisher names no split.
  dataset.info.official_test_people = {106};
  dataset.info.official_validation_people = {105};
  dataset.info.citation = "Reiss and Stricker: Introducing a New Benchmarked Dataset for Activity Monitoring, ISWC 2012.";
  std::vector<std::string> files;
  for (std::int32_t person = first_person; person <= last_person; ++person) files.push_back(file_of(person));

  read_in_order(source, pamap2(), files, dataset, [&](const std::string& origin, const std::string& file, std::string_view text) {
    TimedRecording recording(dataset, std::stoi(file.substr(std::string_view("subject").size())));
    NumberRows rows(origin, text, {.columns = column_count, .wanted = wanted_columns(), .missing_allowed = true});
    while (rows.next()) {
      const float time = rows.values()[0];
      if (!(time >= 0)) rows.fail("column 1: expected a time in seconds, found " + std::to_string(time));
      const auto label = classes.find(rows.whole_number(1));
      if (label == classes.end())
        rows.fail("column 2: expected 0 or an activity of the protocol (1 to 7, 12, 13, 16, 17, 24), found " +
                  std::to_string(rows.whole_number(1)));
      recording.add(static_cast<double>(time), rows.values().subspan(2), label->second);
    }
    recording.finish();
  });
  return dataset;
}

} // namespace

CatalogEntry pamap2() {
  return {.name = "pamap2",
          .summary = "9 people, 12 activities, three IMUs (hand, chest, ankle), 100 Hz",
          .obtain =
              "Download 'pamap2+physical+activity+monitoring.zip' (PAMAP2 Physical Activity Monitoring, archive.ics.uci.edu, data set "
              "231) and put it, the 'PAMAP2_Dataset.zip' in it, or the folder that unpacks to, into DATA/pamap2, where DATA is your "
              "data directory.",
          .reader_version = 1,
          .places = {"pamap2/PAMAP2_Dataset.zip", "pamap2/pamap2+physical+activity+monitoring.zip", "PAMAP2_Dataset.zip", "PAMAP2_Dataset",
                     "pamap2"},
          .rate = 100,
          .windows = {512, 256, 0.5}, // 5.12 s, the publisher's own
          .wanted = is_protocol,
          .read = read_pamap2,
          .published = published};
}

} // namespace stdualx
