// Rotations of three axes: of training windows and of conditions alike.
#pragma once

#include <array>
#include <cmath>

namespace stdualx {

/// Rodrigues' rotation about `axis` (any length but 0) by `radians`, row-major.
inline std::array<double, 9> rotation_matrix(std::array<double, 3> axis, double radians) {
  const double length = std::sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]);
  const double x = axis[0] / length, y = axis[1] / length, z = axis[2] / length;
  const double c = std::cos(radians), s = std::sin(radians), t = 1 - c;
  return {t * x * x + c,     t * x * y - s * z, t * x * z + s * y, //
          t * x * y + s * z, t * y * y + c,     t * y * z - s * x, //
          t * x * z - s * y, t * y * z + s * x, t * z * z + c};
}

} // namespace stdualx
