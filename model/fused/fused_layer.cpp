// See fused_layer.h. Compiled with -fopenmp, without which torch's parallel_for is a plain loop.
#include "model/fused/fused_layer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace stdualx {

namespace {
struct Node : torch::autograd::Function<Node> {
  static at::Tensor forward(torch::autograd::AutogradContext* node, const at::Tensor& given, at::TensorList list,
                            const c10::intrusive_ptr<FusedLayer>& layer, bool training) {
    const at::Tensor x = given.contiguous();
    const std::vector<at::Tensor> parameters = list.vec();
    at::Tensor kept = at::empty({x.size(0), training || layer->keeps_always() ? layer->kept_floats(x) : 0}, x.options());
    at::Tensor y = at::empty(layer->output_sizes(x), x.options());
    layer->forward(x, parameters, kept, y);
    if (!training) return y;
    torch::autograd::variable_list saved = {x, kept};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    node->save_for_backward(std::move(saved));
    node->saved_data["layer"] = c10::IValue::make_capsule(layer);
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* node, torch::autograd::variable_list upstream) {
    const auto saved = node->get_saved_variables();
    const auto capsule = node->saved_data["layer"].toCapsule();
    auto& layer = dynamic_cast<FusedLayer&>(*capsule);
    const std::vector<at::Tensor> parameters(saved.begin() + 2, saved.end());
    at::Tensor kept = saved[1], dx = layer.has_input_gradient() ? at::empty_like(saved[0]) : at::Tensor();
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : parameters) gradients.push_back(at::empty_like(parameter));
    layer.backward(saved[0], upstream[0].contiguous(), parameters, kept, dx, gradients);
    torch::autograd::variable_list all = {dx};
    all.insert(all.end(), gradients.begin(), gradients.end());
    all.insert(all.end(), 2, at::Tensor()); // layer and training
    return all;
  }
};
} // namespace

at::Tensor run_fused(const c10::intrusive_ptr<FusedLayer>& layer, const at::Tensor& x, const std::vector<at::Tensor>& parameters,
                     bool training) {
  return Node::apply(x, at::TensorList(parameters), layer, training);
}

std::size_t own_rows(const StepContext& context, const at::Tensor& x, std::int64_t leading) {
  if (!context.real.defined()) return static_cast<std::size_t>(x.size(1));
  const std::int64_t of_a_replica = x.size(0) / context.real.size(0);
  return static_cast<std::size_t>(context.own_rows(leading / of_a_replica, x.size(1)));
}

void clear_behind(const at::Tensor& tensor, std::int64_t leading, std::size_t rows) {
  const auto all = static_cast<std::size_t>(tensor.numel() / tensor.size(0)), row = all / static_cast<std::size_t>(tensor.size(1));
  std::fill_n(at_leading(tensor, leading) + rows * row, all - rows * row, 0.0f);
}

void clear(const std::vector<at::Tensor>& tensors, std::int64_t leading) {
  for (const at::Tensor& tensor : tensors) std::fill_n(at_leading(tensor, leading), tensor.numel() / tensor.size(0), 0.0f);
}

std::size_t leading_threads() { return static_cast<std::size_t>(at::get_num_threads()); }

void over_leading(std::int64_t count, const std::function<void(std::size_t thread, std::int64_t leading)>& use) {
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t leading = begin; leading < end; ++leading) use(static_cast<std::size_t>(at::get_thread_num()), leading);
  });
}

} // namespace stdualx
