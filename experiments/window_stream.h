// Windows out of samples that come one by one, as cut_windows makes them of the whole recording: for answers while somebody still moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "experiments/recording.h"

namespace stdualx {

struct StreamedWindow {
  std::int32_t recording = 0;    // unbroken stretches, counted from 0
  std::int64_t start = 0;        // samples since the stretch began
  std::span<const float> values; // [sensors, steps, channels], physical units, padded channels 0; until the next call
};

class WindowStream {
public:
  using Use = std::function<void(const StreamedWindow& window)>;
  /// `dataset` names sensors and rate; `steps` and `stride` in samples, at least 1.
  WindowStream(DatasetInfo dataset, std::int64_t steps, std::int64_t stride, Use use);

  /// Values that one sample has: those of all sensors, one after the other.
  std::size_t width() const { return width_; }
  /// The next sample; NaN: missing. Gaps are filled and split as experiments/gaps.h says, so that what follows a missing value waits until
  /// the gap has ended. A minute without one whole sample ends the stretch.
  void add(std::span<const float> sample);
  /// The end of the stream: what waited for the end of a gap.
  void finish() { resolve(); }

private:
  void resolve();
  void begin_stretch();
  void append(const float* padded);

  DatasetInfo dataset_;
  std::size_t steps_, stride_, width_, padded_width_, most_pending_;
  Use use_;
  std::vector<float> last_, pending_; // the last whole sample, and what came since; `width_` floats a sample
  std::vector<float> held_;           // the last samples of the stretch, `padded_width_` floats each
  std::vector<float> window_;
  std::size_t in_stretch_ = 0; // samples
  std::int32_t recording_ = -1;
};

} // namespace stdualx
