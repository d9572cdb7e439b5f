// See attention_kernel.h.
#include "model/fused/attention_kernel.h"

#include <cmath>

namespace stdualx {

namespace {
constexpr float log2_of_e = 1.44269504f; // scores are in units of ln 2
/// Planes of few tokens whose weights' gradients are added in one product: of so few rows each, one by one would be moving weights.
constexpr std::size_t planes_together = 8;
} // namespace

std::size_t attention_kept_floats(std::size_t tokens, std::size_t width, std::size_t heads) {
  if (tokens > most_few_tokens) return plane_floats(plane_of(width, tokens)) + heads * padded(tokens);
  return tokens * 4 * padded(width) + plane_alignment + heads * tokens * plane_alignment; // queries, values, keys, output; shares
}

AttentionKernel::AttentionKernel(std::size_t tokens, std::size_t width, std::size_t heads, const VectorLoops& loops)
    : tokens_(tokens), width_(width), heads_(heads), head_width_(width / heads), few_(tokens <= most_few_tokens),
      narrow_(width / heads <= widest_attended), block_(few_ ? padded(width) : width),
      scale_(log2_of_e / std::sqrt(static_cast<float>(width / heads))), loops_(loops), tall_(plane_of(tokens, width)),
      wide_(plane_of(width, tokens)), stacked_(plane_of(3 * block_, tokens)), joined_(plane_of(tokens, 3 * block_)),
      scores_size_(plane_of(tokens, tokens)), square_(plane_of(width, width)), head_{head_width_, tokens, wide_.stride},
      in_weight_(plane_of(3 * block_, width)), out_weight_(square_), in_bias_(3 * block_), out_bias_(square_.stride), qvk_t_(stacked_),
      do_t_(wide_), products_(wide_.stride), din_weight_(plane_of(3 * block_, width)), din_bias_(joined_.stride), dout_weight_t_(square_),
      dout_bias_(square_.stride) {
  if (few_) {
    make_few_products();
    return;
  }
  const std::size_t n = tokens, w = head_width_, across = tall_.stride, along = wide_.stride, side = square_.stride,
                    pair = scores_size_.stride, all = joined_.stride;
  project_ = MatrixProduct(
      {.rows = 3 * width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .adds = true});
  output_ =
      MatrixProduct({.rows = width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .adds = true});
  d_output_ = MatrixProduct(
      {.rows = width, .columns = n, .inner = width, .a_stride = side, .b_stride = along, .c_stride = along, .a_transposed = true});
  d_out_weight_ =
      MatrixProduct({.rows = width, .columns = width, .inner = n, .a_stride = along, .b_stride = across, .c_stride = side, .adds = true});
  if (narrow_) {
    parts_ = FloatArray(attend_floats(head_));
    gradient_t_ = FloatArray(stacked_);
    dx_t_ = FloatArray(wide_);
    d_input_ = MatrixProduct(
        {.rows = width, .columns = n, .inner = 3 * width, .a_stride = side, .b_stride = along, .c_stride = along, .a_transposed = true});
    d_in_weight_ = MatrixProduct(
        {.rows = 3 * width, .columns = width, .inner = n, .a_stride = along, .b_stride = across, .c_stride = side, .adds = true});
    return;
  }
  for (FloatArray* array : {&scores_, &dscores_}) *array = FloatArray(scores_size_);
  factors_ = FloatArray(wide_.stride);
  for (FloatArray* array : {&q_, &do_}) *array = FloatArray(tall_);
  dq_t_ = FloatArray(wide_);
  gradient_ = FloatArray(joined_);
  scores_of_ =
      MatrixProduct({.rows = n, .columns = n, .inner = w, .a_stride = along, .b_stride = along, .c_stride = pair, .a_transposed = true});
  values_of_ = MatrixProduct({.rows = w, .columns = n, .inner = n, .a_stride = along, .b_stride = pair, .c_stride = along});
  d_scores_ = scores_of_;
  d_values_ = MatrixProduct({.rows = n, .columns = w, .inner = n, .a_stride = pair, .b_stride = across, .c_stride = all});
  d_queries_ = MatrixProduct({.rows = w, .columns = n, .inner = n, .a_stride = along, .b_stride = pair, .c_stride = along});
  d_keys_ = d_values_;
  d_input_ = MatrixProduct({.rows = n, .columns = width, .inner = 3 * width, .a_stride = all, .b_stride = side, .c_stride = across});
  d_in_weight_ = MatrixProduct({.rows = 3 * width,
                                .columns = width,
                                .inner = n,
                                .a_stride = all,
                                .b_stride = across,
                                .c_stride = side,
                                .a_transposed = true,
                                .adds = true});
}

void AttentionKernel::make_few_products() {
  in_weight_t_ = FloatArray(plane_of(width_, 3 * block_));
  out_weight_t_ = FloatArray(square_);
  y_ = FloatArray(tall_);
  const std::size_t together = planes_together * tokens_;
  gradient_ = FloatArray(together * joined_.stride + plane_alignment);
  for (FloatArray* array : {&collected_x_, &collected_dy_, &collected_o_}) *array = FloatArray(together * tall_.stride);
  do_ = FloatArray(plane_floats(tall_) + plane_alignment);
  const std::size_t n = tokens_, side = square_.stride, across = tall_.stride, all = joined_.stride;
  project_ = MatrixProduct(
      {.rows = n, .columns = 3 * block_, .inner = width_, .a_stride = across, .b_stride = all, .c_stride = all, .adds = true});
  output_ = MatrixProduct(
      {.rows = n, .columns = width_, .inner = width_, .a_stride = across, .b_stride = side, .c_stride = across, .adds = true});
  d_output_ = MatrixProduct({.rows = n, .columns = width_, .inner = width_, .a_stride = across, .b_stride = side, .c_stride = across});
  d_input_ = MatrixProduct({.rows = n, .columns = width_, .inner = 3 * block_, .a_stride = all, .b_stride = side, .c_stride = across});
  d_in_weight_ = MatrixProduct({.rows = 3 * block_,
                                .columns = width_,
                                .inner = together,
                                .a_stride = all,
                                .b_stride = across,
                                .c_stride = side,
                                .a_transposed = true,
                                .adds = true});
  d_out_weight_ = MatrixProduct({.rows = width_,
                                 .columns = width_,
                                 .inner = together,
                                 .a_stride = across,
                                 .b_stride = across,
                                 .c_stride = side,
                                 .a_transposed = true,
                                 .adds = true});
}

void AttentionKernel::load(const AttentionTensors<const float>& weights) {
  const auto block = [&](std::size_t from, std::size_t to, float factor) { // thirds of the stored weights: queries, keys, values
    for (std::size_t r = 0; r < width_; ++r) {
      for (std::size_t c = 0; c < width_; ++c)
        in_weight_.data()[(to * block_ + r) * square_.stride + c] = factor * weights.in_weight[(from * width_ + r) * width_ + c];
      in_bias_.data()[to * block_ + r] = factor * weights.in_bias[from * width_ + r];
    }
  };
  block(0, 0, scale_);
  block(2, 1, 1);
  block(1, 2, 1);
  std::fill_n(in_bias_.data() + 2 * block_, width_, 0.0f); // of keys
  loops_.pack(weights.out_weight, square_, out_weight_.data());
  for (std::size_t r = 0; r < width_; ++r) out_bias_.data()[r] = weights.out_bias[r];
  for (FloatArray* sum : {&din_weight_, &din_bias_, &dout_weight_t_, &dout_bias_}) sum->clear();
  collected_ = 0;
  if (!few_) return;
  loops_.transpose(in_weight_.data(), {3 * block_, width_, square_.stride}, in_weight_t_.data(), joined_.stride);
  loops_.transpose(out_weight_.data(), square_, out_weight_t_.data(), square_.stride);
}

void AttentionKernel::project(const float* x_t) {
  loops_.fill_rows(in_bias_.data(), stacked_, qvk_t_.data());
  project_(in_weight_.data(), x_t, qvk_t_.data());
}

void AttentionKernel::forward(const float* x, const float* x_t, float* kept, float* y_t) {
  if (few_) return few_forward(x, kept, y_t);
  project(x_t);
  float* const o_t = kept;
  const float *const q_t = qvk_t_.data(), *const v_t = q_t + width_ * wide_.stride, *const k_t = v_t + width_ * wide_.stride;
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t first = head * head_width_ * wide_.stride;
    float* const log_sums = kept + plane_floats(wide_) + head * wide_.stride;
    if (narrow_) {
      loops_.attend(q_t + first, k_t + first, v_t + first, head_, o_t + first, log_sums);
      continue;
    }
    scores_of_(k_t + first, q_t + first, scores_.data());
    loops_.softmax_columns(scores_.data(), scores_size_, log_sums, factors_.data());
    values_of_(v_t + first, scores_.data(), o_t + first);
    loops_.scale_columns(factors_.data(), head_, o_t + first);
  }
  loops_.fill_rows(out_bias_.data(), wide_, y_t);
  output_(out_weight_.data(), o_t, y_t);
}

void AttentionKernel::backward(const float* x, const float* x_t, const float* dy, const float* dy_t, const float* kept, float* dx) {
  if (few_) return few_backward(x, dy, kept, dx);
  project(x_t);
  d_output_(out_weight_.data(), dy_t, do_t_.data());
  if (narrow_) narrow_heads_backward(x, kept, dx);
  else heads_by_products_backward(x, kept, dx);
  d_out_weight_(kept, dy, dout_weight_t_.data());
  loops_.add_column_sums(dy, tall_, dout_bias_.data());
}

void AttentionKernel::few_forward(const float* x, float* kept, float* y_t) {
  float *const qvk = kept, *const o = qvk + tokens_ * joined_.stride, *const shares = o + tokens_ * tall_.stride + plane_alignment;
  loops_.repeat_row(in_bias_.data(), joined_, qvk);
  project_(x, in_weight_t_.data(), qvk);
  loops_.attend_few(qvk, {tokens_, width_, joined_.stride}, block_, head_width_, o, tall_.stride, shares);
  loops_.repeat_row(out_bias_.data(), tall_, y_.data());
  output_(o, out_weight_t_.data(), y_.data());
  loops_.transpose(y_.data(), tall_, y_t, wide_.stride);
}

void AttentionKernel::few_backward(const float* x, const float* dy, const float* kept, float* dx) {
  const float *const qvk = kept, *const o = qvk + tokens_ * joined_.stride, *const shares = o + tokens_ * tall_.stride + plane_alignment;
  const std::size_t floats = tokens_ * tall_.stride;
  float* const gradient = gradient_.data() + collected_ * tokens_ * joined_.stride;
  d_output_(dy, out_weight_.data(), do_.data());
  loops_.attend_few_backward(qvk, {tokens_, width_, joined_.stride}, block_, head_width_, shares, do_.data(), tall_.stride, gradient);
  d_input_(gradient, in_weight_.data(), dx);
  std::copy_n(x, floats, collected_x_.data() + collected_ * floats);
  std::copy_n(dy, floats, collected_dy_.data() + collected_ * floats);
  std::copy_n(o, floats, collected_o_.data() + collected_ * floats);
  if (++collected_ == planes_together) add_few_gradients();
}

/// Adds the gradients of the weights by the planes that few_backward() collected.
void AttentionKernel::add_few_gradients() {
  const std::size_t rows = collected_ * tokens_, together = planes_together * tokens_;
  std::fill_n(gradient_.data() + rows * joined_.stride, (together - rows) * joined_.stride, 0.0f);
  for (const FloatArray* array : {&collected_x_, &collected_dy_, &collected_o_})
    std::fill_n(array->data() + rows * tall_.stride, (together - rows) * tall_.stride, 0.0f);
  d_in_weight_(gradient_.data(), collected_x_.data(), din_weight_.data());
  d_out_weight_(collected_o_.data(), collected_dy_.data(), dout_weight_t_.data());
  loops_.add_column_sums(gradient_.data(), {rows, joined_.columns, joined_.stride}, din_bias_.data());
  loops_.add_column_sums(collected_dy_.data(), {rows, tall_.columns, tall_.stride}, dout_bias_.data());
  collected_ = 0;
}

void AttentionKernel::narrow_heads_backward(const float* x, const float* kept, float* dx) {
  const float *const q_t = qvk_t_.data(), *const v_t = q_t + width_ * wide_.stride, *const k_t = v_t + width_ * wide_.stride;
  float *const dq_t = gradient_t_.data(), *const dv_t = dq_t + width_ * wide_.stride, *const dk_t = dv_t + width_ * wide_.stride;
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t first = head * head_width_ * wide_.stride;
    loops_.column_products(kept + first, do_t_.data() + first, head_, products_.data());
    loops_.attend_backward(q_t + first, k_t + first, v_t + first, do_t_.data() + first, head_, log_sums_of(kept, head), products_.data(),
                           parts_.data(), dq_t + first, dk_t + first, dv_t + first);
  }
  d_input_(in_weight_.data(), gradient_t_.data(), dx_t_.data());
  loops_.transpose(dx_t_.data(), wide_, dx, tall_.stride);
  d_in_weight_(gradient_t_.data(), x, din_weight_.data());
  loops_.add_row_sums(gradient_t_.data(), stacked_, din_bias_.data());
}

void AttentionKernel::heads_by_products_backward(const float* x, const float* kept, float* dx) {
  const float *const q_t = qvk_t_.data(), *const v_t = q_t + width_ * wide_.stride, *const k_t = v_t + width_ * wide_.stride;
  loops_.transpose(q_t, wide_, q_.data(), tall_.stride);
  loops_.transpose(do_t_.data(), wide_, do_.data(), tall_.stride);
  float* const gradient = gradient_.data();
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t column = head * head_width_, first = column * wide_.stride;
    scores_of_(k_t + first, q_t + first, scores_.data());
    d_scores_(v_t + first, do_t_.data() + first, dscores_.data());
    loops_.column_products(kept + first, do_t_.data() + first, head_, products_.data());
    loops_.softmax_columns_backward(scores_.data(), dscores_.data(), scores_size_, log_sums_of(kept, head), products_.data());
    d_values_(scores_.data(), do_.data() + column, gradient + width_ + column);
    d_queries_(k_t + first, dscores_.data(), dq_t_.data() + first);
    d_keys_(dscores_.data(), q_.data() + column, gradient + 2 * width_ + column);
  }
  // The transpose goes by way of q_, which is done with.
  loops_.transpose(dq_t_.data(), wide_, q_.data(), tall_.stride);
  for (std::size_t r = 0; r < tokens_; ++r)
    std::memcpy(gradient + r * joined_.stride, q_.data() + r * tall_.stride, width_ * sizeof(float));
  d_input_(gradient, in_weight_.data(), dx);
  d_in_weight_(gradient, x, din_weight_.data());
  loops_.add_column_sums(gradient, joined_, din_bias_.data());
}

void AttentionKernel::store(const AttentionTensors<float>& gradients) {
  if (collected_ > 0) add_few_gradients();
  const auto block = [&](std::size_t from, std::size_t to, float factor, float bias_factor) {
    for (std::size_t r = 0; r < width_; ++r) {
      for (std::size_t c = 0; c < width_; ++c)
        gradients.in_weight[(to * width_ + r) * width_ + c] = factor * din_weight_.data()[(from * block_ + r) * square_.stride + c];
      gradients.in_bias[to * width_ + r] = bias_factor * din_bias_.data()[from * block_ + r];
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
