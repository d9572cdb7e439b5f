// The network from top to bottom, as StdualX::forward (model/stdual_x.cpp): Network::run() is at the end.
#include "model/inference/inference.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/model_shape.h"
#include "experiments/spec/safetensors.h"
#include "model/fused/stdat_kernel.h"
#include "model/fused/stem_kernel.h"
#include "model/inference/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

namespace stdualx {

namespace {

std::size_t number(std::int64_t value) { return static_cast<std::size_t>(value); }

std::size_t count_of(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= number(extent);
  return count;
}

void relu(float* x, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] = std::max(x[i], 0.0f);
}

const VectorLoops& loops_named(std::string_view instruction_set) {
  const auto sets = vector_instruction_sets();
  if (instruction_set.empty() && !sets.empty()) instruction_set = sets.back();
  const VectorLoops* loops = vector_loops(instruction_set);
  if (loops == nullptr) throw InputError("instruction set '" + std::string(instruction_set) + "': this processor has none of that name");
  return *loops;
}

} // namespace

FloatTensors read_float_tensors(const std::filesystem::path& path) {
  std::ifstream file;
  SafetensorsHeader header = open_safetensors(path, file);
  FloatTensors result{{}, std::move(header.metadata)};
  for (const SafetensorsEntry& entry : header.tensors) {
    if (entry.type != "F32") throw_damaged_safetensors(path, "tensor '" + entry.name + "' is " + entry.type + ", expected F32");
    FloatTensor tensor{entry.shape, std::vector<float>(entry.bytes / sizeof(float))};
    if (!file.read(reinterpret_cast<char*>(tensor.values.data()), static_cast<std::streamsize>(entry.bytes)))
      throw_damaged_safetensors(path, "tensor '" + entry.name + "' cannot be read");
    result.tensors.emplace(entry.name, std::move(tensor));
  }
  return result;
}

std::string lacks_inference(const ModelConfig& config, const InputShape& shape) {
  if (config.architecture != "stdual_x") return "a baseline";
  if (config.stdat && config.convolution && config.convolution_units != 1) return "more than one plane in the convolution block";
  const std::vector<std::int64_t> own = real_channels(shape);
  if (config.stem_layers == 0 && *std::min_element(own.begin(), own.end()) < shape.channels)
    return "sensors of unequal channels without a stem";
  return "";
}

struct Inference::Network {
  static constexpr std::size_t block = PackedLinear::most_rows; // windows at a time

  ModelConfig config;
  std::size_t sensors, steps, channels, classes; // of the windows
  std::size_t inputs, planes_steps, planes_channels, width;
  std::vector<std::int64_t> own; // channels of each sensor
  const VectorLoops& loops;
  FloatTensors weights;
  std::optional<StemKernel> stem;
  std::optional<StdatKernel> stdat;
  struct Sensor {
    std::vector<StemTensors<const float>> stem;
    std::vector<RunningColumns> stem_statistics;
    FloatArray position; // what is added, [steps, channels]
    std::vector<StdatTensors<const float>> stdat;
    std::vector<std::array<RunningMoments, 3>> stdat_statistics;
    PackedLinear hidden, output;
  };
  std::vector<Sensor> each;
  PackedLinear project, join; // of the cross-sensor attention
  FloatArray join_weight, join_bias;
  PackedLinear embed, classify;
  FloatArray ones, zeros; // for a GELU without scale
  FloatArray entered, plane, next, flat, hidden_rows, vectors, tokens, projected, attended, summed, joined, embedded, logits_rows;

  Network(const ModelConfig& model, const InputShape& shape, FloatTensors tensors, const VectorLoops& vector_loops)
      : config(model), sensors(number(shape.sensors)), steps(number(shape.steps)), channels(number(shape.channels)),
        classes(number(shape.classes)), inputs(number(input_channels(model, shape.channels))),
        planes_steps(number(stem_steps(model, shape.steps))), planes_channels(model.stem_layers > 0 ? number(model.stem_channels) : inputs),
        width(number(model.sensor_width)), own(real_channels(shape)), loops(vector_loops), weights(std::move(tensors)), each(sensors) {
    if (config.stem_layers > 0)
      stem.emplace(
          StemShape{steps, inputs, planes_channels, number(config.stem_layers), number(config.stem_kernel), number(config.stem_stride)},
          loops);
    if (config.stdat)
      stdat.emplace(StdatShape{planes_steps, planes_channels, number(config.temporal_heads), number(config.channel_heads),
                               config.temporal_attention, config.channel_attention, config.convolution},
                    loops);
    const std::size_t values = planes_steps * planes_channels;
    const std::size_t middle = number(vector_hidden(config, static_cast<std::int64_t>(values)));
    for (std::size_t s = 0; s < sensors; ++s) {
      Sensor& sensor = each[s];
      take_stem(sensor, s);
      if (config.stdat && config.position) sensor.position = position_of(s);
      for (std::int64_t i = 0; config.stdat && i < config.stdat_layers; ++i) take_stdat(sensor, s, "stdat." + std::to_string(i));
      sensor.hidden = linear("vector.hidden", values, middle, s, sensors);
      sensor.output = linear("vector.output", middle, width, s, sensors);
    }
    if (config.cross_sensor_attention) {
      const std::string name = "cross_sensor_attention";
      project = PackedLinear(part(name + ".in_weight", 3 * width * width), part(name + ".in_bias", 3 * width), width, 3 * width, loops);
      join = PackedLinear(part(name + ".out_weight", width * width), part(name + ".out_bias", width), width, width, loops);
      join_weight = copied(name + ".norm.weight", width);
      join_bias = copied(name + ".norm.bias", width);
    }
    const std::size_t all = sensors * width, embedding = number(config.embedding);
    embed = linear("head.embedding", all, embedding);
    classify = linear("head.classes", embedding, classes);
    ones = FloatArray(embedding);
    zeros = FloatArray(embedding);
    std::fill_n(ones.data(), ones.size(), 1.0f);
    entered = FloatArray(block * steps * inputs);
    for (FloatArray* array : {&plane, &next}) *array = FloatArray(block * values);
    flat = FloatArray(plane_of(block, values));
    hidden_rows = FloatArray(plane_of(block, middle));
    vectors = FloatArray(sensors * block * padded(width));
    tokens = FloatArray(plane_of(std::max(sensors, block), width));
    for (FloatArray* array : {&attended, &summed}) *array = FloatArray(plane_of(std::max(sensors, block), width));
    projected = FloatArray(plane_of(std::max(sensors, block), 3 * width));
    joined = FloatArray(plane_of(block, all));
    embedded = FloatArray(plane_of(block, embedding));
    logits_rows = FloatArray(plane_of(block, classes));
  }

  /// The values of slice `index` of a tensor that has `count` of them for each of `slices`.
  float* part(const std::string& name, std::size_t count, std::size_t index = 0, std::size_t slices = 1) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end()) throw StorageError("the weights have no tensor '" + name + "'; they are of another network");
    if (found->second.values.size() != count * slices || count_of(found->second.shape) != count * slices)
      throw StorageError("the weights' tensor '" + name + "' has " + std::to_string(found->second.values.size()) + " values, expected " +
                         std::to_string(count * slices) + "; they are of another network");
    return found->second.values.data() + index * count;
  }
  FloatArray copied(const std::string& name, std::size_t count) {
    FloatArray array(count);
    std::memcpy(array.data(), part(name, count), count * sizeof(float));
    return array;
  }
  /// Slice `index` of `slices`.
  PackedLinear linear(const std::string& name, std::size_t from, std::size_t to, std::size_t index = 0, std::size_t slices = 1) {
    const float* weight = part(name + ".weight", to * from, index, slices);
    return PackedLinear(weight, part(name + ".bias", to, index, slices), from, to, loops);
  }

  void take_stem(Sensor& sensor, std::size_t s) {
    for (std::int64_t i = 0; i < config.stem_layers; ++i) {
      const std::string name = "stem." + std::to_string(i);
      const std::size_t from = i == 0 ? inputs : planes_channels, to = planes_channels;
      const auto of = [&](const char* tensor, std::size_t count) { return part(name + tensor, count, s, sensors); };
      sensor.stem.push_back({of(".convolution.weight", to * from * number(config.stem_kernel)), of(".convolution.bias", to),
                             of(".norm.weight", to), of(".norm.bias", to)});
      sensor.stem_statistics.push_back({of(".norm.running_mean", to), of(".norm.running_variance", to)});
    }
  }

  void take_stdat(Sensor& sensor, std::size_t s, const std::string& name) {
    const auto of = [&](const std::string& tensor, std::size_t count) { return part(name + tensor, count, s, sensors); };
    StdatTensors<const float> tensors;
    std::array<RunningMoments, 3> statistics;
    const auto attention = [&](const std::string& which, std::size_t w) {
      return AttentionTensors<const float>{of(which + ".in_weight", 3 * w * w), of(which + ".in_bias", 3 * w),
                                           of(which + ".out_weight", w * w), of(which + ".out_bias", w)};
    };
    if (config.temporal_attention) tensors.temporal = attention(".temporal_attention", planes_channels);
    if (config.channel_attention) tensors.channel = attention(".channel_attention", planes_steps);
    if (config.temporal_attention || config.channel_attention) {
      tensors.attention_norm_weight = of(".attention_norm.weight", planes_channels);
      tensors.attention_norm_bias = of(".attention_norm.bias", planes_channels);
    }
    for (std::size_t stage = 0; config.convolution && stage < 3; ++stage) {
      const std::string which = ".convolution." + std::to_string(stage);
      const std::size_t kernel = 2 * stage + 1;
      tensors.stages[stage] = {of(which + ".weight", kernel * kernel), of(which + ".bias", 1), of(which + ".norm.weight", 1),
                               of(which + ".norm.bias", 1)};
      statistics[stage] = {of(which + ".norm.running_mean", 1), of(which + ".norm.running_variance", 1)};
    }
    if (config.convolution) {
      tensors.convolution_norm_weight = of(".convolution_norm.weight", planes_channels);
      tensors.convolution_norm_bias = of(".convolution_norm.bias", planes_channels);
    }
    sensor.stdat.push_back(tensors);
    sensor.stdat_statistics.push_back(statistics);
  }

  /// The Gaussian positional encoding does not depend on the windows (model/position.h).
  FloatArray position_of(std::size_t s) {
    const std::size_t gaussians = number(config.gaussians);
    const float* mean = part("position.mean", gaussians, s, sensors);
    const float* log_sigma = part("position.log_sigma", gaussians, s, sensors);
    const float* embedding = part("position.embedding", gaussians * planes_channels, s, sensors);
    FloatArray added(planes_steps * planes_channels);
    std::vector<double> weight(gaussians), row(planes_channels);
    for (std::size_t step = 0; step < planes_steps; ++step) {
      for (std::size_t k = 0; k < gaussians; ++k) {
        const double log_width = static_cast<double>(log_sigma[k]);
        const double distance = (static_cast<double>(step) - static_cast<double>(mean[k])) * std::exp(-log_width);
        weight[k] = -0.5 * distance * distance - log_width;
      }
      const double largest = *std::max_element(weight.begin(), weight.end());
      double sum = 0;
      for (double& one : weight) sum += one = std::exp(one - largest);
      std::fill(row.begin(), row.end(), 0.0);
      for (std::size_t k = 0; k < gaussians; ++k)
        for (std::size_t c = 0; c < planes_channels; ++c)
          row[c] += weight[k] / sum * static_cast<double>(embedding[k * planes_channels + c]);
      for (std::size_t c = 0; c < planes_channels; ++c) added.data()[step * planes_channels + c] = static_cast<float>(row[c]);
    }
    return added;
  }

  /// A sensor's part of a window behind its asinh channels, to [steps, inputs]: its own channels, their asinh((x - mean) / knee) / 3,
  /// zeros.
  void enter(const float* window, std::size_t s, float* to) const {
    const std::size_t real = number(own[s]);
    for (std::size_t c = 0; c < real; ++c) {
      double sum = 0;
      for (std::size_t step = 0; step < steps; ++step) sum += static_cast<double>(window[step * channels + c]);
      const auto mean = static_cast<float>(sum / static_cast<double>(steps));
      const auto slope = static_cast<float>(1 / config.asinh_knee);
      for (std::size_t step = 0; step < steps; ++step) {
        const float x = window[step * channels + c];
        to[step * inputs + c] = x;
        if (config.asinh_knee > 0) to[step * inputs + real + c] = std::asinh((x - mean) * slope) / 3;
      }
    }
    for (std::size_t c = real * inputs / channels; c < inputs; ++c)
      for (std::size_t step = 0; step < steps; ++step) to[step * inputs + c] = 0;
  }

  /// A sensor's vectors of `rows` windows, to [rows, padded(width)].
  void vectors_of(const float* windows, std::size_t rows, std::size_t s, float* to) {
    Sensor& sensor = each[s];
    const std::size_t values = planes_steps * planes_channels;
    float *x = plane.data(), *y = next.data();
    for (std::size_t row = 0; row < rows; ++row)
      enter(windows + (row * sensors + s) * steps * channels, s, (stem ? entered.data() : x) + row * steps * inputs);
    if (stem) stem->forward(entered.data(), rows, false, sensor.stem, sensor.stem_statistics, nullptr, x);
    if (config.stdat && config.position)
      for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t i = 0; i < values; ++i) x[row * values + i] += sensor.position.data()[i];
    for (std::size_t i = 0; i < sensor.stdat.size(); ++i) {
      stdat->forward(x, {.rows = rows}, sensor.stdat[i], sensor.stdat_statistics[i], nullptr, y);
      std::swap(x, y);
    }
    const float* rows_of_values = x;
    if (padded(values) != values) {
      for (std::size_t row = 0; row < rows; ++row)
        std::memcpy(flat.data() + row * padded(values), x + row * values, values * sizeof(float));
      rows_of_values = flat.data();
    }
    sensor.hidden(rows_of_values, rows, hidden_rows.data());
    relu(hidden_rows.data(), rows * padded(sensor.hidden.outputs()));
    sensor.output(hidden_rows.data(), rows, to);
    if (config.stdat) relu(to, rows * padded(width));
  }

  /// tokens [sensors, width] of one window, in place: each sensor asks the others (model/cross_sensor_attention.h).
  void attend() {
    const std::size_t stride = padded(3 * width), heads = number(config.cross_sensor_heads), head_width = width / heads;
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_width));
    for (std::size_t first = 0; first < sensors; first += block) {
      const std::size_t rows = std::min(block, sensors - first);
      project(tokens.data() + first * padded(width), rows, projected.data() + first * stride);
    }
    std::vector<float> scores(sensors);
    for (std::size_t s = 0; s < sensors; ++s)
      for (std::size_t head = 0; head < heads; ++head) {
        const float* query = projected.data() + s * stride + head * head_width;
        float largest = -INFINITY, sum = 0;
        const auto seen = [&](std::size_t other) { return other != s || config.attend_self || sensors == 1; };
        for (std::size_t other = 0; other < sensors; ++other) {
          const float* key = projected.data() + other * stride + width + head * head_width;
          float score = 0;
          for (std::size_t i = 0; i < head_width; ++i) score += query[i] * key[i];
          scores[other] = score * scale;
          if (seen(other)) largest = std::max(largest, scores[other]);
        }
        for (std::size_t other = 0; other < sensors; ++other) {
          scores[other] = seen(other) ? std::exp(scores[other] - largest) : 0;
          sum += scores[other];
        }
        float* const to = attended.data() + s * padded(width) + head * head_width;
        std::fill_n(to, head_width, 0.0f);
        for (std::size_t other = 0; other < sensors; ++other) {
          const float* value = projected.data() + other * stride + 2 * width + head * head_width;
          for (std::size_t i = 0; i < head_width; ++i) to[i] += scores[other] / sum * value[i];
        }
      }
    for (std::size_t first = 0; first < sensors; first += block) {
      const std::size_t rows = std::min(block, sensors - first), at = first * padded(width);
      join(attended.data() + at, rows, summed.data() + at);
    }
    const PlaneSize size{sensors, width, padded(width)};
    loops.add(tokens.data(), size, summed.data());
    loops.layer_norm(summed.data(), size, join_weight.data(), join_bias.data(), tokens.data());
  }

  void run(const float* windows, std::size_t rows, float* logits, float* embedding) {
    const std::size_t stride = padded(width), all = padded(sensors * width), wide = padded(embed.outputs());
    for (std::size_t s = 0; s < sensors; ++s) vectors_of(windows, rows, s, vectors.data() + s * block * stride);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t s = 0; s < sensors; ++s)
        std::memcpy(tokens.data() + s * stride, vectors.data() + (s * block + row) * stride, stride * sizeof(float));
      if (config.cross_sensor_attention) attend();
      for (std::size_t s = 0; s < sensors; ++s)
        std::memcpy(joined.data() + row * all + s * width, tokens.data() + s * stride, width * sizeof(float));
    }
    embed(joined.data(), rows, embedded.data());
    loops.gelu(embedded.data(), {rows, embed.outputs(), wide}, ones.data(), zeros.data(), embedded.data());
    classify(embedded.data(), rows, logits_rows.data());
    for (std::size_t row = 0; row < rows; ++row) {
      std::memcpy(logits + row * classes, logits_rows.data() + row * padded(classes), classes * sizeof(float));
      if (embedding != nullptr)
        std::memcpy(embedding + row * embed.outputs(), embedded.data() + row * wide, embed.outputs() * sizeof(float));
    }
  }
};

Inference::Inference(const ModelConfig& config, const InputShape& shape, FloatTensors tensors, std::string_view instruction_set) {
  check_model(config, shape);
  if (const std::string why = lacks_inference(config, shape); !why.empty())
    throw InputError("this network cannot be computed without libtorch: " + why);
  network_ = std::make_unique<Network>(config, shape, std::move(tensors), loops_named(instruction_set));
}
Inference::~Inference() = default;
Inference::Inference(Inference&&) noexcept = default;
Inference& Inference::operator=(Inference&&) noexcept = default;

void Inference::operator()(const float* windows, std::size_t count, float* logits, float* embedding) {
  Network& net = *network_;
  for (std::size_t first = 0; first < count; first += Network::block)
    net.run(windows + first * net.sensors * net.steps * net.channels, std::min(Network::block, count - first), logits + first * net.classes,
            embedding == nullptr ? nullptr : embedding + first * net.embed.outputs());
}

} // namespace stdualx
