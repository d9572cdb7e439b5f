// Multi-head attention over one plane, forward and backward by hand (model/attention.h is the plain form). No torch here.
//
// Everything runs in the transposed form [width, tokens]: queries lie along the vectors, so that softmax needs no sum across lanes, and
// weights are used as they are stored. Nothing is kept for backward, which computes queries, keys, values and scores again.
// The keys' bias adds the same to all scores of a query; softmax does not see it, so it is left out and its gradient is 0.
#pragma once

#include "model/fused/matrix_product.h"
#include "model/fused/scratch.h"

#include <vector>

namespace stdualx {

/// Parameters of one leading index, as model/attention.h stores them: in_weight [3 width, width] (queries, keys, values), in_bias
/// [3 width], out_weight [width, width], out_bias [width]. The same for their gradients.
template <class Float> struct AttentionTensors {
  Float *in_weight = nullptr, *in_bias = nullptr, *out_weight = nullptr, *out_bias = nullptr;
};

class AttentionKernel {
public:
  /// `loops` outlives this.
  AttentionKernel(std::size_t tokens, std::size_t width, std::size_t heads, const VectorLoops& loops);

  /// Takes over the weights that the following calls compute with, and forgets gradients.
  void load(const AttentionTensors<const float>& weights);
  /// x: plane [tokens, width]; x_t: its transpose. y_t: plane [width, tokens].
  void forward(const float* x, const float* x_t, float* y_t);
  /// dy, dy_t: as x, x_t. dx: plane [tokens, width]. Parameters' gradients are added up inside.
  void backward(const float* x, const float* x_t, const float* dy, const float* dy_t, float* dx);
  /// Writes what was added up since load().
  void store(const AttentionTensors<float>& gradients) const;

private:
  void project(const float* x, const float* x_t);
  void score(std::size_t head);

  std::size_t tokens_, width_, heads_, head_width_;
  float scale_;
  const VectorLoops& loops_;
  PlaneSize tall_, wide_, stacked_, scores_size_, square_, joined_;
  // Weights: queries (scaled), values and keys above one another; the keys' transpose; output.
  FloatArray in_weight_, key_weight_t_, out_weight_, in_bias_, out_bias_;
  FloatArray qv_t_, k_, scores_, o_t_;                          // [2 width, tokens], [tokens, width], [keys, queries], [width, tokens]
  FloatArray do_t_, do_, dscores_, q_, dq_t_, joined_gradient_; // the last [tokens, 3 width]: queries, values, keys
  FloatArray din_weight_, din_bias_, dout_weight_t_, dout_bias_;
  MatrixProduct project_qv_, project_k_, scores_of_, values_of_, output_;
  MatrixProduct d_output_, d_scores_, d_values_, d_queries_, d_keys_, d_input_, d_in_weight_, d_out_weight_;
};

} // namespace stdualx
