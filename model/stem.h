// The stem (ours, MODEL.md "The recipe"): each sensor's strided convolutions over time, before the encoder.
#pragma once

#include "model/batch_norm.h"
#include "model/encoder_shape.h"
#include "model/initialisation.h"

#include <vector>

namespace stdualx {

class Stem {
public:
  Stem() = default;
  Stem(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& input);

  /// x: [M, B, L, channels] -> [M, B, stem_steps, stem_channels]: layers of [Conv1d, BatchNorm, GELU].
  at::Tensor operator()(const at::Tensor& x, const StepContext& context) const;

private:
  struct Layer {
    at::Tensor weight; // [M, out, in, kernel]
    at::Tensor bias;   // [M, out]
    BatchNorm norm;
  };
  std::vector<Layer> layers;
  std::int64_t stride = 1;
};

} // namespace stdualx
