// Odd channels. See oddities.h.
#include "experiments/datasets/oddities.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace stdualx {
namespace {

constexpr std::array<float, 5> sentinels{-9999, -999, 9999, -99999, 99999};
constexpr std::size_t few_values = 200; // so many different values make no measured quantity: a button, a pressure in steps

/// One channel over all recordings.
struct Channel {
  std::int64_t samples = 0, at_lowest = 0, at_highest = 0;
  float lowest = std::numeric_limits<float>::infinity(), highest = -std::numeric_limits<float>::infinity();
  float largest_usual = 0; // magnitude, sentinels left out
  std::map<float, std::int64_t> sentinel_counts;
  std::set<float> some_values; // few_values + 1 at most
  std::int64_t constant_recordings = 0, long_recordings = 0;
  std::uint64_t hash = 0;

  void add(float value) {
    ++samples;
    if (value < lowest) lowest = value, at_lowest = 0;
    if (value > highest) highest = value, at_highest = 0;
    at_lowest += value == lowest ? 1 : 0;
    at_highest += value == highest ? 1 : 0;
    if (some_values.size() <= few_values) some_values.insert(value);
    if (std::find(sentinels.begin(), sentinels.end(), value) != sentinels.end()) ++sentinel_counts[value];
    else largest_usual = std::max(largest_usual, std::abs(value));
  }
};

Channel channel_of(const Dataset& dataset, std::size_t place, std::size_t row) {
  Channel channel;
  std::vector<float> values;
  for (const Recording& recording : dataset.recordings) {
    values.clear();
    for (std::size_t at = place; at < recording.samples.size(); at += row) values.push_back(recording.samples[at]);
    for (const float value : values) channel.add(value);
    channel.hash = XXH3_64bits_withSeed(values.data(), values.size() * sizeof(float), channel.hash);
    if (static_cast<double>(recording.steps()) < 2 * dataset.info.rate) continue;
    ++channel.long_recordings;
    channel.constant_recordings += std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end() ? 1 : 0;
  }
  return channel;
}

std::string recordings(std::int64_t count) { return std::to_string(count) + (count == 1 ? " recording" : " recordings"); }

void describe(const Channel& channel, const std::string& name, std::vector<std::string>& sentences) {
  if (channel.lowest == channel.highest) {
    sentences.push_back(fmt::format("{} is {} in all samples; leave it out of the manifest's /sensors.", name, channel.lowest));
    return;
  }
  if (channel.constant_recordings > 0)
    sentences.push_back(
        fmt::format("{} never changes in {} of {}.", name, channel.constant_recordings, recordings(channel.long_recordings)));
  for (const auto& [value, count] : channel.sentinel_counts) {
    if (std::abs(value) <= 2 * channel.largest_usual) continue;
    sentences.push_back(
        fmt::format("{} is {} in {} of {} samples, far from its other values: where that stands for a missing one, name it in the "
                    "manifest's /missing_values.",
                    name, value, count, channel.samples));
    return; // it is at its extreme for that
  }
  if (channel.some_values.size() <= few_values) return;
  for (const auto& [what, value, count] :
       {std::tuple("largest", channel.highest, channel.at_highest), {"smallest", channel.lowest, channel.at_lowest}}) {
    const double share = static_cast<double>(count) / static_cast<double>(channel.samples);
    if (share > 0.01 && value != 0) // 0 is a sole off the ground, a sensor at rest
      sentences.push_back(fmt::format("{} is at its {} value, {:.6g}, in {:.1f} % of the samples, as at a sensor's limit.", name, what,
                                      value, 100 * share));
  }
}

} // namespace

std::vector<std::string> odd_channels(const Dataset& dataset) {
  std::vector<std::string> sentences;
  const std::size_t sensors = dataset.info.sensors.size(), padded = static_cast<std::size_t>(dataset.info.channels());
  std::map<std::uint64_t, std::string> known;
  for (std::size_t sensor = 0; sensor < sensors; ++sensor) {
    const SensorInfo& info = dataset.info.sensors[sensor];
    for (std::size_t channel = 0; channel < info.channels.size(); ++channel) {
      const std::string name = fmt::format("Channel '{}' of sensor '{}'", info.channels[channel].name, info.name);
      const Channel measured = channel_of(dataset, sensor * padded + channel, sensors * padded);
      if (measured.samples == 0) continue;
      describe(measured, name, sentences);
      if (measured.lowest == measured.highest) continue;
      if (const auto [place, is_new] = known.emplace(measured.hash, name); !is_new)
        sentences.push_back(name + " is, value for value, the same as: " + place->second + ".");
    }
  }
  return sentences;
}

} // namespace stdualx
