// Layers of baselines. See the header.
#include "model/baselines/layers.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {
namespace {

at::Tensor uniform(Initialiser& initialiser, const std::string& name, const std::vector<std::int64_t>& sizes, double bound, bool decay) {
  return initialiser.uniform(name, {{bound, at::ones(sizes, at::kBool)}}, decay);
}

} // namespace

Convolution::Convolution(Initialiser& initialiser, const std::string& name, std::int64_t inputs, std::int64_t outputs, std::int64_t width) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(inputs * width));
  weight = uniform(initialiser, name + ".weight", {outputs, inputs, width}, bound, true);
  bias = uniform(initialiser, name + ".bias", {outputs}, bound, false);
}

at::Tensor Convolution::operator()(const at::Tensor& x) const { return at::conv1d(x, weight[0], bias[0]); }

Lstm::Lstm(Initialiser& initialiser, const std::string& name, std::int64_t inputs, std::int64_t state_units, bool both)
    : units(state_units), bidirectional(both) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(units));
  for (const std::string direction : {"forward", "backward"}) {
    if (direction == "backward" && !bidirectional) continue;
    const std::string prefix = name + "." + direction + ".";
    weights.push_back(uniform(initialiser, prefix + "input_weight", {4 * units, inputs}, bound, true));
    weights.push_back(uniform(initialiser, prefix + "state_weight", {4 * units, units}, bound, true));
    weights.push_back(uniform(initialiser, prefix + "input_bias", {4 * units}, bound, false));
    weights.push_back(uniform(initialiser, prefix + "state_bias", {4 * units}, bound, false));
  }
}

at::Tensor Lstm::operator()(const at::Tensor& x) const {
  const std::int64_t batch = x.size(1), directions = bidirectional ? 2 : 1;
  if (batch == 0) { // not every library has an LSTM of no rows; a rank without rows keeps its graph, and gradients of 0
    at::Tensor nothing = x.sum();
    for (const at::Tensor& weight : weights) nothing = nothing + weight.sum();
    return (nothing * 0).expand({1, 0, x.size(2), directions * units});
  }
  std::vector<at::Tensor> parameters;
  parameters.reserve(weights.size());
  for (const at::Tensor& weight : weights) parameters.push_back(weight[0]);
  const at::Tensor start = at::zeros({directions, batch, units}, x.options().requires_grad(false));
  // `train` keeps what backward needs, in evaluation too where gradients are asked for.
  const bool keep = at::GradMode::is_enabled();
  return std::get<0>(at::lstm(x[0], {start, start}, parameters, true, 1, 0.0, keep, bidirectional, true)).unsqueeze(0);
}

} // namespace stdualx
