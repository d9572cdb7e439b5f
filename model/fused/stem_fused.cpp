// Tensors to pointers, leading index by leading index; what is computed is in stem_kernel.cpp.
#include "model/fused/stem_fused.h"

#include "model/fused/fused_layer.h"
#include "model/fused/stem_kernel.h"

#include <ATen/ATen.h>

namespace stdualx {

struct StemKernels : KernelsByThread<StemKernel, StemShape> {};

namespace {

std::vector<at::Tensor> parameters_of(const Stem& stem) {
  std::vector<at::Tensor> all;
  for (const Stem::Layer& layer : stem.layers) all.insert(all.end(), {layer.weight, layer.bias, layer.norm.weight, layer.norm.bias});
  return all;
}

template <class Float> std::vector<StemTensors<Float>> pointers(const std::vector<at::Tensor>& tensors, std::int64_t leading) {
  std::vector<StemTensors<Float>> all;
  for (std::size_t i = 0; i + 3 < tensors.size(); i += 4)
    all.push_back({at_leading(tensors[i], leading), at_leading(tensors[i + 1], leading), at_leading(tensors[i + 2], leading),
                   at_leading(tensors[i + 3], leading)});
  return all;
}

class Call final : public FusedLayer {
public:
  Call(const Stem& stem, const at::Tensor& x, const StepContext& context)
      : stem_(stem), context_(context), shape_{.steps = static_cast<std::size_t>(x.size(2)),
                                               .channels = static_cast<std::size_t>(x.size(3)),
                                               .width = static_cast<std::size_t>(stem.layers.front().weight.size(1)),
                                               .layers = stem.layers.size(),
                                               .kernel = static_cast<std::size_t>(stem.layers.front().weight.size(3)),
                                               .stride = static_cast<std::size_t>(stem.stride)} {
    if (!stem.kernels) stem.kernels = std::make_shared<StemKernels>();
    kernels_ = stem.kernels;
  }

  std::vector<std::int64_t> output_sizes(const at::Tensor& x) const override {
    return {x.size(0), x.size(1), static_cast<std::int64_t>(stem_steps_out(shape_)), static_cast<std::int64_t>(shape_.width)};
  }
  std::int64_t kept_floats(const at::Tensor& x) const override {
    return static_cast<std::int64_t>(stem_kept_floats(shape_, static_cast<std::size_t>(x.size(1))));
  }
  bool has_input_gradient() const override { return false; }

  void forward(const at::Tensor& x, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& y) override {
    kernels_->each(shape_, x.size(0), [&](StemKernel& kernel, std::int64_t m) {
      std::vector<RunningColumns> running;
      for (const Stem::Layer& layer : stem_.layers)
        running.push_back({at_leading(layer.norm.running_mean, m), at_leading(layer.norm.running_variance, m)});
      const std::size_t rows = own_rows(context_, x, m);
      clear_behind(y, m, rows);
      if (rows > 0)
        kernel.forward(at_leading(x, m), rows, context_.training, pointers<const float>(parameters, m), running, at_leading(kept, m),
                       at_leading(y, m));
    });
  }
  void backward(const at::Tensor& x, const at::Tensor& dy, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor&,
                std::vector<at::Tensor>& gradients) override {
    kernels_->each(shape_, x.size(0), [&](StemKernel& kernel, std::int64_t m) {
      const std::size_t rows = own_rows(context_, x, m);
      if (rows == 0) return clear(gradients, m);
      kernel.backward(at_leading(x, m), at_leading(dy, m), rows, pointers<const float>(parameters, m), at_leading(kept, m),
                      pointers<float>(gradients, m));
    });
  }

private:
  const Stem& stem_; // outlives the graph of a step
  const StepContext context_;
  const StemShape shape_;
  std::shared_ptr<StemKernels> kernels_;
};

} // namespace

at::Tensor stem_fused(const Stem& stem, const at::Tensor& x, const StepContext& context) {
  return run_fused(c10::make_intrusive<Call>(stem, x, context), x, parameters_of(stem), context.training);
}

} // namespace stdualx
