// Multi-head attention (Vaswani et al. 2017) with its own weights for each leading index; PyTorch's nn.MultiheadAttention
// for each of them, without dropout.
#pragma once

#include "model/initialisation.h"

namespace stdualx {

struct Attention {
  at::Tensor in_weight;  // [G, 3 * width, width]: queries, keys, values
  at::Tensor in_bias;    // [G, 3 * width]
  at::Tensor out_weight; // [G, width, width]
  at::Tensor out_bias;   // [G, width]
  at::Tensor row_scale;  // [G, 3 * width, 1]: 1 / sqrt(head width) for queries, 1 for keys and values
  std::int64_t heads = 1;

  Attention() = default;
  /// widths: real width of each sensor, divided by `heads`; `width`: of the tensors. See encoder_shape.h for where a real entry stands.
  Attention(Initialiser& initialiser, const std::string& name, const std::vector<std::int64_t>& widths, std::int64_t width,
            std::int64_t heads);

  /// x: [G, B, tokens, width] -> the same. `key_mask`: added to the scores ([G or 1, 1, tokens or 1, tokens]; -inf hides a key),
  /// or undefined. `weights`, where not null, gets the attention weights [G, B, heads, tokens, tokens], detached.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& key_mask = {}, at::Tensor* weights = nullptr) const;
};

} // namespace stdualx
