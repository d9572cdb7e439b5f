// What the files of a run tell of it, for a store that lost some of it (`db check`, `db rebuild`).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiments/spec/reports.h"
#include "experiments/spec/run_spec.h"

namespace stdualx {

struct FoundCheckpoint {
  std::int64_t attempt = 0;
  std::int64_t epoch = 0;
  std::string path; // relative to STORE.d
  std::string sha256;
  std::int64_t bytes = 0;
  std::string state_hash; // of what is in it, as its report says
};

struct FoundRun {
  std::string run_id;
  RunSpec run;
  std::map<std::int64_t, EpochReport> epochs; // by epoch
  std::map<std::int64_t, Placement> attempts; // that wrote a file
  std::vector<FoundCheckpoint> checkpoints;   // by epoch
};

/// What `restore` did, or would do, with a found run.
struct Restored {
  bool new_run = false;             // the store did not know it
  std::vector<std::int64_t> epochs; // that it did not know
  std::int64_t checkpoints = 0;     // taken into use
  std::string left_out;             // why some of the found epochs cannot be taken over; "": all could
};

} // namespace stdualx
