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

} // namespace stdualx
