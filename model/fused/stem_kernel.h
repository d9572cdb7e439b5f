// The stem for one leading index (a sensor of a replica) over a batch, forward and backward by hand; model/stem.h is the plain form.
// Float32, statistics of this batch alone. No torch here.
//
// Channels lie along the vectors. A convolution is a sum of products over shifted rows: of the rows that an output sees, as many as the
// stride has lie behind one another and are a row of the left matrix as they stand. Kept for backward is what comes out of each
// convolution.
#pragma once

#include "model/fused/matrix_product.h"
#include "model/fused/scratch.h"

#include <vector>

namespace stdualx {

/// Of every layer: `steps` in, and so many channels in and out.
struct StemShape {
  std::size_t steps = 0, channels = 0, width = 0, layers = 0, kernel = 0, stride = 0;
  bool operator==(const StemShape&) const = default;
};

/// Parameters of one leading index of one layer as model/stem.h stores them, or their gradients: weight [width, channels, kernel], the
/// others [width].
template <class Float> struct StemTensors { Float *weight = nullptr, *bias = nullptr, *norm_weight = nullptr, *norm_bias = nullptr; };
struct RunningColumns {
  float *mean = nullptr, *variance = nullptr; // [width]
};

/// Steps behind the last layer.
std::size_t stem_steps_out(const StemShape& shape);
/// Floats that forward() in training keeps for backward().
std::size_t stem_kept_floats(const StemShape& shape, std::size_t rows);

class StemKernel {
public:
  /// `loops` outlives this.
  StemKernel(const StemShape& shape, const VectorLoops& loops);

  /// x: [rows, steps, channels]; y: [rows, stem_steps_out(shape), width], both tightly packed. `kept`: at a 64-byte border; not touched
  /// outside training.
  void forward(const float* x, std::size_t rows, bool training, const std::vector<StemTensors<const float>>& weights,
               const std::vector<RunningColumns>& running, float* kept, float* y);
  /// Writes every gradient. The windows' own is not made: nothing below the stem learns.
  void backward(const float* x, const float* dy, std::size_t rows, const std::vector<StemTensors<const float>>& weights, float* kept,
                const std::vector<StemTensors<float>>& gradients);

private:
  struct Layer {
    std::size_t channels, row;                 // of the input: channels, and floats of a row of it
    std::size_t steps;                         // of the input
    PlaneSize out;                             // [steps out, width]
    FloatArray input, dinput;                  // with kernel / 2 rows of zeros before and behind
    FloatArray weight, weight_turned, dweight; // [kernel * row, width]; [kernel, width, row]; as weight
    FloatArray bias, factor, shift, mean, inverse_deviation, sum, sum_x;
    struct Taps { // as many as the stride has, or what is left of the kernel
      std::size_t first;
      MatrixProduct product, dweight_product;
    };
    std::vector<Taps> taps;
    MatrixProduct dproduct; // of one tap
  };
  float* inside(Layer& layer) const;
  void load(const std::vector<StemTensors<const float>>& weights);
  void convolve(Layer& layer, float* z);
  void use_batch(Layer& layer, const StemTensors<const float>& weights, const float* mean, const float* squares, double count);
  float* output_of(float* kept, std::size_t layer, std::size_t row, std::size_t rows) const;
  float* moments_of(float* kept, std::size_t layer, std::size_t rows) const;

  StemShape shape_;
  const VectorLoops& loops_;
  std::vector<Layer> layers_;
  FloatArray z_, y_, gradient_, dz_;
};

} // namespace stdualx
