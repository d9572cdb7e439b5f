// Paths, times, patterns. See row_fields.h.
#include "experiments/datasets/row_fields.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <regex>

namespace stdualx {
namespace {

constexpr std::string_view path_word = "path:";

/// Nothing where it is no regular expression.
std::optional<std::regex> regex_of(const std::string& said) {
  try {
    return std::regex(said.substr(path_word.size()), std::regex::ECMAScript);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

/// The number of `digits` digits at the front, which is taken off.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || text.front() == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ".25" at the front, taken off; 0 where there is none, nothing where digits are missing.
std::optional<double> take_fraction(std::string_view& text) {
  if (!take(text, ".,")) return 0.0;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return std::nullopt;
  double value = 0;
  const std::string written = "0." + std::string(text.substr(0, digits));
  std::from_chars(written.data(), written.data() + written.size(), value);
  text.remove_prefix(digits);
  return value;
}

/// Seconds east of UTC that all of `text` says: "", "Z", "+01", "+0130", "+01:30".
std::optional<int> zone_seconds(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours) return std::nullopt;
  int minutes = 0;
  if (!text.empty()) {
    take(text, ":");
    const auto found = take_number(text, 2);
    if (!found || !text.empty()) return std::nullopt;
    minutes = *found;
  }
  return sign * (*hours * 3600 + minutes * 60);
}

} // namespace

NamedField::NamedField(const CsvReader& csv, const std::string& said, const std::string& key, const std::string& path)
    : key_(said.empty() ? "" : key), path_(path) {
  if (said.empty()) return;
  if (!said.starts_with(path_word)) {
    column_ = csv.column(said, key);
    return;
  }
  std::smatch match;
  const auto pattern = regex_of(said);
  if (!pattern || !std::regex_search(path_, match, *pattern) || match.size() < 2)
    throw InputError("file '" + path_ + "': its path does not match the manifest's " + key + ", \"" + said +
                     "\"; correct the pattern, or leave the file out");
  constant_ = match[1].str();
}

std::string_view NamedField::text(const CsvReader& csv) const { return column_ ? csv.text(*column_) : std::string_view(constant_); }

void NamedField::fail(const CsvReader& csv, const std::string& what) const {
  if (column_) csv.fail(*column_, what);
  throw InputError("file '" + path_ + "', by the manifest's " + key_ + ": " + what);
}

void check_path_pattern(const std::string& said, const std::string& pointer) {
  if (!said.starts_with(path_word)) return;
  const auto pattern = regex_of(said);
  if (!pattern || pattern->mark_count() < 1)
    throw InputError(pointer + ": expected a regular expression with a group behind \"path:\", such as \"path:subject(\\\\d+)\", found \"" +
                     said + "\"");
}

TimeField::TimeField(const Manifest& manifest, std::size_t column, std::optional<std::size_t> microseconds)
    : column_(column), microseconds_(microseconds), iso8601_(manifest.time_format == "iso8601"), parts_(manifest.time_unit == "ms"   ? 1e3
                                                                                                        : manifest.time_unit == "us" ? 1e6
                                                                                                        : manifest.time_unit == "ns" ? 1e9
                                                                                                                                     : 1) {}

double TimeField::seconds(const CsvReader& csv) const {
  if (!iso8601_) return csv.precise_number(column_) / parts_ + (microseconds_ ? csv.precise_number(*microseconds_) / 1e6 : 0);
  const auto seconds = iso8601_seconds(csv.text(column_));
  if (!seconds)
    csv.fail(column_, "expected a time such as 2026-12-01T08:30:15.25, found '" + std::string(csv.text(column_)) +
                          "'; the manifest's /time_format says iso8601");
  return *seconds;
}

std::optional<double> iso8601_seconds(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  const auto zone = zone_seconds(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!fraction || !zone || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days * 86400L + *hour * 3600 + *minute * 60 + *second - *zone) + *fraction;
}

std::vector<std::string> matching_files(const std::filesystem::path& folder, const std::vector<std::string>& patterns,
                                        const std::string& pointer) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::string pattern = std::filesystem::path(patterns[i]).lexically_normal().generic_string();
    const std::size_t wild = pattern.find_first_of("*?");
    if (wild == std::string::npos) {
      files.push_back(patterns[i]);
      continue;
    }
    // Looked for below the folder whose name holds no * yet, as deep as the pattern goes.
    const std::size_t slash = pattern.rfind('/', wild);
    const std::string fixed = slash == std::string::npos ? "" : pattern.substr(0, slash + 1);
    const auto depth = std::count(pattern.begin() + static_cast<std::ptrdiff_t>(fixed.size()), pattern.end(), '/');
    std::vector<std::string> found;
    std::error_code none;
    using Walk = std::filesystem::recursive_directory_iterator;
    for (Walk entry(fixed.empty() ? folder : folder / fixed, std::filesystem::directory_options::skip_permission_denied, none), end;
         !none && entry != end; entry.increment(none)) {
      if (entry.depth() >= depth) entry.disable_recursion_pending();
      std::error_code error;
      if (!entry->is_regular_file(error)) continue;
      const std::string file = fixed + entry->path().lexically_relative(fixed.empty() ? folder : folder / fixed).generic_string();
      if (::fnmatch(pattern.c_str(), file.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) found.push_back(file);
    }
    if (found.empty())
      throw InputError(pointer + "/" + std::to_string(i) + ": no file matches '" + patterns[i] + "' below " +
                       std::filesystem::absolute(folder).lexically_normal().string() + "; * and ? match no slash");
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

} // namespace stdualx
