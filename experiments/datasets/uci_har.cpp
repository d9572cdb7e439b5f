// UCI-HAR (Anguita, Ghio, Oneto, Parra, Reyes-Ortiz 2013): the publisher's pre-cut windows of one waist phone.
//
// Per part (train, test): `Inertial Signals/<signal>_<axis>_<part>.txt`, one window a row, 128 numbers a row; `y_<part>.txt`,
// a class from 1 to 6 a row; `subject_<part>.txt`, a person a row. Read from the zip as it lies, or from the unpacked folder.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "experiments/archive.h"
#include "experiments/datasets/number_rows.h"
#include "experiments/datasets/readers.h"

namespace stdualx {
namespace {

constexpr std::size_t window_steps = 128;
constexpr std::int64_t window_stride = 64;
constexpr std::size_t sensor_count = 3, axis_count = 3;
constexpr std::array<std::string_view, sensor_count> sensor_names = {"body_acc", "body_gyro", "total_acc"};
constexpr std::array<std::string_view, sensor_count> sensor_kinds = {"accelerometer", "gyroscope", "accelerometer"};
constexpr std::array<std::string_view, axis_count> axis_names = {"x", "y", "z"};
constexpr std::array<std::string_view, 2> parts = {"train", "test"};
std::string signal_file(std::string_view sensor, std::string_view axis, std::string_view part) {
  const std::string p(part);
  return p + "/Inertial Signals/" + std::string(sensor) + "_" + std::string(axis) + "_" + p + ".txt";
}
std::string label_file(std::string_view part) { return std::string(part) + "/y_" + std::string(part) + ".txt"; }
std::string subject_file(std::string_view part) { return std::string(part) + "/subject_" + std::string(part) + ".txt"; }

/// Every file that is read, by its path inside the data set.
std::set<std::string, std::less<>> all_files() {
  std::set<std::string, std::less<>> files;
  for (const auto part : parts) {
    files.insert({label_file(part), subject_file(part)});
    for (const auto sensor : sensor_names)
      for (const auto axis : axis_names) files.insert(signal_file(sensor, axis, part));
  }
  return files;
}

/// The parsed files, by their path inside the data set.
struct Tables {
  std::map<std::string, std::vector<float>, std::less<>> signals;
  std::map<std::string, std::vector<std::int32_t>, std::less<>> lists; // labels and people

  void take(const std::string& origin, const std::string& name, std::string_view text) {
    if (lists.contains(name) || signals.contains(name))
      throw InputError(origin + ": a second file '" + name + "'; the data set would be read twice: keep one copy of it there");
    const bool is_list = name.find("Inertial") == std::string::npos;
    NumberRows rows(origin, text, {.columns = is_list ? 1 : window_steps});
    while (rows.next())
      if (is_list) lists[name].push_back(rows.whole_number(0));
      else signals[name].insert(signals[name].end(), rows.values().begin(), rows.values().end());
  }
};

/// The wanted file that one in an archive or folder is, whatever folder it lies in; "" for none.
std::string wanted_name(std::string_view member) {
  static const auto files = all_files();
  for (const std::string& file : files)
    if (member.ends_with(file) && (member.size() == file.size() || member[member.size() - file.size() - 1] == '/')) return file;
  return "";
}

bool is_wanted(std::string_view member) { return !wanted_name(member).empty(); }

Tables read_tables(const std::filesystem::path& path) {
  Tables tables;
  read_files(path, is_wanted, [&](const std::string& origin, std::string_view name, std::string_view text) {
    tables.take(origin, wanted_name(name), text);
  });
  for (const std::string& file : all_files())
    if (!tables.signals.contains(file) && !tables.lists.contains(file))
      throw InputError(path.string() + ": holds no '" + file + "'; expected the publisher's files with their 'Inertial Signals' folders. " +
                       uci_har().obtain);
  return tables;
}

DatasetInfo uci_har_info() {
  DatasetInfo info = info_of(uci_har());
  for (std::size_t sensor = 0; sensor < sensor_count; ++sensor) {
    SensorInfo& added = info.sensors.emplace_back(SensorInfo{std::string(sensor_names[sensor]), {}});
    for (const auto axis : axis_names) added.channels.push_back({std::string(axis), std::string(sensor_kinds[sensor])});
  }
  info.classes = {"walking", "walking_upstairs", "walking_downstairs", "sitting", "standing", "laying"};
  info.citation = "Anguita, Ghio, Oneto, Parra and Reyes-Ortiz: A Public Domain Dataset for Human Activity Recognition Using Smartphones, "
                  "ESANN 2013. No commercial use.";
  return info;
}

/// The windows of one part, as recordings: runs of windows of one person, each of which begins with the second half of the
/// one before. Where that breaks the publisher left something out (an unlabelled stretch, another trial), and they share nothing.
void add_part(Dataset& dataset, const std::string& origin, std::string_view part, const Tables& tables) {
  const auto& labels = tables.lists.at(label_file(part));
  const auto& people = tables.lists.at(subject_file(part));
  const std::size_t count = labels.size();
  const auto check_rows = [&](const std::string& file, std::size_t rows) {
    if (rows != count)
      throw InputError(origin + ": " + file + " holds " + std::to_string(rows) + " rows, " + label_file(part) + " " +
                       std::to_string(count) + "; expected one row a window in each: fetch the data set again");
  };
  check_rows(subject_file(part), people.size());
  std::array<const float*, sensor_count * axis_count> signals{};
  for (std::size_t sensor = 0; sensor < sensor_count; ++sensor)
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
      const std::string file = signal_file(sensor_names[sensor], axis_names[axis], part);
      check_rows(file, tables.signals.at(file).size() / window_steps);
      signals[sensor * axis_count + axis] = tables.signals.at(file).data();
    }

  for (std::size_t window = 0; window < count; ++window) {
    if (labels[window] < 1 || labels[window] > static_cast<std::int32_t>(dataset.info.classes.size()))
      throw InputError(origin + ": " + label_file(part) + " line " + std::to_string(window + 1) + ": expected a class from 1 to " +
                       std::to_string(dataset.info.classes.size()) + ", found " + std::to_string(labels[window]));
    const bool goes_on =
        window > 0 && people[window] == people[window - 1] && std::all_of(signals.begin(), signals.end(), [&](const float* signal) {
          const float* const begin = signal + window * window_steps;
          return std::equal(begin, begin + window_stride, begin - window_stride);
        });
    if (!goes_on) dataset.recordings.emplace_back().person = people[window];
    Recording& recording = dataset.recordings.back();
    recording.labels.insert(recording.labels.end(), window_steps, labels[window] - 1);
    const std::size_t begin = recording.samples.size();
    recording.samples.resize(begin + window_steps * signals.size());
    float* sample = recording.samples.data() + begin;
    for (std::size_t step = 0; step < window_steps; ++step)
      for (const float* signal : signals) *sample++ = signal[window * window_steps + step];
  }
}

Dataset read_uci_har(const DatasetSource& source) {
  const Tables tables = read_tables(source.path);
  Dataset dataset{uci_har_info(), {}};
  for (const auto part : parts) add_part(dataset, source.path.string(), part, tables);
  const auto& test_people = tables.lists.at(subject_file("test"));
  const std::set<std::int64_t> unique(test_people.begin(), test_people.end());
  dataset.info.official_test_people.assign(unique.begin(), unique.end());
  return dataset;
}

} // namespace

CatalogEntry uci_har() {
  return {.name = "uci-har",
          .summary = "30 people, 6 activities, one waist phone, 50 Hz, pre-cut windows",
          .obtain = "Download 'UCI HAR Dataset.zip' (Human Activity Recognition Using Smartphones, archive.ics.uci.edu, data set 240) and "
                    "put it, the zip around it (human+activity+recognition+using+smartphones.zip), or the folder it unpacks to, into "
                    "DATA/uci-har, where DATA is your data directory.",
          .reader_version = 2,
          .places = {"uci-har/UCI HAR Dataset.zip", "UCI HAR Dataset.zip", "uci-har/human+activity+recognition+using+smartphones.zip",
                     "human+activity+recognition+using+smartphones.zip", "UCI HAR Dataset", "uci-har"},
          .rate = 50,
          .windows = {static_cast<std::int64_t>(window_steps), window_stride, 0.5},
          .pre_cut = true,
          .wanted = is_wanted,
          .read = read_uci_har};
}

} // namespace stdualx
