// Sizes and checks. See model_shape.h.
#include "experiments/spec/model_shape.h"

#include <algorithm>

namespace stdualx {

std::int64_t stem_steps(const ModelConfig& config, std::int64_t steps) {
  for (std::int64_t i = 0; i < config.stem_layers; ++i) steps = (steps - 1) / config.stem_stride + 1; // padding kernel / 2, odd kernel
  return steps;
}

std::int64_t input_channels(const ModelConfig& config, std::int64_t channels) { return config.asinh_knee > 0 ? 2 * channels : channels; }

std::int64_t vector_hidden(const ModelConfig& config, std::int64_t flattened) {
  return std::max<std::int64_t>(1, std::min(config.vector_hidden, flattened / 2));
}

std::vector<std::int64_t> real_channels(const InputShape& shape) {
  if (shape.sensor_channels.empty()) return std::vector<std::int64_t>(static_cast<std::size_t>(shape.sensors), shape.channels);
  return shape.sensor_channels;
}

namespace {

std::string divisors(std::int64_t of) {
  std::string list;
  for (std::int64_t i = 1; i <= of; ++i)
    if (of % i == 0) list += (list.empty() ? "" : ", ") + std::to_string(i);
  return list;
}

/// "/model/temporal_heads: 5 heads do not divide 32, the channels of the encoder; choose one of 1, 2, 4, 8, 16, 32"
void check_heads(const std::string& key, std::int64_t heads, std::int64_t width, const std::string& what) {
  if (heads >= 1 && width % heads == 0) return;
  throw InputError("/model/" + key + ": " + std::to_string(heads) + " heads do not divide " + std::to_string(width) + ", " + what +
                   "; choose one of " + divisors(width));
}

void require(bool holds, const std::string& key, const std::string& sentence) {
  if (!holds) throw InputError(key + ": " + sentence);
}

} // namespace

void check_model(const ModelConfig& config, const InputShape& shape) {
  require(config.architecture == "stdual_x", "/model/architecture", "expected stdual_x, found '" + config.architecture + "'");
  require(shape.sensors >= 1 && shape.steps >= 1 && shape.channels >= 1, "the data's shape",
          "expected at least 1 sensor, step and channel, found " + std::to_string(shape.sensors) + ", " + std::to_string(shape.steps) +
              " and " + std::to_string(shape.channels));
  require(shape.classes >= 2, "the data's shape", "expected at least 2 classes, found " + std::to_string(shape.classes));
  const std::vector<std::int64_t> own = real_channels(shape);
  require(static_cast<std::int64_t>(own.size()) == shape.sensors, "the data's sensor_channels",
          "expected a number for each of " + std::to_string(shape.sensors) + " sensors, found " + std::to_string(own.size()));
  for (std::size_t s = 0; s < own.size(); ++s)
    require(own[s] >= 1 && own[s] <= shape.channels, "the data's sensor_channels",
            "sensor " + std::to_string(s) + " has " + std::to_string(own[s]) + " channels; expected 1 to " +
                std::to_string(shape.channels));

  if (config.stem_layers > 0) {
    require(config.stem_kernel % 2 == 1, "/model/stem_kernel", std::to_string(config.stem_kernel) + " is even; choose an odd width");
    require(config.stem_stride >= 1, "/model/stem_stride", "expected at least 1, found " + std::to_string(config.stem_stride));
  }
  require(config.asinh_knee >= 0, "/model/asinh_knee", "expected at least 0");
  if (config.stdat && config.channel_attention)
    check_heads("channel_heads", config.channel_heads, stem_steps(config, shape.steps), "the steps of the encoder");
  if (config.stdat && config.temporal_attention) {
    if (config.stem_layers > 0) check_heads("temporal_heads", config.temporal_heads, config.stem_channels, "the channels of the encoder");
    else
      for (std::size_t s = 0; s < own.size(); ++s)
        check_heads("temporal_heads", config.temporal_heads, input_channels(config, own[s]), "the channels of sensor " + std::to_string(s));
    check_heads("temporal_heads", config.temporal_heads,
                config.stem_layers > 0 ? config.stem_channels : input_channels(config, shape.channels),
                "the most channels that a sensor has in the encoder");
  }
  if (config.cross_sensor_attention) check_heads("cross_sensor_heads", config.cross_sensor_heads, config.sensor_width, "sensor_width");
}

} // namespace stdualx
