// Linear interpolation. See resample.h.
#include "experiments/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace stdualx {

void resample(Dataset& dataset, double rate) {
  if (dataset.info.pre_cut) throw InputError("data set '" + dataset.info.name + "' comes cut into windows, which cannot be resampled");
  const double step = dataset.info.rate / rate; // in old samples
  const std::size_t width = dataset.info.sensors.size() * static_cast<std::size_t>(dataset.info.channels());
  for (Recording& recording : dataset.recordings) {
    if (recording.labels.empty()) continue;
    const std::size_t last = recording.labels.size() - 1;
    // A hair of tolerance: 99 steps of 1 / 3 reach sample 33 although they may come out just above.
    const auto count = static_cast<std::size_t>(std::floor(static_cast<double>(last) / step + 1e-9)) + 1;
    std::vector<float> samples(count * width);
    std::vector<std::int32_t> labels(count);
    for (std::size_t i = 0; i < count; ++i) {
      const double position = std::min(static_cast<double>(i) * step, static_cast<double>(last));
      const auto before = static_cast<std::size_t>(position);
      const double share = position - static_cast<double>(before);
      const float* const one = recording.samples.data() + before * width;
      const float* const other = recording.samples.data() + std::min(before + 1, last) * width;
      for (std::size_t k = 0; k < width; ++k)
        samples[i * width + k] = static_cast<float>(static_cast<double>(one[k]) * (1 - share) + static_cast<double>(other[k]) * share);
      labels[i] = recording.labels[share > 0.5 ? std::min(before + 1, last) : before];
    }
    recording.samples = std::move(samples);
    recording.labels = std::move(labels);
  }
  dataset.info.rate = rate;
}

std::vector<float> interpolated(std::span<const double> times, std::span<const float> values, std::span<const double> at, double longest) {
  constexpr double same = 1e-6;   // seconds: two clocks' k / rate differ by rounding
  std::vector<std::size_t> there; // samples that are no NaN
  for (std::size_t i = 0; i < times.size(); ++i)
    if (!std::isnan(values[i])) there.push_back(i);
  std::vector<float> result(at.size(), std::numeric_limits<float>::quiet_NaN());
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto next =
        std::lower_bound(there.begin(), there.end(), at[i] - same, [&](std::size_t sample, double time) { return times[sample] < time; });
    if (next == there.end()) continue;
    if (times[*next] <= at[i] + same) {
      result[i] = values[*next];
    } else if (next != there.begin()) {
      const std::size_t before = *(next - 1);
      const double apart = times[*next] - times[before];
      if (apart > longest + same) continue;
      const double share = (at[i] - times[before]) / apart;
      result[i] = static_cast<float>(static_cast<double>(values[before]) * (1 - share) + static_cast<double>(values[*next]) * share);
    }
  }
  return result;
}

} // namespace stdualx
