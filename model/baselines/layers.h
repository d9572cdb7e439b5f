// Layers that more than one baseline has.
#pragma once

#include "model/initialisation.h"

namespace stdualx {

/// A convolution over time, PyTorch's nn.Conv1d: weight and bias start U(+-1 / sqrt(inputs * width)).
struct Convolution {
  at::Tensor weight; // [1, outputs, inputs, width]
  at::Tensor bias;   // [1, outputs]

  Convolution() = default;
  Convolution(Initialiser& initialiser, const std::string& name, std::int64_t inputs, std::int64_t outputs, std::int64_t width);
  /// x: [B, inputs, L] -> [B, outputs, L - width + 1].
  at::Tensor operator()(const at::Tensor& x) const;
};

/// One layer of LSTM (Hochreiter and Schmidhuber 1997) in one or both directions, PyTorch's nn.LSTM: all starts U(+-1 / sqrt(units)).
class Lstm {
public:
  Lstm(Initialiser& initialiser, const std::string& name, std::int64_t inputs, std::int64_t units, bool bidirectional);
  /// x: [1, B, L, inputs] -> the states, [1, B, L, units], or [1, B, L, 2 * units]: those of the direction forward in time first.
  at::Tensor operator()(const at::Tensor& x) const;

private:
  std::int64_t units;
  bool bidirectional;
  std::vector<at::Tensor> weights; // a direction: [1, 4 units, inputs], [1, 4 units, units], and two biases [1, 4 units]
};

} // namespace stdualx
