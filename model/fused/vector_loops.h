// The loops of the fused layers over float32 planes, one version for each instruction set, by Google Highway. No torch here.
//
// A plane is `rows` x `columns` values, row by row, each row `stride` floats apart. Strides are multiples of `plane_alignment`, planes
// begin at multiples of 64 bytes, and their rows are counted up to a multiple of it too (`padded`): loops run over whole vectors. What
// lies in the padding is never read as a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stdualx {

constexpr std::size_t plane_alignment = 16; // floats: the widest vector

constexpr std::size_t padded(std::size_t count) { return (count + plane_alignment - 1) / plane_alignment * plane_alignment; }

/// Rows and columns of a plane, and the stride of its rows.
struct PlaneSize {
  std::size_t rows, columns, stride;
};
constexpr PlaneSize plane_of(std::size_t rows, std::size_t columns) { return {rows, columns, padded(columns)}; }
/// Floats that a plane takes.
constexpr std::size_t plane_floats(PlaneSize size) { return padded(size.rows) * size.stride; }

/// Count, mean and sum of squared deviations of some values.
struct Moments {
  double count = 0, mean = 0, squares = 0;
  /// Those of both (Chan et al. 1979).
  void join(const Moments& other);
};

/// The draws behind a plane's dropout: see model/kernels/dropout_mask.h, whose words these are.
struct DropoutDraw {
  std::uint32_t key[2] = {};
  std::uint32_t epoch = 0, step = 0, sample = 0;
  std::uint32_t sensor = 0;
  std::uint32_t threshold = 0; // 0: everything is kept
  float scale = 1;             // of what is kept
  bool turned = false;         // words are counted down the plane's columns, as of its transpose
};

/// The widest head that attend() has.
constexpr std::size_t widest_attended = 4;
/// The most tokens for which attend_few() is worth while: beyond, they fill a vector.
constexpr std::size_t most_few_tokens = 10;
/// Floats of scratch that attend_backward() wants.
constexpr std::size_t attend_floats(PlaneSize head) { return 2 * head.rows * head.columns * plane_alignment; }

/// Floats of scratch that the loops over a dropout's plane of `values` want.
constexpr std::size_t dropout_floats(std::size_t values) { return 2 * (padded((values + 3) / 4) * 4 + 4 * plane_alignment); }

/// Floats that hold the bits of a plane (activate), whichever the vectors, and what reading eight bytes at the last ones wants.
constexpr std::size_t bit_floats(PlaneSize size) { return padded(size.rows * size.stride / 4 / sizeof(float) + 2); }

/// A step of AdamW (worker/training/optimizer.h) with what stands before and behind it: the gradient's clipping and the average of the
/// weights.
struct UpdateStep {
  float gradient_factor; // of clipping
  float decay_factor;    // 1 - learning rate * weight decay
  float first_share;     // 1 - beta1
  float second_keep;     // beta2
  float second_share;    // 1 - beta2, to all its digits
  float root_factor;     // 1 / sqrt(1 - beta2^steps)
  float epsilon;
  float rate;          // learning rate / (1 - beta1^steps)
  float average_share; // 1 - decay of the average
};

struct VectorLoops {
  /// to[c][r] = from[r][c].
  void (*transpose)(const float* from, PlaneSize size, float* to, std::size_t to_stride);
  /// Copies between tightly packed values (stride = columns) and a plane.
  void (*pack)(const float* from, PlaneSize size, float* to);
  void (*unpack)(const float* from, PlaneSize size, float* to);
  /// Every row r is filled with bias[r].
  void (*fill_rows)(const float* bias, PlaneSize size, float* to);
  /// Every row is `row`.
  void (*repeat_row)(const float* row, PlaneSize size, float* to);
  /// sums[c] += sum over rows of x[r][c]; `sums` has the stride's length.
  void (*add_column_sums)(const float* x, PlaneSize size, float* sums);
  /// to += x, over the whole plane.
  void (*add)(const float* x, PlaneSize size, float* to);

  /// sums[r] += sum over columns of x[r][c].
  void (*add_row_sums)(const float* x, PlaneSize size, float* sums);

  /// Softmax over the rows of each column in powers of two, x in units of ln 2, without its division: x becomes 2^(x - largest), times
  /// factors[c] the softmax. log_sums[c]: what x must be less of, so that 2^ of it is the softmax at once. Both have the stride's length.
  void (*softmax_columns)(float* x, PlaneSize size, float* log_sums, float* factors);
  /// x[r][c] *= factors[c].
  void (*scale_columns)(const float* factors, PlaneSize size, float* x);
  /// sums[c] = sum over rows of x[r][c] * y[r][c].
  void (*column_products)(const float* x, const float* y, PlaneSize size, float* sums);
  /// x becomes its softmax by softmax_columns' log_sums, and dy, of the softmax, the gradient of x. products[c]: sum over rows of dy times
  /// the softmax.
  void (*softmax_columns_backward)(float* x, float* dy, PlaneSize size, const float* log_sums, const float* products);
  /// One narrow head whole: queries, keys, values and output are planes [width, tokens] of `head`'s size, width 1 to 4, scores in units of
  /// ln 2, and never stored. log_sums as softmax_columns'.
  void (*attend)(const float* q, const float* k, const float* v, PlaneSize head, float* o, float* log_sums);
  /// The gradients of queries, keys and values from that of the output. products: column_products of o and d_o. d_o is 0 in the padding of
  /// its rows. `parts`: attend_floats(head).
  void (*attend_backward)(const float* q, const float* k, const float* v, const float* d_o, PlaneSize head, const float* log_sums,
                          const float* products, float* parts, float* dq, float* dk, float* dv);
  /// All heads, each `width` wide, of at most most_few_tokens tokens: `tokens` is [tokens, all heads' width], a row's stride that of qvk,
  /// where queries, values and keys lie `block` floats behind one another. shares: [heads, tokens, plane_alignment], what softmax gives.
  void (*attend_few)(const float* qvk, PlaneSize tokens, std::size_t block, std::size_t width, float* o, std::size_t o_stride,
                     float* shares);
  void (*attend_few_backward)(const float* qvk, PlaneSize tokens, std::size_t block, std::size_t width, const float* shares,
                              const float* d_o, std::size_t o_stride, float* dqvk);

  /// Layer norm of each row: y = (x - mean) / sqrt(variance + 1e-5) * weight + bias. weight and bias have the stride's length.
  void (*layer_norm)(const float* x, PlaneSize size, const float* weight, const float* bias, float* y);
  /// dx, and added to dweight and dbias (the stride's length). `dx` may be `dy`.
  void (*layer_norm_backward)(const float* x, const float* dy, PlaneSize size, const float* weight, float* dx, float* dweight,
                              float* dbias);
  /// Layer norm of each column: weight[r], bias[r] are those of row r.
  void (*layer_norm_columns)(const float* x, PlaneSize size, const float* weight, const float* bias, float* y);
  /// dx, which is 0 in the padding of its rows, and added to dweight and dbias: [rows, plane_alignment], whose rows' sums are the
  /// gradients. `dx` may be `dy`.
  void (*layer_norm_columns_backward)(const float* x, const float* dy, PlaneSize size, const float* weight, float* dx, float* dweight,
                                      float* dbias);

  /// Moments of all values of a plane.
  Moments (*moments)(const float* x, PlaneSize size);

  /// What stands between two convolutions: y = relu(dropout(x * factor + shift)), written at `y` with stride `y_stride` (which needs no
  /// alignment: the middle of a plane with a rim). A bit for each place of the plane, in the order of vectors, says where the derivative
  /// of y by x * factor + shift is draw.scale and not 0. `scratch`: dropout_floats(rows * columns).
  void (*activate)(const float* x, PlaneSize size, float factor, float shift, const DropoutDraw& draw, float* scratch, float* y,
                   std::size_t y_stride, std::uint8_t* bits);
  /// The same values again from the bits.
  void (*activate_again)(const float* x, PlaneSize size, float factor, float shift, float scale, const std::uint8_t* bits, float* y,
                         std::size_t y_stride);
  /// dv = dy * scale where the bit is set, else 0; returns sum of dv and of dv * (x - mean) * inverse_deviation. `dv` may be `dy`.
  void (*activate_backward)(const float* dy, PlaneSize size, float scale, const std::uint8_t* bits, const float* x, float mean,
                            float inverse_deviation, float* dv, double sums[2]);
  /// Batch norm's: dx = factor * (dv - mean_dv - (x - mean) * inverse_deviation * mean_dvx), written at `dx` with its own stride.
  void (*norm_backward)(const float* dv, const float* x, PlaneSize size, float mean, float inverse_deviation, float factor, float mean_dv,
                        float mean_dvx, float* dx, std::size_t dx_stride);
  /// Moments of each column, added to those of earlier planes of as many rows: after `planes` of them (this one included) mean[c] and
  /// squares[c] are those of all.
  void (*column_moments)(const float* x, PlaneSize size, std::size_t planes, float* mean, float* squares);
  /// to[c]: how far column c is from that of `anchor`, at least 1e-6. Both ways a distance has the same bits.
  void (*distances)(const float* x, PlaneSize size, std::size_t anchor, float* to);
  /// y = gelu(x * factor[c] + shift[c]), exact (by the error function).
  void (*gelu)(const float* x, PlaneSize size, const float* factor, const float* shift, float* y);
  /// dv = dy * gelu'(x * factor[c] + shift[c]); added to sum_dv[c] and, times (x - mean[c]) * inverse_deviation[c], to sum_dvx[c]. `dv`
  /// may be `dy`.
  void (*gelu_backward)(const float* dy, const float* x, PlaneSize size, const float* factor, const float* shift, const float* mean,
                        const float* inverse_deviation, float* dv, float* sum_dv, float* sum_dvx);
  /// As norm_backward, each column with numbers of its own. `dx` may be `dv`.
  void (*norm_backward_columns)(const float* dv, const float* x, PlaneSize size, const float* mean, const float* inverse_deviation,
                                const float* factor, const float* mean_dv, const float* mean_dvx, float* dx);

  /// Convolution of one image with one kernel of `kernel` x `kernel` (3 or 5): y[r][c] = bias + sum of weight[i][j] * x[r + i][c + j],
  /// where `x` points at the rim's corner. `flipped` turns the kernel round (the gradient of the image).
  void (*convolve)(const float* x, std::size_t x_stride, PlaneSize size, const float* weight, int kernel, bool flipped, float bias,
                   float* y);
  /// Adds the sums of dy[r][c] * x[r + i][c + j] to sums[i * kernel + j]. `dy` is 0 in the padding of its rows, and has its own stride.
  void (*convolve_backward_weight)(const float* x, std::size_t x_stride, const float* dy, std::size_t dy_stride, PlaneSize size, int kernel,
                                   double* sums);

  /// Sum of the squares of `count` values, which is a multiple of plane_alignment.
  double (*sum_of_squares)(const float* x, std::size_t count);
  /// One pass over `count` values (a multiple of plane_alignment): the gradient is scaled, then moments, parameters and average move.
  void (*update)(const UpdateStep& step, std::size_t count, float* parameters, float* gradient, float* first_moment, float* second_moment,
                 float* average);

  /// Standard normals of Philox's elements 0, 1, ...: to[4 e] to to[4 e + 3] of element e, as Augmentation::jitter_normals has them.
  /// Written are padded(elements) elements.
  void (*normals)(const std::uint32_t (&key)[2], std::uint32_t epoch, std::uint32_t step, std::uint32_t sample, std::size_t elements,
                  float* to);
};

/// The names of the instruction sets that this processor has loops for, the narrowest first: sse4, avx2, avx512.
std::span<const std::string_view> vector_instruction_sets();
/// Where there are none: why, behind "there are no fused layers".
std::string_view why_no_vector_loops();
/// The loops for one of these; nullptr: none of that name, or the processor lacks it.
const VectorLoops* vector_loops(std::string_view instruction_set);

} // namespace stdualx
