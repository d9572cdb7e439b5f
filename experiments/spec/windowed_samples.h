// Windows as places in samples: what overlapping windows share lies in memory once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace stdualx {

/// Samples, and where windows begin in them. Cheap to copy; copies share the memory. Read-only: any thread may read.
struct WindowedSamples {
  std::int64_t sensors = 0, steps = 0, channels = 0;
  std::span<const float> samples;                        // [samples, sensors, channels], physical units
  std::span<const std::int64_t> begins;                  // [windows], number of a window's first sample
  std::span<const std::int32_t> room_before, room_after; // [windows], samples by which a window may begin earlier or later and still
                                                         // lie in its recording; empty: windows stay where they are
  std::shared_ptr<const void> owner;                     // of the memory; none: it must outlive this

  std::int64_t size() const { return static_cast<std::int64_t>(begins.size()); }
  /// Floats of a window.
  std::size_t window_floats() const { return static_cast<std::size_t>(sensors * steps * channels); }

  /// `shift` samples within the window's room; what goes beyond is cut off.
  std::int64_t clipped_shift(std::int64_t window, std::int64_t shift) const {
    if (room_before.empty()) return 0;
    const auto place = static_cast<std::size_t>(window);
    return std::clamp<std::int64_t>(shift, -room_before[place], room_after[place]);
  }
  /// Writes a window that begins `shift` samples later, [sensors, steps, channels]; `shift` lies within its room.
  void read(std::int64_t window, std::int64_t shift, std::span<float> target) const {
    const std::int64_t row = sensors * channels;
    const float* const from = samples.data() + (begins[static_cast<std::size_t>(window)] + shift) * row;
    float* to = target.data();
    if (sensors == 1) {
      std::copy_n(from, steps * row, to);
      return;
    }
    for (std::int64_t sensor = 0; sensor < sensors; ++sensor)
      for (std::int64_t step = 0; step < steps; ++step, to += channels) std::copy_n(from + step * row + sensor * channels, channels, to);
  }
};

/// Windows that share no sample and stay where they are, each `steps` samples after the one before; `samples` must outlive them.
inline WindowedSamples windows_end_to_end(std::int64_t sensors, std::int64_t steps, std::int64_t channels, std::span<const float> samples) {
  const auto begins = std::make_shared<std::vector<std::int64_t>>();
  const std::int64_t total = static_cast<std::int64_t>(samples.size()) / (sensors * channels);
  for (std::int64_t begin = 0; begin + steps <= total; begin += steps) begins->push_back(begin);
  return {sensors, steps, channels, samples, *begins, {}, {}, begins};
}

} // namespace stdualx
