// Makes the network's parameters and buffers, named, with their first values.
//
// A value is drawn from Philox by (replica's seed, parameter's name, sensor, place among the real entries), in double: it
// depends neither on the pack, nor on other layers, nor on the type. So ablations start from equal weights where they
// share a layer, a replica in a pack starts as it does alone, and float32 starts as float64 rounded.
#pragma once

#include "model/network.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace stdualx {

/// What one sensor's slice of a parameter is drawn from: U(-bound, bound) where `real` (bool, the slice's shape), else 0.
struct UniformSlice {
  double bound = 0;
  at::Tensor real;
};

class Initialiser {
public:
  Initialiser(std::vector<std::int64_t> replica_seeds, at::ScalarType type, at::Device device);

  /// A parameter [R * slices.size(), slice...], uniform.
  at::Tensor uniform(const std::string& name, const std::vector<UniformSlice>& slices, bool decay);
  /// A parameter [R * slices, slice...] whose slices all start as `slice`.
  at::Tensor constant(const std::string& name, std::int64_t slices, const at::Tensor& slice);
  /// A buffer [R * slices, slice...] whose slices all start as `slice`.
  at::Tensor buffer(const std::string& name, std::int64_t slices, const at::Tensor& slice);
  /// A constant of the network, neither trained nor stored: `value` with the network's type and device.
  at::Tensor fixed(const at::Tensor& value) const;

  std::int64_t replicas() const { return static_cast<std::int64_t>(seeds.size()); }

  const std::vector<std::int64_t> seeds; // one a replica
  const at::Device device;
  std::vector<NamedTensor> parameters;
  std::vector<NamedTensor> buffers;

private:
  at::ScalarType type;
};

/// Which of `width` entries each sensor really has: bool [width] a sensor, the first widths[s] true.
std::vector<at::Tensor> first_real(const std::vector<std::int64_t>& widths, std::int64_t width);
/// `sensors` times: all of `width` entries are real.
std::vector<at::Tensor> all_real(std::int64_t sensors, std::int64_t width);
/// Matrix entries between real rows and real columns: bool [rows, columns].
at::Tensor real_matrix(const at::Tensor& rows, const at::Tensor& columns);

/// A linear layer for each leading index, with PyTorch's first values: weight and bias U(+-1 / sqrt(inputs)).
struct Linear {
  at::Tensor weight; // [G, outputs, inputs]
  at::Tensor bias;   // [G, outputs]

  Linear() = default;
  /// `inputs`, `outputs`: the real ones of each sensor (see first_real), all of one width.
  Linear(Initialiser& initialiser, const std::string& name, const std::vector<at::Tensor>& inputs, const std::vector<at::Tensor>& outputs);
  /// x: [G, rows, inputs] -> [G, rows, outputs].
  at::Tensor operator()(const at::Tensor& x) const;
};

/// Layer normalisation over the last axis, for each leading index (Ba et al. 2016).
struct LayerNorm {
  at::Tensor weight; // [G, width]
  at::Tensor bias;   // [G, width]

  LayerNorm() = default;
  LayerNorm(Initialiser& initialiser, const std::string& name, std::int64_t slices, std::int64_t width);
  /// x: [G, B, T, width] -> the same. With `mask` ([G, 1, 1, width]) over real channels alone, and 0 elsewhere.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& mask = {}) const;
};

} // namespace stdualx
