// What a step's tensors say of its rows. See the header.
#include "model/batch_group.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace stdualx {

std::int64_t StepContext::own_rows(std::int64_t replica, std::int64_t batch) const {
  if (!real.defined()) return batch;
  const float* rows = real.const_data_ptr<float>() + replica * real.size(1) + first_sample;
  return std::count(rows, rows + batch, 1.0f);
}

at::Tensor step_counters(std::int64_t epoch, std::int64_t step) { return at::tensor({epoch, step}, at::kLong).unsqueeze(0); }

} // namespace stdualx
