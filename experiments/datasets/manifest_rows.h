// The rows of a manifest's files, by recording, before anything is filled, split or brought to a grid.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/datasets/clock.h"
#include "experiments/datasets/csv.h"
#include "experiments/datasets/manifest.h"
#include "experiments/datasets/row_fields.h"

namespace stdualx {

/// The rows of one recording in one file.
struct Series {
  std::string person; // as the file names it; whole numbers in one way of writing
  std::string recording;
  std::string session; // "": sessions are not told apart
  std::string file;
  std::size_t file_number = 0; // in its list of files
  std::size_t first_line = 0, last_line = 0;
  std::vector<double> times;        // [rows], seconds
  std::vector<float> values;        // [rows, columns], NaN: missing
  std::vector<std::int32_t> labels; // [rows]; empty in a sensor's own files
  std::string words() const { return "recording '" + recording + "' of person " + person; }
};

/// The manifest's labels by their words.
class Labels {
public:
  explicit Labels(const Manifest& manifest);
  /// Index of the class, or no_label. InputError: a word that the manifest does not name, with the near one.
  std::int32_t of(const CsvReader& csv, const NamedField& field) const;

private:
  const Manifest& manifest_;
  std::map<std::string, std::int32_t, std::less<>> numbers_;
};

/// Who it is, a whole number in one way of writing: "03" is "3". InputError: an empty field.
std::string person_name(const CsvReader& csv, const NamedField& field);

/// Which columns a list of files is read for.
struct Columns {
  std::vector<std::string> names, keys; // keys: JSON pointers that say who asked for them
  double rate = 0;
  bool main = false; // the manifest's own files: with labels and sessions
};

/// What is said of files beside what they hold.
struct Remarks {
  ClockSummary clocks;
  std::vector<std::string> notes;
};

/// Everything in a list of files (relative to the manifest's folder). InputError: names file, line and column; a recording that stands in
/// two files; a clock of quite another rate than `columns.rate`; a recording without any value of a channel.
std::vector<Series> read_series(const Manifest& manifest, const Columns& columns, const std::filesystem::path& folder,
                                const std::vector<std::string>& files, Remarks& remarks);

} // namespace stdualx
