// See attention_kernel.h.
#include "model/fused/attention_kernel.h"

#include <cmath>

namespace stdualx {

AttentionKernel::AttentionKernel(std::size_t tokens, std::size_t width, std::size_t heads, const VectorLoops& loops)
    : tokens_(tokens), width_(width), heads_(heads), head_width_(width / heads),
      scale_(1.0f / std::sqrt(static_cast<float>(width / heads))), loops_(loops), tall_(plane_of(tokens, width)),
      wide_(plane_of(width, tokens)), stacked_(plane_of(2 * width, tokens)), scores_size_(plane_of(tokens, tokens)),
      square_(plane_of(width, width)), joined_(plane_of(tokens, 3 * width)), in_weight_(plane_of(3 * width, width)), key_weight_t_(square_),
      out_weight_(square_), in_bias_(3 * width), out_bias_(width), qv_t_(stacked_), k_(tall_), scores_(scores_size_), o_t_(wide_),
      do_t_(wide_), do_(tall_), dscores_(scores_size_), q_(tall_), dq_t_(wide_), joined_gradient_(joined_),
      din_weight_(plane_of(3 * width, width)), din_bias_(joined_.stride), dout_weight_t_(square_), dout_bias_(square_.stride) {
  const std::size_t n = tokens, w = head_width_, across = tall_.stride, along = wide_.stride, side = square_.stride,
                    pair = scores_size_.stride, all = joined_.stride;
  project_qv_ = MatrixProduct(
      {.rows = 2 * width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .adds = true});
  project_k_ = MatrixProduct({.rows = n, .columns = width, .inner = width, .a_stride = across, .b_stride = side, .c_stride = across});
  scores_of_ = MatrixProduct({.rows = n, .columns = n, .inner = w, .a_stride = across, .b_stride = along, .c_stride = pair});
  values_of_ = MatrixProduct({.rows = w, .columns = n, .inner = n, .a_stride = along, .b_stride = pair, .c_stride = along});
  output_ =
      MatrixProduct({.rows = width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .adds = true});
  d_output_ = MatrixProduct(
      {.rows = width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .a_transposed = true});
  d_scores_ =
      MatrixProduct({.rows = n, .columns = n, .inner = w, .a_stride = along, .b_stride = along, .c_stride = pair, .a_transposed = true});
  d_values_ = MatrixProduct({.rows = n, .columns = w, .inner = n, .a_stride = pair, .b_stride = across, .c_stride = all});
  d_queries_ =
      MatrixProduct({.rows = w, .columns = n, .inner = n, .a_stride = across, .b_stride = pair, .c_stride = along, .a_transposed = true});
  d_keys_ = MatrixProduct({.rows = n, .columns = w, .inner = n, .a_stride = pair, .b_stride = across, .c_stride = all});
  d_input_ = MatrixProduct({.rows = n, .columns = width, .inner = 3 * width, .a_stride = all, .b_stride = side, .c_stride = across});
  d_in_weight_ = MatrixProduct({.rows = 3 * width,
                                .columns = width,
                                .inner = n,
                                .a_stride = all,
                                .b_stride = across,
                                .c_stride = side,
                                .a_transposed = true,
                                .adds = true});
  d_out_weight_ =
      MatrixProduct({.rows = width, .columns = width, .inner = n, .a_stride = along, .b_stride = across, .c_stride = side, .adds = true});
}

void AttentionKernel::load(const AttentionTensors<const float>& weights) {
  const auto block = [&](std::size_t from, std::size_t to, float factor) { // thirds of the stored weights: queries, keys, values
    for (std::size_t r = 0; r < width_; ++r) {
      for (std::size_t c = 0; c < width_; ++c)
        in_weight_.data()[(to * width_ + r) * square_.stride + c] = factor * weights.in_weight[(from * width_ + r) * width_ + c];
      in_bias_.data()[to * width_ + r] = factor * weights.in_bias[from * width_ + r];
    }
  };
  block(0, 0, scale_);
  block(2, 1, 1);
  block(1, 2, 1);
  for (std::size_t r = 0; r < width_; ++r)
    for (std::size_t c = 0; c < width_; ++c) key_weight_t_.data()[c * square_.stride + r] = weights.in_weight[(width_ + r) * width_ + c];
  loops_.pack(weights.out_weight, square_, out_weight_.data());
  for (std::size_t r = 0; r < width_; ++r) out_bias_.data()[r] = weights.out_bias[r];
  for (FloatArray* sum : {&din_weight_, &din_bias_, &dout_weight_t_, &dout_bias_}) sum->clear();
}

void AttentionKernel::project(const float* x, const float* x_t) {
  loops_.fill_rows(in_bias_.data(), stacked_, qv_t_.data());
  project_qv_(in_weight_.data(), x_t, qv_t_.data());
  project_k_(x, key_weight_t_.data(), k_.data());
}

void AttentionKernel::score(std::size_t head) {
  const std::size_t first = head * head_width_;
  scores_of_(k_.data() + first, qv_t_.data() + first * wide_.stride, scores_.data());
  loops_.softmax_columns(scores_.data(), scores_size_);
  values_of_(qv_t_.data() + (width_ + first) * wide_.stride, scores_.data(), o_t_.data() + first * wide_.stride);
}

void AttentionKernel::forward(const float* x, const float* x_t, float* y_t) {
  project(x, x_t);
  for (std::size_t head = 0; head < heads_; ++head) score(head);
  loops_.fill_rows(out_bias_.data(), wide_, y_t);
  output_(out_weight_.data(), o_t_.data(), y_t);
}

void AttentionKernel::backward(const float* x, const float* x_t, const float* dy, const float* dy_t, float* dx) {
  project(x, x_t);
  loops_.transpose(qv_t_.data(), wide_, q_.data(), tall_.stride);
  d_output_(out_weight_.data(), dy_t, do_t_.data());
  loops_.transpose(do_t_.data(), wide_, do_.data(), tall_.stride);
  float* const gradient = joined_gradient_.data();
  std::size_t first = 0;
  for (std::size_t head = 0; head < heads_; ++head, first += head_width_) {
    score(head);
    d_scores_(qv_t_.data() + (width_ + first) * wide_.stride, do_t_.data() + first * wide_.stride, dscores_.data());
    d_values_(scores_.data(), do_.data() + first, gradient + width_ + first);
    loops_.softmax_columns_backward(scores_.data(), dscores_.data(), scores_size_);
    d_queries_(k_.data() + first, dscores_.data(), dq_t_.data() + first * wide_.stride);
    d_keys_(dscores_.data(), q_.data() + first, gradient + 2 * width_ + first);
  }
  // The transpose goes by way of q_, which is done with.
  loops_.transpose(dq_t_.data(), wide_, q_.data(), tall_.stride);
  for (std::size_t r = 0; r < tokens_; ++r)
    std::memcpy(gradient + r * joined_.stride, q_.data() + r * tall_.stride, width_ * sizeof(float));
  d_input_(gradient, in_weight_.data(), dx);
  d_in_weight_(gradient, x, din_weight_.data());
  d_out_weight_(o_t_.data(), dy, dout_weight_t_.data());
  loops_.add_column_sums(gradient, joined_, din_bias_.data());
  loops_.add_column_sums(dy, tall_, dout_bias_.data());
}

void AttentionKernel::store(const AttentionTensors<float>& gradients) const {
  const auto block = [&](std::size_t from, std::size_t to, float factor, float bias_factor) {
    for (std::size_t r = 0; r < width_; ++r) {
      for (std::size_t c = 0; c < width_; ++c)
        gradients.in_weight[(to * width_ + r) * width_ + c] = factor * din_weight_.data()[(from * width_ + r) * square_.stride + c];
      gradients.in_bias[to * width_ + r] = bias_factor * din_bias_.data()[from * width_ + r];
    }
  };
  block(0, 0, scale_, scale_);
  block(1, 2, 1, 1);
  block(2, 1, 1, 0);
  for (std::size_t r = 0; r < width_; ++r)
    for (std::size_t c = 0; c < width_; ++c) gradients.out_weight[r * width_ + c] = dout_weight_t_.data()[c * square_.stride + r];
  for (std::size_t r = 0; r < width_; ++r) gradients.out_bias[r] = dout_bias_.data()[r];
}

} // namespace stdualx
