// See linear.h.
#include "model/inference/linear.h"

namespace stdualx {

PackedLinear::PackedLinear(const float* weight, const float* bias, std::size_t inputs, std::size_t outputs, const VectorLoops& loops)
    : inputs_(inputs), outputs_(outputs), loops_(&loops), weight_(plane_of(inputs, outputs)), bias_(outputs) {
  const std::size_t stride = padded(outputs);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) weight_.data()[i * stride + o] = weight[o * inputs + i];
    bias_.data()[o] = bias[o];
  }
  MatrixProduct::Shape shape{
      .rows = 1, .columns = outputs, .inner = inputs, .a_stride = padded(inputs), .b_stride = stride, .c_stride = stride, .adds = true};
  one_ = MatrixProduct(shape);
  shape.rows = most_rows;
  many_ = MatrixProduct(shape);
}

void PackedLinear::operator()(const float* x, std::size_t rows, float* y) const {
  const std::size_t from = padded(inputs_), to = padded(outputs_);
  loops_->repeat_row(bias_.data(), {rows, outputs_, to}, y);
  if (rows == most_rows) return many_(x, weight_.data(), y);
  for (std::size_t row = 0; row < rows; ++row) one_(x + row * from, weight_.data(), y + row * to);
}

} // namespace stdualx
