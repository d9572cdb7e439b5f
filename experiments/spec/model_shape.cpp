// Sizes and checks. See model_shape.h.
#include "experiments/spec/model_shape.h"

#include <algorithm>
#include <map>
#include <numeric>

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

void check_shape(const InputShape& shape) {
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
}

void check_stdual_x(const ModelConfig& config, const InputShape& shape) {
  require(config.baseline == BaselineConfig{}, "/model/baseline", "stdual_x has none of these sizes; start from the variant of a baseline");
  const std::vector<std::int64_t> own = real_channels(shape);
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

/// The sizes that each baseline has; dropout, where it is among them, may be 0.
const std::map<std::string, std::vector<std::string_view>>& baseline_sizes() {
  static const std::map<std::string, std::vector<std::string_view>> sizes = {
      {"deep_conv_lstm", {"convolutions", "filters", "kernel", "layers", "width", "dropout"}},
      {"cnn", {"filters", "dropout"}},
      {"bi_lstm", {"layers", "width", "dropout"}},
      {"transformer", {"layers", "width", "heads", "feedforward", "dropout"}},
      {"linear", {}}};
  return sizes;
}

void check_baseline_sizes(const ModelConfig& config) {
  const auto& sizes = baseline_sizes().at(config.architecture);
  const auto check = [&](const auto& size) {
    const auto value = config.baseline.*(size.member);
    const std::string key = "/model/baseline/" + std::string(size.name);
    const bool has = std::find(sizes.begin(), sizes.end(), size.name) != sizes.end();
    require(has || value == 0, key, config.architecture + " has no " + std::string(size.name) + "; leave it at 0");
    require(!has || value > 0 || size.name == "dropout", key,
            "expected at least 1 for " + config.architecture + ", found 0; the variant '" + config.architecture + "' sets it");
  };
  std::apply([&](const auto&... size) { (check(size), ...); }, BaselineConfig::fields());
}

void check_baseline(const ModelConfig& config, const InputShape& shape) {
  const ModelConfig bare = bare_model(config.architecture);
  const auto check = [&](const auto& field) {
    require(field.name == "baseline" || config.*(field.member) == bare.*(field.member), "/model/" + std::string(field.name),
            "is no setting of " + config.architecture + "; start from the variant '" + config.architecture +
                "', and leave it out of 'set'");
  };
  std::apply([&](const auto&... field) { (check(field), ...); }, ModelConfig::fields());
  check_baseline_sizes(config);

  const BaselineConfig& sizes = config.baseline;
  if (config.architecture == "transformer") check_heads("baseline/heads", sizes.heads, sizes.width, "width");
  if (config.architecture == "deep_conv_lstm") {
    const std::int64_t lost = sizes.convolutions * (sizes.kernel - 1);
    require(lost < shape.steps, "/model/baseline/convolutions",
            std::to_string(sizes.convolutions) + " convolutions of width " + std::to_string(sizes.kernel) + " take " +
                std::to_string(lost) + " steps off a window of " + std::to_string(shape.steps) +
                "; choose fewer, narrower ones or longer windows");
  }
}

} // namespace

namespace {
/// Puts each of the settings that `is_one` names at its neutral value, or the nearest that is allowed.
template <class IsOne> void clear_settings(ModelConfig& model, const IsOne& is_one) {
  const auto clear = [&](const auto& field) {
    if (!is_one(field.name)) return;
    auto& value = model.*(field.member);
    using Value = std::remove_cvref_t<decltype(value)>;
    value = field.neutral;
    if constexpr (std::is_same_v<Value, double> || std::is_same_v<Value, std::int64_t>)
      if (static_cast<double>(value) < field.minimum) value = static_cast<Value>(field.minimum);
  };
  std::apply([&](const auto&... field) { (clear(field), ...); }, ModelConfig::fields());
}
} // namespace

void clear_unused(ModelConfig& config) {
  const auto clear = [&](bool is_off, std::initializer_list<std::string_view> settings) {
    if (is_off) clear_settings(config, [&](std::string_view name) { return std::ranges::find(settings, name) != settings.end(); });
  };
  clear(config.stem_layers == 0, {"stem_channels", "stem_kernel", "stem_stride"});
  clear(!config.stdat, {"stdat_layers", "temporal_attention", "channel_attention", "convolution", "position", "vector_dropout"});
  clear(!config.stdat || !config.temporal_attention, {"temporal_heads"});
  clear(!config.stdat || !config.channel_attention, {"channel_heads"});
  clear(!config.stdat || !config.convolution, {"convolution_units", "convolution_dropout"});
  clear(!config.stdat || !config.position, {"gaussians", "gaussian_sigma"});
  clear(!config.cross_sensor_attention, {"cross_sensor_heads", "attend_self"});
}

ModelConfig bare_model(const std::string& architecture) {
  ModelConfig model;
  clear_settings(model, [](std::string_view) { return true; });
  model.architecture = architecture;
  return model;
}

std::vector<FittedHeads> fit_heads(ModelConfig& config, const InputShape& shape, const std::vector<std::string>& chosen) {
  std::vector<FittedHeads> changed;
  if (config.architecture != "stdual_x") return changed;
  const auto fit = [&](const std::string& setting, std::int64_t& heads, std::int64_t width, const std::string& what) {
    if (std::find(chosen.begin(), chosen.end(), setting) != chosen.end() || width < 1) return;
    const std::int64_t asked = heads;
    while (heads > 1 && width % heads != 0) --heads;
    if (heads != asked) changed.push_back({setting, asked, heads, width, what});
  };
  if (config.stdat && config.temporal_attention) {
    std::int64_t width = config.stem_channels;
    if (config.stem_layers == 0) { // each sensor's own channels, and those that the widest has, to which all are padded
      width = input_channels(config, shape.channels);
      for (const std::int64_t channels : real_channels(shape)) width = std::gcd(width, input_channels(config, channels));
    }
    fit("temporal_heads", config.temporal_heads, width,
        config.stem_layers > 0 ? "the channels of the encoder" : "the channels of every sensor in the encoder");
  }
  if (config.stdat && config.channel_attention)
    fit("channel_heads", config.channel_heads, stem_steps(config, shape.steps), "the steps of the encoder");
  if (config.cross_sensor_attention) fit("cross_sensor_heads", config.cross_sensor_heads, config.sensor_width, "sensor_width");
  return changed;
}

void check_model(const ModelConfig& config, const InputShape& shape) {
  const bool is_baseline = baseline_sizes().contains(config.architecture);
  if (!is_baseline && config.architecture != "stdual_x") {
    std::string list = "stdual_x";
    for (const auto& [name, sizes] : baseline_sizes()) list += ", " + name;
    throw InputError("/model/architecture: expected one of " + list + ", found '" + config.architecture + "'");
  }
  check_shape(shape);
  if (is_baseline) check_baseline(config, shape);
  else check_stdual_x(config, shape);
}

} // namespace stdualx
