// Checkpoints and weights: what is in the files that run_files.h names.
//
// Both are safetensors (model/weights.h). A checkpoint's tensors are, for every parameter and buffer NAME of the model,
//   parameters.NAME  optimizer.first_moment.NAME  optimizer.second_moment.NAME  averages.parameters.NAME  best.parameters.NAME
//   buffers.NAME  averages.buffers.NAME  best.buffers.NAME
// and its metadata, all text:
//   format "stdualx checkpoint", format_version "1", run_id, attempt, epoch
//   progress   JSON of TrainingProgress (worker/training/training.h): optimiser steps, best epoch and its measures
//   report     JSON of the epoch's EpochReport, without the file's own hash and size
//   history    JSON of those of the epochs before: what `db rebuild` restores epochs from
//   placement  JSON of the Placement that wrote it
//   identity   the canonical text whose SHA-256 is run_id
// best.safetensors holds NAME (the best averaged weights and statistics), standardisation.mean and .deviation
// [sensors, channels], and as metadata format "stdualx weights", format_version, run_id, attempt, epoch, identity, history,
// placement, shape (JSON of InputShape), dataset (JSON of DatasetInfo: names of sensors, channels and classes).
//
// embedding.safetensors holds the embedding of the undisturbed test part (Artifact in experiments/spec/reports.h), format "stdualx
// embedding".
#pragma once

#include "model/weights.h"
#include "worker/messages/run_files.h"

#include <cstdint>

namespace stdualx {

/// Writes `path` (relative to `store_directory`) as write_run_file does.
WrittenFile write_tensors(const std::filesystem::path& store_directory, const std::string& path, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata);

/// Throws StorageError naming the file when it is missing, its SHA-256 is not `sha256`, or it is no checkpoint of `run_id`. A file
/// of another hash is set aside.
SafetensorsFile read_checkpoint(const std::filesystem::path& store_directory, const std::string& path, const std::string& sha256,
                                const std::string& run_id);

/// The same for the weights that a finished run keeps.
SafetensorsFile read_weights(const std::filesystem::path& store_directory, const std::string& path, const std::string& sha256,
                             const std::string& run_id);

/// Copies the file's tensors into `state` by name. Throws StorageError when one is missing, left over, or of another shape or type.
void restore(const std::vector<NamedTensor>& state, const SafetensorsFile& file, const std::string& path);

} // namespace stdualx
