// `watch`: 140 series of one wrist-worn IMU (acceleration, gyroscope, 50 Hz), 10 people, 7 shoulder exercises (Burns et al.
// 2018), as the PyPI package seglearn carries them. watch_to_csv.py writes them out as CSV with a manifest.
#include "experiments/datasets/readers.h"

namespace stdualx {

DatasetSource find_watch(const DataPaths& paths) {
  const std::vector<std::filesystem::path> places = {paths.data_directory / "watch" / "manifest.json",
                                                     std::filesystem::path("watch-data") / "manifest.json"};
  for (const auto& place : places)
    if (std::filesystem::is_regular_file(place)) return find_manifest(place);
  throw_dataset_missing("watch", places,
                        "Run `cluster/bootstrap.sh demo` once, then `.venv/bin/python experiments/datasets/watch_to_csv.py watch-data`.");
}

} // namespace stdualx
