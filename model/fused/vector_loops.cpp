// The loops, written once; Highway compiles this file for each instruction set (its manual, "Dynamic dispatch").
#include "model/fused/vector_loops.h"

#include <cstring>

// The sets that STDUALX_ISA names, and no others.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/fused/vector_loops.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

// Arrays of vectors are registers only where every loop over them is unrolled, which -O3 alone does not do.
#ifndef UNROLLED_FOR
#if defined(__clang__)
#define UNROLLED_FOR _Pragma("unroll") for
#else
#define UNROLLED_FOR _Pragma("GCC unroll 32") for
#endif
#endif

#if HWY_TARGET != HWY_SCALAR // which this compiler offers below sse4; there the plain layers run
HWY_BEFORE_NAMESPACE();
namespace stdualx {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Words = hn::RebindToUnsigned<Floats>;
using Float = hn::Vec<Floats>;
using Mask = hn::Mask<Floats>;
constexpr Floats floats;
constexpr Words words;

HWY_INLINE std::size_t lanes() { return hn::Lanes(floats); }
HWY_INLINE float lane_sum(Float v) { return hn::GetLane(hn::SumOfLanes(floats, v)); }
/// The lanes at `column` and on that are columns.
HWY_INLINE Mask within(std::size_t column, std::size_t columns) { return hn::FirstN(floats, HWY_MIN(columns - column, lanes())); }
HWY_INLINE std::size_t bit_bytes() { return HWY_MAX(lanes() / 8, std::size_t{1}); }

void transpose(const float* from, PlaneSize size, float* to, std::size_t to_stride) {
  const hn::FixedTag<float, 4> four;
  const hn::Repartition<double, decltype(four)> pairs;
  for (std::size_t r = 0; r < size.rows; r += 4) {
    for (std::size_t c = 0; c < size.columns; c += 4) {
      const float* in = from + r * size.stride + c;
      const auto a = hn::LoadU(four, in), b = hn::LoadU(four, in + size.stride), e = hn::LoadU(four, in + 2 * size.stride),
                 f = hn::LoadU(four, in + 3 * size.stride);
      const auto ab_low = hn::InterleaveLower(four, a, b), ab_high = hn::InterleaveUpper(four, a, b);
      const auto ef_low = hn::InterleaveLower(four, e, f), ef_high = hn::InterleaveUpper(four, e, f);
      const auto pair = [&](auto x) HWY_ATTR { return hn::BitCast(pairs, x); };
      const auto single = [&](auto x) HWY_ATTR { return hn::BitCast(four, x); };
      float* out = to + c * to_stride + r;
      hn::StoreU(single(hn::InterleaveLower(pairs, pair(ab_low), pair(ef_low))), four, out);
      hn::StoreU(single(hn::InterleaveUpper(pairs, pair(ab_low), pair(ef_low))), four, out + to_stride);
      hn::StoreU(single(hn::InterleaveLower(pairs, pair(ab_high), pair(ef_high))), four, out + 2 * to_stride);
      hn::StoreU(single(hn::InterleaveUpper(pairs, pair(ab_high), pair(ef_high))), four, out + 3 * to_stride);
    }
  }
}

void pack(const float* from, PlaneSize size, float* to) {
  for (std::size_t r = 0; r < size.rows; ++r) std::memcpy(to + r * size.stride, from + r * size.columns, size.columns * sizeof(float));
}
void unpack(const float* from, PlaneSize size, float* to) {
  for (std::size_t r = 0; r < size.rows; ++r) std::memcpy(to + r * size.columns, from + r * size.stride, size.columns * sizeof(float));
}

void fill_rows(const float* bias, PlaneSize size, float* to) {
  for (std::size_t r = 0; r < size.rows; ++r, to += size.stride) {
    const Float value = hn::Set(floats, bias[r]);
    for (std::size_t c = 0; c < size.stride; c += lanes()) hn::Store(value, floats, to + c);
  }
}

void repeat_row(const float* row, PlaneSize size, float* to) {
  for (std::size_t r = 0; r < size.rows; ++r, to += size.stride)
    for (std::size_t c = 0; c < size.stride; c += lanes()) hn::Store(hn::Load(floats, row + c), floats, to + c);
}

void add_column_sums(const float* x, PlaneSize size, float* sums) {
  for (std::size_t c = 0; c < size.columns; c += lanes()) {
    Float sum = hn::Load(floats, sums + c);
    for (std::size_t r = 0; r < size.rows; ++r) sum = hn::Add(sum, hn::Load(floats, x + r * size.stride + c));
    hn::Store(sum, floats, sums + c);
  }
}

void add_row_sums(const float* x, PlaneSize size, float* sums) {
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride) {
    Float sum = hn::Zero(floats);
    for (std::size_t c = 0; c < size.columns; c += lanes())
      sum = hn::Add(sum, hn::IfThenElseZero(within(c, size.columns), hn::Load(floats, x + c)));
    sums[r] += lane_sum(sum);
  }
}

void add(const float* x, PlaneSize size, float* to) {
  for (std::size_t i = 0; i < size.rows * size.stride; i += lanes())
    hn::Store(hn::Add(hn::Load(floats, to + i), hn::Load(floats, x + i)), floats, to + i);
}

#include "model/fused/attention_loops.inc"
#include "model/fused/few_tokens_loops.inc"

constexpr float layer_norm_epsilon = 1e-5f; // PyTorch's default

/// Mean and 1 / deviation of a row.
HWY_INLINE void row_moments(const float* x, PlaneSize size, float& mean, float& inverse_deviation) {
  const float share = 1.0f / static_cast<float>(size.columns);
  Float sum = hn::Zero(floats);
  const std::size_t whole = size.columns / lanes() * lanes();
  for (std::size_t c = 0; c < whole; c += lanes()) sum = hn::Add(sum, hn::Load(floats, x + c));
  if (whole < size.columns) sum = hn::Add(sum, hn::IfThenElseZero(within(whole, size.columns), hn::Load(floats, x + whole)));
  mean = lane_sum(sum) * share;
  const Float middle = hn::Set(floats, mean);
  Float squares = hn::Zero(floats);
  for (std::size_t c = 0; c < whole; c += lanes()) {
    const Float deviation = hn::Sub(hn::Load(floats, x + c), middle);
    squares = hn::MulAdd(deviation, deviation, squares);
  }
  if (whole < size.columns) {
    const Float deviation = hn::IfThenElseZero(within(whole, size.columns), hn::Sub(hn::Load(floats, x + whole), middle));
    squares = hn::MulAdd(deviation, deviation, squares);
  }
  inverse_deviation = 1.0f / __builtin_sqrtf(lane_sum(squares) * share + layer_norm_epsilon);
}

void layer_norm(const float* x, PlaneSize size, const float* weight, const float* bias, float* y) {
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, y += size.stride) {
    float mean, inverse_deviation;
    row_moments(x, size, mean, inverse_deviation);
    const Float middle = hn::Set(floats, mean), factor = hn::Set(floats, inverse_deviation);
    for (std::size_t c = 0; c < size.columns; c += lanes()) {
      const Float normalised = hn::Mul(hn::Sub(hn::Load(floats, x + c), middle), factor);
      hn::Store(hn::MulAdd(normalised, hn::Load(floats, weight + c), hn::Load(floats, bias + c)), floats, y + c);
    }
  }
}

void layer_norm_backward(const float* x, const float* dy, PlaneSize size, const float* weight, float* dx, float* dweight, float* dbias) {
  const float share = 1.0f / static_cast<float>(size.columns);
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, dy += size.stride, dx += size.stride) {
    float mean, inverse_deviation;
    row_moments(x, size, mean, inverse_deviation);
    const Float middle = hn::Set(floats, mean), factor = hn::Set(floats, inverse_deviation);
    Float sum_g = hn::Zero(floats), sum_gx = hn::Zero(floats);
    for (std::size_t c = 0; c < size.columns; c += lanes()) {
      const Mask inside = within(c, size.columns);
      const Float gradient = hn::IfThenElseZero(inside, hn::Load(floats, dy + c));
      const Float normalised = hn::IfThenElseZero(inside, hn::Mul(hn::Sub(hn::Load(floats, x + c), middle), factor));
      hn::Store(hn::MulAdd(gradient, normalised, hn::Load(floats, dweight + c)), floats, dweight + c);
      hn::Store(hn::Add(gradient, hn::Load(floats, dbias + c)), floats, dbias + c);
      const Float weighted = hn::Mul(gradient, hn::Load(floats, weight + c));
      sum_g = hn::Add(sum_g, weighted);
      sum_gx = hn::MulAdd(weighted, normalised, sum_gx);
    }
    const Float mean_g = hn::Set(floats, lane_sum(sum_g) * share), mean_gx = hn::Set(floats, lane_sum(sum_gx) * share);
    for (std::size_t c = 0; c < size.columns; c += lanes()) {
      const Float normalised = hn::Mul(hn::Sub(hn::Load(floats, x + c), middle), factor);
      const Float weighted = hn::Mul(hn::Load(floats, dy + c), hn::Load(floats, weight + c));
      const Float result = hn::Mul(hn::Sub(hn::Sub(weighted, mean_g), hn::Mul(normalised, mean_gx)), factor);
      hn::Store(hn::IfThenElseZero(within(c, size.columns), result), floats, dx + c);
    }
  }
}

Moments moments(const float* x, PlaneSize size) {
  const std::size_t whole = size.columns / lanes() * lanes();
  Float sum = hn::Zero(floats);
  for (std::size_t r = 0; r < size.rows; ++r) {
    const float* row = x + r * size.stride;
    for (std::size_t c = 0; c < whole; c += lanes()) sum = hn::Add(sum, hn::Load(floats, row + c));
    if (whole < size.columns) sum = hn::Add(sum, hn::IfThenElseZero(within(whole, size.columns), hn::Load(floats, row + whole)));
  }
  const auto count = static_cast<double>(size.rows * size.columns);
  const double mean = static_cast<double>(lane_sum(sum)) / count;
  const Float middle = hn::Set(floats, static_cast<float>(mean));
  Float squares = hn::Zero(floats);
  for (std::size_t r = 0; r < size.rows; ++r) {
    const float* row = x + r * size.stride;
    for (std::size_t c = 0; c < whole; c += lanes()) {
      const Float deviation = hn::Sub(hn::Load(floats, row + c), middle);
      squares = hn::MulAdd(deviation, deviation, squares);
    }
    if (whole < size.columns) {
      const Float deviation = hn::IfThenElseZero(within(whole, size.columns), hn::Sub(hn::Load(floats, row + whole), middle));
      squares = hn::MulAdd(deviation, deviation, squares);
    }
  }
  return {count, mean, static_cast<double>(lane_sum(squares))};
}

#include "model/fused/random_loops.inc"

void activate(const float* x, PlaneSize size, float factor, float shift, const DropoutDraw& draw, float* scratch, float* y,
              std::size_t y_stride, std::uint8_t* bits) {
  const bool drops = draw.threshold > 0;
  const std::uint32_t* const drawn = drops ? draw_plane(draw, size, reinterpret_cast<std::uint32_t*>(scratch)) : nullptr;
  const hn::RebindToSigned<Floats> integers;
  const Word sign = hn::Set(words, 0x80000000u);
  const auto limit = hn::BitCast(integers, hn::Xor(hn::Set(words, draw.threshold), sign));
  const Float times = hn::Set(floats, factor), plus = hn::Set(floats, shift), scale = hn::Set(floats, draw.scale), zero = hn::Zero(floats);
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, y += y_stride) {
    for (std::size_t c = 0; c < size.columns; c += lanes(), bits += bit_bytes()) {
      const Float value = hn::MulAdd(hn::Load(floats, x + c), times, plus);
      Mask passes = hn::And(hn::Not(hn::Le(value, zero)), within(c, size.columns)); // what is no number passes, too
      if (drops) {
        const auto word = hn::BitCast(integers, hn::Xor(hn::LoadU(words, drawn + r * size.columns + c), sign));
        passes = hn::And(passes, hn::RebindMask(floats, hn::Not(hn::Lt(word, limit))));
      }
      hn::StoreMaskBits(floats, passes, bits);
      hn::StoreU(hn::IfThenElseZero(passes, hn::Mul(value, scale)), floats, y + c);
    }
  }
}

void activate_again(const float* x, PlaneSize size, float factor, float shift, float scale, const std::uint8_t* bits, float* y,
                    std::size_t y_stride) {
  const Float times = hn::Set(floats, factor), plus = hn::Set(floats, shift), kept = hn::Set(floats, scale);
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, y += y_stride)
    for (std::size_t c = 0; c < size.columns; c += lanes(), bits += bit_bytes()) {
      const Float value = hn::Mul(hn::MulAdd(hn::Load(floats, x + c), times, plus), kept);
      hn::StoreU(hn::IfThenElseZero(hn::LoadMaskBits(floats, bits), value), floats, y + c);
    }
}

void activate_backward(const float* dy, PlaneSize size, float scale, const std::uint8_t* bits, const float* x, float mean,
                       float inverse_deviation, float* dv, double sums[2]) {
  const Float kept = hn::Set(floats, scale), middle = hn::Set(floats, mean), factor = hn::Set(floats, inverse_deviation);
  Float sum = hn::Zero(floats), sum_x = hn::Zero(floats);
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, dy += size.stride, dv += size.stride)
    for (std::size_t c = 0; c < size.columns; c += lanes(), bits += bit_bytes()) {
      const Mask passes = hn::LoadMaskBits(floats, bits);
      const Float gradient = hn::IfThenElseZero(passes, hn::Mul(hn::Load(floats, dy + c), kept));
      const Float normalised = hn::IfThenElseZero(passes, hn::Mul(hn::Sub(hn::Load(floats, x + c), middle), factor));
      sum = hn::Add(sum, gradient);
      sum_x = hn::MulAdd(gradient, normalised, sum_x);
      hn::Store(gradient, floats, dv + c);
    }
  sums[0] = static_cast<double>(lane_sum(sum));
  sums[1] = static_cast<double>(lane_sum(sum_x));
}

void norm_backward(const float* dv, const float* x, PlaneSize size, float mean, float inverse_deviation, float factor, float mean_dv,
                   float mean_dvx, float* dx, std::size_t dx_stride) {
  const Float middle = hn::Set(floats, mean), times = hn::Set(floats, factor), less = hn::Set(floats, mean_dv);
  const Float slope = hn::Set(floats, inverse_deviation * mean_dvx);
  for (std::size_t r = 0; r < size.rows; ++r, x += size.stride, dv += size.stride, dx += dx_stride)
    for (std::size_t c = 0; c < size.columns; c += lanes()) {
      const Float away = hn::Sub(hn::Load(floats, x + c), middle);
      const Float result = hn::Mul(times, hn::NegMulAdd(away, slope, hn::Sub(hn::Load(floats, dv + c), less)));
      hn::StoreU(hn::IfThenElseZero(within(c, size.columns), result), floats, dx + c);
    }
}

#include "model/fused/column_loops.inc"

/// `count` rows of output at once, so that a value is loaded once for all that it enters.
template <int kernel, std::size_t count> HWY_INLINE void convolve_rows(const float* x, std::size_t x_stride, PlaneSize size,
                                                                       const float (&weight)[kernel * kernel], float bias, float* y) {
  for (std::size_t c = 0; c < size.columns; c += lanes()) {
    Float sums[count];
    UNROLLED_FOR (std::size_t q = 0; q < count; ++q) sums[q] = hn::Set(floats, bias);
    UNROLLED_FOR (std::size_t i = 0; i < kernel + count - 1; ++i)
      UNROLLED_FOR (std::size_t j = 0; j < kernel; ++j) {
        const Float value = hn::LoadU(floats, x + i * x_stride + c + j);
        UNROLLED_FOR (std::size_t q = 0; q < count; ++q)
          if (i >= q && i - q < kernel) sums[q] = hn::MulAdd(value, hn::Set(floats, weight[(i - q) * kernel + j]), sums[q]);
      }
    UNROLLED_FOR (std::size_t q = 0; q < count; ++q) hn::Store(sums[q], floats, y + q * size.stride + c);
  }
}

template <int kernel>
HWY_INLINE void convolve_by(const float* x, std::size_t x_stride, PlaneSize size, const float* given, bool flipped, float bias, float* y) {
  float weight[kernel * kernel];
  for (int i = 0; i < kernel * kernel; ++i) weight[i] = given[flipped ? kernel * kernel - 1 - i : i];
  std::size_t r = 0;
  for (; r + 4 <= size.rows; r += 4) convolve_rows<kernel, 4>(x + r * x_stride, x_stride, size, weight, bias, y + r * size.stride);
  x += r * x_stride, y += r * size.stride;
  if (size.rows - r == 3) convolve_rows<kernel, 3>(x, x_stride, size, weight, bias, y);
  else if (size.rows - r == 2) convolve_rows<kernel, 2>(x, x_stride, size, weight, bias, y);
  else if (size.rows - r == 1) convolve_rows<kernel, 1>(x, x_stride, size, weight, bias, y);
}

void convolve(const float* x, std::size_t x_stride, PlaneSize size, const float* weight, int kernel, bool flipped, float bias, float* y) {
  if (kernel == 3) convolve_by<3>(x, x_stride, size, weight, flipped, bias, y);
  else convolve_by<5>(x, x_stride, size, weight, flipped, bias, y);
}

template <int kernel> HWY_INLINE void convolve_backward_weight_by(const float* x, std::size_t x_stride, const float* dy,
                                                                  std::size_t dy_stride, PlaneSize size, double* all) {
  Float sums[kernel * kernel];
  UNROLLED_FOR (Float& sum : sums) sum = hn::Zero(floats);
  for (std::size_t r = 0; r < size.rows; ++r)
    for (std::size_t c = 0; c < size.columns; c += lanes()) {
      const Float gradient = hn::LoadU(floats, dy + r * dy_stride + c);
      UNROLLED_FOR (std::size_t i = 0; i < kernel; ++i)
        UNROLLED_FOR (std::size_t j = 0; j < kernel; ++j)
          sums[i * kernel + j] = hn::MulAdd(gradient, hn::LoadU(floats, x + (r + i) * x_stride + c + j), sums[i * kernel + j]);
    }
  UNROLLED_FOR (int i = 0; i < kernel * kernel; ++i) all[i] += static_cast<double>(lane_sum(sums[i]));
}

void convolve_backward_weight(const float* x, std::size_t x_stride, const float* dy, std::size_t dy_stride, PlaneSize size, int kernel,
                              double* sums) {
  if (kernel == 3) convolve_backward_weight_by<3>(x, x_stride, dy, dy_stride, size, sums);
  else convolve_backward_weight_by<5>(x, x_stride, dy, dy_stride, size, sums);
}

double sum_of_squares(const float* x, std::size_t count) {
  constexpr std::size_t block = 4096; // floats summed in float32
  double all = 0;
  for (std::size_t first = 0; first < count; first += block) {
    const std::size_t end = HWY_MIN(first + block, count);
    Float sum = hn::Zero(floats);
    for (std::size_t i = first; i < end; i += lanes()) {
      const Float value = hn::Load(floats, x + i);
      sum = hn::MulAdd(value, value, sum);
    }
    all += static_cast<double>(lane_sum(sum));
  }
  return all;
}

void update(const UpdateStep& step, std::size_t count, float* parameters, float* gradient, float* first_moment, float* second_moment,
            float* average) {
  const auto all = [](float value) HWY_ATTR { return hn::Set(floats, value); };
  const Float clip = all(step.gradient_factor), decay = all(step.decay_factor), first_share = all(step.first_share),
              second_keep = all(step.second_keep), second_share = all(step.second_share), root_factor = all(step.root_factor),
              epsilon = all(step.epsilon), rate = all(step.rate), average_share = all(step.average_share);
  for (std::size_t i = 0; i < count; i += lanes()) {
    const Float g = hn::Mul(hn::Load(floats, gradient + i), clip);
    const Float old_first = hn::Load(floats, first_moment + i);
    const Float first = hn::MulAdd(hn::Sub(g, old_first), first_share, old_first);
    const Float second = hn::MulAdd(hn::Mul(g, g), second_share, hn::Mul(hn::Load(floats, second_moment + i), second_keep));
    const Float denominator = hn::MulAdd(hn::Sqrt(second), root_factor, epsilon);
    const Float moved = hn::Sub(hn::Mul(hn::Load(floats, parameters + i), decay), hn::Div(hn::Mul(first, rate), denominator));
    const Float old_average = hn::Load(floats, average + i);
    hn::Store(g, floats, gradient + i);
    hn::Store(first, floats, first_moment + i);
    hn::Store(second, floats, second_moment + i);
    hn::Store(moved, floats, parameters + i);
    hn::Store(hn::MulAdd(hn::Sub(moved, old_average), average_share, old_average), floats, average + i);
  }
}

} // namespace

const VectorLoops& loops() {
  static const VectorLoops all = {transpose,
                                  pack,
                                  unpack,
                                  fill_rows,
                                  repeat_row,
                                  add_column_sums,
                                  add,
                                  add_row_sums,
                                  softmax_columns,
                                  scale_columns,
                                  column_products,
                                  softmax_columns_backward,
                                  attend,
                                  attend_backward,
                                  attend_few,
                                  attend_few_backward,
                                  layer_norm,
                                  layer_norm_backward,
                                  layer_norm_columns,
                                  layer_norm_columns_backward,
                                  moments,
                                  activate,
                                  activate_again,
                                  activate_backward,
                                  norm_backward,
                                  column_moments,
                                  distances,
                                  gelu,
                                  gelu_backward,
                                  norm_backward_columns,
                                  convolve,
                                  convolve_backward_weight,
                                  sum_of_squares,
                                  update,
                                  normals};
  return all;
}

} // namespace HWY_NAMESPACE
} // namespace stdualx
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
#include <array>

namespace stdualx {

namespace {
struct InstructionSet {
  std::string_view name;
  std::int64_t target;
  const VectorLoops& (*loops)();
};
/// Every version there is, the narrowest first.
constexpr std::array sets = {InstructionSet{"sse4", HWY_SSE4, N_SSE4::loops}, InstructionSet{"avx2", HWY_AVX2, N_AVX2::loops},
                             InstructionSet{"avx512", HWY_AVX3, N_AVX3::loops}};
} // namespace

std::span<const std::string_view> vector_instruction_sets() {
  static const auto found = [] {
    std::pair<std::array<std::string_view, sets.size()>, std::size_t> names{};
    for (const InstructionSet& set : sets)
      if ((hwy::SupportedTargets() & set.target) != 0) names.first[names.second++] = set.name;
    return names;
  }();
  return {found.first.data(), found.second};
}

std::string_view why_no_vector_loops() { return "for this processor: it lacks SSE 4"; }

const VectorLoops* vector_loops(std::string_view instruction_set) {
  for (const InstructionSet& set : sets)
    if (set.name == instruction_set) return (hwy::SupportedTargets() & set.target) != 0 ? &set.loops() : nullptr;
  return nullptr;
}

void Moments::join(const Moments& other) {
  if (other.count == 0) return;
  const double both = count + other.count, step = other.mean - mean;
  mean += step * other.count / both;
  squares += other.squares + step * step * count * other.count / both;
  count = both;
}

} // namespace stdualx
#endif
