// The readers of the catalogue, one file each. `find` looks for the files, `read` parses them (CatalogEntry in catalog.h).
#pragma once

#include "experiments/catalog.h"

namespace stdualx {

DatasetSource find_uci_har(const DataPaths& paths);
Dataset read_uci_har(const DatasetSource& source);

DatasetSource find_watch(const DataPaths& paths);

/// Any recordings, described by a JSON manifest beside their CSV files (datasets/manifest.h).
DatasetSource find_manifest(const std::filesystem::path& manifest);
Dataset read_manifest(const DatasetSource& source);

/// "'uci-har' was not found; looked at: A, B. <what to do>", as a DatasetMissing.
[[noreturn]] void throw_dataset_missing(const std::string& name, const std::vector<std::filesystem::path>& places,
                                        const std::string& what_to_do);

} // namespace stdualx
