// STDual-X: the network from standardised windows to logits and embedding (MODEL.md).
//
// Sensors and replicas (runs of one shape that are trained together) are one leading axis M = R * S, replica-major:
// m = r * S + s. Parameters of what each sensor has for itself (stem, position, encoder, vector) carry M in front, those of
// what the sensors share (cross-sensor attention, head) carry R. Every replica draws its weights and dropout from its own
// seed, by the layer's name, so that a replica in a pack computes what it computes alone.
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
  at::Tensor embedding; // [R, B, embedding], after the head's GELU and before its second dropout; not normalised
  at::Tensor attention; // [R, B, heads, S, S] on request, row: the querying sensor, detached; undefined otherwise, and without cross-sensor
                        // attention
};

class StdualX {
public:
  /// Builds and initialises the network on `device`. `seeds`: one a replica, R = seeds.size(). `type`: float32 or float64.
  /// Throws InputError naming the key of `config` that does not fit `shape`.
  StdualX(const ModelConfig& config, const InputShape& shape, std::vector<std::int64_t> seeds, at::ScalarType type, at::Device device);
  ~StdualX();
  StdualX(StdualX&&) noexcept;
  StdualX& operator=(StdualX&&) noexcept;

  /// `windows`: [R, B, S, L, C], standardised; asinh channels are appended inside; channels beyond a sensor's own are ignored.
  /// B may be 0. In training it updates the running statistics. In eval mode wrap it in at::NoGradGuard to save memory.
  ModelOutput forward(const at::Tensor& windows, const StepContext& context);

  /// Leaves that require gradients, in fixed order. Their storage is the network's: write with copy_ under at::NoGradGuard.
  const std::vector<NamedTensor>& parameters() const;
  /// Running mean and variance of each batch norm, in fixed order.
  const std::vector<NamedTensor>& buffers() const;

private:
  struct Layers;
  std::unique_ptr<Layers> layers;
};

} // namespace stdualx
