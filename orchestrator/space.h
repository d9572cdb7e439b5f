// What a plan will need of the disk.
#pragma once

#include "experiments/catalog.h"
#include "experiments/spec/plan.h"
#include "worker/messages/network_size.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace stdualx {

struct SpaceNeeded {
  std::int64_t kept_bytes = 0;         // weights and embeddings of runs that are not COMPLETE yet, in STORE.d
  std::int64_t store_bytes = 0;        // what these runs will add to the store
  std::int64_t largest_checkpoint = 0; // two of them lie in STORE.d for each run in training
};

/// Who knows the sizes of networks (the trainer, which has torch), one for each that is asked.
using SizesOf = std::function<std::vector<NetworkSize>(const std::vector<NetworkAsked>&)>;

/// For `open` runs of a plan, whose windows are opened (or cut). An estimate: rows of the store are counted at what
/// SQLite needs for them on average.
SpaceNeeded space_needed(const std::vector<const PlannedRun*>& open, const DataPaths& paths, const SizesOf& sizes_of);

} // namespace stdualx
