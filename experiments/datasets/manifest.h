// A JSON manifest beside CSV files: the way to bring recordings of one's own. Strict: an unknown key is an error.
//
//   {"name": "gym", "rate": 50, "files": ["monday.csv"],
//    "sensors": [{"name": "wrist", "columns": ["ax", "ay", "az"], "kinds": ["accelerometer"]}],
//    "person_column": "person", "recording_column": "recording", "label_column": "label", "classes": ["squat", "row"]}
//
// A sensor with files of its own, and mostly a rate of its own:
//
//   {"name": "belt", "columns": ["pressure"], "files": ["monday_belt.csv"], "rate": 10}
//
// Its files hold the person's and the recording's column, and no labels. Its samples are brought to the rows of the manifest's files by
// linear interpolation. Recordings start together, or "time_column" names a column of times that all files have.
//
// "files" may be patterns (recordings/*.csv). Person, recording, session and label may stand in the files' paths: "person_column":
// "path:subject(\\d+)". Labels may stand in "label_files" of their own, as intervals (label_intervals.h); "session_column" names sessions.
//
// A CSV file has a header row, commas (or "delimiter": ";"), and one row a sample; columns that the manifest does not name are ignored. It
// may be compressed (text_file.h). Rows of one person and recording are consecutive. A missing value is an empty field, NaN or one of
// "missing_values" (experiments/gaps.h). "decimal": "," reads 1,5 as a number.
//
// People are whole numbers, or names: where any is a name, all are numbered from 1 in the order of their names' bytes, and
// DatasetInfo::people_names holds the names.
#pragma once

#include <filesystem>

#include "experiments/recording.h"

namespace stdualx {

struct ManifestSensor {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> kinds; // one for each column, or one for all; empty: "other"
  std::vector<std::string> files; // its own, relative to the manifest; empty: its columns are in the manifest's files
  double rate = 0;                // of its own files; 0: the manifest's

  static const auto& fields() {
    using S = ManifestSensor;
    static const auto all = std::make_tuple(
        field("name", &S::name, "", "where it is worn, or what it is"),
        field("columns", &S::columns, {}, "its channels, by the CSV's column names"),
        field("kinds", &S::kinds, {}, "accelerometer, gyroscope, magnetometer or other: one for each column, or one for all"),
        field("files", &S::files, {}, "CSV files of its own; none: its columns are in the manifest's files"),
        number("rate", &S::rate, 0.0, 0, 1e6, "samples a second in its own files; none: the manifest's"));
    return all;
  }
  bool operator==(const ManifestSensor&) const = default;
};

struct Manifest {
  std::string name;
  double rate = 0;
  std::vector<std::string> files; // relative to the manifest
  std::vector<ManifestSensor> sensors;
  std::string person_column = "person";
  std::string recording_column; // "": a file and person is one recording
  std::string session_column;   // "": sessions are not told apart
  std::string label_column = "label";
  std::string time_column;        // "": rows are evenly spaced, and recordings of all files start together
  std::string microsecond_column; // added to it; "": none is
  std::string time_format = "number";
  std::string time_unit = "s";          // of times that are numbers
  std::vector<std::string> label_files; // labels as intervals; empty: they stand in the rows
  std::string label_start_column = "start", label_end_column = "end";
  std::string delimiter = ","; // between the fields of all CSV files
  std::string decimal = ".";   // the decimal point of their numbers
  std::vector<std::string> missing_values;
  std::vector<std::string> classes;
  std::vector<std::string> none_labels; // further labels, besides the empty one, that mean "no class"
  WindowSpec windows{128, 64, 0.5};
  std::vector<std::int64_t> official_test_people;
  std::string citation;
  std::string obtain;

  static const auto& fields() {
    using M = Manifest;
    static const auto all = std::make_tuple(
        field("name", &M::name, "", "name of the data set"), number("rate", &M::rate, 0.0, 0, 1e6, "samples a second"),
        field("files", &M::files, {}, "CSV files, relative to the manifest; * and ? stand for what matches but a slash"),
        field("sensors", &M::sensors, {}, "sensors worn"),
        field("person_column", &M::person_column, "",
              "column with the person's number or name, or path:REGEX, whose first group in the file's path is it"),
        field("recording_column", &M::recording_column, "", "column that names the recording, or path:REGEX; none: one a file and person"),
        field("session_column", &M::session_column, "",
              "column that names the session a recording belongs to, or path:REGEX, for leave_one_session_out; none: there are none"),
        field("label_column", &M::label_column, "", "column with the activity's name, or path:REGEX"),
        field("label_files", &M::label_files, {},
              "CSV files of labels as intervals, relative to the manifest; none: labels stand in the rows"),
        field("label_start_column", &M::label_start_column, "", "their column with an interval's first time"),
        field("label_end_column", &M::label_end_column, "", "their column with the time at which it is over"),
        field("time_column", &M::time_column, "", "column with the time; none: rows are evenly spaced"),
        field("microsecond_column", &M::microsecond_column, "", "column with microseconds that are added to the time"),
        choice("time_format", &M::time_format, "", {"number", "iso8601"}, "how times are written: a number, or 2026-12-01T08:30:15.25"),
        choice("time_unit", &M::time_unit, "", {"s", "ms", "us", "ns"}, "unit of times that are numbers"),
        field("delimiter", &M::delimiter, "", "character between fields: a comma unless said"),
        field("decimal", &M::decimal, "", "decimal point of numbers, . or ,"),
        field("missing_values", &M::missing_values, {}, "words that stand where a number is missing, besides the empty field and NaN"),
        field("classes", &M::classes, {}, "activities, in the order of the classes"),
        field("none_labels", &M::none_labels, {}, "labels that mean no activity, besides the empty one"),
        field("windows", &M::windows, {}, "windows unless a sweep says otherwise"),
        field("official_test_people", &M::official_test_people, {}, "test people of an official split"),
        field("citation", &M::citation, "", "what to cite"), field("obtain", &M::obtain, "", "where to get it"));
    return all;
  }
};

/// Reads and checks a manifest. InputError: file, line and JSON pointer, what was expected.
Manifest load_manifest(const std::filesystem::path& path);

} // namespace stdualx
