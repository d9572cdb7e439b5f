// The doors to other programs: every view of a store as a file of its own, and what Datasette shows beside the store.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/reader.h"

namespace stdualx {

/// Writes `folder`/VIEW.csv for each view of the store, durably and over what stood there: UTF-8, a header, numbers in full precision,
/// an empty field for NULL (results/format.h). All of one state of the store. Returns the files. StorageError: one cannot be written.
std::vector<std::filesystem::path> export_csv(Reader& reader, const std::filesystem::path& folder);

/// metadata.json of Datasette for a store whose file is named `name`.db: what views and columns mean, and canned queries. JSON.
std::string datasette_metadata(const std::string& name);

} // namespace stdualx
