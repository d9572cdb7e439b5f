// From a sensor's encoded plane to its vector (MODEL.md, Per-sensor vector).
#pragma once

#include "model/dropout.h"
#include "model/encoder_shape.h"
#include "model/initialisation.h"

namespace stdualx {

class SensorVector {
public:
  SensorVector() = default;
  SensorVector(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& shape);

  /// x: [M, B, L, C] -> [M, B, d]: flatten (channels fastest), Linear, ReLU, Dropout, Linear, ReLU.
  /// Without STDAT: flatten, Linear, ReLU, Linear (MODEL.md, Ablations).
  at::Tensor operator()(const at::Tensor& x, const StepContext& context) const;

private:
  Linear hidden; // L * C -> vector_hidden() of the widest sensor
  Linear output; // -> d
  Dropout dropout;
  bool plain = false; // without STDAT
};

} // namespace stdualx
