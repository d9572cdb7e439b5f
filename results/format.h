// Every way in which a table leaves the program. Commands never print tables by themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/human_text.h"
#include "results/table.h"

namespace stdualx {

enum class Format { table, csv, json, markdown, latex };

/// How a table leaves: its format and, for `table` alone, the columns of the terminal that it is to fit (results/layout.h; 0: unbounded).
struct Output {
  Format format = Format::table;
  std::size_t width = 0;
  // NOLINTNEXTLINE(google-explicit-constructor): a format alone says all, for pipes and files
  Output(Format format_, std::size_t width_ = 0) : format(format_), width(width_) {}
};

/// "table", "csv", "json", "markdown", "latex". Throws InputError with the near word.
Format format_named(std::string_view name);

/// The cell as people read it: "97.02 %", "2 min 05 s", "—". Real without digits: shortest text of at most 6 significant digits.
std::string cell_text(const Cell& cell);
/// The cell as machines read it: plain number in full precision, "" for nothing, "nan", "inf", "-inf".
std::string cell_value(const Cell& cell);

/// One table, with a newline at its end. Nothing is ever cut short; line ends inside a cell show as "\n".
///   table     aligned by Unicode width, numbers to the right; within a width as results/layout.h says
///   csv       RFC 4180 (CRLF, quotes doubled), numbers in full precision
///   json      an array of objects; a repeated column name gets ":2"; numbers that are not finite are strings
///   markdown  a pipe table        latex  a tabular with booktabs rules, everything escaped
std::string format_table(const Table& table, const Output& output);

/// Several tables with titles and notes. csv: blocks of one table each, titles as "# " lines, parted by an empty line (a single
/// one: bare CSV). json: an object by title; a single table: bare array.
std::string format_tables(const std::vector<TitledTable>& tables, const Output& output);

} // namespace stdualx
