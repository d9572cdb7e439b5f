// Augmentation as plain loops over one window; the normals of jitter, by far the most of it, in vectors where there are such loops.
#include "worker/training/augmentation.h"

#include "experiments/spec/rotation.h"
#include "model/fused/vector_loops.h"
#include "model/kernels.h"

#include <algorithm>
#include <cmath>

namespace stdualx {

namespace {
constexpr double pi = 3.14159265358979323846;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

double normal(PhiloxCounter words, std::size_t pair) { return standard_normal(words[2 * pair], words[2 * pair + 1]); }
} // namespace

std::vector<double> warp_positions(std::int64_t steps, double strength, double speed, const std::array<double, 6>& knots) {
  std::vector<double> positions(at(steps));
  const double last = static_cast<double>(steps - 1);
  const double spacing = last / static_cast<double>(knots.size() - 1);
  for (std::int64_t step = 0; step < steps; ++step) {
    const double here = static_cast<double>(step);
    const double place = spacing > 0 ? here / spacing : 0;
    const auto left = std::min(static_cast<std::size_t>(place), knots.size() - 2);
    const double share = place - static_cast<double>(left);
    const double displacement = strength * spacing * ((1 - share) * knots[left] + share * knots[left + 1]);
    double position = last / 2 + (here - last / 2) * (1 + strength * speed) + displacement;
    if (last > 0) { // reflect: a triangle wave of period 2 * last
      position = std::fmod(std::abs(position), 2 * last);
      position = std::min(position, 2 * last - position);
    } else {
      position = 0;
    }
    positions[at(step)] = position;
  }
  return positions;
}

Augmentation::Augmentation(const AugmentationConfig& config, std::int64_t seed, InputShape shape,
                           std::vector<std::vector<std::int64_t>> triples, std::vector<float> deviation)
    : config_(config), shape_(std::move(shape)), triples_(std::move(triples)), deviation_(std::move(deviation)),
      rotation_(seed, "augmentation", "rotation"), gain_(seed, "augmentation", "gain"), time_warp_(seed, "augmentation", "time_warp"),
      jitter_(seed, "augmentation", "jitter"), sensor_dropout_(seed, "augmentation", "sensor_dropout"),
      block_dropout_(seed, "augmentation", "block_dropout") {}

std::int64_t Augmentation::own_channels(std::int64_t sensor) const {
  return shape_.sensor_channels.empty() ? shape_.channels : shape_.sensor_channels[at(sensor)];
}

WindowDraws Augmentation::draw(SamplePlace place) const {
  WindowDraws draws;
  const auto words = [&](const RandomStream& stream, std::uint32_t element) {
    return stream.words(place.epoch, place.step, place.sample, element);
  };
  for (std::uint32_t turn = 0; turn < (config_.rotation_by_sensor ? static_cast<std::uint32_t>(shape_.sensors) : 1u); ++turn) {
    const PhiloxCounter first = words(rotation_, 2 * turn), second = words(rotation_, 2 * turn + 1);
    draws.turns.push_back({{normal(first, 0), normal(first, 1), normal(second, 0)}, normal(second, 1)});
  }
  for (std::int64_t sensor = 0; sensor < shape_.sensors; ++sensor)
    draws.gain.push_back(normal(words(gain_, static_cast<std::uint32_t>(sensor)), 0));
  for (std::uint32_t i = 0; i < 3; ++i) {
    const PhiloxCounter pair = words(time_warp_, i);
    draws.knots[2 * i] = normal(pair, 0);
    draws.knots[2 * i + 1] = normal(pair, 1);
  }
  draws.speed = normal(words(time_warp_, 3), 0);
  return draws;
}

std::array<float, 4> Augmentation::jitter_normals(SamplePlace place, std::uint32_t element) const {
  // Box and Muller in float32, both normals of each pair: a window needs a thousand of them.
  const PhiloxCounter words = jitter_.words(place.epoch, place.step, place.sample, element);
  std::array<float, 4> normals;
  for (std::size_t pair = 0; pair < 2; ++pair) {
    const float radius = std::sqrt(-2.0f * std::log((static_cast<float>(words[2 * pair] >> 8) + 0.5f) * 0x1p-24f));
    const float angle = static_cast<float>(2 * pi) * uniform_float(words[2 * pair + 1]);
    normals[2 * pair] = radius * std::cos(angle);
    normals[2 * pair + 1] = radius * std::sin(angle);
  }
  return normals;
}

void Augmentation::apply(std::span<const float> input, std::span<float> output, SamplePlace place) const {
  const WindowDraws draws = draw(place);
  if (config_.time_warp > 0) warp(input, output, draws);
  else std::copy(input.begin(), input.end(), output.begin());
  if (config_.rotation_degrees > 0) rotate(output, draws);
  if (config_.gain > 0) {
    const std::size_t size = output.size() / at(shape_.sensors);
    for (std::size_t sensor = 0; sensor < at(shape_.sensors); ++sensor) {
      const auto factor = static_cast<float>(1 + config_.gain * draws.gain[sensor]);
      for (float& value : output.subspan(sensor * size, size)) value *= factor;
    }
  }
  if (config_.jitter > 0) add_jitter(output, place);
}

void Augmentation::warp(std::span<const float> input, std::span<float> output, const WindowDraws& draws) const {
  const std::vector<double> positions = warp_positions(shape_.steps, config_.time_warp, draws.speed, draws.knots);
  const std::size_t channels = at(shape_.channels), steps = at(shape_.steps);
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t left = std::min(static_cast<std::size_t>(positions[step]), steps > 1 ? steps - 2 : 0);
    const std::size_t right = std::min(left + 1, steps - 1);
    const auto share = static_cast<float>(positions[step] - static_cast<double>(left));
    for (std::size_t sensor = 0; sensor < at(shape_.sensors); ++sensor) {
      const float* from = input.data() + (sensor * steps + left) * channels;
      const float* to = input.data() + (sensor * steps + right) * channels;
      float* target = output.data() + (sensor * steps + step) * channels;
      for (std::size_t channel = 0; channel < channels; ++channel) target[channel] = (1 - share) * from[channel] + share * to[channel];
    }
  }
}

void Augmentation::rotate(std::span<float> window, const WindowDraws& draws) const {
  std::array<float, 9> m{};
  for (std::int64_t sensor = 0; sensor < shape_.sensors; ++sensor) {
    if (at(sensor) < draws.turns.size()) {
      const WindowDraws::Turn& turn = draws.turns[at(sensor)];
      const auto exact = rotation_matrix(turn.axis, config_.rotation_degrees * turn.angle * pi / 180);
      std::transform(exact.begin(), exact.end(), m.begin(), [](double value) { return static_cast<float>(value); });
    }
    for (const std::int64_t first : triples_[at(sensor)]) {
      float* vector = window.data() + at(sensor * shape_.steps * shape_.channels + first);
      for (std::int64_t step = 0; step < shape_.steps; ++step, vector += shape_.channels) {
        const float x = vector[0], y = vector[1], z = vector[2];
        vector[0] = m[0] * x + m[1] * y + m[2] * z;
        vector[1] = m[3] * x + m[4] * y + m[5] * z;
        vector[2] = m[6] * x + m[7] * y + m[8] * z;
      }
    }
  }
}

std::vector<Augmentation::Lost> Augmentation::lost(SamplePlace place) const {
  std::vector<Lost> all(at(shape_.sensors));
  const auto uniform = [&](const RandomStream& stream, std::int64_t sensor, std::size_t word) {
    return uniform_float(stream.words(place.epoch, place.step, place.sample, static_cast<std::uint32_t>(sensor))[word]);
  };
  std::int64_t stays = 0; // the sensor that is lost last
  float highest = -1;
  for (std::int64_t sensor = 0; sensor < shape_.sensors; ++sensor) {
    if (config_.block_dropout > 0) {
      const auto most = static_cast<float>(config_.block_dropout * static_cast<double>(shape_.steps)) + 1;
      const auto count = std::min(static_cast<std::int64_t>(most * uniform(block_dropout_, sensor, 0)), shape_.steps);
      const auto places = static_cast<float>(shape_.steps - count + 1);
      all[at(sensor)] = {std::min(static_cast<std::int64_t>(places * uniform(block_dropout_, sensor, 1)), shape_.steps - count), count};
    }
    if (config_.sensor_dropout == 0) continue;
    const float drawn = uniform(sensor_dropout_, sensor, 0);
    if (drawn > highest) highest = drawn, stays = sensor;
  }
  for (std::int64_t sensor = 0; sensor < shape_.sensors && config_.sensor_dropout > 0; ++sensor)
    if (sensor != stays && uniform(sensor_dropout_, sensor, 0) < static_cast<float>(config_.sensor_dropout))
      all[at(sensor)] = {0, shape_.steps};
  return all;
}

void Augmentation::lose(std::span<float> standardised, SamplePlace place) const {
  if (config_.sensor_dropout == 0 && config_.block_dropout == 0) return;
  const std::vector<Lost> all = lost(place);
  for (std::size_t sensor = 0; sensor < all.size(); ++sensor)
    std::ranges::fill(standardised.subspan((sensor * at(shape_.steps) + at(all[sensor].first)) * at(shape_.channels),
                                           at(all[sensor].count * shape_.channels)),
                      0.0f);
}

std::vector<float> Augmentation::jitter_of(SamplePlace place) const {
  const std::size_t elements = (at(shape_.sensors * shape_.steps * shape_.channels) + 3) / 4;
  std::vector<float> normals(4 * padded(elements));
  if (kernels_in_use() != "plain") {
    fused_loops().normals({jitter_.key[0], jitter_.key[1]}, place.epoch, place.step, place.sample, elements, normals.data());
    return normals;
  }
  for (std::size_t element = 0; element < elements; ++element)
    std::ranges::copy(jitter_normals(place, static_cast<std::uint32_t>(element)),
                      normals.begin() + static_cast<std::ptrdiff_t>(4 * element));
  return normals;
}

void Augmentation::add_jitter(std::span<float> window, SamplePlace place) const {
  const auto strength = static_cast<float>(config_.jitter);
  const std::vector<float> normals = jitter_of(place);
  std::size_t number = 0;
  for (std::int64_t sensor = 0; sensor < shape_.sensors; ++sensor) {
    const std::int64_t own = own_channels(sensor);
    const float* deviation = deviation_.data() + at(sensor * shape_.channels);
    for (std::int64_t step = 0; step < shape_.steps; ++step) {
      for (std::int64_t channel = 0; channel < shape_.channels; ++channel, ++number)
        if (channel < own) window[number] += strength * deviation[channel] * normals[number];
    }
  }
}

} // namespace stdualx
