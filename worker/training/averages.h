// Exponential moving averages of the weights and of the batch-norm statistics: what is evaluated.
#pragma once

#include <ATen/core/Tensor.h>

namespace stdualx {

/// The decay after `updates` earlier updates: min(decay, (1 + updates) / (10 + updates)), so that the start is forgotten.
double average_decay(double decay, std::int64_t updates);

struct Averages {
  /// Starts at the given values, both flat [size].
  Averages(const at::Tensor& parameter_values, const at::Tensor& buffer_values);

  /// average += share * (value - average); `share`: a scalar on the device, 1 - average_decay().
  void update(const at::Tensor& parameter_values, const at::Tensor& buffer_values, const at::Tensor& share);

  at::Tensor parameters; // [size]
  at::Tensor buffers;    // [size]
};

} // namespace stdualx
