// Tables as text, CSV, JSON, Markdown and LaTeX.
#include "results/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/spec/fields.h"
#include "experiments/spec/shown_text.h"
#include "results/layout.h"

namespace stdualx {

namespace {

bool is_number(const Cell& cell) { return cell.index() >= 2; }

std::string number_text(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return digits < 0 ? fmt::format("{:.6g}", value) : fmt::format("{:.{}f}", value, digits);
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

std::string format_table(const Table& table, const Output& output) {
  switch (output.format) {
  case Format::csv: return as_csv(table);
  case Format::json: return dumped(as_json(table));
  case Format::markdown: return as_markdown(table);
  case Format::latex: return as_latex(table);
  case Format::table: break;
  }
  return layout({"", table, {}}, output.width);
}

std::string format_tables(const std::vector<TitledTable>& tables, const Output& output) {
  const Format format = output.format;
  if (tables.size() == 1 && (format == Format::csv || format == Format::json)) return format_table(tables[0].table, format);
  if (format == Format::json) {
    OrderedJson all = OrderedJson::object();
    for (const auto& titled : tables) all[titled.title] = as_json(titled.table);
    return dumped(all);
  }
  std::string text;
  for (const auto& titled : tables) {
    const auto& [title, table, notes] = titled;
    const std::string parting = text.empty() ? "" : format == Format::csv ? "\r\n" : "\n";
    text += parting;
    if (format == Format::table) {
      text += layout(titled, output.width);
      continue;
    }
    switch (format) {
    case Format::csv: text += "# " + shown_on_one_line(title) + "\r\n"; break;
    case Format::markdown: text += "## " + escaped_markdown(title) + "\n\n"; break;
    case Format::latex: text += "% " + shown_on_one_line(title) + "\n"; break;
    case Format::table:
    case Format::json: break; // done above
    }
    text += format_table(table, output);
    if (format == Format::csv) continue;
    for (const auto& note : notes)
      text += format == Format::markdown ? "\n" + escaped_markdown(note) + "\n" : "% " + shown_on_one_line(note) + "\n";
  }
  return text;
}

} // namespace stdualx
