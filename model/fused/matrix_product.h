// Small matrix products over float32 rows, by LIBXSMM, which makes code for one shape at its first use. No torch here.
#pragma once

#include <cstddef>
#include <string_view>

namespace stdualx {

/// Keeps products that are made from here on from better instructions than those of sse4, avx2 or avx512. For the whole process.
void limit_products(std::string_view instruction_set);

/// c = a b, or c += a b, of one shape: a [rows, inner], b [inner, columns], c [rows, columns], each row `stride` floats apart.
class MatrixProduct {
public:
  struct Shape {
    std::size_t rows, columns, inner;
    std::size_t a_stride, b_stride, c_stride;
    bool a_transposed = false; // a is [inner, rows] in memory
    bool adds = false;
  };
  MatrixProduct() = default;
  /// Throws std::invalid_argument for a shape that LIBXSMM makes no code for.
  explicit MatrixProduct(const Shape& shape);
  void operator()(const float* a, const float* b, float* c) const { code_(b, a, c); } // LIBXSMM counts columns first

private:
  void (*code_)(const float* a, const float* b, float* c, ...) = nullptr;
};

} // namespace stdualx
