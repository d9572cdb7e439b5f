// The readers: what each file of this folder makes known to the catalogue, and what they share.
#pragma once

#include <functional>

#include "experiments/catalog.h"

namespace stdualx {

CatalogEntry dsads();
CatalogEntry hugadb();
CatalogEntry opportunity_gestures();
CatalogEntry opportunity_locomotion();
CatalogEntry pamap2();
CatalogEntry uci_har();
CatalogEntry watch();

/// Any recordings, described by a JSON manifest beside their CSV files (datasets/manifest.h). Its entry has no name and no place.
CatalogEntry manifest();
DatasetSource find_manifest(const std::filesystem::path& manifest);

/// What an entry says of its recordings: name, rate, whether they are pre-cut, where to get them.
DatasetInfo info_of(const CatalogEntry& entry);

/// Adds channels name_x, name_y and name_z of one kind: the three parts of a vector.
void add_axes(SensorInfo& sensor, const std::string& name, const std::string& kind);

/// Has `parse` add the recordings of each wanted file to `dataset`; they are then ordered by the files' names, in whatever order
/// an archive holds them. `needed`: names that must be there. InputError: one is not, or two files of one name.
void read_in_order(const DatasetSource& source, const CatalogEntry& entry, const std::vector<std::string>& needed, Dataset& dataset,
                   const std::function<void(const std::string& origin, const std::string& file, std::string_view text)>& parse);

} // namespace stdualx
