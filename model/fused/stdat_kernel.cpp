// See stdat_kernel.h. Forward from top to bottom, then backward from bottom to top.
#include "model/fused/stdat_kernel.h"

#include <cmath>
#include <utility>

namespace stdualx {

namespace {
constexpr double epsilon = 1e-5; // PyTorch's defaults for batch norm
constexpr double momentum = 0.1;

/// Floats that an attention keeps of one plane.
std::size_t temporal_floats(const StdatShape& shape) {
  return shape.temporal ? attention_kept_floats(shape.steps, shape.channels, shape.temporal_heads) : 0;
}
std::size_t channel_floats(const StdatShape& shape) {
  return shape.channel ? attention_kept_floats(shape.channels, shape.steps, shape.channel_heads) : 0;
}
/// Whether planes take fewer floats as [channels, steps].
bool turns(const StdatShape& shape) { return shape.channels * padded(shape.steps) < shape.steps * padded(shape.channels); }
PlaneSize plane_size(const StdatShape& shape) {
  return turns(shape) ? plane_of(shape.channels, shape.steps) : plane_of(shape.steps, shape.channels);
}

/// Copies a convolution's kernel, or its transpose.
template <class From, class To> void copy_kernel(const From* from, std::size_t width, bool turned, To* to) {
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t j = 0; j < width; ++j) to[i * width + j] = static_cast<To>(from[turned ? j * width + i : i * width + j]);
}

/// What is kept of one plane.
std::size_t kept_floats(const StdatShape& shape, PlaneSize size) {
  return 4 * plane_floats(size) + 3 * bit_floats(size) + temporal_floats(shape) + channel_floats(shape);
}
} // namespace

std::size_t stdat_kept_floats(const StdatShape& shape, std::size_t rows) {
  return rows * kept_floats(shape, plane_size(shape)) + plane_alignment; // and three means and variances
}

StdatKernel::StdatKernel(const StdatShape& shape, const VectorLoops& loops)
    : shape_(shape), loops_(loops), turned_(turns(shape)), size_(plane_size(shape)), size_t_(plane_of(size_.columns, size_.rows)),
      x_(size_), x_t_(size_t_), side_(size_), side_t_(size_t_), dx_t_(size_t_), dx_row_(size_), out_(size_), work_(size_),
      rim3_(padded(size_.rows + 2) * rim_stride(3) + plane_alignment), rim5_(padded(size_.rows + 4) * rim_stride(5) + plane_alignment),
      drim3_(rim3_.size()), drim5_(rim5_.size()), words_(dropout_floats(shape.steps * shape.channels)), sum_(size_), middle_(size_),
      second_(size_), third_(size_), bits_(3 * bit_floats(size_)), attended_(temporal_floats(shape) + channel_floats(shape)) {
  for (LayerNormArrays* norm : {&attention_norm_, &convolution_norm_}) {
    norm->weight = FloatArray(shape.channels), norm->bias = FloatArray(shape.channels);
    const std::size_t sums = turned_ ? shape.channels * plane_alignment : shape.channels;
    norm->dweight = FloatArray(sums), norm->dbias = FloatArray(sums);
  }
  if (shape.temporal) (turned_ ? over_columns_ : over_rows_).emplace(shape.steps, shape.channels, shape.temporal_heads, loops);
  if (shape.channel) (turned_ ? over_rows_ : over_columns_).emplace(shape.channels, shape.steps, shape.channel_heads, loops);
}

std::size_t StdatKernel::rim_stride(std::size_t kernel) const { return padded(size_.stride + kernel - 1); }
/// Where a plane begins inside one with a rim of zeros for convolutions.
float* StdatKernel::inside(FloatArray& rimmed, std::size_t kernel) const {
  return rimmed.data() + (kernel / 2) * rim_stride(kernel) + kernel / 2;
}

StdatKernel::Kept StdatKernel::kept_of(float* kept, std::size_t row) const {
  float* next = kept + row * kept_floats(shape_, size_);
  const auto take = [&](std::size_t floats) { return std::exchange(next, next + floats); };
  const auto plane = [&] { return take(plane_floats(size_)); };
  const auto bits = [&] { return reinterpret_cast<std::uint8_t*>(take(bit_floats(size_))); };
  const std::size_t temporal = temporal_floats(shape_), channel = channel_floats(shape_);
  return {
      plane(), plane(), plane(), plane(), take(turned_ ? channel : temporal), take(turned_ ? temporal : channel), {bits(), bits(), bits()}};
}

void StdatKernel::load(const StdatTensors<const float>& weights) {
  if (over_rows_) over_rows_->load(turned_ ? weights.channel : weights.temporal);
  if (over_columns_) over_columns_->load(turned_ ? weights.temporal : weights.channel);
  load(attention_norm_, weights.attention_norm_weight, weights.attention_norm_bias);
  load(convolution_norm_, weights.convolution_norm_weight, weights.convolution_norm_bias);
  for (std::size_t stage = 1; shape_.convolution && stage < 3; ++stage)
    copy_kernel(weights.stages[stage].weight, 2 * stage + 1, turned_, kernels_[stage].data());
}

void StdatKernel::load(LayerNormArrays& norm, const float* weight, const float* bias) const {
  if (weight == nullptr) return;
  std::memcpy(norm.weight.data(), weight, shape_.channels * sizeof(float));
  std::memcpy(norm.bias.data(), bias, shape_.channels * sizeof(float));
}
void StdatKernel::store(const LayerNormArrays& norm, float* dweight, float* dbias) const {
  if (dweight == nullptr) return;
  for (const auto& [from, to] : {std::pair(norm.dweight.data(), dweight), std::pair(norm.dbias.data(), dbias)}) {
    if (turned_) {
      std::memset(to, 0, shape_.channels * sizeof(float));
      loops_.add_row_sums(from, plane_of(shape_.channels, plane_alignment), to);
    } else {
      std::memcpy(to, from, shape_.channels * sizeof(float));
    }
  }
}

void StdatKernel::layer_norm(const float* x, const LayerNormArrays& norm, float* y) const {
  (turned_ ? loops_.layer_norm_columns : loops_.layer_norm)(x, size_, norm.weight.data(), norm.bias.data(), y);
}
void StdatKernel::layer_norm_backward(const float* x, const float* dy, const LayerNormArrays& norm, float* dx) const {
  (turned_ ? loops_.layer_norm_columns_backward : loops_.layer_norm_backward)(x, dy, size_, norm.weight.data(), dx, norm.dweight.data(),
                                                                              norm.dbias.data());
}

/// Whether tightly packed values [steps, channels] are a plane as they stand: aligned, without padding in a row, and in whole blocks of
/// transpose().
bool StdatKernel::is_plane(const float* packed) const {
  return !turned_ && size_.stride == size_.columns && size_.rows % 4 == 0 && reinterpret_cast<std::uintptr_t>(packed) % 64 == 0;
}
const float* StdatKernel::plane(const float* packed, FloatArray& room) const {
  if (is_plane(packed)) return packed;
  if (!turned_) {
    loops_.pack(packed, size_, room.data());
    return room.data();
  }
  for (std::size_t r = 0; r < size_.rows; ++r)
    for (std::size_t c = 0; c < size_.columns; ++c) room.data()[r * size_.stride + c] = packed[c * size_.rows + r];
  return room.data();
}
void StdatKernel::unpack(const float* plane, float* packed) const {
  if (!turned_) return loops_.unpack(plane, size_, packed);
  for (std::size_t r = 0; r < size_.rows; ++r)
    for (std::size_t c = 0; c < size_.columns; ++c) packed[c * size_.rows + r] = plane[r * size_.stride + c];
}

StdatKernel::Norm StdatKernel::norm_of(std::size_t stage, const StdatTensors<const float>& weights, double mean, double variance) const {
  const auto& of = weights.stages[stage];
  // The first stage's convolution is x * weight + bias: its bias leaves with the mean.
  const double slope = stage == 0 ? static_cast<double>(of.weight[0]) : 1.0;
  const double inverse = slope / std::sqrt(slope * slope * variance + epsilon);
  const double factor = static_cast<double>(of.norm_weight[0]) * inverse;
  return {static_cast<float>(factor), static_cast<float>(static_cast<double>(of.norm_bias[0]) - factor * mean), static_cast<float>(mean),
          static_cast<float>(inverse)};
}

/// sum = x + both attentions; middle = its layer norm.
void StdatKernel::attend(const float* x, const Kept& of) {
  float* const sum = of.sum;
  if (!over_rows_ && !over_columns_) {
    std::memcpy(of.middle, x, plane_floats(size_) * sizeof(float));
    return;
  }
  loops_.transpose(x, size_, x_t_.data(), size_t_.stride);
  if (over_columns_) over_columns_->forward(x_t_.data(), x, of.over_columns, sum);
  else std::memset(sum, 0, plane_floats(size_) * sizeof(float));
  loops_.add(x, size_, sum);
  if (over_rows_) {
    over_rows_->forward(x, x_t_.data(), of.over_rows, side_t_.data());
    loops_.transpose(side_t_.data(), size_t_, side_.data(), size_.stride);
    loops_.add(side_.data(), size_, sum);
  }
  layer_norm(sum, attention_norm_, of.middle);
}

void StdatKernel::forward(const float* x, const StdatStep& step, const StdatTensors<const float>& weights,
                          const std::array<RunningMoments, 3>& running, float* kept, float* y) {
  load(weights);
  const std::size_t values = size_.rows * size_.columns;
  const std::size_t rows_floats = turned_ ? channel_floats(shape_) : temporal_floats(shape_);
  const auto own = [&](std::size_t row) {
    return step.training
               ? kept_of(kept, row)
               : Kept{sum_.data(), middle_.data(), second_.data(), third_.data(), attended_.data(), attended_.data() + rows_floats, {}};
  };
  const auto draw_of = [&](std::size_t stage, std::size_t row) {
    DropoutDraw draw = step.dropout[stage];
    draw.turned = turned_;
    draw.sample += static_cast<std::uint32_t>(row);
    return draw;
  };
  const auto finish = [&](const float* middle, float* row_of_y) { // with the block's output in work_
    loops_.add(middle, size_, work_.data());
    const bool direct = is_plane(row_of_y);
    float* const out = direct ? row_of_y : out_.data();
    layer_norm(work_.data(), convolution_norm_, out);
    if (!direct) unpack(out, row_of_y);
  };
  std::array<Norm, 3> norms{};
  if (!step.training) { // running statistics: each plane by itself
    for (std::size_t stage = 0; shape_.convolution && stage < 3; ++stage) {
      // The first stage's statistics are those behind its convolution.
      const auto& of = weights.stages[stage];
      const double mean = static_cast<double>(running[stage].mean[0]), variance = static_cast<double>(running[stage].variance[0]);
      const double factor = static_cast<double>(of.norm_weight[0]) / std::sqrt(variance + epsilon);
      const double slope = stage == 0 ? static_cast<double>(of.weight[0]) : 1.0, bias = stage == 0 ? static_cast<double>(of.bias[0]) : 0.0;
      norms[stage] = {static_cast<float>(factor * slope), static_cast<float>(static_cast<double>(of.norm_bias[0]) + factor * (bias - mean)),
                      0, 0};
    }
  }
  Moments first, second, third;
  const auto whole = [&](const Moments& moments, std::size_t stage) {
    const auto& of = weights.stages[stage];
    const double variance = moments.squares / moments.count;
    norms[stage] = norm_of(stage, weights, moments.mean, variance);
    const double slope = stage == 0 ? static_cast<double>(of.weight[0]) : 1.0, bias = stage == 0 ? static_cast<double>(of.bias[0]) : 0.0;
    const auto move = [](float& value, double to) { value += static_cast<float>(momentum * (to - static_cast<double>(value))); };
    move(*running[stage].mean, slope * moments.mean + bias);
    move(*running[stage].variance, slope * slope * variance * moments.count / std::max(moments.count - 1, 1.0));
  };
  const auto stage_one = [&](const Kept& of, std::size_t row) {
    loops_.activate(of.middle, size_, norms[0].factor, norms[0].shift, draw_of(0, row), words_.data(), inside(rim3_, 3), rim_stride(3),
                    of.bits[0]);
    loops_.convolve(rim3_.data(), rim_stride(3), size_, kernels_[1].data(), 3, false, weights.stages[1].bias[0], of.second);
  };
  const auto stage_two = [&](const Kept& of, std::size_t row) {
    loops_.activate(of.second, size_, norms[1].factor, norms[1].shift, draw_of(1, row), words_.data(), inside(rim5_, 5), rim_stride(5),
                    of.bits[1]);
    loops_.convolve(rim5_.data(), rim_stride(5), size_, kernels_[2].data(), 5, false, weights.stages[2].bias[0], of.third);
  };
  const auto stage_three = [&](const Kept& of, std::size_t row) {
    loops_.activate(of.third, size_, norms[2].factor, norms[2].shift, draw_of(2, row), words_.data(), work_.data(), size_.stride,
                    of.bits[2]);
    finish(of.middle, y + row * values);
  };
  const auto without_bits = [&](Kept of) { // outside training
    for (std::size_t stage = 0; stage < 3; ++stage)
      of.bits[stage] = reinterpret_cast<std::uint8_t*>(bits_.data() + stage * bit_floats(size_));
    return of;
  };
  for (std::size_t row = 0; row < step.rows; ++row) {
    const Kept of = step.training ? own(row) : without_bits(own(row));
    attend(plane(x + row * values, x_), of);
    if (!shape_.convolution) unpack(of.middle, y + row * values);
    else if (step.training) first.join(loops_.moments(of.middle, size_));
    else stage_one(of, row), stage_two(of, row), stage_three(of, row);
  }
  if (!step.training || !shape_.convolution || step.rows == 0) return;
  whole(first, 0);
  for (std::size_t row = 0; row < step.rows; ++row) {
    const Kept of = own(row);
    stage_one(of, row);
    second.join(loops_.moments(of.second, size_));
  }
  whole(second, 1);
  for (std::size_t row = 0; row < step.rows; ++row) {
    const Kept of = own(row);
    stage_two(of, row);
    third.join(loops_.moments(of.third, size_));
  }
  whole(third, 2);
  for (std::size_t row = 0; row < step.rows; ++row) stage_three(own(row), row);
  const Moments all[3] = {first, second, third};
  auto* const moments = reinterpret_cast<double*>(kept_of(kept, step.rows).sum); // behind the last plane
  for (std::size_t stage = 0; stage < 3; ++stage) {
    moments[2 * stage] = all[stage].mean;
    moments[2 * stage + 1] = all[stage].squares / all[stage].count;
  }
}

/// dx of a plane from dmiddle, the gradient behind the attentions' layer norm.
void StdatKernel::attend_backward(const float* x, const Kept& of, const float* dmiddle, float* dx) {
  if (!over_rows_ && !over_columns_) {
    std::memcpy(dx, dmiddle, plane_floats(size_) * sizeof(float));
    return;
  }
  float* const dsum = side_.data();
  layer_norm_backward(of.sum, dmiddle, attention_norm_, dsum);
  loops_.transpose(x, size_, x_t_.data(), size_t_.stride);
  loops_.transpose(dsum, size_, side_t_.data(), size_t_.stride);
  if (over_columns_) {
    over_columns_->backward(x_t_.data(), x, side_t_.data(), dsum, of.over_columns, dx_t_.data());
    loops_.transpose(dx_t_.data(), size_t_, dx, size_.stride);
  } else {
    std::memset(dx, 0, plane_floats(size_) * sizeof(float));
  }
  loops_.add(dsum, size_, dx);
  if (over_rows_) {
    over_rows_->backward(x, x_t_.data(), dsum, side_t_.data(), of.over_rows, work_.data());
    loops_.add(work_.data(), size_, dx);
  }
}

void StdatKernel::backward(const float* x, const float* dy, const StdatStep& step, const StdatTensors<const float>& weights, float* kept,
                           float* dx, const StdatTensors<float>& gradients) {
  load(weights);
  for (LayerNormArrays* norm : {&attention_norm_, &convolution_norm_}) norm->dweight.clear(), norm->dbias.clear();
  const std::size_t values = size_.rows * size_.columns;
  const auto count = static_cast<double>(step.rows * values);
  // A plane each: `outer` holds the gradient that passes the block by, `inner` that inside it, before the batch norm at hand.
  const auto* const moments = reinterpret_cast<const double*>(kept_of(kept, step.rows).sum);
  std::array<Norm, 3> norms{};
  std::array<float, 3> scale{};
  double sums[3][2] = {};
  if (shape_.convolution && outer_.size() < step.rows * plane_floats(size_)) {
    outer_ = FloatArray(step.rows * plane_floats(size_));
    inner_ = FloatArray(step.rows * plane_floats(size_));
  }
  FloatArray &outer = outer_, &inner = inner_;
  const auto add_sums = [&](std::size_t stage, const double(&some)[2]) {
    for (std::size_t i = 0; i < 2; ++i) sums[stage][i] += some[i];
  };
  if (shape_.convolution) {
    for (std::size_t stage = 0; stage < 3; ++stage) {
      norms[stage] = norm_of(stage, weights, moments[2 * stage], moments[2 * stage + 1]);
      scale[stage] = step.dropout[stage].scale;
    }
    // Stage 3, and the layer norm behind the block.
    for (std::size_t row = 0; row < step.rows; ++row) {
      const Kept of = kept_of(kept, row);
      float* const dsum = outer.data() + row * plane_floats(size_);
      loops_.activate_again(of.third, size_, norms[2].factor, norms[2].shift, scale[2], of.bits[2], work_.data(), size_.stride);
      loops_.add(of.middle, size_, work_.data());
      layer_norm_backward(work_.data(), plane(dy + row * values, out_), convolution_norm_, dsum);
      double some[2];
      loops_.activate_backward(dsum, size_, scale[2], of.bits[2], of.third, norms[2].mean, norms[2].inverse_deviation,
                               inner.data() + row * plane_floats(size_), some);
      add_sums(2, some);
    }
    // Stages 3 and 2: through batch norm, then the convolution whose output it normalises, then the activation before that.
    const auto through = [&](std::size_t stage, int kernel, FloatArray& rim, FloatArray& drim, float* Kept::*normalised,
                             float* Kept::*before) {
      const auto width = static_cast<std::size_t>(kernel);
      std::array<double, 25> weight_sums{};
      const auto mean_of = [&](std::size_t i) { return static_cast<float>(sums[stage][i] / count); };
      for (std::size_t row = 0; row < step.rows; ++row) {
        const Kept of = kept_of(kept, row);
        float* const dv = inner.data() + row * plane_floats(size_);
        loops_.norm_backward(dv, of.*normalised, size_, norms[stage].mean, norms[stage].inverse_deviation, norms[stage].factor, mean_of(0),
                             mean_of(1), inside(drim, width), rim_stride(width));
        loops_.activate_again(of.*before, size_, norms[stage - 1].factor, norms[stage - 1].shift, scale[stage - 1], of.bits[stage - 1],
                              inside(rim, width), rim_stride(width));
        loops_.convolve_backward_weight(rim.data(), rim_stride(width), inside(drim, width), rim_stride(width), size_, kernel,
                                        weight_sums.data());
        loops_.convolve(drim.data(), rim_stride(width), size_, kernels_[stage].data(), kernel, true, 0, work_.data());
        double some[2];
        loops_.activate_backward(work_.data(), size_, scale[stage - 1], of.bits[stage - 1], of.*before, norms[stage - 1].mean,
                                 norms[stage - 1].inverse_deviation, dv, some);
        add_sums(stage - 1, some);
      }
      copy_kernel(weight_sums.data(), width, turned_, gradients.stages[stage].weight);
      *gradients.stages[stage].bias = 0; // batch norm takes it away again
    };
    through(2, 5, rim5_, drim5_, &Kept::third, &Kept::second);
    through(1, 3, rim3_, drim3_, &Kept::second, &Kept::middle);
    for (std::size_t stage = 0; stage < 3; ++stage) {
      *gradients.stages[stage].norm_bias = static_cast<float>(sums[stage][0]);
      *gradients.stages[stage].norm_weight = static_cast<float>(sums[stage][1]);
    }
    // Stage 1 is gamma * w (x - mean) / sqrt(w^2 variance + epsilon) + beta: w matters by epsilon alone.
    const auto& of = weights.stages[0];
    const double w = static_cast<double>(of.weight[0]), within = w * w * moments[1] + epsilon;
    const double deviations = norms[0].inverse_deviation == 0 ? 0 : sums[0][1] / static_cast<double>(norms[0].inverse_deviation);
    *gradients.stages[0].weight =
        static_cast<float>(static_cast<double>(of.norm_weight[0]) * epsilon / (within * std::sqrt(within)) * deviations);
    *gradients.stages[0].bias = 0;
  }
  for (std::size_t row = 0; row < step.rows; ++row) {
    const Kept of = kept_of(kept, row);
    const float* dmiddle = nullptr;
    if (shape_.convolution) {
      float* const sum = outer.data() + row * plane_floats(size_);
      loops_.norm_backward(inner.data() + row * plane_floats(size_), of.middle, size_, norms[0].mean, norms[0].inverse_deviation,
                           norms[0].factor, static_cast<float>(sums[0][0] / count), static_cast<float>(sums[0][1] / count), work_.data(),
                           size_.stride);
      loops_.add(work_.data(), size_, sum);
      dmiddle = sum;
    } else {
      dmiddle = plane(dy + row * values, out_);
    }
    const bool direct = is_plane(dx + row * values);
    float* const row_of_dx = direct ? dx + row * values : dx_row_.data();
    attend_backward(plane(x + row * values, x_), of, dmiddle, row_of_dx);
    if (!direct) unpack(row_of_dx, dx + row * values);
  }
  if (over_rows_) over_rows_->store(turned_ ? gradients.channel : gradients.temporal);
  if (over_columns_) over_columns_->store(turned_ ? gradients.temporal : gradients.channel);
  store(attention_norm_, gradients.attention_norm_weight, gradients.attention_norm_bias);
  store(convolution_norm_, gradients.convolution_norm_weight, gradients.convolution_norm_bias);
}

} // namespace stdualx
