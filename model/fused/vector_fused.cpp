// Tensors to pointers, leading index by leading index; what is computed is in vector_kernel.cpp.
#include "model/fused/vector_fused.h"

#include "model/fused/fused_layer.h"
#include "model/fused/vector_kernel.h"

#include <ATen/ATen.h>

namespace stdualx {

struct VectorKernels : KernelsByThread<VectorKernel, VectorShape> {};

namespace {

template <class Float> VectorTensors<Float> pointers(const std::vector<at::Tensor>& tensors, std::int64_t leading) {
  return {at_leading(tensors.at(0), leading), at_leading(tensors.at(1), leading), at_leading(tensors.at(2), leading),
          at_leading(tensors.at(3), leading)};
}

class Call final : public FusedLayer {
public:
  Call(const SensorVector& vector, const at::Tensor& x, const StepContext& context)
      : vector_(vector), context_(context), shape_{.rows = static_cast<std::size_t>(x.size(1)),
                                                   .inputs = static_cast<std::size_t>(x.size(2) * x.size(3)),
                                                   .hidden = static_cast<std::size_t>(vector.hidden.weight.size(1)),
                                                   .width = static_cast<std::size_t>(vector.output.weight.size(1))} {
    if (!vector.kernels) vector.kernels = std::make_shared<VectorKernels>();
    kernels_ = vector.kernels;
  }

  std::vector<std::int64_t> output_sizes(const at::Tensor& x) const override {
    return {x.size(0), x.size(1), static_cast<std::int64_t>(shape_.width)};
  }
  std::int64_t kept_floats(const at::Tensor&) const override { return static_cast<std::int64_t>(vector_kept_floats(shape_)); }
  bool keeps_always() const override { return true; }
  bool has_input_gradient() const override { return true; }

  void forward(const at::Tensor& x, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& y) override {
    kernels_->each(shape_, x.size(0), [&](VectorKernel& kernel, std::int64_t m) {
      kernel.forward(at_leading(x, m), draw(x, m), pointers<const float>(parameters, m), at_leading(kept, m), at_leading(y, m));
    });
  }
  void backward(const at::Tensor& x, const at::Tensor& dy, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& dx,
                std::vector<at::Tensor>& gradients) override {
    kernels_->each(shape_, x.size(0), [&](VectorKernel& kernel, std::int64_t m) {
      kernel.backward(at_leading(x, m), at_leading(dy, m), draw(x, m), pointers<const float>(parameters, m), at_leading(kept, m),
                      at_leading(dx, m), pointers<float>(gradients, m));
    });
  }

private:
  DropoutDraw draw(const at::Tensor& x, std::int64_t leading) const { return vector_.dropout.draw(context_, leading, x.size(0)); }

  const SensorVector& vector_; // outlives the graph of a step
  const StepContext context_;
  const VectorShape shape_;
  std::shared_ptr<VectorKernels> kernels_;
};

} // namespace

at::Tensor vector_fused(const SensorVector& vector, const at::Tensor& x, const StepContext& context) {
  const std::vector<at::Tensor> parameters = {vector.hidden.weight, vector.hidden.bias, vector.output.weight, vector.output.bias};
  return run_fused(c10::make_intrusive<Call>(vector, x, context), x, parameters, context.training);
}

} // namespace stdualx
