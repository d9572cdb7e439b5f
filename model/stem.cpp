// The stem, as grouped convolutions: a group for each leading index.
#include "model/stem.h"

#include "model/fused/stem_fused.h"
#include "model/kernels.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {

Stem::Stem(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& input) : stride(config.stem_stride) {
  std::vector<at::Tensor> inputs = first_real(input.sensor_channels, input.channels);
  for (std::int64_t i = 0; i < config.stem_layers; ++i) {
    const std::string name = "stem." + std::to_string(i);
    const std::vector<at::Tensor> outputs = all_real(input.sensors, config.stem_channels);
    std::vector<UniformSlice> weights, biases;
    for (std::size_t s = 0; s < inputs.size(); ++s) {
      const at::Tensor real = real_matrix(outputs[s], inputs[s]).unsqueeze(2).expand({-1, -1, config.stem_kernel});
      const double bound = 1.0 / std::sqrt(inputs[s].sum().item<double>() * static_cast<double>(config.stem_kernel));
      weights.push_back({bound, real});
      biases.push_back({bound, outputs[s]});
    }
    Layer layer;
    layer.weight = initialiser.uniform(name + ".convolution.weight", weights, true);
    layer.bias = initialiser.uniform(name + ".convolution.bias", biases, false);
    layer.norm = BatchNorm(initialiser, name + ".norm", input.sensors, config.stem_channels);
    layers.push_back(std::move(layer));
    inputs = outputs;
  }
}

at::Tensor stem_plain(const Stem& stem, const at::Tensor& x, const StepContext& context) {
  if (stem.layers.empty()) return x;
  const std::int64_t leading = x.size(0), batch = x.size(1);
  // Grouped convolution takes [B, M * channels, L].
  at::Tensor joined = x.permute({1, 0, 3, 2}).reshape({batch, leading * x.size(3), x.size(2)});
  for (const Stem::Layer& layer : stem.layers) {
    joined = at::conv1d(joined, layer.weight.flatten(0, 1), layer.bias.flatten(), stem.stride, layer.weight.size(3) / 2, 1, leading);
    joined = at::gelu(layer.norm.joined(joined, context));
  }
  const std::int64_t channels = stem.layers.back().weight.size(1);
  return joined.view({batch, leading, channels, joined.size(2)}).permute({1, 0, 3, 2}).contiguous();
}

at::Tensor stem_of(const Stem& stem, const at::Tensor& x, const StepContext& context) {
  return !stem.layers.empty() && !x.requires_grad() && fused_kernels_fit(x, context) ? stem_fused(stem, x, context)
                                                                                     : stem_plain(stem, x, context);
}

} // namespace stdualx
