// A folder that a sweep uses, as it is found: file system, room, and whether a file can be written and locked there. Facts, and what they
// mean.
#pragma once

#include "cluster/finding.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

struct PlaceFacts {
  std::string role; // "store", "checkpoints", "data", "cache"
  std::filesystem::path path;
  bool exists = false;
  std::filesystem::path nearest; // the path itself, or the nearest folder above it that is there
  bool writable = false;         // the nearest
  std::string file_system;       // its kind: "ext4", "nfs"; "unknown"
  std::string mount_options;     // of both the mount and the file system: "rw,relatime,vers=3,nolock"
  std::int64_t free_bytes = 0;   // for this user, by the file system's word
  std::int64_t free_files = -1;  // -1: the file system has no such number
};
/// `file_system`: names the kind of a folder's file system (results/fence.h).
PlaceFacts look_at_place(const std::string& role, const std::filesystem::path& path, const std::string& file_system);
/// The path, or the nearest folder above it that is there.
std::filesystem::path nearest_folder(std::filesystem::path path);
/// Options of the mount that holds `path`, by the lines of /proc/self/mountinfo.
std::string mount_options_of(const std::string& mountinfo, const std::filesystem::path& path);

/// What came of a file of our own in a folder: written, synced, locked, removed.
struct ProbeFacts {
  std::string failed; // the step that failed: "creating", "writing", "syncing", "removing"; "": none
  int error = 0;      // its errno
  std::int64_t bytes = 0;
  int fcntl_error = 0, flock_error = 0;          // of taking such a lock
  bool fcntl_holds = false, flock_holds = false; // a second taker was refused
};
/// Leaves nothing behind.
ProbeFacts probe(const std::filesystem::path& folder);

/// `wal`: the store would be in WAL mode there. `shared`: other nodes must see the folder too.
std::vector<Finding> judge_place(const PlaceFacts& facts, bool wal, bool shared);
std::vector<Finding> judge_probe(const ProbeFacts& facts, const std::filesystem::path& folder);

} // namespace stdualx
