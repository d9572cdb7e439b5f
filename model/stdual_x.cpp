// STDual-X from windows to logits, to be read from top to bottom: forward() is at the end.
#include "model/stdual_x.h"

#include "model/cross_sensor_attention.h"
#include "model/encoder_shape.h"
#include "model/head.h"
#include "model/position.h"
#include "model/sensor_vector.h"
#include "model/stdat.h"
#include "model/stem.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>

namespace stdualx {
namespace {

/// The planes that enter the network: L steps, each sensor's own channels and their asinh.
EncoderShape input_shape(const ModelConfig& config, const InputShape& shape, std::int64_t replicas) {
  EncoderShape input{.replicas = replicas,
                     .sensors = shape.sensors,
                     .steps = shape.steps,
                     .channels = input_channels(config, shape.channels),
                     .sensor_channels = {},
                     .mask = {}};
  for (const std::int64_t own : real_channels(shape)) input.sensor_channels.push_back(input_channels(config, own));
  return input;
}

/// The planes that enter the encoder, behind the stem.
EncoderShape encoder_shape(const ModelConfig& config, const EncoderShape& input, const Initialiser& initialiser) {
  EncoderShape encoder = input;
  encoder.steps = stem_steps(config, input.steps);
  if (config.stem_layers > 0) {
    encoder.channels = config.stem_channels;
    encoder.sensor_channels.assign(input.sensor_channels.size(), config.stem_channels);
  } else if (*std::min_element(input.sensor_channels.begin(), input.sensor_channels.end()) < input.channels) {
    const at::Tensor real = at::stack(first_real(input.sensor_channels, input.channels)); // [S, C]
    encoder.mask = initialiser.fixed(real).repeat({input.replicas, 1}).view({input.leading(), 1, 1, input.channels});
  }
  return encoder;
}

/// What puts a sensor's asinh channels right behind its own: order[s][c] is where channel c comes from, out of
/// (x_0 .. x_C-1, asinh_0 .. asinh_C-1). int64 [S, 2 C].
at::Tensor asinh_order(const std::vector<std::int64_t>& own_channels, std::int64_t channels) {
  at::Tensor order = at::empty({static_cast<std::int64_t>(own_channels.size()), 2 * channels}, at::kLong);
  std::int64_t* from = order.data_ptr<std::int64_t>();
  for (const std::int64_t own : own_channels) {
    for (std::int64_t c = 0; c < own; ++c) *from++ = c;
    for (std::int64_t c = 0; c < own; ++c) *from++ = channels + c;
    for (std::int64_t c = own; c < channels; ++c) *from++ = c; // padding, 0
    for (std::int64_t c = own; c < channels; ++c) *from++ = channels + c;
  }
  return order;
}

} // namespace

struct StdualX::Layers {
  ModelConfig config;
  InputShape shape;
  Initialiser initialiser;
  EncoderShape input, encoder;
  at::Tensor padding;     // bool [1, 1, S, 1, C]: channels a sensor does not have; undefined when all have all
  at::Tensor asinh_order; // int64 [1, 1, S, 1, 2 C]; undefined when all have all, or without asinh channels
  Stem stem;
  Position position;
  std::vector<StdatLayer> stdat_layers;
  SensorVector vector;
  CrossSensorAttention cross_sensor_attention;
  Head head;

  Layers(const ModelConfig& model, const InputShape& sizes, std::vector<std::int64_t> seeds, at::ScalarType type, at::Device device)
      : config(model), shape(sizes), initialiser(std::move(seeds), type, device), input(input_shape(model, sizes, initialiser.replicas())),
        encoder(encoder_shape(model, input, initialiser)) {
    const std::vector<std::int64_t> own = real_channels(shape);
    if (*std::min_element(own.begin(), own.end()) < shape.channels) {
      padding = at::stack(first_real(own, shape.channels)).logical_not().view({1, 1, shape.sensors, 1, shape.channels}).to(device);
      if (config.asinh_knee > 0) asinh_order = stdualx::asinh_order(own, shape.channels).view({1, 1, shape.sensors, 1, -1}).to(device);
    }
    stem = Stem(initialiser, config, input);
    if (config.stdat && config.position) position = Position(initialiser, config, encoder);
    for (std::int64_t i = 0; config.stdat && i < config.stdat_layers; ++i)
      stdat_layers.emplace_back(initialiser, "stdat." + std::to_string(i), config, encoder);
    vector = SensorVector(initialiser, config, encoder);
    if (config.cross_sensor_attention) cross_sensor_attention = CrossSensorAttention(initialiser, config, shape.sensors);
    head = Head(initialiser, config, shape.sensors * config.sensor_width, shape.classes);
  }

  /// windows [R, B, S, L, C] -> [R, B, S, L, C or 2 C]: padding is 0, asinh((x - mean over the window) / knee) / 3 behind x.
  at::Tensor with_derived_channels(const at::Tensor& windows) const {
    const at::Tensor x = padding.defined() ? windows.masked_fill(padding, 0) : windows;
    if (config.asinh_knee == 0) return x;
    const at::Tensor squashed = at::asinh((x - x.mean(3, true)) / config.asinh_knee) / 3;
    const at::Tensor both = at::cat({x, squashed}, -1);
    return asinh_order.defined() ? both.gather(-1, asinh_order.expand(both.sizes())) : both;
  }
};

StdualX::StdualX(const ModelConfig& config, const InputShape& shape, std::vector<std::int64_t> seeds, at::ScalarType type,
                 at::Device device) {
  check_model(config, shape);
  if (config.architecture != "stdual_x") throw std::invalid_argument("StdualX cannot be a " + config.architecture);
  if (seeds.empty()) throw std::invalid_argument("StdualX needs one seed a replica, and got none");
  if (type != at::kFloat && type != at::kDouble) throw std::invalid_argument("StdualX computes in float32 or float64");
  layers = std::make_unique<Layers>(config, shape, std::move(seeds), type, device);
}
StdualX::~StdualX() = default;
StdualX::StdualX(StdualX&&) noexcept = default;
StdualX& StdualX::operator=(StdualX&&) noexcept = default;

const std::vector<NamedTensor>& StdualX::parameters() const { return layers->initialiser.parameters; }
const std::vector<NamedTensor>& StdualX::buffers() const { return layers->initialiser.buffers; }

ModelOutput StdualX::forward(const at::Tensor& windows, const StepContext& context) {
  const Layers& net = *layers;
  const InputShape& shape = net.shape;
  const std::int64_t replicas = net.input.replicas, batch = windows.dim() > 1 ? windows.size(1) : 0, width = net.config.sensor_width;
  if (windows.sizes() != at::IntArrayRef({replicas, batch, shape.sensors, shape.steps, shape.channels}))
    throw std::invalid_argument("StdualX::forward: expected windows [replicas, batch, sensors, steps, channels] = [" +
                                std::to_string(replicas) + ", B, " + std::to_string(shape.sensors) + ", " + std::to_string(shape.steps) +
                                ", " + std::to_string(shape.channels) + "], got " + c10::str(windows.sizes()));

  // Each sensor by itself: [M, B, L, C], m = replica * sensors + sensor.
  at::Tensor x = net.with_derived_channels(windows).transpose(1, 2).flatten(0, 1);
  x = stem_of(net.stem, x, context);
  if (net.config.stdat && net.config.position) x = net.position(x);
  for (const StdatLayer& layer : net.stdat_layers) x = stdat(layer, x, net.encoder, context);
  const at::Tensor vectors = vector_of(net.vector, x, context); // [M, B, d]

  // The sensors together: [R, B, S, d].
  ModelOutput output;
  at::Tensor sensors = vectors.view({replicas, shape.sensors, batch, width}).transpose(1, 2);
  if (net.config.cross_sensor_attention)
    sensors = net.cross_sensor_attention(sensors, context.want_attention ? &output.attention : nullptr);
  const Head::Output head = net.head(sensors.reshape({replicas, batch, shape.sensors * width}), context);
  output.logits = head.logits;
  output.embedding = head.embedding;
  return output;
}

} // namespace stdualx
