// Tables as text, CSV, JSON, Markdown and LaTeX.
#include "results/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "experiments/spec/fields.h"
#include "experiments/spec/shown_text.h"

namespace stdualx {

namespace {

// Unicode 15: combining marks and zero-width characters; East Asian wide and fullwidth, and emoji.
constexpr std::pair<char32_t, char32_t> zero_width[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F}, {0x0900, 0x0902},  {0x093C, 0x093C},
    {0x0941, 0x0948}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},  {0x200B, 0x200F},
    {0x2060, 0x2064}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
constexpr std::pair<char32_t, char32_t> double_width[] = {
    {0x1100, 0x115F}, {0x231A, 0x231B}, {0x23E9, 0x23EC},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF}, {0xA000, 0xA4CF}, {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <std::size_t Count> bool is_in(const std::pair<char32_t, char32_t> (&ranges)[Count], char32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges), [&](const auto& range) { return code >= range.first && code <= range.second; });
}

bool is_number(const Cell& cell) { return cell.index() >= 2; }

std::string number_text(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return digits < 0 ? fmt::format("{:.6g}", value) : fmt::format("{:.{}f}", value, digits);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return number_text(seconds, 0);
  if (seconds < 0) return "-" + duration_text(-seconds);
  if (seconds < 1)
    return seconds == 0 ? "0 s" : seconds < 0.001 ? fmt::format("{:.3g} us", seconds * 1e6) : fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

/// Nothing is cut short, but cells are lined up to this width only: one value of a foreign store must not make all others as long.
constexpr std::size_t widest_column = 1000;

std::string padded(std::string_view text, std::size_t width, bool right) {
  const std::size_t taken = display_width(text);
  const std::string space(width > taken ? width - taken : 0, ' ');
  return right ? space + std::string(text) : std::string(text) + space;
}

std::string as_text(const Table& table) {
  std::vector<std::vector<std::string>> lines{{}};
  for (const auto& column : table.columns) lines[0].push_back(shown_on_one_line(column));
  std::vector<bool> right(table.columns.size(), !table.rows.empty());
  for (const auto& row : table.rows) {
    auto& line = lines.emplace_back();
    for (std::size_t c = 0; c < row.size(); ++c) {
      line.push_back(shown_on_one_line(cell_text(row[c])));
      right[c] = right[c] && (is_number(row[c]) || row[c].index() == 0);
    }
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::min(std::max(widths[c], display_width(line[c])), widest_column);
  std::string text;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    std::string whole;
    for (std::size_t c = 0; c < lines[l].size(); ++c) whole += (c > 0 ? "  " : "") + padded(lines[l][c], widths[c], right[c]);
    whole.erase(whole.find_last_not_of(' ') + 1);
    text += whole + "\n";
    if (l > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      text += c > 0 ? "  " : "";
      for (std::size_t i = 0; i < widths[c]; ++i) text += "─";
    }
    text += "\n";
  }
  return text;
}

std::string csv_field(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char letter : value) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + "\"";
}

std::string as_csv(const Table& table) {
  std::string text;
  const auto line = [&](const auto& cells, const auto& value) {
    for (std::size_t c = 0; c < cells.size(); ++c) text += (c > 0 ? "," : "") + csv_field(value(cells[c]));
    text += "\r\n";
  };
  line(table.columns, [](const std::string& name) { return name; });
  for (const auto& row : table.rows) line(row, cell_value);
  return text;
}

using OrderedJson = nlohmann::ordered_json;

OrderedJson json_value(const Cell& cell) {
  const auto number = [](double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(number_text(value, 0)); };
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
  if (const auto* real = std::get_if<Real>(&cell)) return number(real->value);
  if (const auto* percent = std::get_if<Percent>(&cell)) return number(percent->share);
  if (const auto* duration = std::get_if<Duration>(&cell)) return number(duration->seconds);
  return nullptr;
}

OrderedJson as_json(const Table& table) {
  std::vector<std::string> names;
  for (const auto& column : table.columns) {
    std::string name = column;
    for (int copy = 2; std::find(names.begin(), names.end(), name) != names.end(); ++copy) name = column + ":" + std::to_string(copy);
    names.push_back(name);
  }
  OrderedJson rows = OrderedJson::array();
  for (const auto& row : table.rows) {
    OrderedJson object = OrderedJson::object();
    for (std::size_t c = 0; c < row.size(); ++c) object[names[c]] = json_value(row[c]);
    rows.push_back(std::move(object));
  }
  return rows;
}
std::string dumped(const OrderedJson& json) { return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n"; }

std::string escaped_markdown(std::string_view text) {
  std::string escaped;
  for (const char letter : shown_on_one_line(text)) {
    if (letter == '|' || letter == '\\' || letter == '*' || letter == '_' || letter == '`' || letter == '<') escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

std::string as_markdown(const Table& table) {
  std::string text = "|", rule = "|";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const bool right = !table.rows.empty() && std::all_of(table.rows.begin(), table.rows.end(),
                                                          [&](const auto& row) { return is_number(row[c]) || row[c].index() == 0; });
    text += " " + escaped_markdown(table.columns[c]) + " |";
    rule += right ? " ---: |" : " --- |";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (const auto& cell : row) text += " " + escaped_markdown(cell_text(cell)) + " |";
    text += "\n";
  }
  return text;
}

std::string escaped_latex(std::string_view text) {
  std::string escaped;
  for (const char letter : shown_on_one_line(text)) {
    switch (letter) {
    case '\\': escaped += "\\textbackslash{}"; break;
    case '~': escaped += "\\textasciitilde{}"; break;
    case '^': escaped += "\\textasciicircum{}"; break;
    case '<': escaped += "\\textless{}"; break;
    case '>': escaped += "\\textgreater{}"; break;
    case '&':
    case '%':
    case '$':
    case '#':
    case '_':
    case '{':
    case '}': (escaped += '\\') += letter; break;
    default: escaped += letter;
    }
  }
  return escaped;
}

std::string as_latex(const Table& table) {
  std::string columns, text;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    columns += !table.rows.empty() && std::all_of(table.rows.begin(), table.rows.end(),
                                                  [&](const auto& row) { return is_number(row[c]) || row[c].index() == 0; })
                   ? 'r'
                   : 'l';
  const auto line = [&](const auto& cells, const auto& value) {
    for (std::size_t c = 0; c < cells.size(); ++c) text += (c > 0 ? " & " : "") + escaped_latex(value(cells[c]));
    text += " \\\\\n";
  };
  text = "\\begin{tabular}{" + columns + "}\n\\toprule\n";
  line(table.columns, [](const std::string& name) { return name; });
  text += "\\midrule\n";
  for (const auto& row : table.rows) line(row, cell_text);
  return text + "\\bottomrule\n\\end{tabular}\n";
}

} // namespace

Format format_named(std::string_view name) {
  const std::vector<std::string> names{"table", "csv", "json", "markdown", "latex"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Format>(found - names.begin());
  const std::string near = nearest_word(name, names);
  throw InputError("--format: expected one of table, csv, json, markdown, latex, found '" + std::string(name) + "'" +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::string cell_text(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<Real>(&cell)) return number_text(real->value, real->digits);
  if (const auto* percent = std::get_if<Percent>(&cell)) {
    if (!std::isfinite(percent->share)) return number_text(percent->share, 0);
    const std::string number = number_text(percent->share * 100, percent->digits);
    if (!percent->sign) return number + " %";
    return (percent->share > 0 ? "+" : "") + number + " points"; // 2 % more may be of 90 %, or 2 of 100
  }
  if (const auto* duration = std::get_if<Duration>(&cell)) return duration_text(duration->seconds);
  return "—";
}

std::string cell_value(const Cell& cell) {
  const auto number = [](double value) { return std::isfinite(value) ? fmt::format("{}", value) : number_text(value, 0); };
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<Real>(&cell)) return number(real->value);
  if (const auto* percent = std::get_if<Percent>(&cell)) return number(percent->share);
  if (const auto* duration = std::get_if<Duration>(&cell)) return number(duration->seconds);
  return "";
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t place = 0; place < text.size();) {
    const char32_t code = next_code_point(text, place);
    width += is_in(zero_width, code) ? 0 : is_in(double_width, code) ? 2 : 1;
  }
  return width;
}

std::string format_table(const Table& table, Format format) {
  switch (format) {
  case Format::csv: return as_csv(table);
  case Format::json: return dumped(as_json(table));
  case Format::markdown: return as_markdown(table);
  case Format::latex: return as_latex(table);
  case Format::table: break;
  }
  return as_text(table);
}

std::string format_tables(const std::vector<TitledTable>& tables, Format format) {
  if (tables.size() == 1 && (format == Format::csv || format == Format::json)) return format_table(tables[0].table, format);
  if (format == Format::json) {
    OrderedJson all = OrderedJson::object();
    for (const auto& titled : tables) all[titled.title] = as_json(titled.table);
    return dumped(all);
  }
  std::string text;
  for (const auto& [title, table, notes] : tables) {
    const std::string parting = text.empty() ? "" : format == Format::csv ? "\r\n" : "\n";
    text += parting;
    switch (format) {
    case Format::csv: text += "# " + shown_on_one_line(title) + "\r\n"; break;
    case Format::markdown: text += "## " + escaped_markdown(title) + "\n\n"; break;
    case Format::latex: text += "% " + shown_on_one_line(title) + "\n"; break;
    case Format::table:
    case Format::json: text += shown_on_one_line(title) + "\n"; break;
    }
    text += format_table(table, format);
    if (format == Format::csv) continue;
    for (const auto& note : notes)
      text += format == Format::markdown ? "\n" + escaped_markdown(note) + "\n"
                                         : (format == Format::latex ? "% " : "  ") + shown_on_one_line(note) + "\n";
  }
  return text;
}

} // namespace stdualx
