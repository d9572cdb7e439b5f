// What the network needs to know of the step it takes part in: where its rows lie in the global batch, and the ranks that
// hold the other rows. Batch norm and the triplet loss are defined over the global batch, so they speak to the group.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace stdualx {

/// The ranks that share one batch. Every rank calls the same collectives in the same order, also with no rows of its own.
class BatchGroup {
public:
  virtual ~BatchGroup() = default;
  virtual std::int64_t rank() const = 0; // place in the group
  virtual std::int64_t size() const = 0;
  /// Sums `tensor` (contiguous, float32 or float64) over the ranks, in place and in fixed rank order: every rank gets the same bits.
  virtual void all_reduce_sum(at::Tensor& tensor) = 0;
};

/// One forward pass. Training uses batch statistics and dropout; evaluation uses running statistics and no collectives.
struct StepContext {
  bool training = false;
  std::uint32_t epoch = 0; // counters of the dropout masks
  std::uint32_t step = 0;
  std::int64_t first_sample = 0;   // index in the global batch of this rank's first row
  std::int64_t global_samples = 0; // rows of the global batch; read only where `group` is set
  BatchGroup* group = nullptr;     // null: this rank holds the whole batch
  bool want_attention = false;     // fill ModelOutput::attention
  bool dropout = true;             // false: no dropout in training either (gradient checks)
};

} // namespace stdualx
