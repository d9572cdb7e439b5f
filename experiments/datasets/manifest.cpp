// Recordings by manifest. See manifest.h for the format.
#include "experiments/datasets/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "experiments/catalog.h"
#include "experiments/datasets/clock.h"
#include "experiments/datasets/label_intervals.h"
#include "experiments/datasets/manifest_rows.h"
#include "experiments/datasets/oddities.h"
#include "experiments/datasets/readers.h"
#include "experiments/datasets/row_fields.h"
#include "experiments/gaps.h"
#include "experiments/json_file.h"
#include "experiments/resample.h"
#include "experiments/windows.h"

namespace stdualx {
namespace {

constexpr const char* kinds_allowed = "accelerometer, gyroscope, magnetometer or other";

void check(bool good, const std::string& pointer, const std::string& expected) {
  if (!good) throw InputError(pointer + ": expected " + expected);
}

void check_files(const std::vector<std::string>& files, const std::string& pointer) {
  std::set<std::filesystem::path> known;
  for (std::size_t i = 0; i < files.size(); ++i)
    check(known.insert(std::filesystem::path(files[i]).lexically_normal()).second, pointer + "/" + std::to_string(i),
          "each file once, found '" + files[i] + "' a second time");
}

void check_manifest(const Manifest& manifest) {
  check(!manifest.name.empty(), "/name", "the data set's name");
  // `watch` itself comes by a manifest; under any other name of the catalogue the report would take these for the published recordings.
  const auto& published = catalog();
  check(std::none_of(published.begin(), published.end(),
                     [&](const CatalogEntry& entry) { return entry.name == manifest.name && entry.name != "watch"; }),
        "/name", "a name of your own, since '" + manifest.name + "' is a published data set's");
  check(manifest.rate > 0, "/rate", "the samples a second, above 0");
  check(!manifest.files.empty(), "/files", "at least one CSV file");
  check_files(manifest.files, "/files");
  check(!manifest.sensors.empty(), "/sensors", "at least one sensor");
  check(!manifest.person_column.empty(), "/person_column", "the name of the column with the person's number");
  check(!manifest.label_column.empty(), "/label_column", "the name of the column with the activity");
  for (const auto& [said, key] : {std::pair(&manifest.person_column, "/person_column"),
                                  {&manifest.recording_column, "/recording_column"},
                                  {&manifest.session_column, "/session_column"},
                                  {&manifest.label_column, "/label_column"}})
    check_path_pattern(*said, key);
  check(!manifest.time_column.empty() || manifest.microsecond_column.empty(), "/microsecond_column", "a /time_column that it is added to");
  check_files(manifest.label_files, "/label_files");
  check(manifest.label_files.empty() || !manifest.recording_column.empty() || manifest.label_files.size() == manifest.files.size(),
        "/label_files", "as many files as in /files, or a /recording_column: recordings are told apart by it, or else by their file");
  const std::string& delimiter = manifest.delimiter;
  check(delimiter.size() == 1 && std::string_view(",;\t| :").find(delimiter[0]) != std::string_view::npos, "/delimiter",
        "one of \",\", \";\", \"\\t\", \"|\", \":\" and \" \"");
  check(manifest.decimal == "." || manifest.decimal == ",", "/decimal", "\".\" or \",\"");
  check(delimiter != manifest.decimal, "/decimal",
        "another character than the delimiter between fields: name that in /delimiter, mostly \";\" where commas are decimal");
  check(manifest.classes.size() >= 2, "/classes", "at least two activities");
  const std::set<std::string> classes(manifest.classes.begin(), manifest.classes.end());
  check(classes.size() == manifest.classes.size() && !classes.contains(""), "/classes", "names that differ, none empty");
  for (std::size_t i = 0; i < manifest.none_labels.size(); ++i)
    check(!classes.contains(manifest.none_labels[i]), "/none_labels/" + std::to_string(i), "a label that is not one of /classes");
  check(manifest.windows.steps > 0 && manifest.windows.stride > 0 && manifest.windows.label_threshold > 0, "/windows",
        "steps, stride and label_threshold above 0");
  check(manifest.windows.rate == 0 && !manifest.windows.null_class && manifest.windows.training_stride == 0, "/windows",
        "steps, stride and label_threshold alone: rate, null_class and training_stride are a sweep's choice");
  for (std::size_t i = 0; i < manifest.sensors.size(); ++i) {
    const ManifestSensor& sensor = manifest.sensors[i];
    const std::string here = "/sensors/" + std::to_string(i);
    check(!sensor.name.empty(), here + "/name", "the sensor's name");
    check(!sensor.columns.empty(), here + "/columns", "at least one column");
    check_files(sensor.files, here + "/files");
    check(sensor.kinds.size() <= 1 || sensor.kinds.size() == sensor.columns.size(), here + "/kinds",
          "one kind, or one for each of the " + std::to_string(sensor.columns.size()) + " columns");
    check(sensor.rate == 0 || !sensor.files.empty(), here + "/rate",
          "it beside files of the sensor's own; without them it has the manifest's rate");
    check(sensor.files.empty() || !manifest.recording_column.empty() || sensor.files.size() == manifest.files.size(), here + "/files",
          "as many files as in /files, or a /recording_column: recordings are told apart by it, or else by their file");
    for (std::size_t k = 0; k < sensor.kinds.size(); ++k) {
      const std::string& kind = sensor.kinds[k];
      check(kind == "accelerometer" || kind == "gyroscope" || kind == "magnetometer" || kind == "other",
            here + "/kinds/" + std::to_string(k), std::string(kinds_allowed) + ", found '" + kind + "'");
    }
  }
}

/// Columns that are no measured channel of their own.
std::vector<std::string> odd_columns(const Manifest& manifest) {
  std::vector<std::string> sentences;
  for (std::size_t sensor = 0; sensor < manifest.sensors.size(); ++sensor) {
    const ManifestSensor& one = manifest.sensors[sensor];
    for (std::size_t i = 0; i < one.columns.size(); ++i) {
      const std::string name = "Column '" + one.columns[i] + "' of sensor '" + one.name + "'";
      for (const auto& [column, what] : {std::pair(&manifest.person_column, "people"),
                                         {&manifest.recording_column, "recordings"},
                                         {&manifest.time_column, "times"},
                                         {&manifest.label_column, "labels"}})
        if (one.columns[i] == *column)
          sentences.push_back(name + " is that of the " + what + ", too: as a channel it tells a network what it must not know.");
      for (std::size_t before = 0; before <= sensor; ++before) {
        const ManifestSensor& other = manifest.sensors[before];
        const auto end = before == sensor ? other.columns.begin() + static_cast<std::ptrdiff_t>(i) : other.columns.end();
        if (other.files == one.files && std::find(other.columns.begin(), end, one.columns[i]) != end)
          sentences.push_back(name + " is listed twice in /sensors" + (before == sensor ? "." : ": in '" + other.name + "', too."));
      }
    }
  }
  return sentences;
}

DatasetInfo manifest_info(const Manifest& manifest) {
  DatasetInfo info;
  info.name = manifest.name;
  info.rate = manifest.rate;
  for (const ManifestSensor& sensor : manifest.sensors) {
    SensorInfo& added = info.sensors.emplace_back(SensorInfo{sensor.name, {}});
    for (std::size_t i = 0; i < sensor.columns.size(); ++i)
      added.channels.push_back({sensor.columns[i], sensor.kinds.empty() ? "other" : sensor.kinds[sensor.kinds.size() == 1 ? 0 : i]});
  }
  info.classes = manifest.classes;
  info.official_test_people = manifest.official_test_people;
  info.citation = manifest.citation;
  info.obtain = manifest.obtain;
  return info;
}

std::optional<std::int32_t> whole_number(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

Columns columns_of(const Manifest& manifest, const std::function<bool(const ManifestSensor&)>& wanted, double rate, bool main) {
  Columns columns;
  columns.rate = rate;
  columns.main = main;
  for (std::size_t sensor = 0; sensor < manifest.sensors.size(); ++sensor) {
    if (!wanted(manifest.sensors[sensor])) continue;
    for (std::size_t channel = 0; channel < manifest.sensors[sensor].columns.size(); ++channel) {
      columns.names.push_back(manifest.sensors[sensor].columns[channel]);
      columns.keys.push_back("/sensors/" + std::to_string(sensor) + "/columns/" + std::to_string(channel));
    }
  }
  return columns;
}

/// The recordings of a sensor's own files.
class OwnFiles {
public:
  OwnFiles(const Manifest& manifest, const ManifestSensor& sensor, const std::filesystem::path& folder, Remarks& remarks)
      : sensor_(sensor), remarks_(remarks), by_file_(manifest.recording_column.empty()),
        rate_(sensor.rate > 0 ? sensor.rate : manifest.rate),
        series_(read_series(manifest,
                            columns_of(
                                manifest, [&](const ManifestSensor& one) { return &one == &sensor; }, rate_, false),
                            folder, sensor.files, remarks)) {
    for (const Series& series : series_) by_key_.emplace(key_of(series), &series);
  }

  /// [rows of `main`, channels]: its samples brought to the times of `main`.
  std::vector<float> at(const Series& main) const {
    const auto found = by_key_.find(key_of(main));
    if (found == by_key_.end())
      throw InputError(main.file + " line " + std::to_string(main.first_line) + ": " + main.words() +
                       " is in none of the files of sensor '" + sensor_.name + "'; add it there, or remove it here");
    const Series& own = *found->second;
    const std::size_t width = sensor_.columns.size();
    std::vector<float> result(main.times.size() * width), column(own.times.size());
    for (std::size_t channel = 0; channel < width; ++channel) {
      for (std::size_t row = 0; row < column.size(); ++row) column[row] = own.values[row * width + channel];
      const auto values = interpolated(own.times, column, main.times, longest_filled_gap_seconds + 1 / rate_);
      if (std::all_of(values.begin(), values.end(), [](float value) { return std::isnan(value); }))
        throw InputError(own.file + ": " + own.words() + ": sensor '" + sensor_.name + "' has no value of '" + sensor_.columns[channel] +
                         "' while " + main.file + " lasts; both need the same clock, in seconds");
      const auto missing = std::count_if(values.begin(), values.end(), [](float value) { return std::isnan(value); });
      if (10 * missing > std::ssize(values))
        remarks_.notes.push_back(fmt::format("Sensor '{}' has '{}' for {:.0f} % of {}; what it lacks is left out.", sensor_.name,
                                             sensor_.columns[channel],
                                             100 - 100 * static_cast<double>(missing) / static_cast<double>(values.size()), main.words()));
      for (std::size_t row = 0; row < values.size(); ++row) result[row * width + channel] = values[row];
    }
    return result;
  }

private:
  std::tuple<std::string, std::string, std::size_t> key_of(const Series& series) const {
    return {series.person, series.recording, by_file_ ? series.file_number : 0};
  }

  const ManifestSensor& sensor_;
  Remarks& remarks_;
  bool by_file_; // recordings are told apart by their file
  double rate_;
  std::vector<Series> series_;
  std::map<std::tuple<std::string, std::string, std::size_t>, const Series*> by_key_;
};

/// Numbers that stand for people. Whole numbers stay what they are. Where any other name is among them, all are numbered from 1 in
/// ascending order of their names' bytes (UTF-8: S1, S10, S2; capitals before small letters), whatever file or row they come in.
std::map<std::string, std::int32_t> people_of(const std::vector<Series>& all, std::vector<std::string>& names) {
  std::map<std::string, std::int32_t> people;
  for (const Series& series : all) people.emplace(series.person, 0);
  const bool numbered = std::all_of(people.begin(), people.end(), [](const auto& one) { return whole_number(one.first).has_value(); });
  for (std::int32_t next = 1; auto& [name, number] : people) {
    number = numbered ? *whole_number(name) : next++;
    if (!numbered) names.push_back(name);
  }
  return people;
}

/// The rows of a recording at the even times of the manifest's rate, where they carry times of their own: by linear interpolation, each
/// channel between its own values; the label is that of the nearest row. Returns where stretches without a long gap begin, and the end.
std::vector<std::size_t> bring_to_grid(Series& main, double rate, std::size_t width) {
  const double longest = longest_filled_gap_seconds + 1 / rate;
  const Grid grid = even_grid(main.times, rate, longest);
  std::vector<float> values(grid.times.size() * width), column(main.times.size());
  for (std::size_t channel = 0; channel < width; ++channel) {
    for (std::size_t row = 0; row < column.size(); ++row) column[row] = main.values[row * width + channel];
    const auto at = interpolated(main.times, column, grid.times, longest);
    for (std::size_t row = 0; row < at.size(); ++row) values[row * width + channel] = at[row];
  }
  std::vector<std::int32_t> labels;
  for (const std::size_t row : grid.nearest) labels.push_back(main.labels[row]);
  main.values = std::move(values);
  main.labels = std::move(labels);
  main.times = grid.times;
  return grid.begins;
}

/// Adds one recording of the manifest's files, with what the sensors with files of their own say meanwhile.
void add(const Manifest& manifest, const std::vector<std::unique_ptr<OwnFiles>>& own_files, Series& main, std::int32_t person,
         Dataset& dataset) {
  std::size_t width = 0, main_width = 0;
  std::vector<bool> elsewhere;
  for (std::size_t sensor = 0; sensor < manifest.sensors.size(); ++sensor) {
    const std::size_t channels = manifest.sensors[sensor].columns.size();
    width += channels;
    if (!own_files[sensor]) main_width += channels;
    elsewhere.insert(elsewhere.end(), channels, own_files[sensor] != nullptr);
  }
  const auto rows = static_cast<std::int64_t>(main.times.size());
  const double began = main.times.front();
  std::vector<std::size_t> begins{0, main.times.size()};
  if (!manifest.time_column.empty()) begins = bring_to_grid(main, manifest.rate, main_width);
  dataset.account.rows += rows;
  dataset.account.regridded += static_cast<std::int64_t>(main.times.size()) - rows;
  std::vector<std::vector<float>> blocks; // of each sensor; empty: its columns are in `main`
  for (const auto& own : own_files) blocks.push_back(own ? own->at(main) : std::vector<float>{});
  for (std::size_t stretch = 0; stretch + 1 < begins.size(); ++stretch) {
    const std::size_t begin = begins[stretch], end = begins[stretch + 1];
    if (begin == end) continue;
    RawRecording raw;
    raw.person = person;
    raw.elsewhere = elsewhere;
    const auto session = std::find(dataset.info.sessions.begin(), dataset.info.sessions.end(), main.session);
    if (session != dataset.info.sessions.end()) raw.session = static_cast<std::int32_t>(session - dataset.info.sessions.begin());
    raw.name = main.recording.empty() ? manifest.files.at(main.file_number) : main.recording;
    raw.begin = main.times[begin] - began;
    raw.labels.assign(main.labels.begin() + static_cast<std::ptrdiff_t>(begin), main.labels.begin() + static_cast<std::ptrdiff_t>(end));
    raw.values.reserve((end - begin) * width);
    for (std::size_t row = begin; row < end; ++row) {
      const float* in_main = main.values.data() + row * main_width;
      for (std::size_t sensor = 0; sensor < blocks.size(); ++sensor) {
        const std::size_t channels = manifest.sensors[sensor].columns.size();
        const float* const values = own_files[sensor] ? blocks[sensor].data() + row * channels : in_main;
        raw.values.insert(raw.values.end(), values, values + channels);
        if (!own_files[sensor]) in_main += channels;
      }
    }
    add_recording(dataset, std::move(raw));
  }
}

Dataset read_manifest(const DatasetSource& source) {
  const Manifest manifest = load_manifest(source.path);
  const std::filesystem::path folder = source.path.parent_path();
  Remarks remarks;
  std::vector<std::unique_ptr<OwnFiles>> own_files;
  for (const ManifestSensor& sensor : manifest.sensors)
    own_files.push_back(sensor.files.empty() ? nullptr : std::make_unique<OwnFiles>(manifest, sensor, folder, remarks));
  const Columns columns = columns_of(
      manifest, [](const ManifestSensor& sensor) { return sensor.files.empty(); }, manifest.rate, true);
  Dataset dataset{manifest_info(manifest), {}};
  std::vector<Series> all = read_series(manifest, columns, folder, manifest.files, remarks);
  if (!manifest.label_files.empty()) label_by_intervals(manifest, folder, all, remarks);
  const auto people = people_of(all, dataset.info.people_names);
  std::set<std::string> sessions;
  for (const Series& main : all) sessions.insert(main.session);
  if (!manifest.session_column.empty()) dataset.info.sessions.assign(sessions.begin(), sessions.end());
  for (Series& main : all) {
    add(manifest, own_files, main, people.at(main.person), dataset);
    main = {}; // its values are in the data set now
  }
  std::set<std::int32_t> kept;
  for (const Recording& recording : dataset.recordings) kept.insert(recording.person);
  for (const auto& [name, number] : people)
    if (!kept.contains(number))
      remarks.notes.push_back("Person " + name + " vanishes: every row of theirs lies in a gap, or lacks a sensor.");
  dataset.notes = remarks.clocks.words();
  for (const auto& found : {remarks.notes, odd_columns(manifest), odd_channels(dataset)})
    dataset.notes.insert(dataset.notes.end(), found.begin(), found.end());
  return dataset;
}

} // namespace

Manifest load_manifest(const std::filesystem::path& path) {
  const JsonFile file = read_json_file(path);
  try {
    Manifest manifest = from_json<Manifest>(file.value);
    const std::filesystem::path folder = path.parent_path();
    manifest.files = matching_files(folder, manifest.files, "/files");
    manifest.label_files = matching_files(folder, manifest.label_files, "/label_files");
    for (std::size_t i = 0; i < manifest.sensors.size(); ++i)
      manifest.sensors[i].files = matching_files(folder, manifest.sensors[i].files, "/sensors/" + std::to_string(i) + "/files");
    WindowSpec& windows = manifest.windows;
    const Json said = file.value.value("windows", Json::object());
    const auto says = [&](const char* key) { return said.contains(key); };
    if (windows.seconds > 0 && !says("steps")) windows.steps = 0; // not the usual ones beside it
    if ((windows.seconds > 0 || windows.overlap > 0) && !says("stride")) windows.stride = 0;
    if (manifest.rate > 0) windows = windows_in_samples(windows, manifest.rate);
    check_manifest(manifest);
    return manifest;
  } catch (const InputError& error) {
    file.source.fail(error);
  }
}

DatasetSource find_manifest(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path))
    throw InputError(path.string() + ": there is no such file; give the path of a manifest, a JSON file that describes CSV recordings");
  const Manifest manifest = load_manifest(path);
  DatasetSource source{path, {path}, manifest.rate, manifest.windows};
  const auto add_files = [&](const std::vector<std::string>& files, const std::string& pointer) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::filesystem::path file = path.parent_path() / files[i];
      if (!std::filesystem::is_regular_file(file))
        throw InputError(path.string() + ": " + pointer + "/" + std::to_string(i) + ": there is no file " + file.string() +
                         "; paths are relative to the manifest's folder");
      source.files.push_back(file);
    }
  };
  add_files(manifest.files, "/files");
  add_files(manifest.label_files, "/label_files");
  for (std::size_t i = 0; i < manifest.sensors.size(); ++i)
    add_files(manifest.sensors[i].files, "/sensors/" + std::to_string(i) + "/files");
  return source;
}

CatalogEntry manifest() {
  return {.name = "",
          .summary = "recordings by manifest",
          .obtain = "Name the path of a manifest.",
          .reader_version = 2, // 1: rows with times were kept, and counted on
          .places = {},
          .windows = {},
          .read = read_manifest};
}

} // namespace stdualx
