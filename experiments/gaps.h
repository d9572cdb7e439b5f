// Gaps in recordings, one rule for all readers: a channel's missing values are filled with its last one for up to 0.2 s; a longer
// gap in any channel splits the recording, and what lies in it is left out.
#pragma once

#include <span>

#include "experiments/recording.h"

namespace stdualx {

inline constexpr double longest_filled_gap_seconds = 0.2;

/// The samples that this is at a rate.
std::size_t longest_filled_gap(double rate);

/// A recording as it stands in a file, holes and all.
struct RawRecording {
  std::int32_t person = 0;
  std::int32_t session = -1;        // as Recording::session
  std::vector<float> values;        // [steps, channels of all sensors one after the other], NaN: missing
  std::vector<std::int32_t> labels; // [steps], index of the class or no_label
  std::vector<bool> elsewhere = {}; // [channels], whether they come out of a sensor's own files; empty: none does
  std::string name = {};            // as Recording::name
  double begin = 0;                 // as Recording::begin
};

/// Fills short gaps and adds the stretches that then have every channel, each as a recording of its own, to `dataset`, whose
/// `info` names the sensors and the rate. Steps left out are counted there, and in its account why.
void add_recording(Dataset& dataset, RawRecording raw);

/// Makes recordings out of samples that carry their time. Samples that were lost in between become missing ones; where time jumps
/// by more than a gap that is filled, or backwards, a new recording begins.
class TimedRecording {
public:
  explicit TimedRecording(Dataset& dataset, std::int32_t person, std::int32_t session = -1) : dataset_(dataset) {
    raw_.person = person;
    raw_.session = session;
  }
  /// `values`: one a channel of all sensors; `time` in seconds.
  void add(double time, std::span<const float> values, std::int32_t label);
  /// Adds what is left to the data set.
  void finish();

private:
  Dataset& dataset_;
  RawRecording raw_;
  double last_time_ = 0;
  double carried_ = 0; // samples by which the rows so far are behind their times
};

} // namespace stdualx
