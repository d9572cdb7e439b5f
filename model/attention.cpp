// Multi-head attention over batched leading indices, by batched matrix products, faster than the fused kernel at these sizes.
#include "model/attention.h"

#include <ATen/ATen.h>

#include <cmath>

namespace stdualx {

Attention::Attention(Initialiser& initialiser, const std::string& name, const std::vector<std::int64_t>& widths, std::int64_t width,
                     std::int64_t head_count)
    : heads(head_count) {
  const std::vector<at::Tensor> inputs = first_real(widths, width);
  std::vector<UniformSlice> in_weights, out_weights;
  std::vector<at::Tensor> scales;
  for (std::size_t s = 0; s < widths.size(); ++s) {
    const auto real = static_cast<double>(widths[s]);
    const at::Tensor places = at::arange(width, at::kLong).remainder(width / heads).lt(widths[s] / heads);
    in_weights.push_back({std::sqrt(6.0 / (4.0 * real)), real_matrix(places.repeat({3}), inputs[s])}); // Xavier over [3 w, w]
    out_weights.push_back({1.0 / std::sqrt(real), real_matrix(inputs[s], places)});
    at::Tensor scale = at::ones({3 * width, 1}, at::kDouble);
    scale.slice(0, 0, width).fill_(1.0 / std::sqrt(real / static_cast<double>(heads)));
    scales.push_back(scale);
  }
  const auto slices = static_cast<std::int64_t>(widths.size());
  in_weight = initialiser.uniform(name + ".in_weight", in_weights, true);
  in_bias = initialiser.constant(name + ".in_bias", slices, at::zeros({3 * width}));
  out_weight = initialiser.uniform(name + ".out_weight", out_weights, true);
  out_bias = initialiser.constant(name + ".out_bias", slices, at::zeros({width}));
  row_scale = initialiser.fixed(at::stack(scales).repeat({initialiser.replicas(), 1, 1}));
}

at::Tensor Attention::operator()(const at::Tensor& x, const at::Tensor& key_mask, at::Tensor* weights) const {
  const std::int64_t groups = x.size(0), batch = x.size(1), tokens = x.size(2), width = x.size(3), head_width = width / heads;
  const at::Tensor rows = x.reshape({groups, batch * tokens, width});
  // Scaling the query rows of the weights is the same as scaling the queries, and far less work.
  const at::Tensor projected =
      at::baddbmm((in_bias.unsqueeze(1) * row_scale.transpose(1, 2)), rows, (in_weight * row_scale).transpose(1, 2));
  // [G, B, tokens, 3, heads, head width] -> three of [G * B * heads, tokens, head width]
  const auto parts = projected.view({groups * batch, tokens, 3, heads, head_width})
                         .permute({2, 0, 3, 1, 4})
                         .reshape({3, groups * batch * heads, tokens, head_width})
                         .unbind(0);
  at::Tensor attended_values; // [G * B * heads, tokens, head width]
  if (head_width <= 2 && !x.is_cuda() && !key_mask.defined() && weights == nullptr) {
    // Products over one or two numbers are slow in the CPU's library: the fused kernel takes a half to a seventh of the time.
    const std::vector<std::int64_t> by_head = {groups * batch, heads, tokens, head_width};
    attended_values =
        at::scaled_dot_product_attention(parts[0].view(by_head), parts[1].view(by_head), parts[2].view(by_head), {}, 0.0, false, 1.0)
            .reshape({groups * batch * heads, tokens, head_width});
  } else {
    at::Tensor scores = at::bmm(parts[0], parts[1].transpose(1, 2));
    if (key_mask.defined()) {
      const std::vector<std::int64_t> flat = scores.sizes().vec();
      scores = (scores.view({groups, batch * heads, tokens, tokens}) + key_mask).view(flat);
    }
    const at::Tensor attended = at::softmax(scores, -1);
    if (weights != nullptr) *weights = attended.detach().view({groups, batch, heads, tokens, tokens});
    attended_values = at::bmm(attended, parts[2]);
  }
  const at::Tensor joined =
      attended_values.view({groups * batch, heads, tokens, head_width}).transpose(1, 2).reshape({groups, batch * tokens, width});
  return at::baddbmm(out_bias.unsqueeze(1), joined, out_weight.transpose(1, 2)).view({groups, batch, tokens, width});
}

} // namespace stdualx
