// The Transformer encoder. See baseline.h.
#include "model/attention.h"
#include "model/baselines/baseline.h"
#include "model/layer_norm.h"
#include "model/linear.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {
namespace {

/// sin(step / 10000^(2 i / width)) in channel 2 i, the cosine in 2 i + 1: [steps, width].
at::Tensor sinusoids(std::int64_t steps, std::int64_t width) {
  const at::Tensor even = at::arange(0, width, 2, at::kDouble);
  const at::Tensor angle = at::arange(steps, at::kDouble).unsqueeze(1) * at::exp(even * (-std::log(10000.0) / static_cast<double>(width)));
  return at::stack({angle.sin(), angle.cos()}, 2).flatten(1).narrow(1, 0, width);
}

at::Tensor by_row(const Linear& linear, const at::Tensor& x) { return linear(x.flatten(1, 2)).unflatten(1, {x.size(1), x.size(2)}); }

/// One layer of the encoder, PyTorch's nn.TransformerEncoderLayer without dropout inside attention and feed-forward.
struct EncoderLayer {
  Attention attention;
  LayerNorm attention_norm;
  Linear hidden, output;
  LayerNorm output_norm;
  Dropout attention_dropout, output_dropout;

  EncoderLayer(Initialiser& initialiser, const std::string& name, const BaselineConfig& sizes)
      : attention(initialiser, name + ".attention", {sizes.width}, sizes.width, sizes.heads),
        attention_norm(initialiser, name + ".attention_norm", 1, sizes.width),
        hidden(initialiser, name + ".hidden", all_real(1, sizes.width), all_real(1, sizes.feedforward)),
        output(initialiser, name + ".output", all_real(1, sizes.feedforward), all_real(1, sizes.width)),
        output_norm(initialiser, name + ".output_norm", 1, sizes.width), attention_dropout(initialiser, name + ".attention", sizes.dropout),
        output_dropout(initialiser, name + ".output", sizes.dropout) {}

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) const { // [1, B, L, width]
    const at::Tensor attended = attention_norm(x + attention_dropout(attention(x), context));
    return output_norm(attended + output_dropout(by_row(output, at::relu(by_row(hidden, attended))), context));
  }
};

class Transformer final : public Embedder {
public:
  Transformer(Initialiser& initialiser, const BaselineConfig& sizes, std::int64_t steps, std::int64_t channels)
      : model_width(sizes.width), project(initialiser, "input", all_real(1, channels), all_real(1, sizes.width)),
        positions(initialiser.fixed(sinusoids(steps, sizes.width))), dropout(initialiser, "input", sizes.dropout) {
    for (std::int64_t i = 0; i < sizes.layers; ++i) layers.emplace_back(initialiser, "layer." + std::to_string(i), sizes);
  }

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) override {
    at::Tensor tokens = dropout(by_row(project, x) + positions, context);
    for (const EncoderLayer& layer : layers) tokens = layer(tokens, context);
    return tokens.mean(2);
  }

  std::int64_t width() const override { return model_width; }

private:
  std::int64_t model_width;
  Linear project;
  at::Tensor positions; // [L, width]
  Dropout dropout;
  std::vector<EncoderLayer> layers;
};

} // namespace

std::unique_ptr<Embedder> make_transformer(Initialiser& initialiser, const BaselineConfig& sizes, const InputShape& shape) {
  return std::make_unique<Transformer>(initialiser, sizes, shape.steps, joined_channels(shape));
}

} // namespace stdualx
