// The bidirectional LSTM. See baseline.h.
#include "model/baselines/baseline.h"
#include "model/baselines/layers.h"

#include <ATen/ATen.h>

namespace stdualx {
namespace {

class BiLstm final : public Embedder {
public:
  BiLstm(Initialiser& initialiser, const BaselineConfig& sizes, std::int64_t channels) : units(sizes.width) {
    for (std::int64_t i = 0; i < sizes.layers; ++i) {
      const std::string name = "lstm." + std::to_string(i);
      dropouts.emplace_back(initialiser, name, i == 0 ? 0 : sizes.dropout);
      layers.emplace_back(initialiser, name, i == 0 ? channels : 2 * units, units, true);
    }
  }

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) override {
    at::Tensor states = x;
    for (std::size_t i = 0; i < layers.size(); ++i) states = layers[i](dropouts[i](states, context));
    // Backward in time, the last step that is read is the first.
    return at::cat({states.select(2, states.size(2) - 1).narrow(2, 0, units), states.select(2, 0).narrow(2, units, units)}, 2);
  }

  std::int64_t width() const override { return 2 * units; }

private:
  std::int64_t units;
  std::vector<Dropout> dropouts;
  std::vector<Lstm> layers;
};

} // namespace

std::unique_ptr<Embedder> make_bi_lstm(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape) {
  return std::make_unique<BiLstm>(initialiser, sizes, joined_channels(shape));
}

} // namespace stdualx
