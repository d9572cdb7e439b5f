// What the models of this folder share: chance by a seed, a broken invariant, and many tries, of which a failing one's seed is printed.
// STDUALX_MODEL_SEED=N repeats it alone, with its trace.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

namespace stdualx {

/// An invariant does not hold.
class Broken : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

struct Chance {
  explicit Chance(std::uint64_t seed) : engine(seed) {}
  double share() { return static_cast<double>(engine() >> 11) * 0x1p-53; }
  bool one_in(double often) { return share() * often < 1; }
  std::int64_t upto(std::int64_t most) { return static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(most + 1)); }
  std::mt19937_64 engine;
};

/// A number that STDUALX_MODEL_SEED names.
inline std::optional<std::uint64_t> seed_from_environment() {
  const char* text = std::getenv("STDUALX_MODEL_SEED");
  if (text == nullptr) return std::nullopt;
  return std::stoull(text);
}

/// `Model(seed, with its trace)` is run for the seeds 1 to `count`; the first one that throws fails the test.
template <class Model> void try_many(std::uint64_t count) {
  const auto only = seed_from_environment();
  const std::uint64_t first = only.value_or(1), last = only.value_or(count);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    try {
      Model(seed, only.has_value()).run();
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\nrepeat it with STDUALX_MODEL_SEED=" << seed;
    }
  }
}

} // namespace stdualx
