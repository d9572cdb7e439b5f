// Recordings by manifest. See manifest.h for the format.
#include "experiments/datasets/manifest.h"

#include <algorithm>
#include <map>
#include <set>

#include "experiments/archive.h"
#include "experiments/catalog.h"
#include "experiments/datasets/csv.h"
#include "experiments/datasets/readers.h"
#include "experiments/gaps.h"
#include "experiments/json_file.h"

namespace stdualx {
namespace {

constexpr const char* kinds_allowed = "accelerometer, gyroscope, magnetometer or other";

void check(bool good, const std::string& pointer, const std::string& expected) {
  if (!good) throw InputError(pointer + ": expected " + expected);
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
  check(!manifest.sensors.empty(), "/sensors", "at least one sensor");
  check(!manifest.person_column.empty(), "/person_column", "the name of the column with the person's number");
  check(!manifest.label_column.empty(), "/label_column", "the name of the column with the activity");
  check(manifest.classes.size() >= 2, "/classes", "at least two activities");
  const std::set<std::string> classes(manifest.classes.begin(), manifest.classes.end());
  check(classes.size() == manifest.classes.size() && !classes.contains(""), "/classes", "names that differ, none empty");
  for (std::size_t i = 0; i < manifest.none_labels.size(); ++i)
    check(!classes.contains(manifest.none_labels[i]), "/none_labels/" + std::to_string(i), "a label that is not one of /classes");
  check(manifest.windows.steps > 0 && manifest.windows.stride > 0 && manifest.windows.label_threshold > 0, "/windows",
        "steps, stride and label_threshold above 0");
  check(manifest.windows.rate == 0 && !manifest.windows.null_class, "/windows",
        "steps, stride and label_threshold alone: rate and null_class are a sweep's choice");
  for (std::size_t i = 0; i < manifest.sensors.size(); ++i) {
    const ManifestSensor& sensor = manifest.sensors[i];
    const std::string here = "/sensors/" + std::to_string(i);
    check(!sensor.name.empty(), here + "/name", "the sensor's name");
    check(!sensor.columns.empty(), here + "/columns", "at least one column");
    check(sensor.kinds.size() <= 1 || sensor.kinds.size() == sensor.columns.size(), here + "/kinds",
          "one kind, or one for each of the " + std::to_string(sensor.columns.size()) + " columns");
    for (std::size_t k = 0; k < sensor.kinds.size(); ++k) {
      const std::string& kind = sensor.kinds[k];
      check(kind == "accelerometer" || kind == "gyroscope" || kind == "magnetometer" || kind == "other",
            here + "/kinds/" + std::to_string(k), std::string(kinds_allowed) + ", found '" + kind + "'");
    }
  }
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

/// Reads one CSV file of a manifest and adds its recordings to a data set.
class FileReader {
public:
  FileReader(const Manifest& manifest, Dataset& dataset, std::string file)
      : manifest_(manifest), dataset_(dataset), file_(std::move(file)), text_(read_file(file_)), csv_(file_, text_) {
    for (std::size_t sensor = 0; sensor < manifest.sensors.size(); ++sensor)
      for (std::size_t channel = 0; channel < manifest.sensors[sensor].columns.size(); ++channel) {
        const std::string key = "/sensors/" + std::to_string(sensor) + "/columns/" + std::to_string(channel);
        channels_.push_back(csv_.column(manifest.sensors[sensor].columns[channel], key));
      }
    person_column_ = csv_.column(manifest.person_column, "/person_column");
    label_column_ = csv_.column(manifest.label_column, "/label_column");
    if (!manifest.recording_column.empty()) recording_column_ = csv_.column(manifest.recording_column, "/recording_column");
    for (std::size_t i = 0; i < manifest.classes.size(); ++i) classes_[manifest.classes[i]] = static_cast<std::int32_t>(i);
    for (const std::string& none : manifest.none_labels) classes_[none] = no_label;
    classes_[""] = no_label;
  }

  void read() {
    Rows rows;
    std::set<std::pair<std::int32_t, std::string>> seen;
    while (csv_.next()) {
      const std::int32_t person = csv_.whole_number(person_column_);
      const std::string_view name = manifest_.recording_column.empty() ? std::string_view{} : csv_.text(recording_column_);
      if (rows.recording.labels.empty() || rows.recording.person != person || rows.name != name) {
        add(rows);
        rows = {std::string(name), csv_.line(), {}};
        rows.recording.person = person;
        if (!seen.emplace(person, rows.name).second)
          csv_.fail(manifest_.recording_column.empty() ? person_column_ : recording_column_,
                    "person " + std::to_string(person) + ", recording '" + rows.name +
                        "' starts a second time; put the rows of one recording together, in the order of time");
      }
      for (const std::size_t column : channels_) rows.recording.values.push_back(csv_.number(column));
      rows.recording.labels.push_back(label());
    }
    add(rows);
  }

private:
  /// The rows of one recording.
  struct Rows {
    std::string name;
    std::size_t first_line = 0;
    RawRecording recording;
  };

  std::int32_t label() const {
    const auto found = classes_.find(csv_.text(label_column_));
    if (found != classes_.end()) return found->second;
    const std::string text(csv_.text(label_column_));
    const std::string near = nearest_word(text, manifest_.classes);
    csv_.fail(label_column_, "label '" + text + "' is neither in the manifest's /classes nor in its /none_labels" +
                                 (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }

  void add(Rows& rows) {
    if (rows.recording.labels.empty()) return;
    if (const auto channel = channel_without_values(rows.recording, channels_.size()))
      throw InputError(file_ + " lines " + std::to_string(rows.first_line) + " to " +
                       std::to_string(rows.first_line + rows.recording.labels.size() - 1) + ", column '" +
                       csv_.columns()[channels_[*channel]] + "': no value in the whole of recording '" + rows.name + "' of person " +
                       std::to_string(rows.recording.person) + "; remove that recording, or the column from the manifest's /sensors");
    add_recording(dataset_, std::move(rows.recording));
  }

  const Manifest& manifest_;
  Dataset& dataset_;
  std::string file_;
  std::string text_;
  CsvReader csv_;
  std::vector<std::size_t> channels_; // columns of all sensors' channels, one sensor after the other
  std::size_t person_column_ = 0, label_column_ = 0, recording_column_ = 0;
  std::map<std::string, std::int32_t, std::less<>> classes_;
};

} // namespace

Manifest load_manifest(const std::filesystem::path& path) {
  const JsonFile file = read_json_file(path);
  try {
    Manifest manifest = from_json<Manifest>(file.value);
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
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const std::filesystem::path file = path.parent_path() / manifest.files[i];
    if (!std::filesystem::is_regular_file(file))
      throw InputError(path.string() + ": /files/" + std::to_string(i) + ": there is no file " + file.string() +
                       "; paths are relative to the manifest's folder");
    source.files.push_back(file);
  }
  return source;
}

CatalogEntry manifest() {
  return {.name = "",
          .summary = "recordings by manifest",
          .obtain = "Name the path of a manifest.",
          .reader_version = 1,
          .places = {},
          .windows = {},
          .read = [](const DatasetSource& source) {
            const Manifest manifest = load_manifest(source.path);
            Dataset dataset{manifest_info(manifest), {}};
            for (const std::string& file : manifest.files)
              FileReader(manifest, dataset, (source.path.parent_path() / file).string()).read();
            return dataset;
          }};
}

} // namespace stdualx
