// A finished run's weights with what they were trained on, for the commands that use them without libtorch.
#pragma once

#include "experiments/recording.h"
#include "model/inference/inference.h"

#include <filesystem>

namespace stdualx {

struct Trained {
  std::filesystem::path file;
  FloatTensors weights;
  RunSpec run;
  InputShape shape;
  DatasetInfo dataset; // at the rate of the windows
};

/// Reads a best.safetensors (worker/training/checkpoint.h). StorageError: damaged; InputError: a file of another kind.
Trained read_trained(const std::filesystem::path& file);

} // namespace stdualx
