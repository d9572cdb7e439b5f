// UCI-HAR (Anguita, Ghio, Oneto, Parra, Reyes-Ortiz 2013): the publisher's pre-cut windows of one waist phone.
//
// Per part (train, test): `Inertial Signals/<signal>_<axis>_<part>.txt`, one window a row, 128 numbers a row; `y_<part>.txt`,
// a class from 1 to 6 a row; `subject_<part>.txt`, a person a row. Read from the zip as it lies, or from the unpacked folder.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "experiments/archive.h"
#include "experiments/datasets/readers.h"

namespace stdualx {
namespace {

constexpr std::size_t window_steps = 128;
constexpr std::int64_t window_stride = 64;
const WindowSpec uci_har_windows{static_cast<std::int64_t>(window_steps), window_stride, 0.5};
constexpr std::size_t sensor_count = 3, axis_count = 3;
constexpr std::array<std::string_view, sensor_count> sensor_names = {"body_acc", "body_gyro", "total_acc"};
constexpr std::array<std::string_view, sensor_count> sensor_kinds = {"accelerometer", "gyroscope", "accelerometer"};
constexpr std::array<std::string_view, axis_count> axis_names = {"x", "y", "z"};
constexpr std::array<std::string_view, 2> parts = {"train", "test"};
constexpr const char* archive_name = "UCI HAR Dataset.zip";
constexpr const char* folder_name = "UCI HAR Dataset";
constexpr const char* obtain =
    "Download 'UCI HAR Dataset.zip' (Human Activity Recognition Using Smartphones, archive.ics.uci.edu, data set 240) and put it, or the "
    "folder it unpacks to, into DATA/uci-har, where DATA is your data directory.";

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

/// A text of rows of `columns` numbers, as one list. `origin` names the file in messages.
template <class Number> std::vector<Number> parse_table(const std::string& origin, std::string_view text, std::size_t columns) {
  std::vector<Number> numbers;
  numbers.reserve(text.size() / (columns == 1 ? 2 : 16));
  const char* at = text.data();
  const char* const end = at + text.size();
  std::size_t line = 1, column = 0;
  const auto fail = [&](const std::string& what) {
    throw InputError(origin + " line " + std::to_string(line) + ": " + what + "; the file is not the publisher's: fetch it again");
  };
  while (at != end) {
    if (*at == ' ' || *at == '\t' || *at == '\r') {
      ++at;
    } else if (*at == '\n') {
      if (column != 0 && column != columns) fail("expected " + std::to_string(columns) + " columns, found " + std::to_string(column));
      column = 0;
      ++line;
      ++at;
    } else {
      Number number{};
      const auto [next, error] = std::from_chars(at, end, number);
      const bool ends_well = next == end || *next == ' ' || *next == '\n' || *next == '\t' || *next == '\r';
      if (error != std::errc{} || !ends_well || static_cast<double>(number) - static_cast<double>(number) != 0.0) {
        const char* word_end = at;
        while (word_end != end && *word_end > ' ' && word_end - at < 40) ++word_end;
        fail("column " + std::to_string(column + 1) + ": expected a number, found '" + std::string(at, word_end) + "'");
      }
      if (++column > columns) fail("expected " + std::to_string(columns) + " columns, found more");
      numbers.push_back(number);
      at = next;
    }
  }
  if (column != 0 && column != columns) fail("expected " + std::to_string(columns) + " columns, found " + std::to_string(column));
  return numbers;
}

/// The parsed files, by their path inside the data set.
struct Tables {
  std::map<std::string, std::vector<float>, std::less<>> signals;
  std::map<std::string, std::vector<std::int32_t>, std::less<>> lists; // labels and people

  void take(const std::string& origin, const std::string& name, std::string_view text) {
    if (name.find("Inertial") == std::string::npos) lists[name] = parse_table<std::int32_t>(origin, text, 1);
    else signals[name] = parse_table<float>(origin, text, window_steps);
  }
};

/// The wanted file that an archive's member is, whatever folder it lies in; "" for none.
std::string wanted_name(std::string_view member, const std::set<std::string, std::less<>>& files) {
  for (const std::string& file : files)
    if (member.ends_with(file) && (member.size() == file.size() || member[member.size() - file.size() - 1] == '/')) return file;
  return "";
}

Tables read_tables(const std::filesystem::path& path) {
  const auto files = all_files();
  Tables tables;
  if (std::filesystem::is_directory(path)) {
    for (const std::string& file : files) tables.take((path / file).string(), file, read_file(path / file));
    return tables;
  }
  read_archive(
      path, [&](std::string_view member) { return !wanted_name(member, files).empty(); },
      [&](std::string_view member, std::string_view text) {
        tables.take(path.string() + ": " + std::string(member), wanted_name(member, files), text);
      });
  for (const std::string& file : files)
    if (!tables.signals.contains(file) && !tables.lists.contains(file))
      throw InputError(path.string() + ": holds no '" + file + "'; expected the publisher's archive with its 'Inertial Signals' folders. " +
                       obtain);
  return tables;
}

DatasetInfo uci_har_info() {
  DatasetInfo info;
  info.name = "uci-har";
  info.rate = 50;
  for (std::size_t sensor = 0; sensor < sensor_count; ++sensor) {
    SensorInfo& added = info.sensors.emplace_back(SensorInfo{std::string(sensor_names[sensor]), {}});
    for (const auto axis : axis_names) added.channels.push_back({std::string(axis), std::string(sensor_kinds[sensor])});
  }
  info.classes = {"walking", "walking_upstairs", "walking_downstairs", "sitting", "standing", "laying"};
  info.pre_cut = true;
  info.citation = "Anguita, Ghio, Oneto, Parra and Reyes-Ortiz: A Public Domain Dataset for Human Activity Recognition Using Smartphones, "
                  "ESANN 2013. No commercial use.";
  info.obtain = obtain;
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

} // namespace

DatasetSource find_uci_har(const DataPaths& paths) {
  const std::filesystem::path& data = paths.data_directory;
  const std::vector<std::filesystem::path> places = {data / "uci-har" / archive_name, data / archive_name, data / "uci-har" / folder_name,
                                                     data / folder_name, data / "uci-har"};
  for (const auto& place : places) {
    if (std::filesystem::is_regular_file(place)) return {place, {place}, uci_har_windows, true};
    if (std::filesystem::is_directory(place / "train")) {
      DatasetSource source{place, {}, uci_har_windows, true};
      for (const std::string& file : all_files()) source.files.push_back(place / file);
      return source;
    }
  }
  throw_dataset_missing("uci-har", places, obtain);
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

} // namespace stdualx
