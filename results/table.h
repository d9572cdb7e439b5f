// A table as people read it and machines parse it: what every query and report gives, and what format.h writes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace stdualx {

/// A number; `digits` after the point in tables for people (-1: as many as needed to read it back, at most 6 significant).
struct Real {
  double value = 0;
  int digits = -1;
  bool operator==(const Real&) const = default;
};
/// A share from 0 to 1: "97.02 %" for people, 0.9702 for machines. `sign`: a difference of two, "+0.41 points", 0.0041 for machines.
struct Percent {
  double share = 0;
  int digits = 2;
  bool sign = false;
  bool operator==(const Percent&) const = default;
};
/// Seconds: "2 min 05 s" for people, 125 for machines.
struct Duration {
  double seconds = 0;
  bool operator==(const Duration&) const = default;
};

/// monostate: nothing there. "—" for people, an empty field in CSV, null in JSON.
using Cell = std::variant<std::monostate, std::string, std::int64_t, Real, Percent, Duration>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows; // each as long as `columns`
};

/// A table with its heading, and sentences that belong under it (how an interval was made, what a word means).
struct TitledTable {
  std::string title;
  Table table;
  std::vector<std::string> notes;
};

} // namespace stdualx
