// The stem (ours): each sensor's strided convolutions over time, before the encoder.
#pragma once

#include "model/batch_norm.h"
#include "model/encoder_shape.h"
#include "model/initialisation.h"

#include <memory>
#include <vector>

namespace stdualx {

struct StemKernels;

struct Stem {
  Stem() = default;
  Stem(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& input);

  struct Layer {
    at::Tensor weight; // [M, out, in, kernel]
    at::Tensor bias;   // [M, out]
    BatchNorm norm;
  };
  std::vector<Layer> layers;
  std::int64_t stride = 1;
  mutable std::shared_ptr<StemKernels> kernels; // of the fused form, made at its first use
};

/// x: [M, B, L, channels] -> [M, B, stem_steps, stem_channels]: layers of [Conv1d, BatchNorm, GELU]; x itself without layers. The plain
/// form: any type, device and group.
at::Tensor stem_plain(const Stem& stem, const at::Tensor& x, const StepContext& context);
/// The form that fits: model/kernels.h.
at::Tensor stem_of(const Stem& stem, const at::Tensor& x, const StepContext& context);

} // namespace stdualx
