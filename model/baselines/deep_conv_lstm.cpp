// DeepConvLSTM. See baseline.h.
#include "model/baselines/baseline.h"
#include "model/baselines/layers.h"

#include <ATen/ATen.h>

namespace stdualx {
namespace {

class DeepConvLstm final : public Embedder {
public:
  DeepConvLstm(Initialiser& initialiser, const BaselineConfig& sizes, std::int64_t channels) : units(sizes.width) {
    for (std::int64_t i = 0; i < sizes.convolutions; ++i)
      convolutions.emplace_back(initialiser, "convolution." + std::to_string(i), i == 0 ? 1 : sizes.filters, sizes.filters, sizes.kernel);
    for (std::int64_t i = 0; i < sizes.layers; ++i) {
      const std::string name = "lstm." + std::to_string(i);
      dropouts.emplace_back(initialiser, name, sizes.dropout);
      layers.emplace_back(initialiser, name, i == 0 ? sizes.filters * channels : units, units, false);
    }
  }

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) override {
    const std::int64_t batch = x.size(1), steps = x.size(2), channels = x.size(3);
    at::Tensor rows = x[0].transpose(1, 2).reshape({batch * channels, 1, steps});         // a row is one channel of one window
    for (const Convolution& convolution : convolutions) rows = convolution(rows).relu_(); // in place: these are by far the most values
    // [B, N, filters, L'] -> [1, B, L', filters * N]
    const std::int64_t filters = rows.size(1), left = rows.size(2);
    at::Tensor states = rows.view({batch, channels, filters, left}).permute({0, 3, 2, 1}).reshape({1, batch, left, filters * channels});
    for (std::size_t i = 0; i < layers.size(); ++i) states = layers[i](dropouts[i](states, context));
    return states.select(2, left - 1);
  }

  std::int64_t width() const override { return units; }

private:
  std::int64_t units;
  std::vector<Convolution> convolutions;
  std::vector<Dropout> dropouts;
  std::vector<Lstm> layers;
};

} // namespace

std::unique_ptr<Embedder> make_deep_conv_lstm(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape) {
  return std::make_unique<DeepConvLstm>(initialiser, sizes, joined_channels(shape));
}

} // namespace stdualx
