// What network a run trains: the sizes and switches of STDual-X, or of a baseline. Data only; model/ builds tensors from it.
#pragma once

#include "experiments/spec/fields.h"

namespace stdualx {

/// Sizes of a baseline (model/baselines). 0: the network has no such part; STDual-X has none of them.
struct BaselineConfig {
  std::int64_t convolutions = 0;
  std::int64_t filters = 0;
  std::int64_t kernel = 0;
  std::int64_t layers = 0;
  std::int64_t width = 0;
  std::int64_t heads = 0;
  std::int64_t feedforward = 0;
  double dropout = 0;

  static const auto& fields() {
    using B = BaselineConfig;
    static const auto all =
        std::make_tuple(number("convolutions", &B::convolutions, 0, 0, 64, "convolutions over time, one after another"),
                        number("filters", &B::filters, 0, 0, 4096, "filters of a convolution; cnn: its second one has twice as many"),
                        number("kernel", &B::kernel, 0, 0, 255, "width of a convolution in steps"),
                        number("layers", &B::layers, 0, 0, 64, "recurrent layers, or layers of the encoder"),
                        number("width", &B::width, 0, 0, 8192, "units of a recurrent layer in one direction, or width of the encoder"),
                        number("heads", &B::heads, 0, 0, 64, "heads of attention over time; divides width"),
                        number("feedforward", &B::feedforward, 0, 0, 65536, "hidden width of an encoder layer's feed-forward part"),
                        number("dropout", &B::dropout, 0.0, 0, 0.95, "dropout in its layers and before the last linear one"));
    return all;
  }
  bool operator==(const BaselineConfig&) const = default;
};

/// The defaults are the `default` preset: chosen on four groups of validation people of UCI-HAR's 21 training people.
struct ModelConfig { // NOLINT(clang-analyzer-optin.performance.Padding): in the order of the network
  std::string architecture = "stdual_x";
  double asinh_knee = 0.02;     // appended channels asinh((x - window mean) / knee) / 3, in standardised units
  std::int64_t stem_layers = 2; // Conv1d over time, BatchNorm, GELU
  std::int64_t stem_channels = 32;
  std::int64_t stem_kernel = 5;
  std::int64_t stem_stride = 2;
  bool stdat = true;
  std::int64_t stdat_layers = 2;
  std::int64_t temporal_heads = 2;
  std::int64_t channel_heads = 2;
  bool temporal_attention = true;
  bool channel_attention = true;
  bool convolution = true;
  std::int64_t convolution_units = 1;
  double convolution_dropout = 0.1;
  bool position = true;
  std::int64_t gaussians = 20;
  double gaussian_sigma = 0.5;      // starting width as a share of the steps
  std::int64_t vector_hidden = 256; // at most; half of the flattened length where that is less
  std::int64_t sensor_width = 64;
  double vector_dropout = 0.1;
  bool cross_sensor_attention = true;
  std::int64_t cross_sensor_heads = 4;
  bool attend_self = false;
  std::int64_t embedding = 128;
  double head_dropout = 0.1;
  BaselineConfig baseline;

  static const auto& fields() {
    using M = ModelConfig;
    static const auto all = std::make_tuple(
        choice("architecture", &M::architecture, "stdual_x", {"stdual_x", "deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"},
               "which network; a baseline is chosen by the variant of its name"),
        number("asinh_knee", &M::asinh_knee, 0.0, 0, 100, "knee of the appended asinh channels, in standardised units; 0: none"),
        number("stem_layers", &M::stem_layers, 0, 0, 8, "strided convolutions over time before the encoder; 0: none"),
        number("stem_channels", &M::stem_channels, 0, 1, 1024, "channels of each stem layer"),
        number("stem_kernel", &M::stem_kernel, 0, 1, 63, "width of a stem convolution in steps; odd"),
        number("stem_stride", &M::stem_stride, 0, 1, 16, "stride of a stem convolution in steps"),
        field("stdat", &M::stdat, true, "the spatio-temporal dual attention encoder; false: flatten, two linear layers"),
        number("stdat_layers", &M::stdat_layers, 0, 1, 24, "layers of the encoder"),
        number("temporal_heads", &M::temporal_heads, 0, 1, 64, "heads of attention over time; divides the channels"),
        number("channel_heads", &M::channel_heads, 0, 1, 64, "heads of attention over channels; divides the steps"),
        field("temporal_attention", &M::temporal_attention, true, "attention over time in each layer"),
        field("channel_attention", &M::channel_attention, true, "attention over channels in each layer"),
        field("convolution", &M::convolution, true, "the convolutional block in each layer"),
        number("convolution_units", &M::convolution_units, 0, 1, 1024, "planes inside the convolutional block (u)"),
        number("convolution_dropout", &M::convolution_dropout, 0.0, 0, 0.95, "dropout inside the convolutional block"),
        field("position", &M::position, true, "Gaussian positional encoding"),
        number("gaussians", &M::gaussians, 0, 1, 512, "Gaussians of the positional encoding (K)"),
        number("gaussian_sigma", &M::gaussian_sigma, 0.0, 0.001, 100, "their starting width as a share of the steps"),
        number("vector_hidden", &M::vector_hidden, 0, 1, 65536, "hidden width of the per-sensor vector, at most half its input"),
        number("sensor_width", &M::sensor_width, 0, 1, 4096, "width of a sensor's vector (d)"),
        number("vector_dropout", &M::vector_dropout, 0.0, 0, 0.95, "dropout in the per-sensor vector"),
        field("cross_sensor_attention", &M::cross_sensor_attention, true,
              "attention between the sensors' vectors; false: joined as they are"),
        number("cross_sensor_heads", &M::cross_sensor_heads, 0, 1, 64, "its heads; divides sensor_width"),
        field("attend_self", &M::attend_self, false, "whether a sensor may attend to itself"),
        number("embedding", &M::embedding, 0, 1, 8192, "width of the embedding"),
        number("head_dropout", &M::head_dropout, 0.0, 0, 0.95, "dropout before each linear layer of the head"),
        field("baseline", &M::baseline, {}, "sizes of a baseline; STDual-X has none"));
    return all;
  }
  bool operator==(const ModelConfig&) const = default;
};

/// Sizes that come from the data set, not from a choice. Sensors with fewer channels than `channels` are zero-padded.
struct InputShape {
  std::int64_t sensors = 0;
  std::int64_t steps = 0;
  std::int64_t channels = 0; // the most that one sensor has
  std::int64_t classes = 0;
  std::vector<std::int64_t> sensor_channels; // real channels of each sensor

  static const auto& fields() {
    using I = InputShape;
    static const auto all = std::make_tuple(
        number("sensors", &I::sensors, 0, 1, 1024, "sensors worn"), number("steps", &I::steps, 0, 1, 1 << 20, "samples of a window"),
        number("channels", &I::channels, 0, 1, 4096, "the most channels one sensor has"),
        number("classes", &I::classes, 0, 2, 65536, "activities"),
        field("sensor_channels", &I::sensor_channels, {}, "real channels of each sensor; empty: all have `channels`"));
    return all;
  }
  bool operator==(const InputShape&) const = default;
};

} // namespace stdualx
