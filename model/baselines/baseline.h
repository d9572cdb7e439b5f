// A baseline: the sensors' channels joined, an embedder that differs from one baseline to the next, one linear layer to the classes.
//
// Baselines are trained one by one: the replica axis is there, since parameters and losses have it, and is 1. Layers are PyTorch's, with
// PyTorch's first values, but drawn as model/initialisation.h says; dropout is counted and batch norm sees the global batch, as in
// STDual-X. To add one: a file here, a line below and in baseline.cpp, and what ARCHITECTURE.md ("Where to add") names.
#pragma once

#include "model/dropout.h"
#include "model/initialisation.h"

namespace stdualx {

/// From windows to the last hidden representation.
class Embedder {
public:
  virtual ~Embedder() = default;
  /// x: [1, B, L, N], standardised, N channels -> [1, B, width()]. B may be 0: then every parameter gets a gradient of 0, and every
  /// collective is taken part in.
  virtual at::Tensor operator()(const at::Tensor& x, const StepContext& context) = 0;
  virtual std::int64_t width() const = 0;
};

/// DeepConvLSTM (Ordonez and Roggen 2016, Sensors 16(1):115): convolutions over time alone, whose filters are the same for every channel,
/// each with ReLU and without padding; LSTM layers over the steps that are left; the last step's state. Dropout before each LSTM layer.
std::unique_ptr<Embedder> make_deep_conv_lstm(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape);

/// The fully convolutional network of Wang, Yan and Oates (2017, IJCNN): three times [Conv1d, BatchNorm, ReLU], of widths 8, 5 and 3, of
/// `filters`, twice as many and `filters`; the mean over time.
std::unique_ptr<Embedder> make_cnn(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape);

/// Bidirectional LSTM layers over the steps (Hammerla, Halloran and Plötz 2016, IJCAI): each direction's state at its last step, joined.
/// Dropout before each layer but the first.
std::unique_ptr<Embedder> make_bi_lstm(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape);

/// The encoder of Vaswani et al. (2017): steps as tokens, all channels joined and projected to `width`; sinusoidal positions; layers of
/// attention and feed-forward, each added and then normalised; the mean over time. Dropout on the sum with the positions and on what is
/// added.
std::unique_ptr<Embedder> make_transformer(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape);

/// Features of each channel (window_features.h), standardised by what is known of the training windows so far: no hidden layer.
std::unique_ptr<Embedder> make_linear(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape);

/// The channels that the sensors really have, N.
std::int64_t joined_channels(const InputShape& shape);

/// The baseline of `config.architecture`. See make_network.
std::unique_ptr<Network> make_baseline(const ModelConfig& config, const InputShape& shape, const std::vector<std::int64_t>& seeds,
                                       at::ScalarType type, at::Device device);

} // namespace stdualx
