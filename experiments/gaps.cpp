// Filling and splitting. See gaps.h.
#include "experiments/gaps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace stdualx {
namespace {

std::size_t channels_of(const DatasetInfo& info) {
  std::size_t channels = 0;
  for (const SensorInfo& sensor : info.sensors) channels += sensor.channels.size();
  return channels;
}

/// What filling makes of a step.
struct Filled {
  std::vector<bool> complete; // every channel is there
  std::vector<bool> touched;  // a value was filled in
  std::vector<bool> in_main;  // a channel of the recording's own files is missing
};

/// Fills short gaps with the last value.
Filled fill(RawRecording& raw, std::size_t channels, std::size_t longest) {
  const std::size_t steps = raw.labels.size();
  Filled result{std::vector<bool>(steps, true), std::vector<bool>(steps), std::vector<bool>(steps)};
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const auto at = [&](std::size_t step) -> float& { return raw.values[step * channels + channel]; };
    for (std::size_t step = 0; step < steps;) {
      std::size_t end = step;
      while (end < steps && std::isnan(at(end))) ++end;
      if (end == step) {
        ++step;
        continue;
      }
      const bool filled = step > 0 && end - step <= longest;
      for (std::size_t gap = step; gap < end; ++gap) {
        if (filled) {
          at(gap) = at(step - 1);
          result.touched[gap] = true;
          continue;
        }
        result.complete[gap] = false;
        if (raw.elsewhere.empty() || !raw.elsewhere[channel]) result.in_main[gap] = true;
      }
      step = end;
    }
  }
  return result;
}

} // namespace

std::size_t longest_filled_gap(double rate) {
  // A hair of tolerance: 0.2 s at 50 Hz are 10 steps although 0.2 * 50 may come out just below.
  return static_cast<std::size_t>(std::floor(longest_filled_gap_seconds * rate + 1e-9));
}

void add_recording(Dataset& dataset, RawRecording raw) {
  const std::size_t channels = channels_of(dataset.info), padded = static_cast<std::size_t>(dataset.info.channels());
  const std::size_t sensors = dataset.info.sensors.size();
  const bool whole = std::none_of(raw.values.begin(), raw.values.end(), [](float value) { return std::isnan(value); });
  if (whole && channels == sensors * padded) { // as nearly all recordings of the large data sets
    if (!raw.labels.empty())
      dataset.recordings.push_back({raw.person, std::move(raw.values), std::move(raw.labels), raw.session, raw.name, raw.begin});
    return;
  }
  const Filled filled = fill(raw, channels, longest_filled_gap(dataset.info.rate));
  Recording* recording = nullptr;
  for (std::size_t step = 0; step < raw.labels.size(); ++step) {
    if (!filled.complete[step]) {
      ++dataset.left_out_steps;
      ++(filled.in_main[step] ? dataset.account.in_gaps : dataset.account.one_missing);
      recording = nullptr;
      continue;
    }
    if (recording == nullptr) {
      recording = &dataset.recordings.emplace_back();
      recording->person = raw.person;
      recording->session = raw.session;
      recording->name = raw.name;
      recording->begin = raw.begin + static_cast<double>(step) / dataset.info.rate;
    }
    dataset.account.filled += filled.touched[step] ? 1 : 0;
    const std::size_t begin = recording->samples.size();
    recording->samples.resize(begin + sensors * padded, 0.0f);
    const float* value = raw.values.data() + step * channels;
    for (std::size_t sensor = 0; sensor < sensors; ++sensor) {
      const std::size_t width = dataset.info.sensors[sensor].channels.size();
      std::copy(value, value + width, recording->samples.begin() + static_cast<std::ptrdiff_t>(begin + sensor * padded));
      value += width;
    }
    recording->labels.push_back(raw.labels[step]);
  }
}

void TimedRecording::add(double time, std::span<const float> values, std::int32_t label) {
  if (!raw_.labels.empty()) {
    // In samples; 1 where nothing was lost. What rounding left over counts on, or stamps that come in bursts would stretch time.
    const double exact = (time - last_time_) * dataset_.info.rate + carried_;
    const double passed = std::round(exact);
    carried_ = std::clamp(exact - std::max(passed, 1.0), -1.0, 0.5);
    if (time <= last_time_ || passed > static_cast<double>(longest_filled_gap(dataset_.info.rate)) + 1) finish();
    else
      for (auto lost = static_cast<std::int64_t>(passed) - 1; lost > 0; --lost) {
        raw_.values.insert(raw_.values.end(), values.size(), std::numeric_limits<float>::quiet_NaN());
        raw_.labels.push_back(raw_.labels.back());
      }
  }
  raw_.values.insert(raw_.values.end(), values.begin(), values.end());
  raw_.labels.push_back(label);
  last_time_ = time;
}

void TimedRecording::finish() {
  carried_ = 0;
  add_recording(dataset_, {raw_.person, raw_.session, std::exchange(raw_.values, {}), std::exchange(raw_.labels, {})});
}

} // namespace stdualx
