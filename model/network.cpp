// Which network a configuration names.
#include "model/network.h"

#include "model/baselines/baseline.h"
#include "model/stdual_x.h"

namespace stdualx {

std::unique_ptr<Network> make_network(const ModelConfig& config, const InputShape& shape, std::vector<std::int64_t> seeds,
                                      at::ScalarType type, at::Device device) {
  if (config.architecture == "stdual_x") return std::make_unique<StdualX>(config, shape, std::move(seeds), type, device);
  return make_baseline(config, shape, seeds, type, device);
}

} // namespace stdualx
