// CSV rows. See csv.h.
#include "experiments/datasets/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/spec/fields.h"

namespace stdualx {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool is_nan_word(std::string_view text) {
  return text.size() == 3 && (text[0] | 32) == 'n' && (text[1] | 32) == 'a' && (text[2] | 32) == 'n';
}

} // namespace

CsvReader::CsvReader(std::string file, std::string_view text) : file_(std::move(file)), rest_(text) {
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
                   (near.empty() ? "" : "; did you mean '" + near + "'?") + " The columns are: " + names);
}

bool CsvReader::split_line() {
  std::string_view row;
  do {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    row = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
  } while (row.empty());
  fields_.clear();
  for (;;) {
    std::size_t end = 0;
    if (row = trimmed(row); row.starts_with('"')) {
      const std::size_t quote = row.find('"', 1);
      end = quote == std::string_view::npos ? quote : row.find_first_not_of(" \t", quote + 1);
      if (quote == std::string_view::npos || (end != std::string_view::npos && row[end] != ','))
        throw InputError(file_ + " line " + std::to_string(line_) + ": field " + std::to_string(fields_.size() + 1) +
                         ": expected a closing quote before the next comma");
      fields_.push_back(row.substr(1, quote - 1));
    } else {
      end = row.find(',');
      fields_.push_back(trimmed(row.substr(0, end)));
    }
    if (end == std::string_view::npos) return true;
    row.remove_prefix(end + 1);
  }
}

bool CsvReader::next() {
  if (!split_line()) return false;
  if (fields_.size() != columns_.size())
    throw InputError(file_ + " line " + std::to_string(line_) + ": expected " + std::to_string(columns_.size()) +
                     " columns as in the header, found " + std::to_string(fields_.size()) + "; complete or remove the row");
  return true;
}

float CsvReader::number(std::size_t column) const {
  const std::string_view field = fields_[column];
  if (field.empty() || is_nan_word(field)) return std::numeric_limits<float>::quiet_NaN();
  float value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size() || !std::isfinite(value))
    fail(column, "expected a number, found '" + std::string(field) + "'; leave the field empty where a value is missing");
  return value;
}

double CsvReader::precise_number(std::size_t column) const {
  const std::string_view field = fields_[column];
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size() || !std::isfinite(value))
    fail(column, "expected a number, found '" + std::string(field) + "'");
  return value;
}

std::int32_t CsvReader::whole_number(std::size_t column) const {
  const std::string_view field = fields_[column];
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size())
    fail(column, "expected a whole number, found '" + std::string(field) + "'; number the people, for example 1, 2, 3");
  return value;
}

void CsvReader::fail(std::size_t column, const std::string& what) const {
  throw InputError(file_ + " line " + std::to_string(line_) + ", column '" + columns_[column] + "': " + what);
}

} // namespace stdualx
