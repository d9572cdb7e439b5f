// The list of data sets. See catalog.h.
#include "experiments/catalog.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <set>

#include "experiments/archive.h"
#include "experiments/datasets/readers.h"

namespace stdualx {
const std::vector<CatalogEntry>& catalog() {
  static const std::vector<CatalogEntry> entries = {dsads(),   hugadb(), opportunity_gestures(), opportunity_locomotion(), pamap2(),
                                                    uci_har(), watch()};
  return entries;
}

CatalogEntry catalog_entry(const std::string& dataset) {
  if (dataset.ends_with(".json")) {
    CatalogEntry entry = manifest();
    entry.name = dataset;
    return entry;
  }
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

std::vector<std::filesystem::path> places_of(const CatalogEntry& entry, const DataPaths& paths) {
  std::vector<std::filesystem::path> places;
  for (const std::string& place : entry.places)
    places.push_back(place.starts_with("./") ? std::filesystem::path(place.substr(2)) : paths.data_directory / place);
  return places;
}

DatasetSource find_dataset(const std::string& dataset, const DataPaths& paths) {
  if (dataset.ends_with(".json")) return find_manifest(dataset);
  const CatalogEntry entry = catalog_entry(dataset);
  DatasetSource source{{}, {}, entry.rate, entry.windows, entry.pre_cut};
  const auto places = places_of(entry, paths);
  for (const auto& place : places) {
    source.path = place;
    if (std::filesystem::is_directory(place)) {
      for (const std::string& file : files_below(place, entry.wanted)) source.files.push_back(place / file);
      if (!source.files.empty()) return source;
    } else if (std::filesystem::is_regular_file(place)) {
      if (place.extension() == ".json") return find_manifest(place);
      source.files = {place};
      return source;
    }
  }
  std::string list;
  for (const auto& place : places) list += (list.empty() ? "" : ", ") + std::filesystem::absolute(place).string();
  throw DatasetMissing("data set '" + dataset + "' was not found; looked at: " + list + ". " + entry.obtain);
}

Dataset read_dataset(const std::string& dataset, const DataPaths& paths) {
  return catalog_entry(dataset).read(find_dataset(dataset, paths));
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
  Json head = {{"rate", dataset.info.rate},
               {"sensors", std::move(layout)},
               {"classes", dataset.info.classes.size()},
               {"official_test_people", std::set(test_people.begin(), test_people.end())}};
  if (!dataset.info.sessions.empty()) {
    // Sessions by their number: what they are called decides nothing.
    const auto numbers = [&](const std::vector<std::string>& names) {
      std::set<std::ptrdiff_t> found;
      for (const std::string& name : names)
        found.insert(std::find(dataset.info.sessions.begin(), dataset.info.sessions.end(), name) - dataset.info.sessions.begin());
      return found;
    };
    const ChallengeSplit& challenge = dataset.info.challenge;
    head["challenge"] = {numbers(challenge.train), numbers(challenge.validation), numbers(challenge.test)};
    for (const Recording& recording : dataset.recordings) head["sessions"].push_back(recording.session);
  }
  const std::string head_text = head.dump();
  add(head_text.data(), head_text.size());
  for (const Recording& recording : dataset.recordings) {
    const std::int64_t numbers[] = {recording.person, recording.steps()};
    add(numbers, sizeof numbers);
    add(recording.samples.data(), recording.samples.size() * sizeof(float));
    add(recording.labels.data(), recording.labels.size() * sizeof(std::int32_t));
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  return hex_text(canonical.digest);
}

} // namespace stdualx
