// See vector_kernel.h.
#include "model/fused/vector_kernel.h"

namespace stdualx {

std::size_t vector_kept_floats(const VectorShape& shape) {
  const PlaneSize hidden = plane_of(shape.rows, shape.hidden), one = plane_of(1, shape.hidden);
  return plane_floats(hidden) + shape.rows * bit_floats(one) + bit_floats(plane_of(shape.rows, shape.width));
}

VectorKernel::VectorKernel(const VectorShape& shape, const VectorLoops& loops)
    : shape_(shape), loops_(loops), input_{shape.rows, shape.inputs, (shape.inputs + 3) / 4 * 4},
      input_t_(plane_of(shape.inputs, shape.rows)),
      hidden_(plane_of(shape.rows, shape.hidden)), hidden_row_{1, shape.hidden, hidden_.stride},
      hidden_t_(plane_of(shape.hidden, shape.rows)), output_(plane_of(shape.rows, shape.width)),
      output_t_(plane_of(shape.width, shape.rows)), x_(padded(shape.rows) * input_.stride), x_t_(input_t_), h_t_(hidden_t_), h_(hidden_),
      y_t_(output_t_), y_(output_), words_(dropout_floats(shape.hidden)), dz_(output_), dh_(hidden_),
      sums_(std::max(hidden_.stride, output_.stride)) {
  to_hidden_ = MatrixProduct({.rows = shape.hidden,
                              .columns = shape.rows,
                              .inner = shape.inputs,
                              .a_stride = shape.inputs,
                              .b_stride = input_t_.stride,
                              .c_stride = hidden_t_.stride,
                              .adds = true});
  to_output_ = MatrixProduct({.rows = shape.width,
                              .columns = shape.rows,
                              .inner = shape.hidden,
                              .a_stride = shape.hidden,
                              .b_stride = hidden_t_.stride,
                              .c_stride = output_t_.stride,
                              .adds = true});
  d_hidden_ = MatrixProduct({.rows = shape.rows,
                             .columns = shape.hidden,
                             .inner = shape.width,
                             .a_stride = output_.stride,
                             .b_stride = shape.hidden,
                             .c_stride = hidden_.stride});
  d_input_ = MatrixProduct({.rows = shape.rows,
                            .columns = shape.inputs,
                            .inner = shape.hidden,
                            .a_stride = hidden_.stride,
                            .b_stride = shape.inputs,
                            .c_stride = shape.inputs});
  d_output_weight_ = MatrixProduct({.rows = shape.width,
                                    .columns = shape.hidden,
                                    .inner = shape.rows,
                                    .a_stride = output_.stride,
                                    .b_stride = hidden_.stride,
                                    .c_stride = shape.hidden,
                                    .a_transposed = true});
  d_hidden_weight_ = MatrixProduct({.rows = shape.hidden,
                                    .columns = shape.inputs,
                                    .inner = shape.rows,
                                    .a_stride = hidden_.stride,
                                    .b_stride = shape.inputs,
                                    .c_stride = shape.inputs,
                                    .a_transposed = true});
}

VectorKernel::Kept VectorKernel::kept_of(const float* kept) const {
  auto* const hidden = const_cast<float*>(kept);
  float* const bits = hidden + plane_floats(hidden_);
  return {hidden, reinterpret_cast<std::uint8_t*>(bits), reinterpret_cast<std::uint8_t*>(bits + shape_.rows * bit_floats(hidden_row_))};
}

/// x itself where whole blocks of transpose() fill it.
const float* VectorKernel::plane_of_input(const float* x) {
  if (input_.rows % 4 == 0 && input_.columns % 4 == 0) return x;
  for (std::size_t row = 0; row < input_.rows; ++row)
    std::memcpy(x_.data() + row * input_.stride, x + row * input_.columns, input_.columns * sizeof(float));
  return x_.data();
}

void VectorKernel::forward(const float* x, const DropoutDraw& dropout, const VectorTensors<const float>& weights, float* kept, float* y) {
  const Kept of = kept_of(kept);
  loops_.transpose(plane_of_input(x), input_, x_t_.data(), input_t_.stride);
  loops_.fill_rows(weights.hidden_bias, hidden_t_, h_t_.data());
  to_hidden_(weights.hidden, x_t_.data(), h_t_.data());
  loops_.transpose(h_t_.data(), hidden_t_, h_.data(), hidden_.stride);
  for (std::size_t row = 0; row < shape_.rows; ++row) {
    DropoutDraw draw = dropout;
    draw.sample += static_cast<std::uint32_t>(row);
    loops_.activate(h_.data() + row * hidden_.stride, hidden_row_, 1, 0, draw, words_.data(), of.hidden + row * hidden_.stride,
                    hidden_.stride, of.hidden_bits + row * bit_floats(hidden_row_) * sizeof(float));
  }
  loops_.transpose(of.hidden, hidden_, h_t_.data(), hidden_t_.stride);
  loops_.fill_rows(weights.output_bias, output_t_, y_t_.data());
  to_output_(weights.output, h_t_.data(), y_t_.data());
  loops_.transpose(y_t_.data(), output_t_, y_.data(), output_.stride);
  loops_.activate(y_.data(), output_, 1, 0, DropoutDraw{}, words_.data(), y_.data(), output_.stride, of.output_bits);
  loops_.unpack(y_.data(), output_, y);
}

void VectorKernel::backward(const float* x, const float* dy, const DropoutDraw& dropout, const VectorTensors<const float>& weights,
                            const float* kept, float* dx, const VectorTensors<float>& gradients) {
  const Kept of = kept_of(kept);
  double ignored[2]; // what batch norm would want
  const auto bias = [&](const float* dz, PlaneSize size, float* to) {
    sums_.clear();
    loops_.add_column_sums(dz, size, sums_.data());
    std::memcpy(to, sums_.data(), size.columns * sizeof(float));
  };
  loops_.pack(dy, output_, y_.data());
  loops_.activate_backward(y_.data(), output_, 1, of.output_bits, y_.data(), 0, 0, dz_.data(), ignored);
  d_output_weight_(dz_.data(), of.hidden, gradients.output);
  bias(dz_.data(), output_, gradients.output_bias);
  d_hidden_(dz_.data(), weights.output, dh_.data());
  for (std::size_t row = 0; row < shape_.rows; ++row) {
    float* const dh = dh_.data() + row * hidden_.stride;
    loops_.activate_backward(dh, hidden_row_, dropout.scale, of.hidden_bits + row * bit_floats(hidden_row_) * sizeof(float), dh, 0, 0, dh,
                             ignored);
  }
  d_hidden_weight_(dh_.data(), x, gradients.hidden);
  bias(dh_.data(), hidden_, gradients.hidden_bias);
  d_input_(dh_.data(), weights.hidden, dx);
}

} // namespace stdualx
