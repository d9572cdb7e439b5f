// The model's parameters (or its batch-norm buffers) laid one after the other into one flat tensor, so that the optimiser,
// clipping, averaging and the group's all-reduce are each one operation over one tensor.
//
//   flat := decayed_tensor* other_tensor*      each padded with zeros to a multiple of 16 values
//
// Tensors with weight decay come first, so that decay is one multiplication of the front part. The padding starts every
// tensor at a multiple of 64 bytes, which matrix libraries ask for; its values and gradients stay 0.
#pragma once

#include "model/network.h"

#include <ATen/core/Tensor.h>

namespace stdualx {

class FlatTensors {
public:
  /// Copies the tensors' values into one flat tensor and makes each of them a view into it. All must be contiguous and have
  /// one type and device, else std::logic_error. An empty list gives a flat tensor of 0 values in `type` on `device`.
  FlatTensors(std::vector<NamedTensor> tensors, at::ScalarType type, at::Device device);

  /// [size]: the tensors live here; writing it writes them.
  at::Tensor& values() { return values_; }
  const at::Tensor& values() const { return values_; }
  /// Lets the tensors live in `place` from now on, of the size and kind of values(): copies the values there.
  void move_to(const at::Tensor& place);
  /// The first so many values belong to tensors with weight decay (padding included).
  std::int64_t decayed() const { return decayed_; }
  /// Another flat tensor of this layout (averages, a moment) as named tensors: views, named prefix + name, in the model's order.
  std::vector<NamedTensor> named(const at::Tensor& flat, const std::string& prefix) const;
  /// Makes every tensor's gradient a view into the returned flat tensor of zeros; backward() then adds into it. The tensor has `more`
  /// values behind those: room for what the group sums with the gradient.
  at::Tensor bind_gradients(std::int64_t more = 0);

private:
  void bind(); // the tensors to views of values_

  std::vector<NamedTensor> tensors_;
  std::vector<std::int64_t> offsets_; // of each tensor, in values
  at::Tensor values_;
  std::int64_t decayed_ = 0;
};

} // namespace stdualx
