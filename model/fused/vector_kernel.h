// A sensor's vector for one leading index over a batch, forward and backward by hand; model/sensor_vector.h is the plain form. Float32. No
// torch here.
//
// Weights are used as they are stored: what comes of a layer is made with the batch along the vectors, and turned round. Kept for backward
// are the hidden units behind their dropout, and a bit each of these and of the vectors.
#pragma once

#include "model/fused/matrix_product.h"
#include "model/fused/scratch.h"

namespace stdualx {

/// `rows`: of the batch. `inputs`: values of a row.
struct VectorShape {
  std::size_t rows = 0, inputs = 0, hidden = 0, width = 0;
  bool operator==(const VectorShape&) const = default;
};

/// Parameters of one leading index, weights [outputs, inputs], or their gradients.
template <class Float> struct VectorTensors { Float *hidden = nullptr, *hidden_bias = nullptr, *output = nullptr, *output_bias = nullptr; };

/// Floats that forward() keeps for backward().
std::size_t vector_kept_floats(const VectorShape& shape);

class VectorKernel {
public:
  /// `loops` outlives this.
  VectorKernel(const VectorShape& shape, const VectorLoops& loops);

  /// x: [rows, inputs]; y: [rows, width], both tightly packed. `dropout.sample` is that of the first row. `kept`: at a 64-byte border.
  void forward(const float* x, const DropoutDraw& dropout, const VectorTensors<const float>& weights, float* kept, float* y);
  /// dx: as x. Writes every gradient.
  void backward(const float* x, const float* dy, const DropoutDraw& dropout, const VectorTensors<const float>& weights, const float* kept,
                float* dx, const VectorTensors<float>& gradients);

private:
  struct Kept {
    float* hidden;
    std::uint8_t *hidden_bits, *output_bits;
  };
  Kept kept_of(const float* kept) const;
  const float* plane_of_input(const float* x);

  VectorShape shape_;
  const VectorLoops& loops_;
  PlaneSize input_, input_t_, hidden_, hidden_row_, hidden_t_, output_, output_t_;
  FloatArray x_, x_t_, h_t_, h_, y_t_, y_, words_, dz_, dh_, sums_;
  MatrixProduct to_hidden_, to_output_, d_hidden_, d_input_, d_hidden_weight_, d_output_weight_;
};

} // namespace stdualx
