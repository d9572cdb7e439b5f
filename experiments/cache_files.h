// The files of the window cache, as a folder of files: what is there, and what is removed when it grows too large.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

struct CacheFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  double idle_seconds = 0; // since a process opened it, or wrote it
  bool in_use = false;     // by a process that has it open, on any host whose file system shares locks
};

/// All window caches of a folder, longest unused first. None where there is no folder.
std::vector<CacheFile> cache_files(const std::filesystem::path& directory);

/// Bytes that a cache folder may have: what STDUALX_CACHE_LIMIT says in GB, else 20 GB or a tenth of its disk, whichever is less.
/// InputError: the variable holds no number of at least 0.
std::uint64_t cache_limit(const std::filesystem::path& directory);

/// Removes caches, longest unused first, until the rest has at most `most_bytes`, and with `idle_seconds` all that were unused for longer;
/// never one in use, nor `keep`. Returns what was removed. What cannot be removed stays: it is a cache.
std::vector<CacheFile> prune_cache(const std::filesystem::path& directory, std::uint64_t most_bytes,
                                   std::optional<double> idle_seconds = {}, const std::filesystem::path& keep = {});

} // namespace stdualx
