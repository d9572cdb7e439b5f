// `watch`: 140 series of one wrist-worn IMU (acceleration, gyroscope, 50 Hz), 10 people, 7 shoulder exercises (Burns et al.
// 2018), as the PyPI package seglearn carries them. watch_to_csv.py writes them out as CSV with a manifest.
#include "experiments/datasets/readers.h"

namespace stdualx {

CatalogEntry watch() {
  CatalogEntry entry = manifest();
  entry.name = "watch";
  entry.summary = "10 people, 7 shoulder exercises, one wrist IMU, 50 Hz";
  entry.obtain = "Run `cluster/bootstrap.sh demo` once, then `.venv/bin/python experiments/datasets/watch_to_csv.py watch-data`.";
  entry.places = {"watch/manifest.json", "./watch-data/manifest.json"};
  return entry;
}

} // namespace stdualx
