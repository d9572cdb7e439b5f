// STDual-X: the network from standardised windows to logits and embedding.
//
// Sensors and replicas (runs of one shape that are trained together) are one leading axis M = R * S, replica-major:
// m = r * S + s. Parameters of what each sensor has for itself (stem, position, encoder, vector) carry M in front, those of
// what the sensors share (cross-sensor attention, head) carry R. Every replica draws its weights and dropout from its own
// seed, by the layer's name, so that a replica in a pack computes what it computes alone.
#pragma once

#include "model/network.h"

namespace stdualx {

class StdualX final : public Network {
public:
  /// See make_network; `config` must be of the architecture stdual_x.
  StdualX(const ModelConfig& config, const InputShape& shape, std::vector<std::int64_t> seeds, at::ScalarType type, at::Device device);
  ~StdualX() override;
  StdualX(StdualX&&) noexcept;
  StdualX& operator=(StdualX&&) noexcept;

  /// Asinh channels are appended inside. The embedding is the head's, after its GELU and before its second dropout.
  ModelOutput forward(const at::Tensor& windows, const StepContext& context) override;
  const std::vector<NamedTensor>& parameters() const override;
  const std::vector<NamedTensor>& buffers() const override;

private:
  struct Layers;
  std::unique_ptr<Layers> layers;
};

} // namespace stdualx
