// Layout of many tensors in one.
#include "worker/training/flat_tensors.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <stdexcept>

namespace stdualx {

namespace {
constexpr std::int64_t alignment = 16; // values: 64 bytes of float32

std::int64_t padded(std::int64_t count) { return (count + alignment - 1) / alignment * alignment; }
} // namespace

FlatTensors::FlatTensors(std::vector<NamedTensor> tensors, at::ScalarType type, at::Device device)
    : tensors_(std::move(tensors)), offsets_(tensors_.size()) {
  const at::NoGradGuard no_gradients;
  std::int64_t size = 0;
  for (const bool decay : {true, false}) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].decay != decay) continue;
      const at::Tensor& tensor = tensors_[i].tensor;
      if (tensor.scalar_type() != type || tensor.device() != device || !tensor.is_contiguous())
        throw std::logic_error("tensor '" + tensors_[i].name + "' is " + tensor.toString() + " on " + tensor.device().str() +
                               "; all tensors of a model must be contiguous and of one type and device");
      offsets_[i] = size;
      size += padded(tensor.numel());
    }
    if (decay) decayed_ = size;
  }
  const at::Tensor place = at::zeros({size}, at::TensorOptions().dtype(type).device(device));
  const auto views = named(place, "");
  for (std::size_t i = 0; i < tensors_.size(); ++i) views[i].tensor.copy_(tensors_[i].tensor);
  values_ = place;
  bind();
}

void FlatTensors::bind() {
  const auto views = named(values_, "");
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].tensor.set_data(views[i].tensor);
}

void FlatTensors::move_to(const at::Tensor& place) {
  const at::NoGradGuard no_gradients;
  if (place.sizes() != values_.sizes() || place.options().dtype() != values_.options().dtype() || place.device() != values_.device())
    throw std::logic_error("flat tensors of " + std::to_string(values_.numel()) + " values cannot live in " + place.toString() + " " +
                           c10::str(place.sizes()) + " on " + place.device().str());
  values_ = place.copy_(values_);
  bind();
}

std::vector<NamedTensor> FlatTensors::named(const at::Tensor& flat, const std::string& prefix) const {
  std::vector<NamedTensor> views;
  views.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const at::Tensor& tensor = tensors_[i].tensor;
    views.push_back({prefix + tensors_[i].name, flat.narrow(0, offsets_[i], tensor.numel()).view(tensor.sizes()), tensors_[i].decay});
  }
  return views;
}

at::Tensor FlatTensors::bind_gradients(std::int64_t more) {
  const at::Tensor gradient = at::zeros({values_.numel() + more}, values_.options());
  const auto views = named(gradient, "");
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].tensor.mutable_grad() = views[i].tensor;
  return gradient;
}

} // namespace stdualx
