// One STDAT layer. See the header.
#include "model/stdat.h"

#include "model/fused/stdat_fused.h"
#include "model/kernels.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace stdualx {
namespace {

/// Convolution with padding k / 2 of x [M, B, in, L, C] by weight [M, out, in, k, k] -> [M, B, out, L, C]. Every (leading
/// index, row) is a group of its own: with one plane that is a depthwise convolution, for which there are fast kernels, and
/// several times faster than a group for each leading index.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t leading = x.size(0), batch = x.size(1), inputs = x.size(2), steps = x.size(3), channels = x.size(4);
  const std::int64_t outputs = weight.size(1), kernel = weight.size(3);
  // There is no convolution of no groups; a rank without rows keeps its graph, and gradients of 0.
  if (batch == 0) return x.sum(2, true).expand({leading, batch, outputs, steps, channels}) + (weight.sum() + bias.sum()) * 0;
  const std::int64_t groups = leading * batch;
  const at::Tensor image = x.reshape({1, groups * inputs, steps, channels});
  const at::Tensor weights =
      weight.unsqueeze(1).expand({leading, batch, outputs, inputs, kernel, kernel}).reshape({groups * outputs, inputs, kernel, kernel});
  const at::Tensor biases = bias.unsqueeze(1).expand({leading, batch, outputs}).reshape({groups * outputs});
  return at::conv2d(image, weights, biases, 1, kernel / 2, 1, groups).view({leading, batch, outputs, steps, channels});
}

} // namespace

ConvolutionBlock::ConvolutionBlock(Initialiser& initialiser, const std::string& name, const ModelConfig& config,
                                   const EncoderShape& shape) {
  const std::int64_t units = config.convolution_units;
  const std::array<std::int64_t, 4> planes = {1, units, units, 1};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const std::int64_t kernel = 2 * static_cast<std::int64_t>(i) + 1;
    const std::string stage = name + "." + std::to_string(i);
    const double bound = 1.0 / std::sqrt(static_cast<double>(planes[i] * kernel * kernel));
    const std::vector<UniformSlice> weights(static_cast<std::size_t>(shape.sensors),
                                            {bound, at::ones({planes[i + 1], planes[i], kernel, kernel}, at::kBool)});
    const std::vector<UniformSlice> biases(static_cast<std::size_t>(shape.sensors), {bound, at::ones({planes[i + 1]}, at::kBool)});
    stages[i].weight = initialiser.uniform(stage + ".weight", weights, true);
    stages[i].bias = initialiser.uniform(stage + ".bias", biases, false);
    stages[i].norm = BatchNorm(initialiser, stage + ".norm", shape.sensors, planes[i + 1]);
    stages[i].dropout = Dropout(initialiser, stage, config.convolution_dropout);
  }
}

at::Tensor ConvolutionBlock::operator()(const at::Tensor& x, const at::Tensor& mask, const StepContext& context) const {
  const std::int64_t steps = x.size(2), channels = x.size(3);
  const at::Tensor plane_mask =
      mask.defined() ? mask.expand({x.size(0), 1, steps, channels}).flatten(2).unsqueeze(2) : at::Tensor(); // [M, 1, 1, L * C]
  at::Tensor image = x.unsqueeze(2);                                                                        // [M, B, 1, L, C]
  for (const Stage& stage : stages) {
    const at::Tensor convolved = convolve(image, stage.weight, stage.bias).flatten(3); // [M, B, planes, L * C]
    image = at::relu(stage.dropout(stage.norm(convolved, context, plane_mask), context));
    if (plane_mask.defined()) image = image * plane_mask;
    image = image.unflatten(3, {steps, channels});
  }
  return image.squeeze(2);
}

StdatLayer::StdatLayer(Initialiser& initialiser, const std::string& name, const ModelConfig& config, const EncoderShape& shape)
    : temporal(config.temporal_attention), channel(config.channel_attention), convolution(config.convolution) {
  if (temporal)
    temporal_attention = Attention(initialiser, name + ".temporal_attention", shape.sensor_channels, shape.channels, config.temporal_heads);
  if (channel) {
    const std::vector<std::int64_t> widths(shape.sensor_channels.size(), shape.steps);
    channel_attention = Attention(initialiser, name + ".channel_attention", widths, shape.steps, config.channel_heads);
    if (shape.mask.defined())
      key_mask = at::zeros_like(shape.mask).masked_fill_(shape.mask.eq(0), -std::numeric_limits<double>::infinity());
  }
  if (temporal || channel) attention_norm = LayerNorm(initialiser, name + ".attention_norm", shape.sensors, shape.channels);
  if (convolution) {
    block = ConvolutionBlock(initialiser, name + ".convolution", config, shape);
    convolution_norm = LayerNorm(initialiser, name + ".convolution_norm", shape.sensors, shape.channels);
  }
}

at::Tensor stdat_plain(const StdatLayer& layer, const at::Tensor& x, const EncoderShape& shape, const StepContext& context) {
  at::Tensor y = x;
  if (layer.temporal) y = y + layer.temporal_attention(x);
  if (layer.channel) y = y + layer.channel_attention(x.transpose(2, 3), layer.key_mask).transpose(2, 3);
  if (layer.temporal || layer.channel) y = layer.attention_norm(y, shape.mask);
  if (layer.convolution) y = layer.convolution_norm(y + layer.block(y, shape.mask, context), shape.mask);
  return y;
}

at::Tensor stdat(const StdatLayer& layer, const at::Tensor& x, const EncoderShape& shape, const StepContext& context) {
  const bool one_plane = !layer.convolution || layer.block.stages[1].weight.size(1) == 1;
  if (one_plane && !shape.mask.defined() && fused_kernels_fit(x, context)) return stdat_fused(layer, x, context);
  return stdat_plain(layer, x, shape, context);
}

} // namespace stdualx
