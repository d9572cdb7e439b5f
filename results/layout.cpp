// See layout.h.
#include "results/layout.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "experiments/spec/human_text.h"
#include "experiments/spec/shown_text.h"
#include "results/format.h"

namespace stdualx {

namespace {

/// Nothing is cut short, but cells are lined up to this width only: one value of a foreign store must not make all others as long.
constexpr std::size_t widest_column = 1000;
constexpr std::size_t gap = 2;             // blanks between columns
constexpr std::size_t narrowest_text = 12; // columns of text are not wrapped below this
constexpr std::size_t tallest_row = 6;     // lines; a row that takes more reads better as a block
constexpr std::size_t indent_of_note = 2;

/// A column whose cells are text by now.
struct Column {
  std::string name;
  std::vector<std::string> cells;
  bool right = false, empty = false; // numbers alone; no value at all
  std::size_t natural = 0;           // its width when nothing wraps
  std::size_t least = 0;             // and the narrowest without cutting a number

  bool is_constant() const {
    return cells.size() > 1 && std::all_of(cells.begin(), cells.end(), [&](const std::string& cell) { return cell == cells[0]; });
  }
};

std::vector<std::string> wrapped_cell(const std::string& text, std::size_t width) {
  return display_width(text) <= width ? std::vector<std::string>{text} : wrapped(text, width);
}

/// A heading, cut at blanks and after underscores too; a piece that is longer stays whole.
std::vector<std::string> wrapped_heading(const std::string& name, std::size_t width) {
  std::vector<std::string> lines{""};
  std::string piece;
  const auto put = [&] {
    const bool fits = display_width(lines.back() + piece.substr(0, piece.find_last_not_of(' ') + 1)) <= width;
    if (!fits && !lines.back().empty()) lines.emplace_back();
    lines.back() += piece;
    piece.clear();
  };
  for (const char letter : name) {
    piece += letter;
    if (letter == ' ' || letter == '_') put();
  }
  put();
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

std::vector<Column> columns_of(const Table& table) {
  std::vector<Column> columns;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    Column column;
    column.name = shown_on_one_line(table.columns[c]);
    column.right = column.empty = !table.rows.empty();
    column.natural = display_width(column.name);
    for (const std::string& line : wrapped_heading(column.name, 1)) column.least = std::max(column.least, display_width(line));
    for (const auto& row : table.rows) {
      const Cell& cell = row[c];
      const bool is_nothing = cell.index() == 0, is_number = cell.index() >= 2;
      column.cells.push_back(shown_on_one_line(cell_text(cell)));
      const std::string& text = column.cells.back();
      column.right = column.right && (is_number || is_nothing);
      column.empty = column.empty && (is_nothing || text.empty());
      const std::size_t wide = display_width(text);
      column.natural = std::max(column.natural, wide);
      column.least = std::max(column.least, is_number ? wide : std::max(unbroken_width(text), std::min(wide, narrowest_text)));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string padded(std::string_view text, std::size_t width, bool right) {
  const std::size_t taken = display_width(text);
  const std::string space(width > taken ? width - taken : 0, ' ');
  return right ? space + std::string(text) : std::string(text) + space;
}

std::size_t total(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + (widths.empty() ? 0 : gap * (widths.size() - 1));
}

std::vector<std::size_t> natural_widths(const std::vector<Column>& columns) {
  std::vector<std::size_t> widths;
  for (const Column& column : columns) widths.push_back(std::min(column.natural, widest_column));
  return widths;
}

/// The widths at which the columns fit into `width`, the widest shrunk first; empty: they do not fit.
std::vector<std::size_t> shrunk_widths(const std::vector<Column>& columns, std::size_t width) {
  std::vector<std::size_t> widths = natural_widths(columns);
  while (total(widths) > width) {
    std::size_t widest = columns.size();
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (widths[c] > columns[c].least && (widest == columns.size() || widths[c] > widths[widest])) widest = c;
    if (widest == columns.size()) return {};
    --widths[widest];
  }
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (const std::string& cell : columns[c].cells)
      if (wrapped_cell(cell, widths[c]).size() > tallest_row) return {};
  return widths;
}

/// A line of cells, or several where one of them is wrapped.
std::string drawn(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& cells,
                  const std::vector<std::size_t>& widths) {
  std::size_t height = 1;
  for (const auto& cell : cells) height = std::max(height, cell.size());
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    std::string whole;
    for (std::size_t c = 0; c < cells.size(); ++c)
      whole += (c > 0 ? std::string(gap, ' ') : "") + padded(line < cells[c].size() ? cells[c][line] : "", widths[c], columns[c].right);
    whole.erase(whole.find_last_not_of(' ') + 1);
    text += whole + "\n";
  }
  return text;
}

std::string as_grid(const std::vector<Column>& columns, const std::vector<std::size_t>& widths, bool wraps) {
  std::vector<std::vector<std::string>> cells;
  for (std::size_t c = 0; c < columns.size(); ++c)
    cells.push_back(wraps ? wrapped_heading(columns[c].name, widths[c]) : std::vector<std::string>{columns[c].name});
  std::string text = drawn(columns, cells, widths);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    text += c > 0 ? std::string(gap, ' ') : "";
    for (std::size_t i = 0; i < widths[c]; ++i) text += "─";
  }
  text += "\n";
  for (std::size_t row = 0; !columns.empty() && row < columns[0].cells.size(); ++row) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      cells[c] = wraps ? wrapped_cell(columns[c].cells[row], widths[c]) : std::vector<std::string>{columns[c].cells[row]};
    text += drawn(columns, cells, widths);
  }
  return text;
}

std::string as_lines(const std::string& text, std::size_t width, std::size_t indent) {
  std::string lines;
  for (const std::string& line : wrapped_cell(text, width - indent)) lines += std::string(indent, ' ') + line + "\n";
  return lines;
}

/// One row after the other, a line a column: "name  value", or the value below its name where both do not fit beside each other.
std::string as_blocks(const std::vector<Column>& columns, std::size_t width) {
  std::size_t label = 0;
  for (const Column& column : columns)
    if (display_width(column.name) <= width / 2) label = std::max(label, display_width(column.name));
  std::string text;
  for (std::size_t row = 0; !columns.empty() && row < columns[0].cells.size(); ++row) {
    if (row > 0) text += "\n";
    for (const Column& column : columns) {
      const std::string& cell = column.cells[row];
      const std::size_t room = width - std::min(width, label + gap);
      if (display_width(column.name) > label || unbroken_width(cell) > room || (column.right && display_width(cell) > room)) {
        text += as_lines(column.name, width, 0);
        text += column.right ? "  " + cell + "\n" : as_lines(cell, width, gap);
        continue;
      }
      const std::vector<std::string> lines = wrapped_cell(cell, room);
      for (std::size_t line = 0; line < lines.size(); ++line)
        text += padded(line == 0 ? column.name : "", label + gap, false) + lines[line] + "\n";
    }
  }
  return text;
}

bool fits(const std::vector<Column>& columns, std::size_t width) { return total(natural_widths(columns)) <= width; }

} // namespace

std::string layout(const TitledTable& titled, std::size_t width) {
  std::vector<Column> columns = columns_of(titled.table);
  std::string title = shown_on_one_line(titled.title);
  if (width == 0) {
    std::string text = (title.empty() ? "" : title + "\n") + as_grid(columns, natural_widths(columns), false);
    for (const auto& note : titled.notes) text += std::string(indent_of_note, ' ') + shown_on_one_line(note) + "\n";
    return text;
  }
  if (!fits(columns, width) && std::any_of(columns.begin(), columns.end(), [](const Column& column) { return !column.empty; }))
    std::erase_if(columns, [](const Column& column) { return column.empty; });
  if (!fits(columns, width) && !std::all_of(columns.begin(), columns.end(), [](const Column& column) { return column.is_constant(); }))
    std::erase_if(columns, [&](const Column& column) {
      if (!column.is_constant()) return false;
      title += (title.empty() ? "" : " · ") + column.name + ": " + column.cells[0];
      return true;
    });
  std::string text = title.empty() ? "" : as_lines(title, width, 0);
  const std::vector<std::size_t> widths = fits(columns, width) ? natural_widths(columns) : shrunk_widths(columns, width);
  text += widths.empty() ? as_blocks(columns, width) : as_grid(columns, widths, true);
  for (const auto& note : titled.notes) text += as_lines(shown_on_one_line(note), width, indent_of_note);
  return text;
}

} // namespace stdualx
