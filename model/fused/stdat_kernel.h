// One STDAT layer for one leading index (a sensor of a replica) over a batch of planes, forward and backward by hand; model/stdat.h is
// the plain form. Float32, one plane in the convolution block (u = 1), nothing masked, statistics of this batch alone. No torch here.
//
// A plane lies as [steps, channels] or, where that takes fewer vectors, turned as [channels, steps]: three channels would leave four fifths
// of every vector empty. Both run through the same loops; layer norms, the convolutions' weights and the words of dropout mind the
// difference.
//
// Batch norm needs the whole batch three times, so the convolution block goes over all planes once for each of its convolutions. Kept for
// backward are, a plane: the sum before and the values behind the attentions' layer norm, what comes out of the second and third
// convolution, a bit an activation, and what the attentions keep.
#pragma once

#include "model/fused/attention_kernel.h"

#include <array>
#include <optional>

namespace stdualx {

/// What a layer is made of.
struct StdatShape {
  std::size_t steps = 0, channels = 0, temporal_heads = 0, channel_heads = 0;
  bool temporal = true, channel = true, convolution = true;
  bool operator==(const StdatShape&) const = default;
};

/// Parameters of one leading index as model/stdat.h stores them, or their gradients.
template <class Float> struct StdatTensors {
  AttentionTensors<Float> temporal, channel;
  Float *attention_norm_weight = nullptr, *attention_norm_bias = nullptr;
  struct Stage {
    Float *weight = nullptr, *bias = nullptr, *norm_weight = nullptr, *norm_bias = nullptr;
  };
  std::array<Stage, 3> stages;
  Float *convolution_norm_weight = nullptr, *convolution_norm_bias = nullptr;
};
/// Running statistics of a stage's batch norm, updated in training.
struct RunningMoments {
  float *mean = nullptr, *variance = nullptr;
};

/// A batch: `rows` planes, the first of which is sample `first_sample` of the global batch.
struct StdatStep {
  std::size_t rows = 0;
  bool training = false;
  std::array<DropoutDraw, 3> dropout{}; // of each stage; `sample` is that of the first row
};

/// Floats that forward() in training keeps for backward().
std::size_t stdat_kept_floats(const StdatShape& shape, std::size_t rows);

class StdatKernel {
public:
  /// `loops` outlives this.
  StdatKernel(const StdatShape& shape, const VectorLoops& loops);

  /// x, y: [rows, steps, channels], tightly packed. `kept`: stdat_kept_floats(shape, rows) values at a 64-byte border; not touched outside
  /// training.
  void forward(const float* x, const StdatStep& step, const StdatTensors<const float>& weights,
               const std::array<RunningMoments, 3>& running, float* kept, float* y);
  /// dx: as x. Writes every gradient.
  void backward(const float* x, const float* dy, const StdatStep& step, const StdatTensors<const float>& weights, float* kept, float* dx,
                const StdatTensors<float>& gradients);

private:
  /// A stage's batch norm as one product and sum: v = x * factor + shift, and what backward needs of it. For the first stage, whose
  /// convolution is a product with one weight, x is what enters that.
  struct Norm {
    float factor, shift, mean, inverse_deviation;
  };
  struct Kept { // of one plane
    float *sum, *middle, *second, *third, *over_rows, *over_columns;
    std::array<std::uint8_t*, 3> bits;
  };
  Kept kept_of(float* kept, std::size_t row) const;
  Norm norm_of(std::size_t stage, const StdatTensors<const float>& weights, double mean, double variance) const;
  /// A layer norm's parameters, padded, and the sums of their gradients: of one value a channel; where planes are turned, the latter
  /// are [channels, plane_alignment], whose rows are still to be added up.
  struct LayerNormArrays {
    FloatArray weight, bias, dweight, dbias;
  };
  void load(const StdatTensors<const float>& weights);
  void load(LayerNormArrays& norm, const float* weight, const float* bias) const;
  void store(const LayerNormArrays& norm, float* dweight, float* dbias) const;
  void layer_norm(const float* x, const LayerNormArrays& norm, float* y) const;
  void layer_norm_backward(const float* x, const float* dy, const LayerNormArrays& norm, float* dx) const;
  bool is_plane(const float* packed) const;
  const float* plane(const float* packed, FloatArray& room) const;
  void unpack(const float* plane, float* packed) const;
  void attend(const float* x, const Kept& of);
  void attend_backward(const float* x, const Kept& of, const float* dmiddle, float* dx);
  float* inside(FloatArray& rimmed, std::size_t kernel) const;
  std::size_t rim_stride(std::size_t kernel) const;

  StdatShape shape_;
  const VectorLoops& loops_;
  bool turned_;                                             // planes are [channels, steps]
  PlaneSize size_, size_t_;                                 // of a plane as it lies, and of its transpose
  std::optional<AttentionKernel> over_rows_, over_columns_; // whose tokens are a plane's rows, and its columns
  LayerNormArrays attention_norm_, convolution_norm_;
  std::array<std::array<float, 25>, 3> kernels_{}; // of the convolutions, as planes lie
  FloatArray x_, x_t_, side_, side_t_, dx_t_, dx_row_, out_, work_, outer_, inner_, rim3_, rim5_, drim3_, drim5_, words_, sum_, middle_,
      second_, third_, bits_, attended_;
};

} // namespace stdualx
