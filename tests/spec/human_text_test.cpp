// Text for people: amounts, short identities, widths on a terminal, and lines that are cut between words.
#include "experiments/spec/human_text.h"

#include <gtest/gtest.h>

#include <clocale>

namespace stdualx {
namespace {

TEST(HumanText, DurationsAreSpelledForPeople) {
  EXPECT_EQ(whole_duration_text(12.4), "12 s");
  EXPECT_EQ(whole_duration_text(200), "3 min 20 s");
  EXPECT_EQ(whole_duration_text(3723), "1 h 02 min");
  EXPECT_EQ(duration_text(0.0016), "1.6 ms");
  EXPECT_EQ(duration_text(12.4), "12.4 s");
  EXPECT_EQ(duration_text(125), "2 min 05 s");
  EXPECT_EQ(duration_text(-0.5), "-500 ms");
}

TEST(HumanText, BytesCountsAndIdentitiesHaveOneForm) {
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(12'345'678), "12.3 MB");
  EXPECT_EQ(counted(1, "run"), "1 run");
  EXPECT_EQ(counted(0, "run"), "0 runs");
  EXPECT_EQ(counted(2, "entry", "entries"), "2 entries");
  EXPECT_EQ(short_id("0123456789abcdef"), "0123456789");
  EXPECT_EQ(short_id("abc"), "abc");
}

TEST(HumanText, WideAndCombiningLettersTakeTheirWidthInEveryLocale) {
  for (const char* locale : {"C", "C.UTF-8"}) {
    std::setlocale(LC_ALL, locale);
    EXPECT_EQ(display_width("abc"), 3u);
    EXPECT_EQ(display_width("Ordóñez"), 7u);
    EXPECT_EQ(display_width("o\u0301"), 1u) << "a combining accent";
    EXPECT_EQ(display_width("歩行"), 4u);
    EXPECT_EQ(display_width("\U0001F3C3"), 2u);
    EXPECT_EQ(display_width("\U0001F90C"), 2u) << "an emoji of Unicode 13";
    EXPECT_EQ(display_width("\xff\xfe"), 2u) << "broken bytes show as one sign each";
  }
  std::setlocale(LC_ALL, "C");
}

TEST(HumanText, LinesAreCutBetweenWordsAndNeverInANumber) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("", 7), Lines{""});
  EXPECT_EQ(wrapped("abcdefghij", 4), (Lines{"abcd", "efgh", "ij"}));
  EXPECT_EQ(wrapped("is 1234.56789 now", 5), (Lines{"is", "1234.56789", "now"}));
  EXPECT_EQ(wrapped("歩行歩行", 5), (Lines{"歩行", "歩行"})) << "a letter of two columns is not halved";
  EXPECT_EQ(unbroken_width("is 1234.56789 in /tmp/a1/b2"), 10u);
  EXPECT_EQ(cut_at_word("50 %  3/6 runs", 8), "50 % ");
  EXPECT_EQ(cut_at_word("歩行歩行", 5), "歩行");
  EXPECT_EQ(cut_at_word("as it is", 8), "as it is");
}

} // namespace
} // namespace stdualx
