// The fused kernels behind C functions, for tests/reference/fused_layers.py, which compares them with PyTorch's own modules.
#include "model/fused/stdat_kernel.h"
#include "model/fused/stem_kernel.h"

#include <array>
#include <vector>

namespace stdualx {
namespace {

/// Hands out consecutive pieces of one array.
template <class Float> struct Pieces {
  Float* next;
  Float* take(std::size_t count) {
    Float* const piece = next;
    next += count;
    return piece;
  }
};

template <class Float> StdatTensors<Float> stdat_tensors(Float* first, std::size_t steps, std::size_t channels) {
  StdatTensors<Float> all;
  Pieces<Float> pieces{first};
  const auto attention = [&](AttentionTensors<Float>& of, std::size_t width) {
    of = {pieces.take(3 * width * width), pieces.take(3 * width), pieces.take(width * width), pieces.take(width)};
  };
  attention(all.temporal, channels);
  attention(all.channel, steps);
  all.attention_norm_weight = pieces.take(channels);
  all.attention_norm_bias = pieces.take(channels);
  for (std::size_t i = 0; i < all.stages.size(); ++i)
    all.stages[i] = {pieces.take((2 * i + 1) * (2 * i + 1)), pieces.take(1), pieces.take(1), pieces.take(1)};
  all.convolution_norm_weight = pieces.take(channels);
  all.convolution_norm_bias = pieces.take(channels);
  return all;
}

template <class Float> std::vector<StemTensors<Float>> stem_tensors(Float* first, const StemShape& shape) {
  std::vector<StemTensors<Float>> all;
  Pieces<Float> pieces{first};
  for (std::size_t i = 0; i < shape.layers; ++i)
    all.push_back({pieces.take(shape.width * (i == 0 ? shape.channels : shape.width) * shape.kernel), pieces.take(shape.width),
                   pieces.take(shape.width), pieces.take(shape.width)});
  return all;
}

} // namespace
} // namespace stdualx

extern "C" {

/// How many of sse4, avx2, avx512 this processor has, the narrowest first.
int instruction_sets() { return static_cast<int>(stdualx::vector_instruction_sets().size()); }

/// sizes: rows, steps, channels, temporal heads, channel heads. running: mean and variance of each stage. masks: [rows, 3, steps,
/// channels], what dropout of each stage makes of ones.
void stdat(int instruction_set, const long* sizes, int training, unsigned threshold, float scale, const float* x, const float* parameters,
           float* running, const float* dy, float* y, float* dx, float* gradients, float* masks) {
  using namespace stdualx;
  const auto rows = static_cast<std::size_t>(sizes[0]);
  const StdatShape shape{.steps = static_cast<std::size_t>(sizes[1]),
                         .channels = static_cast<std::size_t>(sizes[2]),
                         .temporal_heads = static_cast<std::size_t>(sizes[3]),
                         .channel_heads = static_cast<std::size_t>(sizes[4])};
  const VectorLoops& loops = *vector_loops(vector_instruction_sets()[static_cast<std::size_t>(instruction_set)]);
  StdatKernel kernel(shape, loops);
  StdatStep step{.rows = rows, .training = training != 0};
  for (unsigned i = 0; i < 3; ++i) step.dropout[i] = {{11 + i, 22}, 3, 5, 100, 1, training != 0 ? threshold : 0, training != 0 ? scale : 1};
  std::array<RunningMoments, 3> moments;
  for (std::size_t i = 0; i < 3; ++i) moments[i] = {running + 2 * i, running + 2 * i + 1};
  const FloatArray kept(stdat_kept_floats(shape, rows));
  const auto weights = stdat_tensors<const float>(parameters, shape.steps, shape.channels);
  kernel.forward(x, step, weights, moments, kept.data(), y);
  if (training == 0) return;
  kernel.backward(x, dy, step, weights, kept.data(), dx, stdat_tensors<float>(gradients, shape.steps, shape.channels));
  const PlaneSize size = plane_of(shape.steps, shape.channels);
  const FloatArray ones(size), plane(size), scratch(dropout_floats(shape.steps * shape.channels)), bits(size);
  for (std::size_t i = 0; i < ones.size(); ++i) ones.data()[i] = 1;
  for (std::size_t row = 0; row < rows; ++row)
    for (DropoutDraw draw : step.dropout) {
      draw.sample += static_cast<std::uint32_t>(row);
      loops.activate(ones.data(), size, 1, 0, draw, scratch.data(), plane.data(), size.stride,
                     reinterpret_cast<std::uint8_t*>(bits.data()));
      loops.unpack(plane.data(), size, masks);
      masks += shape.steps * shape.channels;
    }
}

/// sizes: rows, steps, channels, width, layers, kernel, stride. running: means, then variances, of each layer.
void stem(int instruction_set, const long* sizes, int training, const float* x, const float* parameters, float* running, const float* dy,
          float* y, float* gradients) {
  using namespace stdualx;
  const auto size = [&](int i) { return static_cast<std::size_t>(sizes[i]); };
  const StemShape shape{.steps = size(1), .channels = size(2), .width = size(3), .layers = size(4), .kernel = size(5), .stride = size(6)};
  StemKernel kernel(shape, *vector_loops(vector_instruction_sets()[static_cast<std::size_t>(instruction_set)]));
  std::vector<RunningColumns> columns;
  for (std::size_t i = 0; i < shape.layers; ++i) columns.push_back({running + 2 * i * shape.width, running + (2 * i + 1) * shape.width});
  const FloatArray kept(stem_kept_floats(shape, size(0)));
  const auto weights = stem_tensors<const float>(parameters, shape);
  kernel.forward(x, size(0), training != 0, weights, columns, kept.data(), y);
  if (training != 0) kernel.backward(x, dy, size(0), weights, kept.data(), stem_tensors<float>(gradients, shape));
}

} // extern "C"
