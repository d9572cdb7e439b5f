// What the files in STORE.d tell of runs, without the store.
#pragma once

#include "results/found_run.h"

#include <filesystem>
#include <vector>

namespace stdualx {

struct FoundFiles {
  std::vector<FoundRun> runs;
  std::vector<std::string> unreadable; // sentences: files that tell nothing, and why
};

/// Reads the metadata of every checkpoint and of the best weights below `store_directory`; the checkpoints are not hashed yet. A cut file,
/// one whose run's identity is not its folder's name, or one that no version of this program wrote is left where it is and named.
FoundFiles files_of_runs(const std::filesystem::path& store_directory);

/// Fills in the SHA-256 and the size of the run's checkpoints: what a store must know of them. StorageError: one cannot be read.
void hash_checkpoints(FoundRun& run, const std::filesystem::path& store_directory);

} // namespace stdualx
