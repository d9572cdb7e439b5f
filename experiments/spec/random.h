// Counter-based randomness: Philox4x32-10 (Salmon et al., SC 2011). A number depends on its key and counter alone, never on
// a generator's history, the rank or the run: a resumed run draws the same numbers, and ablations are paired.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace stdualx {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Philox4x32 with 10 rounds: four 32-bit words of one counter under one key.
constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of draws: key = XXH3-64(seed, purpose, layer); the counter is (epoch, step, sample, element).
/// `sample` is the index in the *global* batch, so that any split over ranks draws the same numbers.
struct RandomStream {
  PhiloxKey key{};

  RandomStream() = default;
  RandomStream(std::int64_t seed, std::string_view purpose, std::string_view layer = "");

  PhiloxCounter words(std::uint32_t epoch, std::uint32_t step, std::uint32_t sample, std::uint32_t element) const {
    return philox({element, sample, step, epoch}, key);
  }
};

/// 24 bits of a word as a float in [0, 1).
inline float uniform_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
/// Two words as a double in [0, 1) with 53 bits.
inline double uniform_double(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}
/// Two words as one standard normal (Box and Muller 1958).
inline double standard_normal(std::uint32_t first, std::uint32_t second) {
  constexpr double two_pi = 6.283185307179586476925286766559;
  const double radius = std::sqrt(-2.0 * std::log((static_cast<double>(first) + 1.0) * 0x1p-32));
  return radius * std::cos(two_pi * static_cast<double>(second) * 0x1p-32);
}

} // namespace stdualx
