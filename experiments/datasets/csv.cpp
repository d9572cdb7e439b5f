// CSV rows. See csv.h.
#include "experiments/datasets/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "experiments/spec/fields.h"

namespace stdualx {
namespace {

bool is_nan_word(std::string_view text) {
  return text.size() == 3 && (text[0] | 32) == 'n' && (text[1] | 32) == 'a' && (text[2] | 32) == 'n';
}

/// What parts the fields in truth, where the header is one column whose name holds it; a guess that only a message may rest on.
std::string wrong_delimiter(const std::vector<std::string>& columns) {
  if (columns.size() != 1) return "";
  for (const auto& [delimiter, word, key] : {std::tuple(';', "semicolons", ";"), {'\t', "tabs", "\\t"}, {',', "commas", ","}})
    if (columns[0].find(delimiter) != std::string::npos)
      return std::string(". Fields seem to be parted by ") + word + ": add \"delimiter\": \"" + key + "\" to the manifest";
  return "";
}

} // namespace

CsvReader::CsvReader(std::string file, std::string_view text, CsvFormat format)
    : file_(std::move(file)), rest_(text), format_(std::move(format)), line_end_(text.find('\n') == std::string_view::npos ? '\r' : '\n') {
  if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  if (!split_line()) throw InputError(file_ + ": is empty; expected a header row with the columns' names");
  columns_.assign(fields_.begin(), fields_.end());
  std::set<std::string> seen;
  for (const std::string& name : columns_)
    if (!name.empty() && !seen.insert(name).second)
      throw InputError(file_ + " line " + std::to_string(line_) + ": column '" + name + "' is there twice; give each column its own name");
}

std::size_t CsvReader::column(const std::string& name, const std::string& key) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
  const std::string near = nearest_word(name, columns_);
  std::string names;
  for (const std::string& column : columns_) names += (names.empty() ? "" : ", ") + column;
  throw InputError(file_ + " line 1: there is no column '" + name + "', which the manifest's " + key + " names" +
                   (near.empty() ? "" : "; did you mean '" + near + "'?") + (near.empty() ? "." : "") + " The columns are: " + names +
                   wrong_delimiter(columns_));
}

bool CsvReader::blank(char c) const { return c != format_.delimiter && c != line_end_ && (c == ' ' || c == '\t' || c == '\r'); }

bool CsvReader::split_line() {
  std::size_t at = 0;
  for (;; rest_.remove_prefix(at + 1), at = 0, ++next_line_) { // past blank lines
    while (at < rest_.size() && blank(rest_[at])) ++at;
    if (at == rest_.size()) return false;
    if (rest_[at] != line_end_) break;
  }
  line_ = next_line_;
  fields_.clear();
  unquoted_.clear();
  for (;; ++at) {
    read_field(at);
    if (at == rest_.size() || rest_[at] == line_end_) break;
  }
  rest_.remove_prefix(std::min(at + 1, rest_.size()));
  ++next_line_;
  return true;
}

void CsvReader::read_field(std::size_t& at) {
  while (at < rest_.size() && blank(rest_[at])) ++at;
  if (at < rest_.size() && rest_[at] == '"') return read_quoted_field(at);
  const std::size_t begin = at;
  while (at < rest_.size() && rest_[at] != format_.delimiter && rest_[at] != line_end_) ++at;
  std::size_t end = at;
  while (end > begin && blank(rest_[end - 1])) --end;
  fields_.push_back(rest_.substr(begin, end - begin));
}

void CsvReader::read_quoted_field(std::size_t& at) {
  const std::size_t begin = at + 1;
  bool quotes_inside = false;
  std::size_t end = rest_.find('"', begin);
  while (end != std::string_view::npos && rest_.substr(end + 1).starts_with('"')) {
    quotes_inside = true;
    end = rest_.find('"', end + 2);
  }
  if (end != std::string_view::npos) at = end + 1;
  while (at < rest_.size() && blank(rest_[at])) ++at;
  if (end == std::string_view::npos || (at < rest_.size() && rest_[at] != format_.delimiter && rest_[at] != line_end_))
    throw InputError(file_ + " line " + std::to_string(line_) + ": field " + std::to_string(fields_.size() + 1) +
                     ": expected a closing quote before the next delimiter; write a quote inside quotes twice");
  const std::string_view field = rest_.substr(begin, end - begin);
  next_line_ += static_cast<std::size_t>(std::count(field.begin(), field.end(), line_end_));
  if (!quotes_inside) {
    fields_.push_back(field);
    return;
  }
  std::string& text = unquoted_.emplace_back();
  for (std::size_t i = 0; i < field.size(); ++i) {
    text += field[i];
    if (field[i] == '"') ++i; // the second of two
  }
  fields_.push_back(text);
}

bool CsvReader::next() {
  if (!split_line()) return false;
  if (fields_.size() != columns_.size())
    throw InputError(file_ + " line " + std::to_string(line_) + ": expected " + std::to_string(columns_.size()) +
                     " columns as in the header, found " + std::to_string(fields_.size()) + "; complete or remove the row");
  return true;
}

template <class Real> Real CsvReader::parsed(std::size_t column, std::string_view advice) const {
  const std::string_view field = fields_[column];
  std::string changed; // where the decimal point is another character
  std::string_view text = field;
  if (format_.decimal != '.') {
    changed = field;
    for (char& c : changed) c = c == format_.decimal ? '.' : c == '.' ? '!' : c; // a point there groups thousands: not to be guessed at
    text = changed;
  }
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* const text_end = text.data() + text.size();
  Real value = 0;
  auto [end, error] = std::from_chars(text.data(), text_end, value);
  if (error == std::errc::result_out_of_range) { // too large is a mistake, too small is 0
    long double wide = 0;
    std::tie(end, error) = [&] {
      const auto result = std::from_chars(text.data(), text_end, wide);
      return std::pair(result.ptr, result.ec);
    }();
    value = static_cast<Real>(std::abs(wide) < 1 ? wide : std::numeric_limits<long double>::infinity());
  }
  if (error == std::errc{} && end == text_end && std::isfinite(value)) return value;
  const bool comma = format_.decimal == '.' && std::count(field.begin(), field.end(), ',') == 1;
  const bool point = format_.decimal == ',' && field.find('.') != std::string_view::npos;
  fail(column, "expected a number, found '" + std::string(field) + "'" +
                   (comma   ? "; where commas are decimal, add \"decimal\": \",\" to the manifest"
                    : point ? "; the manifest's /decimal says that numbers have a decimal comma"
                            : std::string(advice)));
}

float CsvReader::number(std::size_t column) const {
  const std::string_view field = fields_[column];
  const auto& missing = format_.missing_values;
  if (field.empty() || is_nan_word(field) || std::find(missing.begin(), missing.end(), field) != missing.end())
    return std::numeric_limits<float>::quiet_NaN();
  return parsed<float>(column, "; leave the field empty where a value is missing, or name the word in the manifest's /missing_values");
}

double CsvReader::precise_number(std::size_t column) const { return parsed<double>(column, ""); }

void CsvReader::fail(std::size_t column, const std::string& what) const {
  throw InputError(file_ + " line " + std::to_string(line_) + ", column '" + columns_[column] + "': " + what);
}

} // namespace stdualx
