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
///
/// What differs from step to step lies in two small tensors on the network's device, so that a step can be captured once and replayed:
/// its numbers are no arguments of a launch, and its tensors have one shape. A batch of fewer rows is padded behind them; rows of padding
/// take part in no statistics and no loss, get no gradient, and what is computed for them is for nobody.
struct StepContext {
  bool training = false;
  at::Tensor counters = {};        // int64 [R or 1, 2], epoch and step, by which dropout's masks are counted; undefined: 0 and 0
  at::Tensor real = {};            // [R, rows of the global batch], of the network's type: 1, and 0 for padding; undefined: all are 1
  std::int64_t first_sample = 0;   // index in the global batch of this rank's first row
  std::int64_t global_samples = 0; // rows of the global batch, padding included; read only where `group` is set
  BatchGroup* group = nullptr;     // null: this rank holds the whole batch
  bool want_attention = false;     // fill ModelOutput::attention
  bool dropout = true;             // false: no dropout in training either (gradient checks)

  /// `real` of this rank's own rows, [R, batch]; undefined: all are.
  at::Tensor own_real(std::int64_t batch) const { return real.defined() ? real.narrow(1, first_sample, batch) : at::Tensor(); }
  /// How many of a replica's `batch` rows are no padding, for a network in float32 on the CPU.
  std::int64_t own_rows(std::int64_t replica, std::int64_t batch) const;
};

/// What StepContext::counters holds of one step.
at::Tensor step_counters(std::int64_t epoch, std::int64_t step);

} // namespace stdualx
