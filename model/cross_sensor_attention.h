// Cross-Sensor Attention (the abstract's idea; the form is ours): each sensor asks the others.
#pragma once

#include "model/attention.h"
#include "model/layer_norm.h"

namespace stdualx {

class CrossSensorAttention {
public:
  CrossSensorAttention() = default;
  CrossSensorAttention(Initialiser& initialiser, const ModelConfig& config, std::int64_t sensors);

  /// z: [R, B, S, d] -> e = LayerNorm(z_s + r_s), the same shape. r_s: attention whose query is z_s, keys and values the other
  /// sensors' vectors (with attend_self, or a single sensor, its own too). `weights`: see Attention.
  at::Tensor operator()(const at::Tensor& z, at::Tensor* weights) const;

private:
  Attention attention;
  LayerNorm norm;
  at::Tensor self_mask; // [1, 1, S, S]: -inf on the diagonal; undefined where a sensor may attend to itself
};

} // namespace stdualx
