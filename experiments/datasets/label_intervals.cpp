// Labels as intervals. See label_intervals.h.
#include "experiments/datasets/label_intervals.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "experiments/datasets/csv.h"
#include "experiments/datasets/row_fields.h"
#include "experiments/datasets/text_file.h"

namespace stdualx {
namespace {

struct Interval {
  double start = 0, end = 0;
  std::int32_t label = no_label;
  std::string place; // file and line
};

using Key = std::tuple<std::string, std::string, std::size_t>; // person, recording, number of the file where that tells them apart

Key key_of(const Manifest& manifest, const std::string& person, const std::string& recording, std::size_t file) {
  return {person, recording, manifest.recording_column.empty() ? file : 0};
}

std::map<Key, std::vector<Interval>> read_intervals(const Manifest& manifest, const std::filesystem::path& folder) {
  std::map<Key, std::vector<Interval>> all;
  const Labels labels(manifest);
  for (std::size_t number = 0; number < manifest.label_files.size(); ++number) {
    const std::string file = (folder / manifest.label_files[number]).string(), text = read_text_file(file);
    CsvReader csv(file, text, {manifest.delimiter[0], manifest.decimal[0], manifest.missing_values});
    const NamedField person(csv, manifest.person_column, "/person_column", manifest.label_files[number]);
    const NamedField recording(csv, manifest.recording_column, "/recording_column", manifest.label_files[number]);
    const NamedField label(csv, manifest.label_column, "/label_column", manifest.label_files[number]);
    const std::size_t end_column = csv.column(manifest.label_end_column, "/label_end_column");
    const TimeField start(manifest, csv.column(manifest.label_start_column, "/label_start_column")), end(manifest, end_column);
    while (csv.next()) {
      const Interval one{start.seconds(csv), end.seconds(csv), labels.of(csv, label), file + " line " + std::to_string(csv.line())};
      if (!(one.end > one.start))
        csv.fail(end_column, "expected an end after the start, found '" + std::string(csv.text(end_column)) + "'");
      all[key_of(manifest, person_name(csv, person), std::string(recording.text(csv)), number)].push_back(one);
    }
  }
  for (auto& [key, intervals] : all) {
    std::stable_sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.start < b.start; });
    for (std::size_t i = 1; i < intervals.size(); ++i)
      if (intervals[i].start < intervals[i - 1].end)
        throw InputError(intervals[i].place + ": its interval begins before that of " + intervals[i - 1].place +
                         " ends; one row of time has one label");
  }
  return all;
}

} // namespace

void label_by_intervals(const Manifest& manifest, const std::filesystem::path& folder, std::vector<Series>& all, Remarks& remarks) {
  auto intervals = read_intervals(manifest, folder);
  for (Series& series : all) {
    series.labels.assign(series.times.size(), no_label);
    const auto found = intervals.find(key_of(manifest, series.person, series.recording, series.file_number));
    if (found == intervals.end()) {
      remarks.notes.push_back("No interval of /label_files is of " + series.words() + ": none of its rows has a class.");
      continue;
    }
    std::size_t empty = 0;
    for (const Interval& one : found->second) {
      const auto begin = std::lower_bound(series.times.begin(), series.times.end(), one.start),
                 end = std::lower_bound(begin, series.times.end(), one.end);
      std::fill_n(series.labels.begin() + (begin - series.times.begin()), end - begin, one.label);
      empty += begin == end ? 1 : 0;
    }
    if (empty > 0)
      remarks.notes.push_back(fmt::format("{} of {} intervals of {} hold none of its rows: do both clocks agree?", empty,
                                          found->second.size(), series.words()));
    intervals.erase(found);
  }
  if (!intervals.empty())
    throw InputError(intervals.begin()->second.front().place + ": there is no recording '" + std::get<1>(intervals.begin()->first) +
                     "' of person " + std::get<0>(intervals.begin()->first) +
                     " in the manifest's /files; correct the name, or remove the row");
}

} // namespace stdualx
