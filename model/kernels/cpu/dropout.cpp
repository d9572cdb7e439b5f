// Dropout masks on the CPU: a plain loop that the compiler vectorises (this file alone is compiled with -O3). It sees no
// torch, and integers are exact: every instruction set gives the same bits.
#include "model/kernels/dropout_mask.h"

#include "experiments/spec/random.h"

#include <algorithm>
#include <array>

namespace stdualx {
namespace {

constexpr std::int64_t chunk = 256; // blocks at a time: their words stay in the first-level cache

/// Four words of `count` consecutive elements; words[i][j] is word i of element first + j. One binary serves every
/// processor: the loader picks the widest version that it has.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void fill_words(std::array<std::array<std::uint32_t, chunk>, 4>& words, std::int64_t count, std::uint32_t first, PhiloxCounter counter, PhiloxKey key) {
  for (std::int64_t j = 0; j < count; ++j) {
    const PhiloxCounter drawn = philox({first + static_cast<std::uint32_t>(j), counter[1], counter[2], counter[3]}, key);
    for (std::size_t i = 0; i < 4; ++i) words[i][static_cast<std::size_t>(j)] = drawn[i];
  }
}

} // namespace

template <class Real>
void fill_dropout_mask_cpu(const DropoutMask& what, const std::int64_t* keys, const std::int64_t* counters, Real* mask) {
  const std::int64_t blocks = (what.places + 3) / 4;
  const auto kept = static_cast<Real>(what.scale);
  std::array<std::array<std::uint32_t, chunk>, 4> words;
  for (std::int64_t replica = 0; replica < what.replicas; ++replica) {
    const PhiloxKey key = {static_cast<std::uint32_t>(keys[2 * replica]), static_cast<std::uint32_t>(keys[2 * replica + 1])};
    const auto epoch = static_cast<std::uint32_t>(counters[2 * replica]), step = static_cast<std::uint32_t>(counters[2 * replica + 1]);
    for (std::int64_t sensor = 0; sensor < what.sensors; ++sensor) {
      for (std::int64_t row = 0; row < what.rows; ++row, mask += what.places) {
        const PhiloxCounter counter = {0, what.first_sample + static_cast<std::uint32_t>(row), step, epoch};
        for (std::int64_t begin = 0; begin < blocks; begin += chunk) {
          const std::int64_t count = std::min(chunk, blocks - begin);
          fill_words(words, count, static_cast<std::uint32_t>(sensor * blocks + begin), counter, key);
          for (std::int64_t i = 0; i < 4; ++i) {
            const std::int64_t place = i * blocks + begin;
            const std::int64_t end = std::min(count, what.places - place); // the last word may reach beyond the row
            for (std::int64_t j = 0; j < end; ++j)
              mask[place + j] = words[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] < what.threshold ? Real(0) : kept;
          }
        }
      }
    }
  }
}

template void fill_dropout_mask_cpu<float>(const DropoutMask&, const std::int64_t*, const std::int64_t*, float*);
template void fill_dropout_mask_cpu<double>(const DropoutMask&, const std::int64_t*, const std::int64_t*, double*);

} // namespace stdualx
