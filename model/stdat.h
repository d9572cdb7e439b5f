// The spatio-temporal dual attention encoder, one layer (STDAT of BehaveFormer, Senarath et al., IJCB 2023).
#pragma once

#include "model/attention.h"
#include "model/batch_norm.h"
#include "model/dropout.h"
#include "model/encoder_shape.h"
#include "model/layer_norm.h"

#include <array>
#include <memory>

namespace stdualx {

/// F on the L x C plane as a one-channel image: Conv 1x1 (1 -> u), 3x3 (u -> u), 5x5 (u -> 1), each with BatchNorm, Dropout, ReLU.
class ConvolutionBlock {
public:
  ConvolutionBlock() = default;
  ConvolutionBlock(Initialiser& initialiser, const std::string& name, const ModelConfig& config, const EncoderShape& shape);
  /// x: [M, B, L, C] -> the same. `mask`: EncoderShape::mask.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& mask, const StepContext& context) const;

  struct Stage {
    at::Tensor weight; // [M, out, in, k, k]
    at::Tensor bias;   // [M, out]
    BatchNorm norm;
    Dropout dropout;
  };
  std::array<Stage, 3> stages;
};

struct StdatKernels;

/// The parameters of a layer, and what it is made of.
struct StdatLayer {
  StdatLayer() = default;
  StdatLayer(Initialiser& initialiser, const std::string& name, const ModelConfig& config, const EncoderShape& shape);

  bool temporal = true, channel = true, convolution = true;
  Attention temporal_attention; // tokens: steps; width: channels
  Attention channel_attention;  // tokens: channels; width: steps
  at::Tensor key_mask;          // [M, 1, 1, C]: -inf for padding; undefined when nothing is padded
  LayerNorm attention_norm, convolution_norm;
  ConvolutionBlock block;
  mutable std::shared_ptr<StdatKernels> kernels; // of the fused form, made at its first use
};

/// x: [M, B, L, C] -> the same: X <- LayerNorm(X + T + S); X <- LayerNorm(X + F(X)). A term that is switched off is left out; without both
/// attentions, or without convolution, their LayerNorm goes too. The plain form: any type, device, group and mask.
at::Tensor stdat_plain(const StdatLayer& layer, const at::Tensor& x, const EncoderShape& shape, const StepContext& context);
/// The form that fits: model/kernels.h.
at::Tensor stdat(const StdatLayer& layer, const at::Tensor& x, const EncoderShape& shape, const StepContext& context);

} // namespace stdualx
