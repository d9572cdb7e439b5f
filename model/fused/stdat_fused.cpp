// Tensors to pointers, leading index by leading index; what is computed is in stdat_kernel.cpp.
#include "model/fused/stdat_fused.h"

#include "model/fused/fused_layer.h"
#include "model/fused/stdat_kernel.h"

#include <ATen/ATen.h>

namespace stdualx {

struct StdatKernels : KernelsByThread<StdatKernel, StdatShape> {};

namespace {

/// The layer's parameters in one order; pointers() goes through it.
std::vector<at::Tensor> parameters_of(const StdatLayer& layer) {
  std::vector<at::Tensor> all;
  const auto attention = [&](const Attention& of) { all.insert(all.end(), {of.in_weight, of.in_bias, of.out_weight, of.out_bias}); };
  if (layer.temporal) attention(layer.temporal_attention);
  if (layer.channel) attention(layer.channel_attention);
  if (layer.temporal || layer.channel) all.insert(all.end(), {layer.attention_norm.weight, layer.attention_norm.bias});
  if (!layer.convolution) return all;
  for (const ConvolutionBlock::Stage& stage : layer.block.stages)
    all.insert(all.end(), {stage.weight, stage.bias, stage.norm.weight, stage.norm.bias});
  all.insert(all.end(), {layer.convolution_norm.weight, layer.convolution_norm.bias});
  return all;
}

/// A leading index of the layer's parameters, or of their gradients in the same order.
template <class Float> StdatTensors<Float> pointers(const StdatShape& shape, const std::vector<at::Tensor>& tensors, std::int64_t leading) {
  StdatTensors<Float> all;
  std::size_t next = 0;
  const auto take = [&](Float*& pointer) { pointer = at_leading(tensors.at(next++), leading); };
  const auto attention = [&](AttentionTensors<Float>& of) { take(of.in_weight), take(of.in_bias), take(of.out_weight), take(of.out_bias); };
  if (shape.temporal) attention(all.temporal);
  if (shape.channel) attention(all.channel);
  if (shape.temporal || shape.channel) take(all.attention_norm_weight), take(all.attention_norm_bias);
  if (!shape.convolution) return all;
  for (auto& stage : all.stages) take(stage.weight), take(stage.bias), take(stage.norm_weight), take(stage.norm_bias);
  take(all.convolution_norm_weight), take(all.convolution_norm_bias);
  return all;
}

class Call final : public FusedLayer {
public:
  Call(const StdatLayer& layer, const at::Tensor& x, const StepContext& context)
      : layer_(layer), context_(context), shape_{.steps = static_cast<std::size_t>(x.size(2)),
                                                 .channels = static_cast<std::size_t>(x.size(3)),
                                                 .temporal_heads = static_cast<std::size_t>(layer.temporal_attention.heads),
                                                 .channel_heads = static_cast<std::size_t>(layer.channel_attention.heads),
                                                 .temporal = layer.temporal,
                                                 .channel = layer.channel,
                                                 .convolution = layer.convolution} {
    if (!layer.kernels) layer.kernels = std::make_shared<StdatKernels>();
    kernels_ = layer.kernels;
  }

  std::vector<std::int64_t> output_sizes(const at::Tensor& x) const override { return x.sizes().vec(); }
  std::int64_t kept_floats(const at::Tensor& x) const override {
    return static_cast<std::int64_t>(stdat_kept_floats(shape_, static_cast<std::size_t>(x.size(1))));
  }
  bool has_input_gradient() const override { return true; }

  void forward(const at::Tensor& x, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& y) override {
    kernels_->each(shape_, x.size(0), [&](StdatKernel& kernel, std::int64_t m) {
      std::array<RunningMoments, 3> running;
      for (std::size_t i = 0; shape_.convolution && i < running.size(); ++i) {
        const BatchNorm& norm = layer_.block.stages[i].norm;
        running[i] = {at_leading(norm.running_mean, m), at_leading(norm.running_variance, m)};
      }
      const StdatStep step = this->step(x, m);
      clear_behind(y, m, step.rows);
      if (step.rows == 0) return;
      kernel.forward(at_leading(x, m), step, pointers<const float>(shape_, parameters, m), running, at_leading(kept, m), at_leading(y, m));
    });
  }
  void backward(const at::Tensor& x, const at::Tensor& dy, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& dx,
                std::vector<at::Tensor>& gradients) override {
    kernels_->each(shape_, x.size(0), [&](StdatKernel& kernel, std::int64_t m) {
      const StdatStep step = this->step(x, m);
      clear_behind(dx, m, step.rows);
      if (step.rows == 0) return clear(gradients, m);
      kernel.backward(at_leading(x, m), at_leading(dy, m), step, pointers<const float>(shape_, parameters, m), at_leading(kept, m),
                      at_leading(dx, m), pointers<float>(shape_, gradients, m));
    });
  }

private:
  StdatStep step(const at::Tensor& x, std::int64_t leading) const {
    StdatStep step{.rows = own_rows(context_, x, leading), .training = context_.training};
    for (std::size_t i = 0; shape_.convolution && i < step.dropout.size(); ++i)
      step.dropout[i] = layer_.block.stages[i].dropout.draw(context_, leading, x.size(0));
    return step;
  }

  const StdatLayer& layer_; // outlives the graph of a step
  const StepContext context_;
  const StdatShape shape_;
  std::shared_ptr<StdatKernels> kernels_;
};

} // namespace

at::Tensor stdat_fused(const StdatLayer& layer, const at::Tensor& x, const StepContext& context) {
  return run_fused(c10::make_intrusive<Call>(layer, x, context), x, parameters_of(layer), context.training);
}

} // namespace stdualx
