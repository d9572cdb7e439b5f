// Labels that stand in files of their own, as intervals of time: a row each of start, end and activity.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/datasets/manifest_rows.h"

namespace stdualx {

/// Gives each row of `all` the label of the interval [start, end) that its time lies in, else none. The files of labels name person and
/// recording as the manifest's files do; without a /recording_column the first file of labels belongs to the first of /files, and so on.
/// InputError: names file and line of an interval that ends before it begins, overlaps another, or is of no recording.
void label_by_intervals(const Manifest& manifest, const std::filesystem::path& folder, std::vector<Series>& all, Remarks& remarks);

} // namespace stdualx
