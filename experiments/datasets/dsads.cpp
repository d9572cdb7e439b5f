// DSADS, Daily and Sports Activities (Altun, Barshan, Tuncel 2010): 8 people, 19 activities, five IMUs, 25 Hz.
//
// `data/aAA/pP/sSS.txt`: activity, person, segment; 125 rows (5 s) of 45 numbers parted by commas: torso, right arm, left arm, right
// leg, left leg, each with accelerometer (m/s2), gyroscope (rad/s) and magnetometer (normalised) x, y, z.
//
// Segments of one person and activity continue one another, so they are joined; where the signal jumps at a seam, it is another
// recording, and no window lies across.
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "experiments/archive.h"
#include "experiments/datasets/number_rows.h"
#include "experiments/datasets/readers.h"

namespace stdualx {
namespace {

constexpr std::size_t sensor_count = 5, channel_count = 9, width = sensor_count * channel_count;
constexpr std::size_t segment_steps = 125;
constexpr std::int32_t activity_count = 19;
/// A seam is broken where its step (mean over all channels of how far they move from the last sample to the first one of the next
/// segment) is over this many times the mean step inside both segments: 181 of the published 8,968.
constexpr double broken_seam = 5;

struct SegmentName {
  std::int32_t activity = 0, person = 0, segment = 0;
  auto operator<=>(const SegmentName&) const = default;
};

/// "data/a05/p1/s07.txt", whatever folder it lies in.
std::optional<SegmentName> segment_name(std::string_view file) {
  constexpr std::string_view pattern = "a##/p#/s##.txt";
  if (file.size() < pattern.size()) return std::nullopt;
  if (file.size() > pattern.size() && file[file.size() - pattern.size() - 1] != '/') return std::nullopt;
  file.remove_prefix(file.size() - pattern.size());
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool digit = file[i] >= '0' && file[i] <= '9';
    if (pattern[i] == '#' ? !digit : file[i] != pattern[i]) return std::nullopt;
  }
  const auto digits = [&](std::size_t at) { return (file[at] - '0') * 10 + file[at + 1] - '0'; };
  return SegmentName{digits(1), file[5] - '0', digits(8)};
}

bool is_segment(std::string_view file) { return segment_name(file).has_value(); }

std::string text_of(const SegmentName& name) {
  const auto two = [](std::int32_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return "data/a" + two(name.activity) + "/p" + std::to_string(name.person) + "/s" + two(name.segment) + ".txt";
}

/// Mean over the channels of the distance between two samples.
double step_between(const float* one, const float* other) {
  double sum = 0;
  for (std::size_t i = 0; i < width; ++i) sum += std::abs(static_cast<double>(other[i]) - static_cast<double>(one[i]));
  return sum / static_cast<double>(width);
}

struct Segment {
  std::vector<float> samples; // [steps, sensors, channels]
  double inner_step = 0;      // mean step between neighbouring samples
};

Segment parse_segment(const std::string& origin, std::string_view text) {
  Segment segment;
  segment.samples.reserve(segment_steps * width);
  NumberRows rows(origin, text, {.columns = width});
  while (rows.next()) segment.samples.insert(segment.samples.end(), rows.values().begin(), rows.values().end());
  const std::size_t steps = segment.samples.size() / width;
  if (steps != segment_steps)
    throw InputError(origin + ": holds " + std::to_string(steps) + " rows, expected " + std::to_string(segment_steps) +
                     "; the file is cut short or not the publisher's: fetch it again");
  for (std::size_t step = 1; step < segment_steps; ++step)
    segment.inner_step += step_between(segment.samples.data() + (step - 1) * width, segment.samples.data() + step * width);
  segment.inner_step /= static_cast<double>(segment_steps - 1);
  return segment;
}

using Segments = std::map<SegmentName, Segment>;

/// Segments of each person and activity are numbered from 1, and there are as many of each: a hole is a file that was not copied.
void check_complete(const std::filesystem::path& path, const Segments& segments) {
  if (segments.empty()) throw InputError(path.string() + ": holds no file of data set 'dsads'. " + dsads().obtain);
  std::int32_t most = 0;
  std::map<std::int32_t, bool> activities, people;
  for (const auto& [name, segment] : segments) {
    most = std::max(most, name.segment);
    activities[name.activity] = people[name.person] = true;
  }
  for (const auto& [activity, seen] : activities)
    for (const auto& [person, also_seen] : people)
      for (std::int32_t segment = 1; segment <= most; ++segment)
        if (!segments.contains({activity, person, segment}))
          throw InputError(path.string() + ": holds no '" + text_of({activity, person, segment}) + "'; expected segments 1 to " +
                           std::to_string(most) + " of each person and activity: copy the data set whole. " + dsads().obtain);
}

Dataset read_dsads(const DatasetSource& source) {
  Segments segments;
  read_files(source.path, is_segment, [&](const std::string& origin, std::string_view name, std::string_view text) {
    const SegmentName segment = segment_name(name).value();
    if (segment.activity < 1 || segment.activity > activity_count)
      throw InputError(origin + ": expected an activity from a01 to a19 in the file's path");
    if (!segments.emplace(segment, parse_segment(origin, text)).second)
      throw InputError(origin + ": a second file '" + text_of(segment) + "'; keep one copy of the data set in " + source.path.string());
  });
  check_complete(source.path, segments);

  Dataset dataset{info_of(dsads()), {}};
  for (const char* place : {"torso", "right_arm", "left_arm", "right_leg", "left_leg"}) {
    SensorInfo& sensor = dataset.info.sensors.emplace_back(SensorInfo{place, {}});
    add_axes(sensor, "acceleration", "accelerometer");
    add_axes(sensor, "gyroscope", "gyroscope");
    add_axes(sensor, "magnetometer", "magnetometer");
  }
  dataset.info.classes = {
      "sitting",           "standing",        "lying_on_back",       "lying_on_right_side", "ascending_stairs", "descending_stairs",
      "elevator_standing", "elevator_moving", "walking_parking_lot", "walking_flat",        "walking_inclined", "running",
      "stepper",           "cross_trainer",   "cycling_horizontal",  "cycling_vertical",    "rowing",           "jumping",
      "basketball"};
  dataset.info.citation =
      "Altun, Barshan and Tunçel: Comparative study on classifying human activities with miniature inertial and magnetic "
      "sensors, Pattern Recognition 43(10), 2010.";

  const SegmentName* last_name = nullptr;
  const Segment* last = nullptr;
  for (auto& [name, segment] : segments) {
    const bool goes_on = last_name != nullptr && last_name->activity == name.activity && last_name->person == name.person &&
                         step_between(last->samples.data() + (segment_steps - 1) * width, segment.samples.data()) <=
                             broken_seam * (last->inner_step + segment.inner_step) / 2;
    if (!goes_on) dataset.recordings.emplace_back().person = name.person;
    Recording& recording = dataset.recordings.back();
    recording.samples.insert(recording.samples.end(), segment.samples.begin(), segment.samples.end());
    recording.labels.insert(recording.labels.end(), segment_steps, name.activity - 1);
    last_name = &name;
    last = &segment;
  }
  return dataset;
}

} // namespace

CatalogEntry dsads() {
  return {.name = "dsads",
          .summary = "8 people, 19 activities, five IMUs (torso, arms, legs), 25 Hz",
          .obtain =
              "Download 'daily+and+sports+activities.zip' (Daily and Sports Activities, archive.ics.uci.edu, data set 256) and put it, "
              "or the folder 'data' it unpacks to, into DATA/dsads, where DATA is your data directory.",
          .reader_version = 1,
          .places = {"dsads/dsads-rounded.tar.xz", "dsads/daily+and+sports+activities.zip", "dsads/data.zip", "dsads"},
          .rate = 25,
          // The publisher's 5 s, half overlapping as for the other sets: segments are joined, so windows need not end where they do.
          .windows = {static_cast<std::int64_t>(segment_steps), segment_steps / 2, 0.5},
          .wanted = is_segment,
          .read = read_dsads};
}

} // namespace stdualx
