// Fields of a manifest's rows that may stand in a column or in the file's path, and the ways in which times are written.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/datasets/csv.h"
#include "experiments/datasets/manifest.h"

namespace stdualx {

/// Who, which recording, which session or what: out of a column, or out of the file's path by "path:REGEX", of which the first group
/// counts.
class NamedField {
public:
  NamedField() = default;
  /// `said`: what the manifest says under `key`; "": the field is not there. `path`: of the file, as the manifest names it. InputError:
  /// there is no such column, or the path does not match.
  NamedField(const CsvReader& csv, const std::string& said, const std::string& key, const std::string& path);

  bool is_said() const { return !key_.empty(); }
  /// In the reader's row; "" where the field is not there.
  std::string_view text(const CsvReader& csv) const;
  /// InputError that names the column and line, or the path.
  [[noreturn]] void fail(const CsvReader& csv, const std::string& what) const;

private:
  std::string key_, path_;
  std::optional<std::size_t> column_;
  std::string constant_;
};

/// InputError "POINTER: expected ..." where `said` begins with "path:" and goes on with no regular expression that has a group.
void check_path_pattern(const std::string& said, const std::string& pointer);

/// A column of times as the manifest's /time_format and /time_unit say, in seconds; `microseconds`: a column that is added.
class TimeField {
public:
  TimeField(const Manifest& manifest, std::size_t column, std::optional<std::size_t> microseconds = {});
  /// Seconds; of ISO 8601 those since 1970 UTC. InputError: what is no time.
  double seconds(const CsvReader& csv) const;

private:
  std::size_t column_;
  std::optional<std::size_t> microseconds_;
  bool iso8601_;
  double parts_; // of a second that the unit is
};

/// Seconds since 1970 of "2026-12-01T08:30:15.25+01:00": the T may be a blank, the fraction and the zone may be missing (then it is UTC).
std::optional<double> iso8601_seconds(std::string_view text);

/// `patterns` with each that holds * or ? replaced by the files that match, in the order of their names' bytes; neither matches a slash.
/// Paths are relative to `folder`. InputError: "POINTER/i: ..." where none matches.
std::vector<std::string> matching_files(const std::filesystem::path& folder, const std::vector<std::string>& patterns,
                                        const std::string& pointer);

} // namespace stdualx
