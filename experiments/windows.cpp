// Cutting windows, and opening a data set's window set. See windows.h.
#include "experiments/windows.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "experiments/resample.h"
#include "experiments/window_cache.h"

namespace stdualx {
namespace {

/// Raised when cutting gives other windows, or another hash, for the same recordings and spec.
constexpr std::int64_t cutting_version = 2;

WindowCache cache_of(const std::filesystem::path& directory, const CatalogEntry& entry, const DatasetSource& source,
                     const WindowSpec& spec) {
  Json paths = Json::array(), files = Json::array();
  for (const auto& file : source.files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    const auto changed = error ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(file, error);
    if (error) throw InputError(file.string() + ": cannot be read: " + error.message());
    paths.push_back(std::filesystem::absolute(file).lexically_normal().string());
    files.push_back({size, std::chrono::duration_cast<std::chrono::nanoseconds>(changed.time_since_epoch()).count()});
  }
  return {directory, entry.name, Json{{"dataset", dataset_source(entry.name)}, {"files", std::move(paths)}, {"windows", to_json_all(spec)}},
          Json{{"files", std::move(files)}, {"reader_version", entry.reader_version}, {"cutting_version", cutting_version}}};
}

/// The commonest label of a window and its count; a tie goes to the lower class, and to a class before none.
std::pair<std::int32_t, std::int64_t> commonest_label(std::span<const std::int32_t> labels, std::vector<std::int64_t>& counts) {
  std::fill(counts.begin(), counts.end(), 0);
  const std::size_t none = counts.size() - 1;
  for (const std::int32_t label : labels) ++counts[label == no_label ? none : static_cast<std::size_t>(label)];
  const auto most = std::max_element(counts.begin(), counts.end());
  const auto index = static_cast<std::size_t>(most - counts.begin());
  return {index == none ? no_label : static_cast<std::int32_t>(index), *most};
}

/// The class that windows without one make. InputError: there are none, or the data set has a class of that name.
void add_null_class(DatasetInfo& info, const Windows& windows) {
  constexpr const char* name = "null";
  if (std::find(info.classes.begin(), info.classes.end(), name) != info.classes.end())
    throw InputError("/windows/null_class: data set '" + info.name + "' has a class 'null' of its own; leave the key out");
  if (std::find(windows.labels.begin(), windows.labels.end(), static_cast<std::int32_t>(info.classes.size())) == windows.labels.end())
    throw InputError("/windows/null_class: data set '" + info.name + "' has no window without a class; leave the key out");
  info.classes.emplace_back(name);
}

} // namespace

WindowSet::WindowSet(WindowSetInfo info, Windows windows) : info_(std::move(info)) {
  const auto owned = std::make_shared<const Windows>(std::move(windows));
  values_ = owned->values;
  labels_ = owned->labels;
  people_ = owned->people;
  recordings_ = owned->recordings;
  starts_ = owned->starts;
  info_.count = static_cast<std::int64_t>(labels_.size());
  owner_ = owned;
}

InputShape WindowSet::shape() const {
  InputShape shape;
  shape.sensors = static_cast<std::int64_t>(info_.dataset.sensors.size());
  shape.steps = info_.windows.steps;
  shape.channels = info_.dataset.channels();
  shape.classes = static_cast<std::int64_t>(info_.dataset.classes.size());
  for (const SensorInfo& sensor : info_.dataset.sensors) shape.sensor_channels.push_back(static_cast<std::int64_t>(sensor.channels.size()));
  return shape;
}

std::vector<ChannelTriple> WindowSet::channel_triples() const {
  std::vector<ChannelTriple> triples;
  for (std::size_t sensor = 0; sensor < info_.dataset.sensors.size(); ++sensor) {
    const auto& channels = info_.dataset.sensors[sensor].channels;
    for (std::size_t first = 0; first + 3 <= channels.size();) {
      const std::string& kind = channels[first].kind;
      const bool triple = kind != "other" && channels[first + 1].kind == kind && channels[first + 2].kind == kind;
      if (triple) triples.push_back({static_cast<std::int64_t>(sensor), static_cast<std::int64_t>(first), kind});
      first += triple ? 3 : 1;
    }
  }
  return triples;
}

WindowSpec resolve_windows(const WindowSpec& spec, const DatasetSource& source, const std::string& name) {
  const WindowSpec& own = source.default_windows;
  WindowSpec resolved = spec;
  if (resolved.rate == source.rate) resolved.rate = 0;
  if (source.pre_cut && resolved.rate != 0)
    throw InputError("/windows/rate: data set '" + name + "' comes cut into windows at " + Json(source.rate).dump() +
                     " samples a second, which cannot be brought to another rate; leave the key out");
  const double scale = resolved.rate == 0 ? 1 : resolved.rate / source.rate;
  const auto scaled = [&](std::int64_t samples) { return std::max<std::int64_t>(1, std::llround(static_cast<double>(samples) * scale)); };
  if (resolved.steps == 0) resolved.steps = scaled(own.steps);
  if (resolved.stride == 0) resolved.stride = scaled(own.stride);
  if (resolved.label_threshold == 0) resolved.label_threshold = own.label_threshold;
  if (source.pre_cut && (resolved.steps != own.steps || resolved.stride != own.stride))
    throw InputError("/windows: data set '" + name + "' comes in windows of " + std::to_string(own.steps) + " steps every " +
                     std::to_string(own.stride) + ", found " + std::to_string(resolved.steps) + " every " +
                     std::to_string(resolved.stride) + "; leave steps and stride out, or set them to these");
  return resolved;
}

Windows cut_windows(const Dataset& dataset, const WindowSpec& spec) {
  const std::size_t sensors = dataset.info.sensors.size(), channels = static_cast<std::size_t>(dataset.info.channels());
  const auto steps = static_cast<std::size_t>(spec.steps);
  const std::int64_t stride = dataset.info.pre_cut ? spec.steps : spec.stride; // in the recording's samples
  const auto null_label = static_cast<std::int32_t>(dataset.info.classes.size());
  std::vector<std::int64_t> counts(dataset.info.classes.size() + 1);
  Windows windows;
  std::vector<std::size_t> begins; // of each window, in its recording's samples
  for (std::size_t index = 0; index < dataset.recordings.size(); ++index) {
    const Recording& recording = dataset.recordings[index];
    for (std::int64_t window = 0; window * stride + spec.steps <= recording.steps(); ++window) {
      const auto begin = static_cast<std::size_t>(window * stride);
      const auto [commonest, count] = commonest_label(std::span(recording.labels).subspan(begin, steps), counts);
      const std::int32_t label = commonest == no_label && spec.null_class ? null_label : commonest;
      if (label == no_label || static_cast<double>(count) < spec.label_threshold * static_cast<double>(spec.steps)) continue;
      windows.labels.push_back(label);
      windows.people.push_back(recording.person);
      windows.recordings.push_back(static_cast<std::int32_t>(index));
      windows.starts.push_back(static_cast<std::int32_t>(window * spec.stride));
      begins.push_back(begin);
    }
  }
  // At once, once their number is known: a growing list would hold them twice.
  windows.values.resize(begins.size() * sensors * steps * channels);
  float* value = windows.values.data();
  for (std::size_t window = 0; window < begins.size(); ++window) {
    const Recording& recording = dataset.recordings[static_cast<std::size_t>(windows.recordings[window])];
    const float* const samples = recording.samples.data() + begins[window] * sensors * channels;
    for (std::size_t sensor = 0; sensor < sensors; ++sensor)
      for (std::size_t step = 0; step < steps; ++step, value += channels)
        std::copy_n(samples + (step * sensors + sensor) * channels, channels, value);
  }
  return windows;
}

WindowSet open_window_set(const std::string& name, const WindowSpec& spec, const DataPaths& paths) {
  const CatalogEntry entry = catalog_entry(name);
  const DatasetSource source = find_dataset(name, paths);
  const WindowSpec windows_spec = resolve_windows(spec, source, name);
  const WindowCache cache = cache_of(paths.cache_directory, entry, source, windows_spec);
  if (auto cached = cache.open()) return *std::move(cached);

  Dataset dataset = entry.read(source);
  WindowSetInfo info;
  info.windows = windows_spec;
  info.dataset_hash = dataset_hash(dataset);
  if (windows_spec.rate != 0) resample(dataset, windows_spec.rate);
  info.dataset = dataset.info;
  if (!dataset.info.sessions.empty())
    for (const Recording& recording : dataset.recordings) info.recording_sessions.push_back(recording.session);
  const Windows windows = cut_windows(dataset, info.windows);
  if (windows_spec.null_class) add_null_class(info.dataset, windows);
  if (windows.labels.empty())
    throw InputError("data set '" + name + "' yields no window of " + std::to_string(info.windows.steps) +
                     " steps: its recordings are shorter, or no label covers a share of " + std::to_string(info.windows.label_threshold) +
                     " of a window; lower /windows/steps or /windows/label_threshold");
  cache.write(info, windows);
  if (auto cached = cache.open()) return *std::move(cached);
  throw StorageError(cache.path().string() +
                     ": the window cache was written but cannot be read back; name a cache directory on another disk");
}

} // namespace stdualx
