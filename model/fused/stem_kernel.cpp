// See stem_kernel.h.
#include "model/fused/stem_kernel.h"

#include <cmath>

namespace stdualx {

namespace {
constexpr double epsilon = 1e-5; // PyTorch's defaults for batch norm
constexpr double momentum = 0.1;

std::size_t steps_behind(const StemShape& shape, std::size_t steps) {
  return (steps + 2 * (shape.kernel / 2) - shape.kernel) / shape.stride + 1;
}
} // namespace

std::size_t stem_steps_out(const StemShape& shape) {
  std::size_t steps = shape.steps;
  for (std::size_t i = 0; i < shape.layers; ++i) steps = steps_behind(shape, steps);
  return steps;
}

std::size_t stem_kept_floats(const StemShape& shape, std::size_t rows) {
  std::size_t all = 0, steps = shape.steps;
  for (std::size_t i = 0; i < shape.layers; ++i) {
    steps = steps_behind(shape, steps);
    const PlaneSize out = plane_of(steps, shape.width);
    all += rows * plane_floats(out) + 2 * out.stride;
  }
  return all;
}

StemKernel::StemKernel(const StemShape& shape, const VectorLoops& loops) : shape_(shape), loops_(loops) {
  std::size_t steps = shape.steps;
  for (std::size_t i = 0; i < shape.layers; ++i) {
    Layer layer;
    layer.channels = i == 0 ? shape.channels : shape.width;
    layer.row = i == 0 ? shape.channels : padded(shape.width);
    layer.steps = steps;
    layer.out = plane_of(steps_behind(shape, steps), shape.width);
    const std::size_t inner = shape.kernel * layer.row, rows = steps + 2 * (shape.kernel / 2);
    layer.input = FloatArray(rows * layer.row + inner);
    layer.dinput = FloatArray(rows * layer.row + inner);
    for (FloatArray* array : {&layer.weight, &layer.dweight}) *array = FloatArray(inner * layer.out.stride);
    layer.weight_turned = FloatArray(shape.kernel * shape.width * layer.row);
    for (FloatArray* array : {&layer.bias, &layer.factor, &layer.shift, &layer.mean, &layer.inverse_deviation, &layer.sum, &layer.sum_x})
      *array = FloatArray(layer.out.stride);
    const std::size_t hop = shape.stride * layer.row;
    for (std::size_t first = 0; first < shape.kernel; first += shape.stride) {
      const std::size_t inside = std::min(shape.stride, shape.kernel - first) * layer.row, side = layer.out.stride;
      layer.taps.push_back({first,
                            MatrixProduct({.rows = layer.out.rows,
                                           .columns = shape.width,
                                           .inner = inside,
                                           .a_stride = hop,
                                           .b_stride = side,
                                           .c_stride = side,
                                           .adds = true}),
                            MatrixProduct({.rows = inside,
                                           .columns = shape.width,
                                           .inner = layer.out.rows,
                                           .a_stride = hop,
                                           .b_stride = side,
                                           .c_stride = side,
                                           .a_transposed = true,
                                           .adds = true})});
    }
    if (i > 0)
      layer.dproduct = MatrixProduct({.rows = layer.out.rows,
                                      .columns = layer.row,
                                      .inner = shape.width,
                                      .a_stride = layer.out.stride,
                                      .b_stride = layer.row,
                                      .c_stride = hop,
                                      .adds = true});
    steps = layer.out.rows;
    layers_.push_back(std::move(layer));
  }
  const PlaneSize largest = layers_.front().out; // each layer has at most the steps of the one before
  for (FloatArray* array : {&z_, &y_, &dz_}) *array = FloatArray(largest);
}

float* StemKernel::inside(Layer& layer) const { return layer.input.data() + (shape_.kernel / 2) * layer.row; }

float* StemKernel::output_of(float* kept, std::size_t layer, std::size_t row, std::size_t rows) const {
  for (std::size_t i = 0; i < layer; ++i) kept += rows * plane_floats(layers_[i].out) + 2 * layers_[i].out.stride;
  return kept + row * plane_floats(layers_[layer].out);
}
float* StemKernel::moments_of(float* kept, std::size_t layer, std::size_t rows) const { return output_of(kept, layer, rows, rows); }

void StemKernel::load(const std::vector<StemTensors<const float>>& weights) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    for (std::size_t o = 0; o < shape_.width; ++o) {
      for (std::size_t c = 0; c < layer.channels; ++c)
        for (std::size_t tap = 0; tap < shape_.kernel; ++tap) {
          const float weight = weights[i].weight[(o * layer.channels + c) * shape_.kernel + tap];
          layer.weight.data()[(tap * layer.row + c) * layer.out.stride + o] = weight;
          layer.weight_turned.data()[(tap * shape_.width + o) * layer.row + c] = weight;
        }
      layer.bias.data()[o] = weights[i].bias[o];
    }
  }
}

void StemKernel::convolve(Layer& layer, float* z) {
  loops_.repeat_row(layer.bias.data(), layer.out, z);
  for (const Layer::Taps& taps : layer.taps)
    taps.product(layer.input.data() + taps.first * layer.row, layer.weight.data() + taps.first * layer.row * layer.out.stride, z);
}

/// Batch norm as a product and a sum, from the moments of `count` values a channel.
void StemKernel::use_batch(Layer& layer, const StemTensors<const float>& weights, const float* mean, const float* squares, double count) {
  for (std::size_t o = 0; o < shape_.width; ++o) {
    const double inverse = 1 / std::sqrt(static_cast<double>(squares[o]) / count + epsilon);
    const double factor = static_cast<double>(weights.norm_weight[o]) * inverse;
    layer.mean.data()[o] = mean[o];
    layer.inverse_deviation.data()[o] = static_cast<float>(inverse);
    layer.factor.data()[o] = static_cast<float>(factor);
    layer.shift.data()[o] = static_cast<float>(static_cast<double>(weights.norm_bias[o]) - factor * static_cast<double>(mean[o]));
  }
}

void StemKernel::forward(const float* x, std::size_t rows, bool training, const std::vector<StemTensors<const float>>& weights,
                         const std::vector<RunningColumns>& running, float* kept, float* y) {
  load(weights);
  if (!training)
    for (std::size_t i = 0; i < layers_.size(); ++i) use_batch(layers_[i], weights[i], running[i].mean, running[i].variance, 1);
  const std::size_t values = shape_.steps * shape_.channels, values_out = layers_.back().out.rows * shape_.width;
  const auto enter = [&](std::size_t row) { std::memcpy(inside(layers_[0]), x + row * values, values * sizeof(float)); };
  const auto leave = [&](const float* z, std::size_t row) {
    const Layer& last = layers_.back();
    loops_.gelu(z, last.out, last.factor.data(), last.shift.data(), y_.data());
    loops_.unpack(y_.data(), last.out, y + row * values_out);
  };
  if (!training) {
    for (std::size_t row = 0; row < rows; ++row) {
      enter(row);
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        convolve(layers_[i], z_.data());
        if (i + 1 < layers_.size())
          loops_.gelu(z_.data(), layers_[i].out, layers_[i].factor.data(), layers_[i].shift.data(), inside(layers_[i + 1]));
      }
      leave(z_.data(), row);
    }
    return;
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    float* const mean = moments_of(kept, i, rows);
    float* const squares = mean + layer.out.stride;
    for (std::size_t row = 0; row < rows; ++row) {
      if (i == 0) enter(row);
      else
        loops_.gelu(output_of(kept, i - 1, row, rows), layers_[i - 1].out, layers_[i - 1].factor.data(), layers_[i - 1].shift.data(),
                    inside(layer));
      float* const z = output_of(kept, i, row, rows);
      convolve(layer, z);
      loops_.column_moments(z, layer.out, row + 1, mean, squares);
    }
    const auto count = static_cast<double>(rows * layer.out.rows);
    use_batch(layer, weights[i], mean, squares, count);
    for (std::size_t o = 0; o < shape_.width; ++o) {
      const auto move = [](float& value, double to) { value += static_cast<float>(momentum * (to - static_cast<double>(value))); };
      move(running[i].mean[o], static_cast<double>(mean[o]));
      move(running[i].variance[o], static_cast<double>(squares[o]) / std::max(count - 1, 1.0));
    }
  }
  for (std::size_t row = 0; row < rows; ++row) leave(output_of(kept, layers_.size() - 1, row, rows), row);
}

void StemKernel::backward(const float* x, const float* dy, std::size_t rows, const std::vector<StemTensors<const float>>& weights,
                          float* kept, const std::vector<StemTensors<float>>& gradients) {
  load(weights);
  const std::size_t largest = rows * plane_floats(layers_.front().out);
  if (gradient_.size() < largest) gradient_ = FloatArray(largest);
  for (std::size_t i = 0; i < layers_.size(); ++i)
    use_batch(layers_[i], weights[i], moments_of(kept, i, rows), moments_of(kept, i, rows) + layers_[i].out.stride,
              static_cast<double>(rows * layers_[i].out.rows));
  const std::size_t values = shape_.steps * shape_.channels, values_out = layers_.back().out.rows * shape_.width;
  // From dy of a layer's GELU, in a plane of its own, to dv before it.
  const auto activate_backward = [&](std::size_t i, std::size_t row, const float* da) {
    Layer& layer = layers_[i];
    loops_.gelu_backward(da, output_of(kept, i, row, rows), layer.out, layer.factor.data(), layer.shift.data(), layer.mean.data(),
                         layer.inverse_deviation.data(), gradient_.data() + row * plane_floats(layer.out), layer.sum.data(),
                         layer.sum_x.data());
  };
  for (Layer& layer : layers_)
    for (FloatArray* sum : {&layer.sum, &layer.sum_x, &layer.dweight}) sum->clear();
  for (std::size_t row = 0; row < rows; ++row) {
    loops_.pack(dy + row * values_out, layers_.back().out, y_.data());
    activate_backward(layers_.size() - 1, row, y_.data());
  }
  for (std::size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];
    const auto count = static_cast<float>(rows * layer.out.rows);
    for (std::size_t o = 0; o < shape_.width; ++o) {
      gradients[i].norm_bias[o] = layer.sum.data()[o];
      gradients[i].norm_weight[o] = layer.sum_x.data()[o];
      gradients[i].bias[o] = 0; // batch norm takes it away again
      layer.sum.data()[o] /= count;
      layer.sum_x.data()[o] /= count;
    }
    // Rows of the smaller planes of this layer lie where those of the one before will be written: from the last one backwards.
    for (std::size_t row = rows; row-- > 0;) {
      loops_.norm_backward_columns(gradient_.data() + row * plane_floats(layer.out), output_of(kept, i, row, rows), layer.out,
                                   layer.mean.data(), layer.inverse_deviation.data(), layer.factor.data(), layer.sum.data(),
                                   layer.sum_x.data(), dz_.data());
      if (i == 0) std::memcpy(inside(layer), x + row * values, values * sizeof(float));
      else
        loops_.gelu(output_of(kept, i - 1, row, rows), layers_[i - 1].out, layers_[i - 1].factor.data(), layers_[i - 1].shift.data(),
                    inside(layer));
      for (const Layer::Taps& taps : layer.taps)
        taps.dweight_product(layer.input.data() + taps.first * layer.row, dz_.data(),
                             layer.dweight.data() + taps.first * layer.row * layer.out.stride);
      if (i == 0) continue;
      layer.dinput.clear();
      for (std::size_t tap = 0; tap < shape_.kernel; ++tap)
        layer.dproduct(dz_.data(), layer.weight_turned.data() + tap * shape_.width * layer.row, layer.dinput.data() + tap * layer.row);
      activate_backward(i - 1, row, layer.dinput.data() + (shape_.kernel / 2) * layer.row);
    }
    for (std::size_t o = 0; o < shape_.width; ++o)
      for (std::size_t c = 0; c < layer.channels; ++c)
        for (std::size_t tap = 0; tap < shape_.kernel; ++tap)
          gradients[i].weight[(o * layer.channels + c) * shape_.kernel + tap] =
              layer.dweight.data()[(tap * layer.row + c) * layer.out.stride + o];
  }
}

} // namespace stdualx
