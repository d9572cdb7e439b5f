// One file that keeps a window set, memory-mapped by every process that trains on it.
//
//   file     := preamble header padding recording_begins begins samples labels people recordings starts room_before room_after
//   preamble := "STDXWIN2" header_bytes:u64 file_bytes:u64 checksum:u64     (checksum: XXH3-64 of all that follows it)
//   header   := JSON {"key": ..., "info": WindowSetInfo}; padding: zeros up to a multiple of 64
//   recording_begins := int64 [recordings + 1]; begins := int64 [windows]; samples := float32 [samples, sensors, channels];
//   the others int32 [windows], all as in struct Windows; machine's byte order (little-endian)
//
// Written under a temporary name, synced, then renamed: a file of the right name is whole, unless the disk lied, which the
// checksum tells. Writing one removes the longest unused others beyond a limit (cache_files.h). Two builders at once each write their own
// file; the later rename wins, and both files say the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "experiments/windows.h"

namespace stdualx {

class WindowCache {
public:
  /// `place` (data set, files, spec) names the file in `directory`; `state` is what else the windows depend on (sizes and times of
  /// the files, versions of reader and cutting): where it changed, the file is out of date and is written over.
  WindowCache(std::filesystem::path directory, const std::string& name, Json place, Json state);

  const std::filesystem::path& path() const { return path_; }
  /// The cached windows; nothing where the file is missing, torn or of another key.
  std::optional<WindowSet> open() const;
  /// Writes the file, durably, over whatever lies there. StorageError: names the file and why.
  void write(WindowSetInfo info, const Windows& windows) const;

private:
  std::filesystem::path directory_, path_;
  Json key_;
};

} // namespace stdualx
