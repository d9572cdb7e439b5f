// Philox against the known answers of its authors (Random123, kat_vectors), and one pinned stream.
#include "experiments/spec/random.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {

TEST(Philox, GivesTheKnownAnswersOfItsAuthors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, IsPinnedForEver) {
  const RandomStream stream(1, "dropout", "stdat.0.convolution");
  EXPECT_EQ(stream.words(1, 2, 3, 4), (PhiloxCounter{2929744318, 2232739533, 2757094291, 3408468865}));
}

TEST(RandomStream, DependsOnSeedPurposeAndLayer) {
  const auto base = RandomStream(1, "dropout", "a").key;
  EXPECT_NE(RandomStream(2, "dropout", "a").key, base);
  EXPECT_NE(RandomStream(1, "order", "a").key, base);
  EXPECT_NE(RandomStream(1, "dropout", "b").key, base);
  EXPECT_NE(RandomStream(1, "dropouta", "").key, base);
}

TEST(RandomStream, NormalsHaveMeanZeroAndDeviationOne) {
  const RandomStream stream(7, "noise");
  double sum = 0, squares = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const auto words = stream.words(0, 0, 0, static_cast<std::uint32_t>(i));
    const double value = standard_normal(words[0], words[1]);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0, 0.015);
  EXPECT_NEAR(squares / count, 1, 0.02);
}

} // namespace
} // namespace stdualx
