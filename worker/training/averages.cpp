// Averages of flat tensors.
#include "worker/training/averages.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace stdualx {

double average_decay(double decay, std::int64_t updates) {
  const auto count = static_cast<double>(updates);
  return std::min(decay, (1 + count) / (10 + count));
}

Averages::Averages(const at::Tensor& parameter_values, const at::Tensor& buffer_values)
    : parameters(parameter_values.clone()), buffers(buffer_values.clone()) {}

void Averages::update(const at::Tensor& parameter_values, const at::Tensor& buffer_values, const at::Tensor& share) {
  parameters.lerp_(parameter_values, share);
  buffers.lerp_(buffer_values, share);
}

} // namespace stdualx
