// Guesses. See first_manifest.h.
#include "experiments/datasets/first_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "experiments/datasets/csv.h"
#include "experiments/datasets/row_fields.h"
#include "experiments/datasets/text_file.h"

namespace stdualx {
namespace {

constexpr std::size_t most_rows = 20000; // of a file: enough for a clock; labels are looked for in all

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The character that stands most often in the header, a comma where none does.
char delimiter_of(const std::string& text) {
  const std::string header = text.substr(0, text.find_first_of("\r\n"));
  char best = ',';
  for (const char c : {';', '\t', '|'})
    if (std::count(header.begin(), header.end(), c) > std::count(header.begin(), header.end(), best)) best = c;
  return best;
}

/// "1,5", "-2,25"
bool has_decimal_comma(std::string_view field) {
  const std::size_t comma = field.find(',');
  return comma != std::string_view::npos && comma > 0 && comma + 1 < field.size() &&
         field.find_first_not_of("+-0123456789,") == std::string_view::npos && field.find(',', comma + 1) == std::string_view::npos;
}

/// The column whose name is one of these, in whatever letters.
std::optional<std::string> named(const std::vector<std::string>& columns, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    for (const std::string& column : columns)
      if (lower(column) == word) return column;
  return std::nullopt;
}

/// What a column holds.
struct Column {
  std::string name;
  std::size_t numbers = 0, empty = 0;
  std::map<std::string, std::size_t> words; // what is no number
  std::vector<std::string> first;           // its first fields
  bool is_channel() const { return numbers > 0 && words.size() <= 5 && 10 * numbers >= 9 * (numbers + word_count()); }
  std::size_t word_count() const {
    std::size_t count = 0;
    for (const auto& [word, times] : words) count += times;
    return count;
  }
};

/// Where a channel is worn, and what it measures, by its name: "wrist_acc_x" is an accelerometer at the wrist.
struct ChannelGuess {
  std::string sensor, kind = "other", column;
};

ChannelGuess guess_channel(const std::string& column) {
  static const std::regex axes("(.*?)[_. -]*([xyz])(?:[_. -]*(?:axis|\\[.*\\]|\\(.*\\)))?", std::regex::icase);
  static const std::regex kinds(
      "(.*?)[_. -]*(accelerometer|acceleration|accel|acc|gyroscope|gyro|gyr|angularvelocity|magnetometer|mag|a|g|w|m)[_. -]*",
      std::regex::icase);
  std::smatch match;
  ChannelGuess guess{"", "other", column};
  constexpr std::size_t longest = 200; // of a name that says something
  if (column.size() > longest || !std::regex_match(column, match, axes)) return guess;
  const std::string base = match[1].str();
  if (!std::regex_match(base, match, kinds)) return guess;
  const std::string word = lower(match[2].str());
  const bool is_letter = word.size() == 1;
  if (is_letter && !match[1].str().empty() && std::isalnum(static_cast<unsigned char>(match[1].str().back())) != 0 && base.size() > 1 &&
      base[base.size() - 2] != '_')
    return guess; // "thetax": its last letter is no word of its own
  guess.sensor = match[1].str();
  guess.kind = word[0] == 'a' && word != "angularvelocity" ? "accelerometer" : word[0] == 'm' ? "magnetometer" : "gyroscope";
  return guess;
}

struct Table {
  std::vector<Column> columns;
  std::vector<std::string> labels; // in the order in which they come
  std::vector<double> times;       // of the first recording's first rows
};

/// Median of the steps of ascending times; nothing where they do not ascend.
std::optional<double> median_step(const std::vector<double>& times) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < times.size() && times[i] > times[i - 1]; ++i) steps.push_back(times[i] - times[i - 1]);
  if (steps.size() < 10) return std::nullopt;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

/// A whole number where the rate is within 1 % of one, else three digits.
double round_rate(double rate) {
  if (std::abs(rate / std::round(rate) - 1) < 0.01) return std::round(rate);
  const double scale = std::pow(10, 2 - std::floor(std::log10(rate)));
  return std::round(rate * scale) / scale;
}

class Guesser {
public:
  explicit Guesser(const std::vector<std::string>& files) : files_(files) {
    if (files.empty()) throw InputError("data init: which CSV files? name those with the labels");
    const std::string text = read_text_file(files[0]);
    format_.delimiter = delimiter_of(text);
    read_header(text);
    for (const std::string& file : files) read(file);
  }

  FirstManifest made() {
    Json& manifest = result_.manifest;
    manifest["name"] = "my-recordings";
    result_.open.emplace_back("/name: what the data set is called; no published data set's name");
    manifest["files"] = files_;
    if (format_.delimiter != ',') say("delimiter", std::string(1, format_.delimiter), "it parts the header");
    if (format_.decimal != '.') say("decimal", std::string(1, format_.decimal), "numbers such as 1,5 are there");
    guess_people();
    guess_names();
    guess_clock();
    guess_labels();
    guess_sensors();
    manifest["windows"] = {{"seconds", 2.56}, {"overlap", 0.5}};
    result_.guessed.emplace_back("/windows: 2.56 s that overlap by half, as is usual for activities");
    return std::move(result_);
  }

private:
  void read_header(const std::string& text) {
    const CsvReader csv(files_[0], text, format_);
    names_ = csv.columns();
    for (const std::string& name : names_) table_.columns.push_back({name, 0, 0, {}, {}});
    label_ = named(names_, {"label", "activity", "class", "activity_label", "activityid", "activity_id", "action", "exercise", "movement"});
    time_ = named(names_, {"time", "timestamp", "t", "time_s", "time_ms", "timestamp_ms", "timestamp_us", "timestamp_ns", "seconds",
                           "datetime", "date_time", "elapsed"});
  }

  void read(const std::string& file) {
    const std::string text = read_text_file(file);
    CsvReader csv(file, text, format_);
    if (csv.columns() != names_)
      throw InputError(file + ": has other columns than " + files_[0] +
                       "; name files of one kind here, and give a sensor with files of its own \"files\" in the manifest's /sensors");
    std::size_t rows = 0;
    for (; csv.next(); ++rows)
      for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::string field(csv.text(i));
        if (label_ == names_[i] && !field.empty() && std::find(table_.labels.begin(), table_.labels.end(), field) == table_.labels.end() &&
            table_.labels.size() < 1000)
          table_.labels.push_back(field);
        if (rows < most_rows) count(table_.columns[i], field, file == files_[0]);
      }
    if (rows == 0) throw InputError(file + ": holds a header and no row; leave it out");
  }

  void count(Column& column, const std::string& field, bool is_first) {
    if (column.first.size() < 5) column.first.push_back(field);
    if (field.empty()) {
      ++column.empty;
      return;
    }
    if (has_decimal_comma(field) && format_.delimiter != ',') format_.decimal = ',';
    std::string text = field;
    if (format_.decimal == ',') std::replace(text.begin(), text.end(), ',', '.');
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool is_number = end == text.c_str() + text.size() && text.find_first_not_of("+-.0123456789eE") == std::string::npos;
    if (is_number) ++column.numbers;
    else if (lower(field) != "nan" && column.words.size() < 100) ++column.words[field];
    if (!is_first || time_ != column.name) return;
    const auto moment = iso8601_seconds(field);
    iso8601_ = iso8601_ || moment;
    const bool ascends = table_.times.empty() || (moment ? *moment : value) > table_.times.back();
    one_stretch_ = one_stretch_ && ascends && (is_number || moment); // behind it another recording begins
    if (one_stretch_) table_.times.push_back(moment ? *moment : value);
  }

  void say(const std::string& key, const Json& value, const std::string& why) {
    result_.manifest[key] = value;
    result_.guessed.push_back("/" + key + ": " + value.dump() + ", since " + why);
    if (value.is_string()) used_.insert(value.get<std::string>());
  }

  void guess_people() {
    if (const auto column = named(names_, {"person", "subject", "user", "participant", "subject_id", "user_id", "person_id",
                                           "participant_id", "subjectid", "userid", "id", "who"}))
      return say("person_column", *column, "a column is called so");
    static const std::regex numbered("(subject|person|user|participant|sub|proband)([_-]?)[0-9A-Za-z]+", std::regex::icase);
    std::smatch match;
    if (std::regex_search(files_[0], match, numbered))
      return say("person_column", "path:" + match[1].str() + match[2].str() + "([0-9A-Za-z]+)", "the path of " + files_[0] + " names one");
    result_.manifest["person_column"] = "person";
    result_.open.emplace_back(
        "/person_column: whose rows these are: a column, or \"path:REGEX\" with a group that finds it in the files' paths");
  }

  void guess_names() {
    if (const auto column = named(names_, {"recording", "recording_id", "trial", "set", "run", "sequence", "series", "record"}))
      say("recording_column", *column, "a column is called so");
    else result_.open.emplace_back("/recording_column: none is seen; without it a file and person is one recording");
    if (const auto column = named(names_, {"session", "session_id", "day", "visit"}))
      say("session_column", *column, "a column is called so");
  }

  void guess_clock() {
    const auto step = median_step(table_.times);
    if (!time_ || !step) {
      result_.manifest["rate"] = 50;
      result_.open.emplace_back(time_ ? "/rate: the times of column '" + *time_ + "' do not ascend by ten rows; 50 stands there for now"
                                      : "/rate: samples a second: no column of times is seen, and 50 stands there for now");
      return;
    }
    say("time_column", *time_, "a column is called so");
    double seconds = *step;
    if (iso8601_) {
      say("time_format", "iso8601", "its times are dates");
    } else {
      // Between 2 and 2000 rows a second, a step of each unit lies apart from those of the others.
      const std::string unit = *step <= 0.5 ? "s" : *step <= 500 ? "ms" : *step <= 5e5 ? "us" : "ns";
      seconds = *step / (unit == "s" ? 1 : unit == "ms" ? 1e3 : unit == "us" ? 1e6 : 1e9);
      say("time_unit", unit, fmt::format("rows are {:.6g} apart (median)", *step));
    }
    double rate = 1 / seconds;
    // The median step of rounded times, or of bursts, is not the rate: rows over duration is, where no pause is in it.
    const double duration = (table_.times.back() - table_.times.front()) * (seconds / *step);
    const double counted = static_cast<double>(table_.times.size() - 1) / duration;
    if (duration > 0 && counted < rate * 1.5 && counted > rate / 1.5) rate = counted;
    say("rate", round_rate(rate), "the times of " + files_[0] + " say so");
  }

  void guess_labels() {
    if (!label_) {
      result_.open.emplace_back("/label_column and /classes: no column of labels is seen; /label_files names files of intervals");
      result_.manifest["classes"] = {"first", "second"};
      return;
    }
    say("label_column", *label_, "a column is called so");
    Json classes = Json::array(), none = Json::array();
    for (const std::string& label : table_.labels) {
      const std::string word = lower(label);
      (word == "none" || word == "null" || word == "nan" || word == "unknown" || word == "undefined" || word == "-1" ? none : classes)
          .push_back(label);
    }
    if (classes.size() > 100)
      result_.open.push_back(fmt::format("/classes: column '{}' has {} different words; is it the labels'?", *label_, classes.size()));
    result_.guessed.push_back(fmt::format("/classes: {} words of column '{}', in the order in which they come", classes.size(), *label_));
    result_.manifest["classes"] = std::move(classes);
    if (!none.empty()) say("none_labels", none, "such words are no activity");
  }

  void guess_sensors() {
    std::vector<std::pair<std::string, Json>> sensors; // in the order in which their first channels come
    std::set<std::string> missing;
    for (const Column& column : table_.columns) {
      if (used_.contains(column.name) || column.name.empty()) continue;
      if (!column.is_channel()) {
        result_.open.push_back("/sensors: column '" + column.name + "' is left out: it holds " +
                               (column.words.empty() ? "nothing" : "words such as '" + column.words.begin()->first + "'"));
        continue;
      }
      for (const auto& [word, times] : column.words) missing.insert(word);
      const ChannelGuess channel = guess_channel(column.name);
      const std::string name = channel.kind == "other" ? "other" : channel.sensor.empty() ? "sensor" : channel.sensor;
      auto place = std::find_if(sensors.begin(), sensors.end(), [&](const auto& one) { return one.first == name; });
      if (place == sensors.end())
        place = sensors.insert(sensors.end(), {name, {{"name", name}, {"columns", Json::array()}, {"kinds", Json::array()}}});
      place->second["columns"].push_back(column.name);
      place->second["kinds"].push_back(channel.kind);
    }
    result_.manifest["sensors"] = Json::array();
    for (auto& [name, sensor] : sensors) {
      result_.guessed.push_back("/sensors: '" + name + "' of " + std::to_string(sensor["columns"].size()) + " columns, by their names");
      result_.manifest["sensors"].push_back(std::move(sensor));
    }
    if (sensors.empty()) result_.open.emplace_back("/sensors: no column of numbers is left for a channel");
    if (!missing.empty()) say("missing_values", Json(missing), "they stand where else numbers do");
  }

  const std::vector<std::string>& files_;
  CsvFormat format_;
  std::vector<std::string> names_;
  Table table_;
  std::optional<std::string> label_, time_;
  bool iso8601_ = false, one_stretch_ = true;
  std::set<std::string> used_; // columns that are no channels
  FirstManifest result_;
};

} // namespace

FirstManifest first_manifest(const std::vector<std::string>& files) { return Guesser(files).made(); }

} // namespace stdualx
