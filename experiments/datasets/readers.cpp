// What the readers share. See readers.h.
#include "experiments/datasets/readers.h"

#include <iterator>
#include <map>
#include <utility>

#include "experiments/archive.h"

namespace stdualx {

DatasetInfo info_of(const CatalogEntry& entry) {
  DatasetInfo info;
  info.name = entry.name;
  info.rate = entry.rate;
  info.pre_cut = entry.pre_cut;
  info.obtain = entry.obtain;
  return info;
}

void add_axes(SensorInfo& sensor, const std::string& name, const std::string& kind) {
  for (const char* axis : {"x", "y", "z"}) sensor.channels.push_back({name + "_" + axis, kind});
}

void read_in_order(const DatasetSource& source, const CatalogEntry& entry, const std::vector<std::string>& needed, Dataset& dataset,
                   const std::function<void(const std::string&, const std::string&, std::string_view)>& parse) {
  std::map<std::string, std::vector<Recording>> by_file;
  read_files(source.path, entry.wanted, [&](const std::string& origin, std::string_view name, std::string_view text) {
    std::string file = std::filesystem::path(name).filename().string();
    parse(origin, file, text);
    if (!by_file.emplace(file, std::exchange(dataset.recordings, {})).second)
      throw InputError(origin + ": a second file '" + file + "'; keep one copy of the data set in " + source.path.string());
  });
  if (by_file.empty()) throw InputError(source.path.string() + ": holds no file of data set '" + entry.name + "'. " + entry.obtain);
  for (const std::string& file : needed)
    if (!by_file.contains(file))
      throw InputError(source.path.string() + ": holds no '" + file + "': copy the data set whole. " + entry.obtain);
  for (auto& [file, recordings] : by_file) std::move(recordings.begin(), recordings.end(), std::back_inserter(dataset.recordings));
}

} // namespace stdualx
