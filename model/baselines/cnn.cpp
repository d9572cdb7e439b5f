// The convolutional baseline. See baseline.h.
#include "model/baselines/baseline.h"
#include "model/baselines/layers.h"
#include "model/batch_norm.h"

#include <ATen/ATen.h>

#include <array>

namespace stdualx {
namespace {

class Cnn final : public Embedder {
public:
  Cnn(Initialiser& initialiser, const BaselineConfig& sizes, std::int64_t channels) : filters(sizes.filters) {
    const std::array<std::int64_t, 3> outputs = {filters, 2 * filters, filters};
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const std::string name = "convolution." + std::to_string(i);
      blocks[i].convolution = Convolution(initialiser, name, channels, outputs[i], widths[i]);
      blocks[i].norm = BatchNorm(initialiser, name + ".norm", 1, outputs[i]);
      channels = outputs[i];
    }
  }

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) override {
    at::Tensor y = x[0].transpose(1, 2); // [B, N, L]
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const at::Tensor padded = at::constant_pad_nd(y, {(widths[i] - 1) / 2, widths[i] / 2}); // an even width reaches further ahead
      y = at::relu(blocks[i].norm.joined(blocks[i].convolution(padded), context));
    }
    return y.mean(2).unsqueeze(0);
  }

  std::int64_t width() const override { return filters; }

private:
  static constexpr std::array<std::int64_t, 3> widths = {8, 5, 3};
  struct Block {
    Convolution convolution;
    BatchNorm norm;
  };
  std::int64_t filters;
  std::array<Block, 3> blocks;
};

} // namespace

std::unique_ptr<Embedder> make_cnn(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape) {
  return std::make_unique<Cnn>(initialiser, sizes, joined_channels(shape));
}

} // namespace stdualx
