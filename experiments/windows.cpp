// Cutting windows, and opening a data set's window set. See windows.h.
#include "experiments/windows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "experiments/resample.h"
#include "experiments/window_cache.h"

namespace stdualx {
namespace {

/// Raised when cutting gives other windows, or another hash, for the same recordings and spec.
constexpr std::int64_t cutting_version = 2;

WindowCache cache_of(const std::filesystem::path& directory, const CatalogEntry& entry, const DatasetSource& source,
                     const WindowSpec& spec) {
  Json paths = Json::array(), files = Json::array(), windows = to_json_all(spec);
  // The name that such a file always had; a resolved spec has neither seconds nor overlap.
  if (spec.training_stride == 0) windows.erase("training_stride");
  for (const char* key : {"seconds", "overlap"}) windows.erase(key);
  for (const auto& file : source.files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    const auto changed = error ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(file, error);
    if (error) throw InputError(file.string() + ": cannot be read: " + error.message());
    paths.push_back(std::filesystem::absolute(file).lexically_normal().string());
    files.push_back({size, std::chrono::duration_cast<std::chrono::nanoseconds>(changed.time_since_epoch()).count()});
  }
  return {directory, entry.name,
          Json{{"dataset", dataset_source(entry.name)}, {"files", std::move(paths)}, {"windows", std::move(windows)}},
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

/// Whether each window of a pre-cut recording begins, to the bit, with what the one before ends in, so that all are one stretch of time.
bool is_one_stretch(const Recording& recording, const WindowSpec& spec, std::int64_t row) {
  const std::int64_t count = recording.steps() / spec.steps, shared = spec.steps - spec.stride;
  if (shared < 0) return count == 1; // what lies between them is not known
  for (std::int64_t window = 1; window < count; ++window) {
    const float* const begin = recording.samples.data() + window * spec.steps * row;
    if (std::memcmp(begin, begin - shared * row, static_cast<std::size_t>(shared * row) * sizeof(float)) != 0) return false;
  }
  return true;
}

/// Fills in the samples of the recordings that have windows, and where each begins. True: of a recording whose windows lie end to end.
std::vector<bool> lay_out_samples(Windows& windows, const Dataset& dataset, const WindowSpec& spec, std::int64_t row) {
  const std::size_t count = dataset.recordings.size();
  std::vector<bool> has_window(count), end_to_end(count);
  for (const std::int32_t recording : windows.recordings) has_window[static_cast<std::size_t>(recording)] = true;
  windows.recording_begins.push_back(0);
  for (std::size_t index = 0; index < count; ++index) {
    const Recording& recording = dataset.recordings[index];
    std::int64_t steps = has_window[index] ? recording.steps() : 0;
    if (steps > 0 && dataset.info.pre_cut) {
      end_to_end[index] = !is_one_stretch(recording, spec, row);
      if (!end_to_end[index]) steps = (steps / spec.steps - 1) * spec.stride + spec.steps;
    }
    windows.recording_begins.push_back(windows.recording_begins.back() + steps);
  }
  // At once, now that their number is known: a growing list would hold them twice.
  windows.samples.resize(static_cast<std::size_t>(windows.recording_begins.back() * row));
  for (std::size_t index = 0; index < count; ++index) {
    const std::int64_t begin = windows.recording_begins[index], steps = windows.recording_begins[index + 1] - begin;
    const float* const from = dataset.recordings[index].samples.data();
    float* const to = windows.samples.data() + begin * row;
    if (!dataset.info.pre_cut || end_to_end[index]) {
      std::copy_n(from, steps * row, to);
      continue;
    }
    // Each window over the end of the one before, which it begins with.
    for (std::int64_t window = 0; window * spec.stride + spec.steps <= steps; ++window)
      std::copy_n(from + window * spec.steps * row, spec.steps * row, to + window * spec.stride * row);
  }
  return end_to_end;
}

/// Fills in where each window begins and its room.
void place_windows(Windows& windows, const std::vector<bool>& end_to_end, const WindowSpec& spec) {
  for (std::size_t window = 0; window < windows.labels.size(); ++window) {
    const auto recording = static_cast<std::size_t>(windows.recordings[window]);
    const std::int64_t first = windows.recording_begins[recording], start = windows.starts[window],
                       after = windows.recording_begins[recording + 1] - first - start - spec.steps;
    const bool apart = end_to_end[recording];
    windows.begins.push_back(first + (apart ? start / spec.stride * spec.steps : start));
    windows.room_before.push_back(apart ? 0 : static_cast<std::int32_t>(start));
    windows.room_after.push_back(apart ? 0 : static_cast<std::int32_t>(after));
  }
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

/// Completes the account of a manifest's rows with what cutting made of the samples, and says whose are in no window.
void account_for_windows(WindowSetInfo& info, const Dataset& dataset, const Windows& windows) {
  const WindowSpec& spec = info.windows;
  RowAccount& account = info.account;
  std::map<std::int32_t, std::pair<std::int64_t, bool>> people; // samples, and whether any is in a window
  std::vector<std::vector<bool>> used(dataset.recordings.size());
  for (std::size_t i = 0; i < dataset.recordings.size(); ++i) used[i].resize(static_cast<std::size_t>(dataset.recordings[i].steps()));
  for (std::size_t window = 0; window < windows.labels.size(); ++window) {
    auto& samples = used[static_cast<std::size_t>(windows.recordings[window])];
    const auto start = samples.begin() + windows.starts[window];
    std::fill(start, start + spec.steps, true);
  }
  for (std::size_t i = 0; i < dataset.recordings.size(); ++i) {
    const Recording& recording = dataset.recordings[i];
    auto& [samples, any] = people[recording.person];
    samples += recording.steps();
    any = any || std::find(used[i].begin(), used[i].end(), true) != used[i].end();
    if (recording.steps() < spec.steps) {
      account.shorter += recording.steps();
      continue;
    }
    for (std::size_t step = 0; step < used[i].size(); ++step)
      if (!used[i][step]) ++(recording.labels[step] == no_label ? account.no_class : account.outside);
  }
  for (const auto& [person, found] : people)
    if (!found.second)
      info.notes.push_back("Person " + person_words(info.dataset, person) + " has " + std::to_string(found.first) +
                           " samples and no window: no fold is theirs, and no table names them.");
}

} // namespace

std::string person_words(const DatasetInfo& info, std::int32_t person) {
  const auto place = static_cast<std::size_t>(person) - 1;
  return std::to_string(person) + (person > 0 && place < info.people_names.size() ? " (" + info.people_names[place] + ")" : "");
}

WindowSet::WindowSet(WindowSetInfo info, Windows windows) : info_(std::move(info)) {
  const auto owned = std::make_shared<const Windows>(std::move(windows));
  labels_ = owned->labels;
  people_ = owned->people;
  recordings_ = owned->recordings;
  starts_ = owned->starts;
  recording_begins_ = owned->recording_begins;
  const auto sensors = static_cast<std::int64_t>(info_.dataset.sensors.size());
  source_ = {sensors,       info_.windows.steps, info_.dataset.channels(), owned->samples,
             owned->begins, owned->room_before,  owned->room_after,        owned};
  info_.count = static_cast<std::int64_t>(labels_.size());
  info_.recordings = static_cast<std::int64_t>(recording_begins_.size()) - 1;
  info_.samples = static_cast<std::int64_t>(source_.samples.size()) / (sensors * source_.channels);
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

WindowSpec windows_in_samples(WindowSpec spec, double rate) {
  if (spec.seconds > 0 && spec.steps > 0)
    throw InputError("/windows/seconds: stands beside steps; keep one of them, both say how long a window is");
  if (spec.overlap > 0 && spec.stride > 0)
    throw InputError("/windows/overlap: stands beside stride; keep one of them, both say where the next window begins");
  const bool in_seconds = spec.seconds > 0;
  if (in_seconds) {
    spec.steps = std::llround(spec.seconds * rate);
    if (spec.steps < 1)
      throw InputError("/windows/seconds: " + Json(spec.seconds).dump() + " s are less than a sample at " + Json(rate).dump() +
                       " samples a second; choose longer windows");
    spec.seconds = 0;
  }
  if (spec.steps > 0 && spec.stride == 0 && (in_seconds || spec.overlap > 0)) {
    spec.stride = std::max<std::int64_t>(1, std::llround(static_cast<double>(spec.steps) * (1 - spec.overlap)));
    spec.overlap = 0;
  }
  return spec;
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
  resolved = windows_in_samples(resolved, resolved.rate == 0 ? source.rate : resolved.rate);
  if (resolved.steps == 0) resolved.steps = scaled(own.steps);
  resolved = windows_in_samples(resolved, source.rate); // an overlap of the data set's own steps
  if (resolved.stride == 0) resolved.stride = scaled(own.stride);
  if (resolved.training_stride == resolved.stride) resolved.training_stride = 0; // the same windows are the same run
  if (resolved.label_threshold == 0) resolved.label_threshold = own.label_threshold;
  if (source.pre_cut && (resolved.steps != own.steps || resolved.stride != own.stride))
    throw InputError("/windows: data set '" + name + "' comes in windows of " + std::to_string(own.steps) + " steps every " +
                     std::to_string(own.stride) + ", found " + std::to_string(resolved.steps) + " every " +
                     std::to_string(resolved.stride) + "; leave steps and stride out, or set them to these");
  if (source.pre_cut && resolved.training_stride != 0)
    throw InputError("/windows/training_stride: data set '" + name + "' comes cut into windows every " + std::to_string(own.stride) +
                     " steps, training windows too, found " + std::to_string(resolved.training_stride) +
                     "; leave the key out (training.augmentation.shift moves training windows)");
  return resolved;
}

Windows cut_windows(const Dataset& dataset, const WindowSpec& spec) {
  const auto row = static_cast<std::int64_t>(dataset.info.sensors.size()) * dataset.info.channels(); // floats of a sample
  const auto null_label = static_cast<std::int32_t>(dataset.info.classes.size());
  std::vector<std::int64_t> counts(dataset.info.classes.size() + 1);
  Windows windows;
  // Those at `stride`, but for those that are there already, being at `known` too (0: none is).
  const auto cut = [&](std::size_t index, std::int64_t stride, std::int64_t known) {
    const Recording& recording = dataset.recordings[index];
    const std::int64_t spacing = dataset.info.pre_cut ? spec.steps : stride; // in the recording's samples
    for (std::int64_t window = 0; window * spacing + spec.steps <= recording.steps(); ++window) {
      if (known != 0 && window * stride % known == 0) continue;
      const auto held =
          std::span(recording.labels).subspan(static_cast<std::size_t>(window * spacing), static_cast<std::size_t>(spec.steps));
      const auto [commonest, count] = commonest_label(held, counts);
      const std::int32_t label = commonest == no_label && spec.null_class ? null_label : commonest;
      if (label == no_label || static_cast<double>(count) < spec.label_threshold * static_cast<double>(spec.steps)) continue;
      windows.labels.push_back(label);
      windows.people.push_back(recording.person);
      windows.recordings.push_back(static_cast<std::int32_t>(index));
      windows.starts.push_back(static_cast<std::int32_t>(window * stride));
    }
  };
  for (std::size_t index = 0; index < dataset.recordings.size(); ++index) cut(index, spec.stride, 0);
  for (std::size_t index = 0; spec.training_stride != 0 && index < dataset.recordings.size(); ++index)
    cut(index, spec.training_stride, spec.stride);
  place_windows(windows, lay_out_samples(windows, dataset, spec, row), spec);
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
  info.account = dataset.account;
  info.notes = dataset.notes;
  const auto samples = [&] {
    return std::accumulate(dataset.recordings.begin(), dataset.recordings.end(), std::int64_t{0},
                           [](std::int64_t sum, const Recording& recording) { return sum + recording.steps(); });
  };
  info.account.regridded -= samples();
  if (windows_spec.rate != 0) resample(dataset, windows_spec.rate);
  info.account.regridded += samples();
  info.dataset = dataset.info;
  if (!dataset.info.sessions.empty())
    for (const Recording& recording : dataset.recordings) info.recording_sessions.push_back(recording.session);
  const Windows windows = cut_windows(dataset, info.windows);
  if (windows_spec.null_class) add_null_class(info.dataset, windows);
  if (info.account.rows > 0) {
    account_for_windows(info, dataset, windows);
    for (const Recording& recording : dataset.recordings) {
      info.recording_names.push_back(recording.name);
      info.recording_begins.push_back(recording.begin);
    }
  }
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
