// Layer normalisation, with the padding of sensors that have fewer channels.
#pragma once

#include "model/initialisation.h"

#include <string>

namespace stdualx {

/// Layer normalisation over the last axis, for each leading index (Ba et al. 2016).
struct LayerNorm {
  at::Tensor weight; // [G, width]
  at::Tensor bias;   // [G, width]

  LayerNorm() = default;
  LayerNorm(Initialiser& initialiser, const std::string& name, std::int64_t slices, std::int64_t width);
  /// x: [G, B, T, width] -> the same. With `mask` ([G, 1, 1, width]) over real channels alone, and 0 elsewhere.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& mask = {}) const;
};

} // namespace stdualx
