// The data sets that stdualx knows by name: where each is looked for, how it is read. A further one is a reader in
// datasets/ and a line in catalog.cpp. A path that ends in .json is a manifest (datasets/manifest.h).
#pragma once

#include <filesystem>
#include <string>
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
  WindowSpec default_windows;               // what a WindowSpec's 0 stands for
  bool pre_cut = false;                     // its windows come cut: no other steps and stride can be had
};

/// The recordings are not where they are looked for.
class DatasetMissing : public InputError {
public:
  using InputError::InputError;
};

struct CatalogEntry {
  std::string name;
  std::string summary;                           // a line for `data list`
  std::string obtain;                            // what to do when it is missing, a sentence
  std::int64_t reader_version;                   // raised when the reader gives other recordings for the same files
  DatasetSource (*find)(const DataPaths& paths); // InputError: names each place looked at and what to do
  Dataset (*read)(const DatasetSource& source);  // InputError: names the file, line and column
};

/// All data sets with a name, in the order of their names.
const std::vector<CatalogEntry>& catalog();

/// The entry for a name, or the manifest's for a path that ends in .json. InputError: an unknown name, with the near word.
CatalogEntry catalog_entry(const std::string& dataset);

/// The same data set, whatever the working directory: a name as it is, a manifest's path made absolute.
std::string dataset_source(const std::string& dataset);

/// The files of a data set. InputError as CatalogEntry::find.
DatasetSource find_dataset(const std::string& dataset, const DataPaths& paths);

/// Finds and parses a data set, without any cache.
Dataset read_dataset(const std::string& dataset, const DataPaths& paths);

} // namespace stdualx
