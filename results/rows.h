// Cells of a query's answer, read back as what the query is known to give. A file of another may hold anything: a cell of another kind is
// "" or 0, never an error.
#pragma once

#include <limits>
#include <string>
#include <variant>

#include "results/table.h"

namespace stdualx {

inline bool is_null(const Cell& cell) { return std::holds_alternative<std::monostate>(cell); }
inline std::string text_of(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : "";
}
inline std::int64_t integer_of(const Cell& cell) {
  const auto* integer = std::get_if<std::int64_t>(&cell);
  return integer != nullptr ? *integer : 0;
}
/// NaN for NULL.
inline double real_of(const Cell& cell) {
  if (const auto* real = std::get_if<Real>(&cell)) return real->value;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*integer);
  return std::numeric_limits<double>::quiet_NaN();
}
inline Cell percent_or_nothing(double share, bool sign = false) {
  if (share != share) return std::monostate{};
  return Percent{share, 2, sign};
}

} // namespace stdualx
