// Frames that replace each other: a small terminal reads what is written and keeps its rows, as one that breaks lines anew does.
#include "orchestrator/redraw.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

namespace stdualx {
namespace {

/// What stands on the screen, line by line as they were written; how often a line breaks follows from the width.
class Screen {
public:
  explicit Screen(std::size_t columns) : columns_(columns) {}
  void resize(std::size_t columns) { columns_ = columns; }
  void write(const std::string& text) {
    static const std::regex up("^\x1b\\[(\\d+)A\x1b\\[J");
    std::smatch found;
    std::string rest = text;
    if (std::regex_search(rest, found, up)) {
      std::size_t rows = std::stoul(found[1]);
      for (; rows > 0 && !lines.empty(); lines.pop_back()) {
        const std::size_t taken = std::max<std::size_t>(1, (lines.back().size() + columns_ - 1) / columns_);
        ASSERT_LE(taken, rows) << "half of a line would stay behind";
        rows -= taken;
      }
      ASSERT_EQ(rows, 0u);
      rest = found.suffix();
    }
    for (std::size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) lines.push_back(rest.substr(0, end));
    ASSERT_EQ(rest, "");
  }
  std::vector<std::string> lines;

private:
  std::size_t columns_;
};

using Lines = std::vector<std::string>;

TEST(Redraw, AFrameTakesThePlaceOfTheOneBeforeAndLeavesWhatStandsAbove) {
  Redraw redraw;
  Screen screen(80);
  screen.write("typed before\n");
  screen.write(redraw.draw({"a", "b", "c"}, {80, 24}));
  screen.write(redraw.draw({"d"}, {80, 24}));
  EXPECT_EQ(screen.lines, (Lines{"typed before", "d"}));
  screen.write(redraw.clear({80, 24}));
  EXPECT_EQ(screen.lines, (Lines{"typed before"}));
  EXPECT_EQ(redraw.clear({80, 24}), "") << "nothing is drawn any more";
}

TEST(Redraw, ANarrowerWindowLeavesNothingBehind) {
  Redraw redraw;
  Screen screen(80);
  screen.write("typed before\n");
  screen.write(redraw.draw({std::string(70, 'x'), "", std::string(40, 'y')}, {80, 24}));
  screen.resize(20);
  screen.write(redraw.draw({"now"}, {20, 24}));
  EXPECT_EQ(screen.lines, (Lines{"typed before", "now"}));
}

TEST(Redraw, AFrameThatIsTallerThanTheWindowSaysHowManyLinesItLeavesOut) {
  Redraw redraw;
  Screen screen(80);
  screen.write(redraw.draw({"1", "2", "3", "4", "5"}, {80, 4}));
  EXPECT_EQ(screen.lines, (Lines{"1", "2", "... 3 lines more; make the window taller"}));
}

TEST(Redraw, WhatIsKeptStays) {
  Redraw redraw;
  Screen screen(80);
  screen.write(redraw.draw({"last"}, {80, 24}));
  redraw.keep();
  screen.write(redraw.draw({"next"}, {80, 24}));
  EXPECT_EQ(screen.lines, (Lines{"last", "next"}));
}

TEST(Redraw, WhereNoTerminalIsNothingIsRedrawn) {
  EXPECT_FALSE(can_redraw(-1));
  EXPECT_EQ(window_at(-1), std::nullopt);
}

} // namespace
} // namespace stdualx
