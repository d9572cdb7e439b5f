// Tables on terminals of some width: what goes first, and that no line is wider.
#include "results/layout.h"

#include <gtest/gtest.h>

#include <sstream>

#include "experiments/spec/human_text.h"

namespace stdualx {
namespace {

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_width(line));
  return widest;
}

TitledTable example() {
  TitledTable titled{
      "runs", {{"run", "status", "data set", "reason", "test_accuracy_of_all", "detail"}, {}}, {"A note of some words that is long."}};
  for (const char* run : {"00aa11bb22", "33cc44dd55"})
    titled.table.rows.push_back({std::string(run), std::string("COMPLETE"), std::string("ucihar"), std::monostate{}, Percent{0.97021},
                                 std::string(run == std::string("00aa11bb22") ? "it went" : "the loss was no number in epoch 12")});
  return titled;
}

TEST(Layout, WithoutAWidthEveryColumnIsThereAndARowIsALine) {
  EXPECT_EQ(layout(example(), 0), "runs\n"
                                  "run         status    data set  reason  test_accuracy_of_all  detail\n"
                                  "──────────  ────────  ────────  ──────  ────────────────────  ──────────────────────────────────\n"
                                  "00aa11bb22  COMPLETE  ucihar         —               97.02 %  it went\n"
                                  "33cc44dd55  COMPLETE  ucihar         —               97.02 %  the loss was no number in epoch 12\n"
                                  "  A note of some words that is long.\n");
  EXPECT_EQ(layout(example(), 200), layout(example(), 0)) << "what fits is left as it is";
}

TEST(Layout, EmptyColumnsGoThenThoseThatSayTheSameInEveryRow) {
  EXPECT_EQ(layout(example(), 90), "runs\n"
                                   "run         status    data set  test_accuracy_of_all  detail\n"
                                   "──────────  ────────  ────────  ────────────────────  ──────────────────────────────────\n"
                                   "00aa11bb22  COMPLETE  ucihar                 97.02 %  it went\n"
                                   "33cc44dd55  COMPLETE  ucihar                 97.02 %  the loss was no number in epoch 12\n"
                                   "  A note of some words that is long.\n");
  EXPECT_EQ(layout(example(), 60), "runs · status: COMPLETE · data set: ucihar ·\n"
                                   "test_accuracy_of_all: 97.02 %\n"
                                   "run         detail\n"
                                   "──────────  ──────────────────────────────────\n"
                                   "00aa11bb22  it went\n"
                                   "33cc44dd55  the loss was no number in epoch 12\n"
                                   "  A note of some words that is long.\n");
}

TEST(Layout, TextAndHeadingsWrapAndNumbersStayWhole) {
  TitledTable titled = example();
  titled.table.rows[1][4] = Percent{0.5};
  EXPECT_EQ(layout(titled, 44), "runs · status: COMPLETE · data set: ucihar\n"
                                "run          test_accuracy_  detail\n"
                                "                     of_all\n"
                                "──────────  ───────────────  ───────────────\n"
                                "00aa11bb22          97.02 %  it went\n"
                                "33cc44dd55          50.00 %  the loss was no\n"
                                "                             number in epoch\n"
                                "                             12\n"
                                "  A note of some words that is long.\n");
  EXPECT_LE(widest_line(layout(titled, 44)), 44u);
  EXPECT_NE(layout(titled, 44).find("97.02 %"), std::string::npos);
}

TEST(Layout, WhatIsStillTooWideBecomesABlockARow) {
  TitledTable titled{"numbers", {{"first", "second", "third"}, {}}, {}};
  titled.table.rows.push_back({Real{1.25, 12}, Real{123456789.125, 6}, std::string("a sentence of several words, which wraps")});
  EXPECT_EQ(layout(titled, 30), "numbers\n"
                                "first   1.250000000000\n"
                                "second  123456789.125000\n"
                                "third   a sentence of several\n"
                                "        words, which wraps\n");
}

TEST(Layout, NoLineIsWiderAndNoNumberIsCutAtAnyWidth) {
  TitledTable titled{"a title that is rather long, and says what protocol it was", {}, {"A note. 123456.789012 is a number."}};
  for (int c = 0; c < 14; ++c) titled.table.columns.push_back("column_number_" + std::to_string(c));
  for (int row = 0; row < 3; ++row) {
    auto& cells = titled.table.rows.emplace_back();
    for (int c = 0; c < 14; ++c)
      if (c % 3 == 0) cells.emplace_back(Real{0.123456 + row + c * 1000, 6});
      else if (c % 3 == 1)
        cells.emplace_back(std::string("text 歩行 of row ") + std::to_string(row * 1111 + 10000 + c) +
                           " and /a/path/that/has/no/blank/and/is/long/" + std::to_string(c));
      else cells.emplace_back(std::int64_t{row} * 1000000 + c);
  }
  for (std::size_t width = narrowest_layout; width < 420; ++width) {
    const std::string text = layout(titled, width);
    EXPECT_LE(widest_line(text), width) << text;
    for (const char* number : {"123456.789012", "0.123456", "12002.123456", "2000011", "10001", "12223"})
      EXPECT_NE(text.find(number), std::string::npos) << number << " at " << width << "\n" << text;
  }
}

TEST(Layout, ATableWithoutRowsOrValuesShowsItsColumns) {
  EXPECT_EQ(layout({"", {{"a", "b"}, {}}, {}}, 40), "a  b\n─  ─\n");
  const TitledTable nothing{"", {{std::string(20, 'a'), std::string(20, 'b')}, {{std::monostate{}, std::monostate{}}}}, {}};
  EXPECT_LE(widest_line(layout(nothing, 30)), 30u);
  EXPECT_NE(layout(nothing, 40).find('a'), std::string::npos);
}

} // namespace
} // namespace stdualx
