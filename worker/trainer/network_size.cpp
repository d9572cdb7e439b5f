// See network_size.h.
#include "worker/trainer/network_size.h"

#include "model/network.h"

#include <ATen/ATen.h>

namespace stdualx {

NetworkSize network_size(const NetworkAsked& asked) {
  const auto network = make_network(asked.model, asked.shape, {1}, asked.precision == "float64" ? at::kDouble : at::kFloat, at::kCPU);
  NetworkSize size;
  const auto bytes = [](const std::vector<NamedTensor>& tensors) {
    std::int64_t sum = 0;
    for (const NamedTensor& each : tensors) sum += each.tensor.numel() * static_cast<std::int64_t>(each.tensor.element_size());
    return sum;
  };
  const std::int64_t parameters = bytes(network->parameters()), buffers = bytes(network->buffers());
  size.checkpoint_bytes = 5 * parameters + 3 * buffers; // themselves, two moments, averages, best; themselves, averages, best
  size.weights_bytes = parameters + buffers;
  return size;
}

} // namespace stdualx
