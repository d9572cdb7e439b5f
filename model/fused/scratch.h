// Memory of the fused layers: float arrays at 64-byte borders, filled with 0 once.
#pragma once

#include "model/fused/vector_loops.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace stdualx {

class FloatArray {
public:
  FloatArray() = default;
  explicit FloatArray(std::size_t count) : count_(padded(count)) {
    values_.reset(static_cast<float*>(std::aligned_alloc(64, std::max<std::size_t>(count_, plane_alignment) * sizeof(float))));
    if (!values_) throw std::bad_alloc();
    clear();
  }
  explicit FloatArray(PlaneSize size) : FloatArray(plane_floats(size)) {}
  float* data() const { return values_.get(); }
  std::size_t size() const { return count_; }
  void clear() { std::memset(values_.get(), 0, count_ * sizeof(float)); }

private:
  struct Free {
    void operator()(float* values) const { std::free(values); }
  };
  std::size_t count_ = 0;
  std::unique_ptr<float, Free> values_;
};

} // namespace stdualx
