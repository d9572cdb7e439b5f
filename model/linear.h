// The linear layer that most parts of the network are made of.
#pragma once

#include "model/initialisation.h"

#include <string>
#include <vector>

namespace stdualx {

/// A linear layer for each leading index, with PyTorch's first values: weight and bias U(+-1 / sqrt(inputs)).
struct Linear {
  at::Tensor weight; // [G, outputs, inputs]
  at::Tensor bias;   // [G, outputs]

  Linear() = default;
  /// `inputs`, `outputs`: the real ones of each sensor (see first_real), all of one width.
  Linear(Initialiser& initialiser, const std::string& name, const std::vector<at::Tensor>& inputs, const std::vector<at::Tensor>& outputs);
  /// x: [G, rows, inputs] -> [G, rows, outputs].
  at::Tensor operator()(const at::Tensor& x) const;
};

} // namespace stdualx
