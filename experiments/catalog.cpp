// The list of data sets. See catalog.h.
#include "experiments/catalog.h"

#include <xxhash.h>

#include <memory>
#include <set>

#include "experiments/datasets/readers.h"

namespace stdualx {
namespace {

constexpr std::int64_t manifest_reader_version = 1;
constexpr std::int64_t uci_har_reader_version = 2;

DatasetSource no_find(const DataPaths&) { throw InputError("a manifest is found by its path, not by its name"); }

} // namespace

const std::vector<CatalogEntry>& catalog() {
  static const std::vector<CatalogEntry> entries = {
      {"uci-har", "30 people, 6 activities, one waist phone, 50 Hz, pre-cut windows", "Download 'UCI HAR Dataset.zip' into DATA/uci-har.",
       uci_har_reader_version, find_uci_har, read_uci_har},
      {"watch", "10 people, 7 shoulder exercises, one wrist IMU, 50 Hz", "Run experiments/datasets/watch_to_csv.py watch-data.",
       manifest_reader_version, find_watch, read_manifest},
  };
  return entries;
}

CatalogEntry catalog_entry(const std::string& dataset) {
  if (dataset.ends_with(".json"))
    return {dataset, "recordings by manifest", "Name the path of a manifest.", manifest_reader_version, no_find, read_manifest};
  std::vector<std::string> names;
  std::string list;
  for (const CatalogEntry& entry : catalog()) {
    if (entry.name == dataset) return entry;
    names.push_back(entry.name);
    list += entry.name + ", ";
  }
  const std::string near = nearest_word(dataset, names);
  throw InputError("data set '" + dataset + "' is not known" + (near.empty() ? "" : "; did you mean '" + near + "'?") + " Known are " +
                   list + "and the path of a manifest that ends in .json");
}

std::string dataset_source(const std::string& dataset) {
  return dataset.ends_with(".json") ? std::filesystem::absolute(dataset).lexically_normal().string() : dataset;
}

DatasetSource find_dataset(const std::string& dataset, const DataPaths& paths) {
  const CatalogEntry entry = catalog_entry(dataset);
  return dataset.ends_with(".json") ? find_manifest(dataset) : entry.find(paths);
}

Dataset read_dataset(const std::string& dataset, const DataPaths& paths) {
  return catalog_entry(dataset).read(find_dataset(dataset, paths));
}

void throw_dataset_missing(const std::string& name, const std::vector<std::filesystem::path>& places, const std::string& what_to_do) {
  std::string list;
  for (const auto& place : places) list += (list.empty() ? "" : ", ") + std::filesystem::absolute(place).string();
  throw DatasetMissing("data set '" + name + "' was not found; looked at: " + list + ". " + what_to_do);
}

std::string dataset_hash(const Dataset& dataset) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  if (!state || XXH3_128bits_reset(state.get()) == XXH_ERROR) throw std::bad_alloc();
  const auto add = [&](const void* bytes, std::size_t size) { XXH3_128bits_update(state.get(), bytes, size); };
  // Which channels make a sensor, which three make a vector, and who is tested decide what is trained; names do not.
  Json layout = Json::array();
  for (const SensorInfo& sensor : dataset.info.sensors) {
    Json kinds = Json::array();
    for (const ChannelInfo& channel : sensor.channels) kinds.push_back(channel.kind);
    layout.push_back(std::move(kinds));
  }
  const auto& test_people = dataset.info.official_test_people;
  const std::string head_text = Json{{"rate", dataset.info.rate},
                                     {"sensors", std::move(layout)},
                                     {"classes", dataset.info.classes.size()},
                                     {"official_test_people", std::set(test_people.begin(), test_people.end())}}
                                    .dump();
  add(head_text.data(), head_text.size());
  for (const Recording& recording : dataset.recordings) {
    const std::int64_t head[] = {recording.person, recording.steps()};
    add(head, sizeof head);
    add(recording.samples.data(), recording.samples.size() * sizeof(float));
    add(recording.labels.data(), recording.labels.size() * sizeof(std::int32_t));
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  return hex_text(canonical.digest);
}

} // namespace stdualx
