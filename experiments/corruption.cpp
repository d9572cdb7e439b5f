// See corruption.h.
#include "experiments/corruption.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>

#include "experiments/spec/random.h"
#include "experiments/spec/rotation.h"

namespace stdualx {
namespace {

/// One recording of one sensor: [steps, channels].
struct Track {
  std::vector<float> values;
  std::int64_t steps = 0, channels = 0;

  float* at(std::int64_t step) { return values.data() + step * channels; }
  const float* at(std::int64_t step) const { return values.data() + step * channels; }
};

/// Draws for one sensor of one recording: a counter's (epoch, step, sample, element) are (what, step, recording, sensor).
class Draws {
public:
  Draws(const RandomStream& stream, std::int64_t recording, std::int64_t sensor)
      : stream_(stream), recording_(static_cast<std::uint32_t>(recording)), sensor_(static_cast<std::uint32_t>(sensor)) {}

  PhiloxCounter words(std::uint32_t what, std::int64_t step) const {
    return stream_.words(what, static_cast<std::uint32_t>(step), recording_, sensor_);
  }
  double uniform(std::uint32_t what, std::int64_t step) const {
    const PhiloxCounter drawn = words(what, step);
    return uniform_double(drawn[0], drawn[1]);
  }
  double normal(std::uint32_t what, std::int64_t step) const {
    const PhiloxCounter drawn = words(what, step);
    return standard_normal(drawn[0], drawn[1]);
  }

private:
  const RandomStream& stream_;
  std::uint32_t recording_, sensor_;
};

class Disturbance {
public:
  Disturbance(const WindowSet& windows, const Condition& condition, const Standardisation& training)
      : windows_(windows), condition_(condition), training_(training), shape_(windows.shape()),
        // The name without the fill: all fills see the same holes.
        stream_(condition.seed, "disturbance", condition.kind + " " + Json(condition.amount).dump()) {
    if (condition.kind == "missing_sensor" && condition.amount >= static_cast<double>(shape_.sensors))
      throw InputError("condition '" + condition_name(condition) + "': there are " + std::to_string(shape_.sensors) +
                       " sensors, numbered from 0");
    if (condition.kind == "rotation")
      for (const ChannelTriple& triple : windows.channel_triples()) triples_[triple.sensor].push_back(triple.first_channel);
  }

  void apply(Track& track, std::int64_t recording, std::int64_t sensor) const {
    const Draws draws(stream_, recording, sensor);
    const std::string& kind = condition_.kind;
    if (kind.starts_with("missing")) return lose(track, draws, sensor);
    if (kind == "noise") return add_noise(track, draws, sensor);
    if (kind == "gain") {
      const double gain = 1 + condition_.amount * draws.normal(0, 0);
      for (float& value : track.values) value = static_cast<float>(value * gain);
    } else if (kind == "rotation") {
      turn(track, draws, sensor);
    } else if (kind == "clock_jitter") {
      jitter(track, draws);
    }
  }

private:
  float mean(std::int64_t sensor, std::int64_t channel) const {
    return training_.mean[static_cast<std::size_t>(sensor * shape_.channels + channel)];
  }

  void lose(Track& track, const Draws& draws, std::int64_t sensor) const {
    const auto block = std::max<std::int64_t>(1, std::llround(missing_block_seconds * windows_.info().rate));
    std::vector<bool> valid(static_cast<std::size_t>(track.steps), true);
    for (std::int64_t step = 0; step < track.steps; ++step) {
      const bool lost = condition_.kind == "missing_sensor"   ? sensor == static_cast<std::int64_t>(condition_.amount)
                        : condition_.kind == "missing_blocks" ? draws.uniform(0, step / block) < condition_.amount
                                                              : draws.uniform(0, step) < condition_.amount;
      if (lost) valid[static_cast<std::size_t>(step)] = false;
    }
    std::int64_t before = -1;
    for (std::int64_t step = 0; step < track.steps;) {
      if (valid[static_cast<std::size_t>(step)]) {
        before = step++;
        continue;
      }
      std::int64_t after = step;
      while (after < track.steps && !valid[static_cast<std::size_t>(after)]) ++after;
      for (; step < after; ++step)
        for (std::int64_t channel = 0; channel < track.channels; ++channel) {
          const bool left = before >= 0, right = after < track.steps;
          float value = mean(sensor, channel);
          if (condition_.fill == "linear" && left && right) {
            const float share = static_cast<float>(step - before) / static_cast<float>(after - before);
            value = track.at(before)[channel] + share * (track.at(after)[channel] - track.at(before)[channel]);
          } else if (condition_.fill == "linear" && right) {
            value = track.at(after)[channel];
          } else if (condition_.fill != "zero" && left) {
            value = track.at(before)[channel];
          }
          track.at(step)[channel] = value;
        }
    }
  }

  void add_noise(Track& track, const Draws& draws, std::int64_t sensor) const {
    const double share = std::pow(10.0, -condition_.amount / 20);
    for (std::int64_t channel = 0; channel < track.channels; ++channel) {
      const double deviation = share * training_.deviation[static_cast<std::size_t>(sensor * shape_.channels + channel)];
      for (std::int64_t step = 0; step < track.steps; ++step)
        track.at(step)[channel] += static_cast<float>(deviation * draws.normal(static_cast<std::uint32_t>(channel), step));
    }
  }

  void turn(Track& track, const Draws& draws, std::int64_t sensor) const {
    const auto vectors = triples_.find(sensor);
    if (vectors == triples_.end()) return;
    // An axis uniform on the sphere.
    const double z = 2 * draws.uniform(0, 0) - 1, longitude = 2 * std::numbers::pi * draws.uniform(1, 0), r = std::sqrt(1 - z * z);
    const std::array<double, 9> matrix =
        rotation_matrix({r * std::cos(longitude), r * std::sin(longitude), z}, condition_.amount * std::numbers::pi / 180);
    for (std::int64_t step = 0; step < track.steps; ++step)
      for (const std::int64_t first : vectors->second) {
        float* vector = track.at(step) + first;
        const std::array<double, 3> old{vector[0], vector[1], vector[2]};
        for (std::size_t i = 0; i < 3; ++i)
          vector[i] = static_cast<float>(matrix[3 * i] * old[0] + matrix[3 * i + 1] * old[1] + matrix[3 * i + 2] * old[2]);
      }
  }

  void jitter(Track& track, const Draws& draws) const {
    const Track original = track;
    for (std::int64_t step = 0; step < track.steps; ++step) {
      const double moment =
          std::clamp(static_cast<double>(step) + condition_.amount * draws.normal(0, step), 0.0, static_cast<double>(track.steps - 1));
      const auto left = static_cast<std::int64_t>(moment), right = std::min(left + 1, track.steps - 1);
      const auto share = static_cast<float>(moment - static_cast<double>(left));
      for (std::int64_t channel = 0; channel < track.channels; ++channel)
        track.at(step)[channel] = original.at(left)[channel] + share * (original.at(right)[channel] - original.at(left)[channel]);
    }
  }

  const WindowSet& windows_;
  const Condition& condition_;
  const Standardisation& training_;
  const InputShape shape_;
  const RandomStream stream_;
  std::map<std::int64_t, std::vector<std::int64_t>> triples_; // of each sensor: first channels
};

} // namespace

WindowedSamples disturbed_windows(const WindowSet& windows, std::span<const std::int64_t> rows, const Condition& condition,
                                  const Standardisation& training, const std::function<void()>& observer) {
  const WindowedSamples& source = windows.source();
  const std::int64_t channels = source.channels, row = source.sensors * channels;
  const InputShape shape = windows.shape();
  const Disturbance disturbance(windows, condition, training);
  const auto recording_of = [&](std::int64_t window) { return windows.recordings()[static_cast<std::size_t>(window)]; };
  const auto first_of = [&](std::int32_t recording) { return windows.recording_begins()[static_cast<std::size_t>(recording)]; };

  struct Owned {
    std::vector<float> samples;
    std::vector<std::int64_t> begins;
  };
  const auto owned = std::make_shared<Owned>();
  std::map<std::int32_t, std::int64_t> moved; // where the recordings that are asked for begin now
  for (const std::int64_t window : rows) moved.emplace(recording_of(window), 0);
  std::int64_t total = 0;
  for (auto& [recording, begin] : moved) {
    begin = total;
    total += first_of(recording + 1) - first_of(recording);
  }
  owned->samples.resize(static_cast<std::size_t>(total * row));
  for (const std::int64_t window : rows) {
    const std::int32_t recording = recording_of(window);
    owned->begins.push_back(source.begins[static_cast<std::size_t>(window)] - first_of(recording) + moved.at(recording));
  }

  for (const auto& [recording, begin] : moved) {
    const std::int64_t steps = first_of(recording + 1) - first_of(recording);
    const float* const from = source.samples.data() + first_of(recording) * row;
    float* const to = owned->samples.data() + begin * row;
    for (std::int64_t sensor = 0; sensor < source.sensors; ++sensor) {
      const std::int64_t own = shape.sensor_channels.empty() ? channels : shape.sensor_channels[static_cast<std::size_t>(sensor)];
      Track track{std::vector<float>(static_cast<std::size_t>(steps * channels)), steps, channels};
      for (std::int64_t step = 0; step < steps; ++step) std::copy_n(from + step * row + sensor * channels, channels, track.at(step));
      disturbance.apply(track, recording, sensor);
      // Of the channels that the sensor has: the others stay 0.
      for (std::int64_t step = 0; step < steps; ++step) std::copy_n(track.at(step), own, to + step * row + sensor * channels);
    }
    observer();
  }
  return {source.sensors, source.steps, channels, owned->samples, owned->begins, {}, {}, owned};
}

} // namespace stdualx
