// HuGaDB v1 (Chereshnev, Kertész-Farkas 2017): 18 people, six IMUs on the legs, about 59 Hz.
//
// `HuGaDB_v1_<activity>_<person>_<number>.txt`, a recording each: comment lines that begin with '#', a line with the columns' names,
// then rows of 39 whole numbers: right foot, shin, thigh, left foot, shin, thigh with acceleration x, y, z (int16 at +-2 g) and gyroscope
// x, y, z (int16 at +-2000 degrees/s) each, two EMG (left out: a muscle's activity is no motion), and the activity's number. There is no
// time and no "no class". A few values lie outside int16: they are missing.
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "experiments/datasets/number_rows.h"
#include "experiments/datasets/readers.h"
#include "experiments/gaps.h"

namespace stdualx {
namespace {

constexpr std::array<std::string_view, 6> sensor_names = {"right_foot", "right_shin", "right_thigh",
                                                          "left_foot",  "left_shin",  "left_thigh"};
constexpr std::array<std::string_view, 6> column_names = {"rf", "rs", "rt", "lf", "ls", "lt"};
constexpr std::size_t motion_columns = 36, all_columns = 39;
constexpr std::string_view prefix = "HuGaDB_v1_";

/// One person alone cycled and sat in a car: no split by person can both train and test these, so they are no class.
constexpr std::int32_t bicycling = 9, sitting_in_car = 12;
/// Class of each activity number from 1.
constexpr std::array<std::int32_t, 12> classes = {0, 1, 2, 3, 4, 5, 6, 7, no_label, 8, 9, no_label};
static_assert(classes[bicycling - 1] == no_label && classes[sitting_in_car - 1] == no_label);

bool is_recording(std::string_view file) {
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos) file.remove_prefix(slash + 1);
  return file.starts_with(prefix) && file.ends_with(".txt") && !file.starts_with("HuGaDB_v1_bicycling") &&
         !file.starts_with("HuGaDB_v1_sitting_in_car");
}

/// "HuGaDB_v1_down_by_elevator_12_00.txt": 12.
std::int32_t person_of(const std::string& origin, const std::string& file) {
  const std::size_t number = file.rfind('_');
  const std::size_t person = number == std::string::npos || number == 0 ? std::string::npos : file.rfind('_', number - 1);
  std::int32_t value = 0;
  bool good = person != std::string::npos && number - person > 1;
  for (std::size_t i = person + 1; good && i < number; ++i) {
    good = file[i] >= '0' && file[i] <= '9' && value < 1000;
    value = value * 10 + (file[i] - '0');
  }
  if (!good)
    throw InputError(origin + ": expected a name such as HuGaDB_v1_walking_06_03.txt, with the person's number before the recording's");
  return value;
}

/// Passes over comments and the line of names; how many lines that were.
std::size_t skip_head(const std::string& origin, std::string_view& text) {
  std::size_t lines = 0;
  const auto take_line = [&] {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++lines;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  while (text.starts_with('#')) take_line();
  std::string expected;
  for (const std::string_view column : column_names)
    for (const std::string_view kind : {"acc", "gyro"})
      for (const std::string_view axis : {"x", "y", "z"})
        expected.append(kind).append("_").append(column).append("_").append(axis).append("\t");
  if (!take_line().starts_with(expected))
    throw InputError(
        origin + " line " + std::to_string(lines) +
        ": expected the columns' names, acc_rf_x to gyro_lt_z parted by tabs; the file is not the publisher's: fetch it again");
  return lines;
}

void parse(const std::string& origin, const std::string& file, std::string_view text, Dataset& dataset) {
  RawRecording raw;
  raw.person = person_of(origin, file);
  std::vector<std::size_t> wanted(motion_columns);
  for (std::size_t i = 0; i < motion_columns; ++i) wanted[i] = i;
  wanted.push_back(all_columns - 1);
  const std::size_t head = skip_head(origin, text);
  NumberRows rows(origin, text, {.columns = all_columns, .wanted = std::move(wanted), .first_line = head + 1});
  // To m/s2 and rad/s.
  constexpr double acceleration = 2.0 * 9.80665 / 32768, gyroscope = 2000.0 * std::numbers::pi / 180 / 32768;
  while (rows.next()) {
    for (std::size_t i = 0; i < motion_columns; ++i) {
      const float value = rows.values()[i];
      const bool good = value >= -32768 && value <= 32767;
      raw.values.push_back(good ? static_cast<float>(value * (i % 6 < 3 ? acceleration : gyroscope))
                                : std::numeric_limits<float>::quiet_NaN());
    }
    const std::int32_t activity = rows.whole_number(motion_columns);
    if (activity < 1 || activity > static_cast<std::int32_t>(classes.size()))
      rows.fail("column " + std::to_string(all_columns) + ": expected an activity from 1 to " + std::to_string(classes.size()) +
                ", found " + std::to_string(activity));
    raw.labels.push_back(classes[static_cast<std::size_t>(activity - 1)]);
  }
  if (raw.labels.empty()) throw InputError(origin + ": holds no samples; the file is cut short: fetch it again");
  add_recording(dataset, std::move(raw));
}

Dataset read_hugadb(const DatasetSource& source) {
  Dataset dataset{info_of(hugadb()), {}};
  for (const std::string_view name : sensor_names) {
    SensorInfo& sensor = dataset.info.sensors.emplace_back(SensorInfo{std::string(name), {}});
    add_axes(sensor, "acceleration", "accelerometer");
    add_axes(sensor, "gyroscope", "gyroscope");
  }
  dataset.info.classes = {"walking",      "running",     "going_up", "going_down",     "sitting",
                          "sitting_down", "standing_up", "standing", "up_by_elevator", "down_by_elevator"};
  dataset.info.citation =
      "Chereshnev and Kertész-Farkas: HuGaDB: Human Gait Database for Activity Recognition from Wearable Inertial Sensor "
      "Networks, AIST 2017.";
  read_in_order(source, hugadb(), {}, dataset,
                [&](const std::string& origin, const std::string& file, std::string_view text) { parse(origin, file, text, dataset); });
  return dataset;
}

} // namespace

CatalogEntry hugadb() {
  return {.name = "hugadb",
          .summary = "18 people, 10 activities, six IMUs on both legs, 59 Hz",
          .obtain = "Download 'HuGaDB.zip', version 1 (github.com/romanchereshnev/HuGaDB names the places), and put it, or the folder it "
                    "unpacks to, into DATA/hugadb, where DATA is your data directory.",
          .reader_version = 1,
          .places = {"hugadb/hugadb-v1-without-bicycling-and-car.tar.xz", "hugadb/HuGaDB.zip", "hugadb"},
          .rate = 58.82, // 2,111,962 samples in 35,903 s, says the publisher's table
          .windows = {128, 64, 0.5},
          .wanted = is_recording,
          .read = read_hugadb};
}

} // namespace stdualx
