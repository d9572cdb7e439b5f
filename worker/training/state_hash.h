// A fingerprint of a training's whole state, which makes "a resumed run is the same run" a query.
//
//   hashed := step (int64, little endian) tensor*
//   tensor := name '\0' type '\0' dimensions (int64 each) bytes (row-major)
#pragma once

#include "model/network.h"

namespace stdualx {

/// XXH3-128 of `step` and of the tensors in their order, as 32 lower-case hex digits. Tensors may lie on any device.
std::string state_hash(const std::vector<NamedTensor>& tensors, std::int64_t step);

} // namespace stdualx
