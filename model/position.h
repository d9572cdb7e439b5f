// Gaussian positional encoding (STDAT of BehaveFormer, Senarath et al., IJCB 2023).
#pragma once

#include "model/encoder_shape.h"
#include "model/initialisation.h"

namespace stdualx {

struct Position {
  at::Tensor mean;      // [M, K], starts at k * L / K
  at::Tensor log_sigma; // [M, K]: sigma is positive since its logarithm is learned
  at::Tensor embedding; // [M, K, C]

  Position() = default;
  Position(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& shape);

  /// x: [M, B, L, C] -> x + w E, with w(l, k) = softmax over k of (-(l - mean_k)^2 / (2 sigma_k^2) - ln sigma_k).
  at::Tensor operator()(const at::Tensor& x) const;
};

} // namespace stdualx
