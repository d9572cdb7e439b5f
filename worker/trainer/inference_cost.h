// What a trained network costs to use: latency, throughput, memory, parameters, operations.
#pragma once

#include <ATen/core/Tensor.h>

#include "experiments/spec/assignment.h"

#include <functional>
#include <vector>

namespace stdualx {

/// How long is measured. Repetitions are counted after as many unmeasured ones as `warm_up`.
struct InferenceCostOptions {
  std::int64_t warm_up = 20;
  std::int64_t latency_repetitions = 300;
  std::int64_t throughput_repetitions = 10;
  std::vector<std::int64_t> batches = {1, 8, 64, 256};
};

/// Measures the network of `assignment.run` with the weights at `assignment.resume_path` (best.safetensors, whose shape is taken) on
/// windows of standard normal noise: what is computed does not depend on the values. Metrics as in EfficiencyReport; a GPU is waited for
/// in each repetition. `allocator_peak_bytes`: the most that tensors held at once during one forward pass at batch 1, the weights included;
/// `process_peak_bytes`: the largest resident set of this process until the batch of 1 was measured (libraries included).
/// Throws StorageError when the weights cannot be loaded, InputError when they do not fit the network.
EfficiencyReport inference_cost(const Assignment& assignment, at::Device device, const InferenceCostOptions& options = {});

/// Floating-point operations of one call of `body`: 2 for each multiplication with addition in matrix products and convolutions; all else
/// (normalisation, activation, softmax) is left out, as is usual.
std::int64_t count_operations(const std::function<void()>& body);

} // namespace stdualx
