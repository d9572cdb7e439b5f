// What training sees of a network, whichever it is: STDual-X (model/stdual_x.h) or a baseline (model/baselines).
#pragma once

#include "experiments/spec/model_config.h"
#include "model/batch_group.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

namespace stdualx {

/// A parameter or buffer. `decay`: whether weight decay applies (weights; not biases, norms or positions).
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
  bool decay = false;
};

struct ModelOutput {
  at::Tensor logits;    // [R, B, classes]
  at::Tensor embedding; // [R, B, width], the last hidden representation: before the last linear layer and its dropout, not normalised
  at::Tensor attention; // [R, B, heads, S, S] on request, row: the querying sensor, detached; undefined otherwise, and without cross-sensor
                        // attention
};

/// A network that turns standardised windows into logits and embedding. R replicas (runs of one shape trained together) lead every tensor;
/// a baseline has R = 1.
class Network {
public:
  virtual ~Network() = default;

  /// `windows`: [R, B, S, L, C], standardised; channels beyond a sensor's own are ignored. B may be 0. In training it updates the
  /// running statistics. In eval mode wrap it in at::NoGradGuard to save memory.
  virtual ModelOutput forward(const at::Tensor& windows, const StepContext& context) = 0;

  /// Leaves that require gradients, in fixed order. Their storage is the network's: write with copy_ under at::NoGradGuard.
  virtual const std::vector<NamedTensor>& parameters() const = 0;
  /// Running statistics of the training windows, in fixed order.
  virtual const std::vector<NamedTensor>& buffers() const = 0;
};

/// Builds and initialises the network that `config.architecture` names on `device`. `seeds`: one a replica. `type`: float32 or float64.
/// Throws InputError naming the key of `config` that does not fit `shape`, or when a baseline is to have more than one replica.
std::unique_ptr<Network> make_network(const ModelConfig& config, const InputShape& shape, std::vector<std::int64_t> seeds,
                                      at::ScalarType type, at::Device device);

} // namespace stdualx
