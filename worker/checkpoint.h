// Checkpoints and weights on disk: what is written, when it is safe, what is loaded.
//
//   STORE.d/<run_id>/<attempt>/epoch-000007.safetensors   the whole state after epoch 7
//   STORE.d/<run_id>/<attempt>/best.safetensors           what a finished run keeps
//
// Both are safetensors (model/weights.h). A checkpoint's tensors are, for every parameter and buffer NAME of the model,
//   parameters.NAME  optimizer.first_moment.NAME  optimizer.second_moment.NAME  averages.parameters.NAME  best.parameters.NAME
//   buffers.NAME  averages.buffers.NAME  best.buffers.NAME
// and its metadata, all text:
//   format "stdualx checkpoint", format_version "1", run_id, attempt, epoch
//   progress   JSON of Progress (worker/training.h): optimiser steps, best epoch and its measures
//   report     JSON of the epoch's EpochReport, without the file's own hash and size: what `db rebuild` restores an epoch from
//   identity   the canonical text whose SHA-256 is run_id
// best.safetensors holds NAME (the best averaged weights and statistics), standardisation.mean and .deviation
// [sensors, channels], and as metadata format "stdualx weights", format_version, run_id, attempt, epoch, identity, shape
// (JSON of InputShape), dataset (JSON of DatasetInfo: names of sensors, channels and classes).
//
// embedding.safetensors holds the embedding of the undisturbed test part (Artifact in experiments/spec/reports.h), format "stdualx
// embedding".
//
// A file is written to a temporary name, synced, renamed, and its folder synced; then its SHA-256 goes into a report. Only a
// file whose hash stands in a committed report is loaded.
#pragma once

#include "model/weights.h"

#include <cstdint>

namespace stdualx {

struct WrittenFile {
  std::string path; // relative to STORE.d
  std::string sha256;
  std::int64_t bytes = 0;
};

using Metadata = std::map<std::string, std::string>;

/// "<run_id>/<attempt>/epoch-000007.safetensors"
std::string checkpoint_path(const std::string& run_id, std::int64_t attempt, std::int64_t epoch);
/// "<run_id>/<attempt>/best.safetensors"
std::string best_weights_path(const std::string& run_id, std::int64_t attempt);

/// "<run_id>/<attempt>/embedding.safetensors"
std::string embedding_path(const std::string& run_id, std::int64_t attempt);

/// Writes `path` (relative to `store_directory`) so that after the return it survives a power failure, and after a failure the
/// name holds what it held before. Throws StorageError naming the file, the system's reason and the free bytes.
WrittenFile write_durably(const std::filesystem::path& store_directory, const std::string& path, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata);

/// Throws StorageError naming the file when it is missing, its SHA-256 is not `sha256`, or it is no checkpoint of `run_id`.
SafetensorsFile read_checkpoint(const std::filesystem::path& store_directory, const std::string& path, const std::string& sha256,
                                const std::string& run_id);

/// The same for the weights that a finished run keeps.
SafetensorsFile read_weights(const std::filesystem::path& store_directory, const std::string& path, const std::string& sha256,
                             const std::string& run_id);

/// Copies the file's tensors into `state` by name. Throws StorageError when one is missing, left over, or of another shape or type.
void restore(const std::vector<NamedTensor>& state, const SafetensorsFile& file, const std::string& path);

/// Removes the run's checkpoints of epochs up to `last_epoch` that this or an earlier attempt wrote, and their temporary files.
/// A later attempt's files are never touched: this attempt may have been fenced. Errors are ignored: a file left over does no harm.
void remove_checkpoints(const std::filesystem::path& store_directory, const std::string& run_id, std::int64_t attempt,
                        std::int64_t last_epoch);

} // namespace stdualx
