// A fused layer as one node of autograd: a loop over leading indices around a kernel that knows no torch.
#pragma once

#include "model/kernels.h"

#include <ATen/core/Tensor.h>
#include <torch/custom_class.h>

#include <functional>
#include <memory>
#include <vector>

namespace stdualx {

/// One call of a layer, which forward and backward share. All tensors are float32, contiguous, with the leading index in front.
class FusedLayer : public torch::CustomClassHolder {
public:
  /// Sizes of what comes out for x.
  virtual std::vector<std::int64_t> output_sizes(const at::Tensor& x) const = 0;
  /// Floats a leading index that forward in training keeps for backward.
  virtual std::int64_t kept_floats(const at::Tensor& x) const = 0;
  /// Whether forward wants them outside training too.
  virtual bool keeps_always() const { return false; }
  /// Whether backward makes dx.
  virtual bool has_input_gradient() const = 0;
  /// `kept`: [leading, kept_floats]; [leading, 0] outside training, but where keeps_always(). Writes y.
  virtual void forward(const at::Tensor& x, const std::vector<at::Tensor>& parameters, at::Tensor& kept, at::Tensor& y) = 0;
  /// Writes dx, which is undefined where has_input_gradient() is false, and the parameters' gradients.
  virtual void backward(const at::Tensor& x, const at::Tensor& dy, const std::vector<at::Tensor>& parameters, at::Tensor& kept,
                        at::Tensor& dx, std::vector<at::Tensor>& gradients) = 0;
};

/// Runs forward now, and backward with autograd where `training`. x: [leading, ...], float32 on the CPU.
at::Tensor run_fused(const c10::intrusive_ptr<FusedLayer>& layer, const at::Tensor& x, const std::vector<at::Tensor>& parameters,
                     bool training);

/// Where a leading index of a contiguous tensor begins.
inline float* at_leading(const at::Tensor& tensor, std::int64_t leading) {
  return const_cast<float*>(tensor.const_data_ptr<float>()) + leading * (tensor.numel() / tensor.size(0));
}

/// How many of a leading index's rows are no padding. x: [leading, batch, ...], a replica's leading indices are neighbours.
std::size_t own_rows(const StepContext& context, const at::Tensor& x, std::int64_t leading);
/// Puts 0 into what lies behind the first `rows` of a leading index: into all of it where `rows` is 0. tensor: [leading, batch, ...].
void clear_behind(const at::Tensor& tensor, std::int64_t leading, std::size_t rows);
/// Puts 0 into a leading index of each: gradients of a replica without rows.
void clear(const std::vector<at::Tensor>& tensors, std::int64_t leading);

/// Threads that over_leading() may use.
std::size_t leading_threads();
/// Calls use(thread, leading) for every leading index below `count`, each on one of torch's threads.
void over_leading(std::int64_t count, const std::function<void(std::size_t thread, std::int64_t leading)>& use);

/// The kernels of one layer with their scratch, one a thread, kept from step to step. They hold nothing between two calls.
template <class Kernel, class Shape> class KernelsByThread {
public:
  /// Calls use(kernel, leading) for every leading index below `count`: what is computed does not depend on the number of threads.
  template <class Use> void each(const Shape& shape, std::int64_t count, const Use& use) {
    const std::size_t threads = leading_threads();
    if (kernels_.size() != threads || !(shape_ == shape)) {
      kernels_.clear();
      shape_ = shape;
      for (std::size_t i = 0; i < threads; ++i) kernels_.push_back(std::make_unique<Kernel>(shape, fused_loops()));
    }
    over_leading(count, [&](std::size_t thread, std::int64_t leading) { use(*kernels_.at(thread), leading); });
  }

private:
  Shape shape_{};
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

} // namespace stdualx
