// Multi-head attention over one plane, forward and backward by hand (model/attention.h is the plain form). No torch here.
//
// Everything runs in the transposed form [width, tokens]: queries lie along the vectors, so that softmax needs no sum across lanes, and
// weights are used as they are stored. Narrow heads (VectorLoops::attend) are computed without ever storing a score; the others by
// products. Few tokens (VectorLoops::attend_few), which would leave vectors empty, lie below one another instead. Kept for backward are the
// heads' output and, a query and head, the logarithm of its softmax's sum; the rest is computed again. Of few tokens everything is kept.
// Scores are in units of ln 2, so that softmax takes powers of two. The keys' bias adds the same to all scores of a query; softmax does not
// see it, so it is left out and its gradient is 0.
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

/// Floats of a plane that forward() keeps for backward().
std::size_t attention_kept_floats(std::size_t tokens, std::size_t width, std::size_t heads);

class AttentionKernel {
public:
  /// `loops` outlives this.
  AttentionKernel(std::size_t tokens, std::size_t width, std::size_t heads, const VectorLoops& loops);

  /// Takes over the weights that the following calls compute with, and forgets gradients.
  void load(const AttentionTensors<const float>& weights);
  /// x: plane [tokens, width]; x_t, y_t: [width, tokens]. `kept`: attention_kept_floats at a 64-byte border.
  void forward(const float* x, const float* x_t, float* kept, float* y_t);
  /// x, dy, dx: planes [tokens, width]; x_t, dy_t: the transposes of these. Parameters' gradients are added up inside.
  void backward(const float* x, const float* x_t, const float* dy, const float* dy_t, const float* kept, float* dx);
  /// Writes what was added up since load().
  void store(const AttentionTensors<float>& gradients);

private:
  void make_few_products();
  void project(const float* x_t);
  void few_forward(const float* x, float* kept, float* y_t);
  void few_backward(const float* x, const float* dy, const float* kept, float* dx);
  void add_few_gradients();
  void heads_by_products_backward(const float* x, const float* kept, float* dx);
  void narrow_heads_backward(const float* x, const float* kept, float* dx);
  const float* log_sums_of(const float* kept, std::size_t head) const { return kept + plane_floats(wide_) + head * wide_.stride; }

  std::size_t tokens_, width_, heads_, head_width_;
  bool few_, narrow_;
  std::size_t block_; // rows of in_weight_ from queries to values, and from those to keys
  float scale_;
  const VectorLoops& loops_;
  PlaneSize tall_, wide_, stacked_, joined_, scores_size_, square_, head_;
  FloatArray in_weight_, out_weight_, in_bias_, out_bias_;          // queries (scaled), values and keys above one another
  FloatArray qvk_t_, do_t_, scores_, dscores_, factors_, products_; // [3 width, tokens], [width, tokens], [keys, queries], a query each
  FloatArray q_, do_, dq_t_, gradient_;                             // by products: [tokens, width], [width, tokens], [tokens, 3 width]
  FloatArray in_weight_t_, out_weight_t_, y_;                       // of few tokens: [width, 3 block], [width, width], [tokens, width]
  std::size_t collected_ = 0;                                       // planes of few tokens whose weights' gradients are still to come
  FloatArray collected_x_, collected_dy_, collected_o_;             // their [tokens, width] below one another; gradient_ as well
  FloatArray parts_, gradient_t_, dx_t_;                            // of narrow heads: scratch, [3 width, tokens], [width, tokens]
  FloatArray din_weight_, din_bias_, dout_weight_t_, dout_bias_;    // sums of gradients
  MatrixProduct project_, scores_of_, values_of_, output_, d_output_, d_in_weight_, d_out_weight_, d_input_;
  MatrixProduct d_scores_, d_values_, d_queries_, d_keys_;
};

} // namespace stdualx
