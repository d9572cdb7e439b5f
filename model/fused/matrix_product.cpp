// The one file that sees LIBXSMM. Row by row, c = a b is column by column c' = b' a', so a and b change places.
#include "model/fused/matrix_product.h"

#include <libxsmm.h>

#include <stdexcept>
#include <string>

namespace stdualx {

void limit_products(std::string_view instruction_set) {
  libxsmm_set_target_arch(instruction_set == "avx512" ? "skx" : std::string(instruction_set).c_str()); // their name of it: Skylake's
}

MatrixProduct::MatrixProduct(const Shape& shape) {
  const auto number = [](std::size_t value) { return static_cast<libxsmm_blasint>(value); };
  const libxsmm_blasint lda = number(shape.b_stride), ldb = number(shape.a_stride), ldc = number(shape.c_stride);
  const float alpha = 1, beta = shape.adds ? 1.0f : 0.0f;
  const int flags = shape.a_transposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE, prefetch = LIBXSMM_PREFETCH_NONE;
  code_ = libxsmm_smmdispatch(number(shape.columns), number(shape.rows), number(shape.inner), &lda, &ldb, &ldc, &alpha, &beta, &flags,
                              &prefetch);
  if (code_ == nullptr)
    throw std::invalid_argument("LIBXSMM makes no code for a product of " + std::to_string(shape.rows) + " x " +
                                std::to_string(shape.inner) + " by " + std::to_string(shape.inner) + " x " + std::to_string(shape.columns));
}

} // namespace stdualx
