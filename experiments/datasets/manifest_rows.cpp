// Reading by recording. See manifest_rows.h.
#include "experiments/datasets/manifest_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "experiments/datasets/csv.h"
#include "experiments/datasets/text_file.h"

namespace stdualx {
namespace {

/// Reads the recordings of one CSV file.
class FileReader {
public:
  FileReader(const Manifest& manifest, const Columns& columns, const std::filesystem::path& folder, const std::string& path,
             std::size_t file_number)
      : manifest_(manifest), columns_(columns), file_((folder / path).string()), file_number_(file_number), text_(read_text_file(file_)),
        csv_(file_, text_, {manifest.delimiter[0], manifest.decimal[0], manifest.missing_values}), labels_(manifest),
        person_(csv_, manifest.person_column, "/person_column", path),
        recording_(csv_, manifest.recording_column, "/recording_column", path) {
    for (std::size_t i = 0; i < columns.names.size(); ++i) channels_.push_back(csv_.column(columns.names[i], columns.keys[i]));
    if (!manifest.time_column.empty()) {
      time_column_ = csv_.column(manifest.time_column, "/time_column");
      std::optional<std::size_t> microseconds;
      if (!manifest.microsecond_column.empty()) microseconds = csv_.column(manifest.microsecond_column, "/microsecond_column");
      time_.emplace(manifest, time_column_, microseconds);
    }
    if (!columns.main) return;
    if (manifest.label_files.empty()) label_ = NamedField(csv_, manifest.label_column, "/label_column", path);
    session_ = NamedField(csv_, manifest.session_column, "/session_column", path);
  }

  /// Adds the file's recordings to `all`, in their order.
  void read(std::vector<Series>& all, Remarks& remarks) {
    std::set<std::pair<std::string, std::string>> seen;
    Series* series = nullptr;
    while (csv_.next()) {
      const std::string person = person_name(csv_, person_);
      const std::string_view name = recording_.text(csv_), session = session_.text(csv_);
      if (series == nullptr || series->person != person || series->recording != name) {
        series = &all.emplace_back();
        *series = {person, std::string(name), std::string(session), file_, file_number_, csv_.line(), 0, {}, {}, {}};
        if (!seen.emplace(person, series->recording).second)
          (recording_.is_said() ? recording_ : person_)
              .fail(csv_, "person " + person + ", recording '" + series->recording +
                              "' starts a second time; put the rows of one recording together, in the order of time");
      }
      if (series->session != session)
        session_.fail(csv_, "session '" + std::string(session) + "' begins within a recording of session '" + series->session +
                                "'; name a /recording_column that tells them apart");
      series->times.push_back(time_of_row(*series));
      for (const std::size_t column : channels_) series->values.push_back(csv_.number(column));
      if (label_.is_said()) series->labels.push_back(labels_.of(csv_, label_));
      series->last_line = csv_.line();
    }
    if (series == nullptr) remarks.notes.push_back(file_ + ": holds a header and no row");
  }

private:
  double time_of_row(const Series& series) const {
    if (!time_) return static_cast<double>(series.times.size()) / columns_.rate;
    const double time = time_->seconds(csv_);
    if (!series.times.empty() && !(time > series.times.back()))
      csv_.fail(time_column_, "expected a time after that of the row before, found '" + std::string(csv_.text(time_column_)) +
                                  "'; times are " +
                                  (manifest_.time_format == "iso8601" ? "moments"
                                   : manifest_.time_unit == "s"       ? "seconds"
                                                                      : manifest_.time_unit) +
                                  ", ascending within a recording");
    return time;
  }

  const Manifest& manifest_;
  const Columns& columns_;
  std::string file_;
  std::size_t file_number_;
  std::string text_;
  CsvReader csv_;
  Labels labels_;
  std::vector<std::size_t> channels_;
  NamedField person_, recording_, label_, session_;
  std::optional<TimeField> time_;
  std::size_t time_column_ = 0;
};

/// A clock of quite another rate than the stated one would be twice the speed, or half. Adds what is to be said of it.
void check_clock(const Series& series, const std::string& time_column, double rate, Remarks& remarks) {
  const ClockMeasure clock = measure_clock(series.times, rate);
  remarks.clocks.add(series.words(), clock, rate);
  if (!is_refused(clock, rate)) return;
  throw InputError(fmt::format(
      "{} lines {} to {}, column '{}': {} has {:.4g} rows a second (median step {:.4g} s, largest {:.4g} s), but the "
      "manifest's rate says {:.4g}; correct the rate, or the times",
      series.file, series.first_line, series.last_line, time_column, series.words(), clock.rate, clock.median, clock.longest, rate));
}

} // namespace

Labels::Labels(const Manifest& manifest) : manifest_(manifest) {
  for (std::size_t i = 0; i < manifest.classes.size(); ++i) numbers_[manifest.classes[i]] = static_cast<std::int32_t>(i);
  for (const std::string& none : manifest.none_labels) numbers_[none] = no_label;
  numbers_[""] = no_label;
}

std::int32_t Labels::of(const CsvReader& csv, const NamedField& field) const {
  const auto found = numbers_.find(field.text(csv));
  if (found != numbers_.end()) return found->second;
  const std::string text(field.text(csv)), near = nearest_word(text, manifest_.classes);
  field.fail(csv, "label '" + text + "' is neither in the manifest's /classes nor in its /none_labels" +
                      (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::string person_name(const CsvReader& csv, const NamedField& field) {
  const std::string_view text = field.text(csv);
  if (text.empty()) field.fail(csv, "expected the person's number or name, found an empty field");
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::to_string(value) : std::string(text);
}

std::vector<Series> read_series(const Manifest& manifest, const Columns& columns, const std::filesystem::path& folder,
                                const std::vector<std::string>& files, Remarks& remarks) {
  std::vector<Series> all;
  for (std::size_t i = 0; i < files.size(); ++i) FileReader(manifest, columns, folder, files[i], i).read(all, remarks);
  std::map<std::pair<std::string, std::string>, const Series*> known;
  for (const Series& series : all) {
    if (!manifest.recording_column.empty())
      if (const auto [there, is_new] = known.emplace(std::pair(series.person, series.recording), &series); !is_new)
        throw InputError(series.file + " line " + std::to_string(series.first_line) + ": " + series.words() + " is in " +
                         there->second->file + " too; give each recording a name of its own in /recording_column");
    if (!manifest.time_column.empty()) check_clock(series, manifest.time_column, columns.rate, remarks);
    for (std::size_t column = 0; column < columns.names.size(); ++column) {
      bool any = false;
      for (std::size_t row = 0; row < series.times.size() && !any; ++row)
        any = !std::isnan(series.values[row * columns.names.size() + column]);
      if (!any)
        throw InputError(series.file + " lines " + std::to_string(series.first_line) + " to " + std::to_string(series.last_line) +
                         ", column '" + columns.names[column] + "': no value in the whole of " + series.words() +
                         "; remove that recording, or the column from the manifest's /sensors");
    }
  }
  return all;
}

} // namespace stdualx
