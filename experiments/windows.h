// Windows cut from recordings, and the set of all of a data set's windows, memory-mapped from a cache built once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/catalog.h"
#include "experiments/spec/windowed_samples.h"

namespace stdualx {

/// Recordings in memory, and the windows that were cut from them, ordered by recording and start; after them, ordered alike, those that
/// the training stride adds, so that the others are numbered the same whatever it is.
struct Windows {
  std::vector<float> samples;                 // [samples of all recordings, sensors, channels], physical units
  std::vector<std::int64_t> recording_begins; // [recordings + 1], first sample of each and the end; without a window it has none
  // Entry i of each of these belongs to window i.
  std::vector<std::int64_t> begins; // its first sample
  std::vector<std::int32_t> labels; // class
  std::vector<std::int32_t> people;
  std::vector<std::int32_t> recordings;              // index of the recording: windows of one recording may overlap in time
  std::vector<std::int32_t> starts;                  // when it began: samples since the recording's beginning
  std::vector<std::int32_t> room_before, room_after; // samples by which it might begin earlier or later
};

/// All that is known of a window set but the windows.
struct WindowSetInfo {
  DatasetInfo dataset;
  WindowSpec windows; // no 0 left in it but as the rate
  std::string dataset_hash;
  std::int64_t count = 0, recordings = 0, samples = 0;
  std::vector<std::int64_t> recording_sessions; // of each recording, as Recording::session; empty: sessions are not told apart
  std::vector<std::string> recording_names;     // of each recording, as Recording::name; empty: none has one
  std::vector<double> recording_begins;         // of each recording, as Recording::begin; empty: all are 0
  RowAccount account;                           // rows is 0 but of manifests
  std::vector<std::string> notes;               // as Dataset::notes

  static const auto& fields() {
    using W = WindowSetInfo;
    static const auto all =
        std::make_tuple(field("dataset", &W::dataset, {}, "the data set"), field("windows", &W::windows, {}, "how it was cut"),
                        field("dataset_hash", &W::dataset_hash, "", "XXH3-128 of the recordings and their layout"),
                        number("count", &W::count, 0, 0, 9007199254740991.0, "windows"),
                        number("recordings", &W::recordings, 0, 0, 9007199254740991.0, "recordings, those without a window too"),
                        number("samples", &W::samples, 0, 0, 9007199254740991.0, "samples of all recordings with windows"),
                        field("recording_sessions", &W::recording_sessions, {}, "session of each recording"),
                        field("recording_names", &W::recording_names, {}, "name of each recording"),
                        field("recording_begins", &W::recording_begins, {}, "seconds, of each recording"),
                        field("account", &W::account, {}, "of the rows of a manifest's files"),
                        field("notes", &W::notes, {}, "what is odd about the recordings"));
    return all;
  }
};

/// A person as people know them: "3", or "3 (anna)" where people have names.
std::string person_words(const DatasetInfo& info, std::int32_t person);

/// Three channels of one sensor that are the x, y, z of one vector and turn together.
struct ChannelTriple {
  std::int64_t sensor = 0;
  std::int64_t first_channel = 0; // and the two after it
  std::string kind;               // accelerometer, gyroscope or magnetometer
};

/// The windows of one data set under one WindowSpec. Cheap to copy; copies share the mapping. Read-only: any thread may read.
class WindowSet {
public:
  /// A set that owns its windows, for tests and made-up data. The numbers in `info` are set from the windows.
  WindowSet(WindowSetInfo info, Windows windows);

  const DatasetInfo& info() const { return info_.dataset; }
  const WindowSetInfo& all_info() const { return info_; }
  /// The spec with the data set's own values in place of 0.
  const WindowSpec& window_spec() const { return info_.windows; }
  InputShape shape() const;
  const std::string& dataset_hash() const { return info_.dataset_hash; }
  std::int64_t size() const { return info_.count; }

  /// All recordings with windows, physical units, and where windows begin in them; channels that a sensor lacks are 0.
  const WindowedSamples& source() const { return source_; }
  /// [recordings + 1]: the first sample of each in the source, and the end.
  std::span<const std::int64_t> recording_begins() const { return recording_begins_; }
  /// [sensors, steps, channels] of one window.
  std::vector<float> window(std::int64_t index) const {
    std::vector<float> values(source_.window_floats());
    source_.read(index, 0, values);
    return values;
  }
  /// Whether it is one of the windows that are trained on, and of those that validate and test; without a training stride all are both.
  bool is_for_training(std::int64_t index) const { return is_cut_at(index, info_.windows.training_stride); }
  bool is_for_evaluation(std::int64_t index) const { return is_cut_at(index, info_.windows.stride); }
  std::span<const std::int32_t> labels() const { return labels_; }
  std::span<const std::int32_t> people() const { return people_; }
  std::span<const std::int32_t> recordings() const { return recordings_; }
  std::span<const std::int32_t> starts() const { return starts_; }
  /// Session of each recording; empty where sessions are not told apart.
  std::span<const std::int64_t> recording_sessions() const { return info_.recording_sessions; }

  /// Which channels turn together when a sensor is turned, for augmentation by rotation.
  std::vector<ChannelTriple> channel_triples() const;

private:
  friend class WindowCache;
  WindowSet() = default;
  bool is_cut_at(std::int64_t index, std::int64_t stride) const {
    return info_.windows.training_stride == 0 || starts_[static_cast<std::size_t>(index)] % stride == 0;
  }

  WindowSetInfo info_;
  WindowedSamples source_; // owns the memory that the spans show, too
  std::span<const std::int64_t> recording_begins_;
  std::span<const std::int32_t> labels_, people_, recordings_, starts_;
};

/// Steps and stride in place of seconds and overlap, at `rate` samples a second, each rounded to whole samples; seconds without stride or
/// overlap lie end to end. InputError: seconds beside steps, overlap beside stride, seconds that are less than a sample.
WindowSpec windows_in_samples(WindowSpec spec, double rate);

/// Puts the data set's own steps, stride and threshold where `spec` says 0; at another rate, steps and stride of about the same
/// duration. The data set's own rate becomes 0, and so does a training stride that is the stride. `name` is for the message. InputError:
/// windows that the data set cannot give.
WindowSpec resolve_windows(const WindowSpec& spec, const DatasetSource& source, const std::string& name);

/// Cuts each recording at 0, stride, 2 stride, ... and at the multiples of the training stride where there is one. A window's label is the
/// one that most of its steps carry (a tie goes to the lower class, and to a class before none); kept when that is a class and covers at
/// least `label_threshold`. With `null_class`, none is the class after the last one. `spec` is resolved, `dataset` at its rate. Pre-cut
/// recordings are taken window by window; where each begins, to the bit, with the end of the one before, they are put together again at
/// their stride, else their windows stay end to end, without room. Recordings without a window are left out.
Windows cut_windows(const Dataset& dataset, const WindowSpec& spec);

/// The windows of a data set: the cache under `paths.cache_directory`, built first where it is missing, out of date or torn.
/// InputError: the data set is missing or wrong, or yields no window. StorageError: the cache cannot be written.
WindowSet open_window_set(const std::string& dataset, const WindowSpec& spec, const DataPaths& paths);

} // namespace stdualx
