// What a reader makes of the files on disk: recordings in physical units, and what is known about the data set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/spec/run_spec.h"

namespace stdualx {

/// A step or window that belongs to no class.
inline constexpr std::int32_t no_label = -1;

/// One channel of a sensor. Three neighbouring channels of one kind other than "other" are the x, y and z of one vector.
struct ChannelInfo {
  std::string name;
  std::string kind = "other";

  static const auto& fields() {
    static const auto all = std::make_tuple(
        field("name", &ChannelInfo::name, "", "name of the channel"),
        choice("kind", &ChannelInfo::kind, "other", {"accelerometer", "gyroscope", "magnetometer", "other"}, "what it measures"));
    return all;
  }
  bool operator==(const ChannelInfo&) const = default;
};

struct SensorInfo {
  std::string name;
  std::vector<ChannelInfo> channels; // sensors may differ in number; samples are zero-padded to the largest

  static const auto& fields() {
    static const auto all = std::make_tuple(field("name", &SensorInfo::name, "", "where it is worn, or what it is"),
                                            field("channels", &SensorInfo::channels, {}, "its channels, in order"));
    return all;
  }
  bool operator==(const SensorInfo&) const = default;
};

/// A publisher's split of sessions: people may be on both sides. Sessions in no list are left out.
struct ChallengeSplit {
  std::vector<std::string> train, validation, test;

  static const auto& fields() {
    using C = ChallengeSplit;
    static const auto all = std::make_tuple(field("train", &C::train, {}, "sessions to train on"),
                                            field("validation", &C::validation, {}, "sessions to train on or to validate with"),
                                            field("test", &C::test, {}, "sessions to test on"));
    return all;
  }
  bool operator==(const ChallengeSplit&) const = default;
};

struct DatasetInfo {
  std::string name;
  double rate = 0; // samples a second
  std::vector<SensorInfo> sensors;
  std::vector<std::string> classes;                     // a label is an index into these
  bool pre_cut = false;                                 // the publisher cut the windows: recordings hold whole windows end to end
  std::vector<std::int64_t> official_test_people;       // empty: the publisher names none
  std::vector<std::int64_t> official_validation_people; // usual beside them; empty: none are
  std::vector<std::string> people_names;                // of people 1, 2, ...; empty: people are known by their numbers alone
  std::vector<std::string> sessions;                    // names of recording sessions; empty: they are not told apart
  ChallengeSplit challenge;                             // empty: there is none
  std::string citation;                                 // a sentence
  std::string obtain;                                   // where to get it, a sentence

  /// The most channels that one sensor has.
  std::int64_t channels() const {
    std::size_t most = 0;
    for (const SensorInfo& sensor : sensors) most = sensor.channels.size() > most ? sensor.channels.size() : most;
    return static_cast<std::int64_t>(most);
  }

  static const auto& fields() {
    using D = DatasetInfo;
    static const auto all = std::make_tuple(
        field("name", &D::name, "", "name in the catalogue or in the manifest"), number("rate", &D::rate, 0.0, 0, 1e6, "samples a second"),
        field("sensors", &D::sensors, {}, "sensors worn"), field("classes", &D::classes, {}, "activities"),
        field("pre_cut", &D::pre_cut, false, "whether the publisher cut the windows"),
        field("official_test_people", &D::official_test_people, {}, "test people of the publisher's split"),
        field("official_validation_people", &D::official_validation_people, {}, "validation people of the publisher's split"),
        field("people_names", &D::people_names, {}, "names of people 1, 2, ..."),
        field("sessions", &D::sessions, {}, "names of recording sessions"), field("challenge", &D::challenge, {}, "split of sessions"),
        field("citation", &D::citation, "", "what to cite"), field("obtain", &D::obtain, "", "where to get it"));
    return all;
  }
  bool operator==(const DatasetInfo&) const = default;
};

/// One unbroken stretch of samples of one person. Where the data set is pre-cut: its whole windows end to end, which in truth
/// began one stride after another.
struct Recording {
  std::int32_t person = 0;
  std::vector<float> samples;       // [steps, sensors, channels], physical units, padded channels 0
  std::vector<std::int32_t> labels; // [steps], index of the class or no_label
  std::int32_t session = -1;        // index into the data set's sessions; -1: they are not told apart
  std::string name = {};            // as a manifest's files call it; "": published data sets have none
  double begin = 0;                 // seconds from the first row of the recording of that name to this stretch of it

  std::int64_t steps() const { return static_cast<std::int64_t>(labels.size()); }
};

/// What became of the rows of a manifest's files: rows + regridded = in_gaps + one_missing + samples of all recordings.
struct RowAccount {
  std::int64_t rows = 0;        // of the manifest's files
  std::int64_t regridded = 0;   // samples more (less, below 0) that the grid of the rate has: rows with times are brought to it
  std::int64_t in_gaps = 0;     // samples left out: a channel of the manifest's files has no value for longer than is filled
  std::int64_t one_missing = 0; // samples left out: a sensor with files of its own has none there
  std::int64_t filled = 0;      // samples kept with a value that was filled in
  std::int64_t no_class = 0;    // samples in no window that have no class
  std::int64_t shorter = 0;     // samples of stretches that are shorter than a window
  std::int64_t outside = 0;     // further samples in no window: at an end, labels too mixed

  static const auto& fields() {
    using R = RowAccount;
    static const auto all = std::make_tuple(
        field("rows", &R::rows, 0, "rows of the files"), field("regridded", &R::regridded, 0, "samples more on the grid"),
        field("in_gaps", &R::in_gaps, 0, "left out in gaps"), field("one_missing", &R::one_missing, 0, "left out: a sensor is missing"),
        field("filled", &R::filled, 0, "filled in"), field("no_class", &R::no_class, 0, "without a class, in no window"),
        field("shorter", &R::shorter, 0, "in stretches shorter than a window"), field("outside", &R::outside, 0, "in no window"));
    return all;
  }
  bool operator==(const RowAccount&) const = default;
};

struct Dataset {
  DatasetInfo info;
  std::vector<Recording> recordings;
  std::int64_t left_out_steps = 0;     // in gaps that were not filled
  RowAccount account = {};             // of a manifest's files; of others rows is 0
  std::vector<std::string> notes = {}; // what is odd about the recordings, a sentence each
};

/// XXH3-128 (32 hex digits) over the recordings' float32 samples, labels and people, the rate, which channels of which kind make
/// a sensor, the number of classes, the publisher's test people, sessions and challenge: the same data give the same hash, wherever they
/// lay, whatever things are called and however they are cut later.
std::string dataset_hash(const Dataset& dataset);

} // namespace stdualx
