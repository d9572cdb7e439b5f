// Every way out of the program, byte by byte.
#include "results/format.h"

#include <gtest/gtest.h>

#include <limits>

#include "fixture.h"

namespace stdualx {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Table example() {
  Table table{{"name", "runs", "accuracy", "time"}, {}};
  table.rows.push_back({std::string("plain"), std::int64_t{3}, Percent{0.97021}, Duration{125}});
  table.rows.push_back({std::string("a \"b\", c\nd | 50%_$"), std::int64_t{1200}, std::monostate{}, Duration{0.0016}});
  return table;
}

TEST(Format, ATableIsAlignedAndNumbersStandToTheRight) {
  EXPECT_EQ(format_table(example(), Format::table), "name                 runs  accuracy        time\n"
                                                    "───────────────────  ────  ────────  ──────────\n"
                                                    "plain                   3   97.02 %  2 min 05 s\n"
                                                    "a \"b\", c\\nd | 50%_$  1200         —      1.6 ms\n");
}

TEST(Format, WideAndCombiningLettersTakeTheirWidth) {
  const Table table{{"a", "b"}, {{std::string("歩行"), std::string("x")}, {std::string("walk!"), std::string("y")}}};
  EXPECT_EQ(format_table(table, Format::table), "a      b\n─────  ─\n歩行   x\nwalk!  y\n");
}

TEST(Format, NothingIsCutAndATerminalObeysNoStoredText) {
  const std::string longest(5000, 'x');
  EXPECT_NE(format_table({{"a"}, {{longest}}}, Format::table).find(longest), std::string::npos);
  EXPECT_EQ(format_table({{"a"}, {{std::string("\x1b[2J\xff\tz")}}}, Format::table), "a\n───────────\n\\x1b[2J\uFFFD\\tz\n");
}

TEST(Format, CsvFollowsRfc4180) {
  EXPECT_EQ(format_table(example(), Format::csv), "name,runs,accuracy,time\r\n"
                                                  "plain,3,0.97021,125\r\n"
                                                  "\"a \"\"b\"\", c\nd | 50%_$\",1200,,0.0016\r\n");
}

TEST(Format, JsonKeepsOrderTypesAndEveryColumn) {
  EXPECT_EQ(
      Json::parse(format_table(example(), Format::json)),
      Json::parse(
          R"([{"name": "plain", "runs": 3, "accuracy": 0.97021, "time": 125.0}, {"name": "a \"b\", c\nd | 50%_$", "runs": 1200, "accuracy": null, "time": 0.0016}])"));
  const std::string text = format_table({{"z", "a", "a"}, {{Real{nan}, std::int64_t{1}, Real{0.1}}}}, Format::json);
  EXPECT_EQ(text, "[\n  {\n    \"z\": \"nan\",\n    \"a\": 1,\n    \"a:2\": 0.1\n  }\n]\n");
  EXPECT_EQ(format_table({{"a"}, {}}, Format::json), "[]\n");
}

TEST(Format, MarkdownAndLatexAreEscaped) {
  EXPECT_EQ(format_table(example(), Format::markdown), "| name | runs | accuracy | time |\n"
                                                       "| --- | ---: | ---: | ---: |\n"
                                                       "| plain | 3 | 97.02 % | 2 min 05 s |\n"
                                                       "| a \"b\", c\\\\nd \\| 50%\\_$ | 1200 | — | 1.6 ms |\n");
  EXPECT_EQ(format_table(example(), Format::latex),
            "\\begin{tabular}{lrrr}\n\\toprule\nname & runs & accuracy & time \\\\\n\\midrule\n"
            "plain & 3 & 97.02 \\% & 2 min 05 s \\\\\n"
            "a \"b\", c\\textbackslash{}nd | 50\\%\\_\\$ & 1200 & — & 1.6 ms \\\\\n\\bottomrule\n\\end{tabular}\n");
  EXPECT_EQ(format_table({{"a&b"}, {{std::string("~^\\{}#<>")}}}, Format::latex),
            "\\begin{tabular}{l}\n\\toprule\na\\&b "
            "\\\\\n\\midrule\n\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\{\\}\\#\\textless{}\\textgreater{} "
            "\\\\\n\\bottomrule\n\\end{tabular}\n");
}

TEST(Format, CellsReadAsPeopleAndMachinesReadThem) {
  EXPECT_EQ(cell_text(Real{0.5}), "0.5");
  EXPECT_EQ(cell_text(Real{1234567.0}), "1.23457e+06");
  EXPECT_EQ(cell_value(Real{1234567.0}), "1234567");
  EXPECT_EQ(cell_value(Real{0.1 + 0.2}), "0.30000000000000004");
  EXPECT_EQ(cell_text(Real{2.0 / 3, 2}), "0.67");
  EXPECT_EQ(cell_text(Percent{0.0041, 2, true}), "+0.41 points") << "0.41 % of what it was would be less";
  EXPECT_EQ(cell_text(Percent{-0.0041, 2, true}), "-0.41 points");
  EXPECT_EQ(cell_value(Percent{-0.0041, 2, true}), "-0.0041");
  EXPECT_EQ(cell_text(Percent{-0.0774, 2, true}), "-7.74 points");
  EXPECT_EQ(cell_text(Percent{nan}), "nan");
  EXPECT_EQ(cell_value(Real{-std::numeric_limits<double>::infinity()}), "-inf");
  EXPECT_EQ(cell_text({}), "—");
  EXPECT_EQ(cell_value({}), "");
  const std::vector<std::pair<double, std::string>> durations{{0, "0 s"},
                                                              {2.5e-5, "25 us"},
                                                              {0.0016, "1.6 ms"},
                                                              {0.25, "250 ms"},
                                                              {1, "1.0 s"},
                                                              {59.94, "59.9 s"},
                                                              {99.9, "99.9 s"},
                                                              {99.96, "1 min 40 s"},
                                                              {3599.6, "1 h 00 min"},
                                                              {7380, "2 h 03 min"},
                                                              {360000, "100 h 00 min"},
                                                              {-2, "-2.0 s"}};
  for (const auto& [seconds, text] : durations) EXPECT_EQ(cell_text(Duration{seconds}), text) << seconds;
}

TEST(Format, SeveralTablesKeepTheirTitlesAndNotes) {
  const std::vector<TitledTable> two{{"first", {{"a"}, {{std::int64_t{1}}}}, {"a note"}}, {"second", {{"b"}, {}}, {}}};
  EXPECT_EQ(format_tables(two, Format::table), "first\na\n─\n1\n  a note\n\nsecond\nb\n─\n");
  EXPECT_EQ(format_tables(two, Format::csv), "# first\r\na\r\n1\r\n\r\n# second\r\nb\r\n");
  EXPECT_EQ(Json::parse(format_tables(two, Format::json)), Json::parse(R"({"first": [{"a": 1}], "second": []})"));
  EXPECT_EQ(format_tables({two[0]}, Format::csv), "a\r\n1\r\n");
  EXPECT_EQ(Json::parse(format_tables({two[0]}, Format::json)), Json::parse(R"([{"a": 1}])"));
  EXPECT_EQ(format_tables(two, Format::markdown), "## first\n\n| a |\n| ---: |\n| 1 |\n\na note\n\n## second\n\n| b |\n| --- |\n");
}

TEST(Format, AnUnknownFormatIsAnsweredWithTheNearOne) {
  EXPECT_EQ(format_named("latex"), Format::latex);
  EXPECT_EQ(message_of<InputError>([] { format_named("jsn"); }),
            "--format: expected one of table, csv, json, markdown, latex, found 'jsn'; did you mean 'json'?");
}

} // namespace
} // namespace stdualx
