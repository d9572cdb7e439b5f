// A linear layer over rows of float32 with its weights laid out for products from the left.
#pragma once

#include "model/fused/matrix_product.h"
#include "model/fused/scratch.h"

#include <cstddef>

namespace stdualx {

class PackedLinear {
public:
  static constexpr std::size_t most_rows = 16; // of one product

  PackedLinear() = default;
  /// weight: [outputs, inputs], bias: [outputs]; both are copied. `loops` outlives this.
  PackedLinear(const float* weight, const float* bias, std::size_t inputs, std::size_t outputs, const VectorLoops& loops);
  /// x: [rows, inputs], rows padded(inputs) floats apart; y: [rows, outputs], padded(outputs) apart. Both at 64-byte borders. rows <=
  /// most_rows.
  void operator()(const float* x, std::size_t rows, float* y) const;

  std::size_t outputs() const { return outputs_; }

private:
  std::size_t inputs_ = 0, outputs_ = 0;
  const VectorLoops* loops_ = nullptr;
  FloatArray weight_, bias_; // [inputs, outputs]
  MatrixProduct one_, many_;
};

} // namespace stdualx
