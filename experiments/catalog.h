// The data sets that stdualx knows by name: where each is looked for, how it is read. A further one is a reader in
// datasets/ and a line in catalog.cpp. A path that ends in .json is a manifest (datasets/manifest.h).
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/recording.h"

namespace stdualx {

struct DataPaths {
  std::filesystem::path data_directory;  // where data sets are looked for
  std::filesystem::path cache_directory; // where window caches are kept; made when missing
};

/// The files that a data set is read from. Whether they changed is seen by size and time of change.
struct DatasetSource {
  std::filesystem::path path;               // what the reader opens: an archive, a folder, a manifest
  std::vector<std::filesystem::path> files; // all files that it will read
  double rate = 0;                          // samples a second
  WindowSpec default_windows;               // what a WindowSpec's 0 stands for
  bool pre_cut = false;                     // its windows come cut: no other steps and stride can be had
};

/// The recordings are not where they are looked for.
class DatasetMissing : public InputError {
public:
  using InputError::InputError;
};

/// A file as its publisher gave it out.
struct PublishedFile {
  std::string_view path; // inside the archive or folder
  std::uint64_t bytes = 0;
  std::string_view sha256;
};

/// What there is to know of a data set before it is read; each reader in datasets/ makes its own.
struct CatalogEntry {
  std::string name;
  std::string summary;             // a line for `data list`
  std::string obtain;              // what to do when it is missing, a sentence
  std::int64_t reader_version = 1; // raised when the reader gives other recordings for the same files
  std::vector<std::string> places; // archives, folders or manifests below the data directory ("./": the working one), best first
  double rate = 0;                 // samples a second; 0: a manifest says it, as it says the windows
  WindowSpec windows;
  bool pre_cut = false;
  bool (*wanted)(std::string_view file) = nullptr; // which files of a folder or archive are read, by their path inside it
  Dataset (*read)(const DatasetSource& source);    // InputError: names the file, line and column
  std::span<const PublishedFile> published = {};   // sizes and sums that are known
};

/// All data sets with a name, in the order of their names.
const std::vector<CatalogEntry>& catalog();

/// The entry for a name, or the manifest's for a path that ends in .json. InputError: an unknown name, with the near word.
CatalogEntry catalog_entry(const std::string& dataset);

/// The same data set, whatever the working directory: a name as it is, a manifest's path made absolute.
std::string dataset_source(const std::string& dataset);

/// Where a data set of the catalogue is looked for, in that order.
std::vector<std::filesystem::path> places_of(const CatalogEntry& entry, const DataPaths& paths);

/// The files of a data set. InputError: names each place looked at and what to do.
DatasetSource find_dataset(const std::string& dataset, const DataPaths& paths);

/// Finds and parses a data set, without any cache.
Dataset read_dataset(const std::string& dataset, const DataPaths& paths);

} // namespace stdualx
