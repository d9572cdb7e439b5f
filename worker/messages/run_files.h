// The files of a run in STORE.d: their names, how they are written, checked and tidied up. No torch; what the tensors in them mean
// says checkpoint.h.
//
//   STORE.d/<run_id>/<attempt>/epoch-000007.safetensors   the whole state after epoch 7
//   STORE.d/<run_id>/<attempt>/best.safetensors           what a finished run keeps
//   STORE.d/<run_id>/<attempt>/embedding.safetensors      the embedding of the undisturbed test part
//   STORE.d/<run_id>/<attempt>/rank-0.log                 what the trainer of that member of the group wrote to stderr, if anything
//   ... .writing                                          being written, or left by a death; never read
//   ... .damaged                                          set aside since its SHA-256 is not the recorded one
//
// A file is written to a temporary name, synced, renamed, and its folder synced; then its SHA-256 goes into a report. Only a
// file whose hash stands in a committed report is loaded. Every path that a function here is given is checked first (spec/run_path.h):
// StorageError where it is none of a run's file, or leads out of STORE.d.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "experiments/spec/errors.h"
#include "experiments/spec/fields.h"

namespace stdualx {

using Metadata = std::map<std::string, std::string>;

struct WrittenFile {
  std::string path; // relative to STORE.d
  std::string sha256;
  std::int64_t bytes = 0;
};

/// "<run_id>/<attempt>/epoch-000007.safetensors"
std::string checkpoint_path(const std::string& run_id, std::int64_t attempt, std::int64_t epoch);
/// "<run_id>/<attempt>/best.safetensors"
std::string best_weights_path(const std::string& run_id, std::int64_t attempt);
/// "<run_id>/<attempt>/embedding.safetensors"
std::string embedding_path(const std::string& run_id, std::int64_t attempt);

/// The folders that attempts of this run left, by attempt. StorageError: `run_id` is no identity.
std::map<std::int64_t, std::filesystem::path> attempt_folders(const std::filesystem::path& store_directory, const std::string& run_id);

/// "<run_id>/<attempt>/rank-0.log"; `index` in the group.
std::string log_path(const std::string& run_id, std::int64_t attempt, std::int64_t index);
/// Adds to a log. Errors are ignored: the job's own log and the last lines in the store say the same.
void append_log(const std::filesystem::path& store_directory, const std::string& path, const std::string& text);

/// A file that is not there, though it was written: removed since, or not copied with the store.
class FileGone : public StorageError {
public:
  using StorageError::StorageError;
};
/// Whether it is certain that the file is not there. One that may not be looked at is not gone.
bool is_gone(const std::filesystem::path& store_directory, const std::string& path);

struct FileHash {
  std::string sha256;
  std::int64_t bytes = 0;
};

/// Writes `path` (relative to `store_directory`) so that after the return it survives a power failure, and after a failure the
/// name holds what it held before. `write` fills a temporary file and tells the hash of what it meant to write: a write that went wrong
/// unnoticed shows when the file is loaded. Throws StorageError naming the file, the system's reason and the free bytes.
WrittenFile write_run_file(const std::filesystem::path& store_directory, const std::string& path,
                           const std::function<FileHash(const std::filesystem::path& temporary)>& write);

/// Throws FileGone when the file is missing, StorageError naming it when its SHA-256 is not `sha256` or it cannot be read.
void check_run_file(const std::filesystem::path& store_directory, const std::string& path, const std::string& sha256);
/// Gives a damaged file another name, for whoever wants to look into it. Errors are ignored.
void set_aside(const std::filesystem::path& store_directory, const std::string& path);

/// FileGone: it is missing. StorageError: it cannot be read.
FileHash hash_of(const std::filesystem::path& file);

/// The metadata of a safetensors file, without its tensors. StorageError: missing, not as long as its header says, or no safetensors file.
Metadata read_metadata(const std::filesystem::path& file);

/// The epochs' reports (EpochReport as JSON, in their order) that a checkpoint's metadata, or that of the best weights, hold. StorageError:
/// they cannot be read.
Json history_of(const Metadata& metadata);

/// Removes the run's checkpoints of epochs up to `last_epoch` that this or an earlier attempt wrote, and their temporary files.
/// A later attempt's files are never touched: this attempt may have been fenced. Errors are ignored: a file left over does no harm.
void remove_checkpoints(const std::filesystem::path& store_directory, const std::string& run_id, std::int64_t attempt,
                        std::int64_t last_epoch);

} // namespace stdualx
