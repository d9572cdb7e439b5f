// A linear layer as one batched product. See the header.
#include "model/linear.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {

Linear::Linear(Initialiser& initialiser, const std::string& name, const std::vector<at::Tensor>& inputs,
               const std::vector<at::Tensor>& outputs) {
  std::vector<UniformSlice> weights, biases;
  for (std::size_t s = 0; s < inputs.size(); ++s) {
    const double bound = 1.0 / std::sqrt(inputs[s].sum().item<double>());
    weights.push_back({bound, real_matrix(outputs[s], inputs[s])});
    biases.push_back({bound, outputs[s]});
  }
  weight = initialiser.uniform(name + ".weight", weights, true);
  bias = initialiser.uniform(name + ".bias", biases, false);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2)); }

} // namespace stdualx
