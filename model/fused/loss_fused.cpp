// Tensors to pointers, replica by replica; what is computed is in loss_kernel.cpp.
#include "model/fused/loss_fused.h"

#include "model/fused/fused_layer.h"
#include "model/fused/loss_kernel.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <stdexcept>

namespace stdualx {

namespace {
/// The gradients are made together with the values; backward scales them.
struct Node : torch::autograd::Function<Node> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* node, const at::Tensor& given_logits,
                                                const at::Tensor& given_embedding, const at::Tensor& labels,
                                                const std::optional<at::Tensor>& people, const std::vector<LossWeights>& all_weights,
                                                const std::vector<std::int64_t>& rows) {
    const bool contrastive = all_weights.front().triplet > 0;
    const at::Tensor logits = given_logits.contiguous(), embedding = contrastive ? given_embedding.contiguous() : at::Tensor();
    // Rows of padding have no gradient.
    const at::Tensor dlogits = at::zeros_like(logits), dembedding = contrastive ? at::zeros_like(embedding) : at::Tensor();
    const std::int64_t replicas = logits.size(0);
    const at::Tensor cross_entropy = at::empty({replicas}, logits.options()), triplet = at::zeros({replicas}, logits.options());
    LossShape shape{.rows = 0,
                    .classes = static_cast<std::size_t>(logits.size(2)),
                    .width = contrastive ? static_cast<std::size_t>(embedding.size(2)) : 0};
    double total = 0;
    for (std::int64_t r = 0; r < replicas; ++r) {
      shape.rows = static_cast<std::size_t>(rows[static_cast<std::size_t>(r)]);
      const LossWeights& weights = all_weights[static_cast<std::size_t>(r)];
      if (shape.rows == 0) {
        *at_leading(cross_entropy, r) = 0;
        continue;
      }
      const LossValues values =
          loss_with_gradients(shape, weights, fused_loops(), at_leading(logits, r), contrastive ? at_leading(embedding, r) : nullptr,
                              labels.const_data_ptr<std::int64_t>() + r * logits.size(1),
                              people ? people->const_data_ptr<std::int64_t>() + r * logits.size(1) : nullptr,
                              {at_leading(dlogits, r), contrastive ? at_leading(dembedding, r) : nullptr});
      *at_leading(cross_entropy, r) = static_cast<float>(values.cross_entropy);
      *at_leading(triplet, r) = static_cast<float>(values.triplet);
      total += values.cross_entropy + weights.triplet * values.triplet;
    }
    node->save_for_backward({dlogits, dembedding});
    node->mark_non_differentiable({cross_entropy, triplet});
    return {at::full({}, total, logits.options()), cross_entropy, triplet};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* node, torch::autograd::variable_list upstream) {
    const auto saved = node->get_saved_variables();
    return {saved[0] * upstream[0], saved[1].defined() ? saved[1] * upstream[0] : at::Tensor(),
            at::Tensor(),           at::Tensor(),
            at::Tensor(),           at::Tensor()};
  }
};
} // namespace

LossTerms loss_fused(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
                     const at::Tensor& people, const at::Tensor& given_rates) {
  const at::Tensor own = labels.contiguous();
  const std::int64_t classes = output.logits.size(2);
  for (std::int64_t i = 0; i < own.numel(); ++i)
    if (const std::int64_t label = own.const_data_ptr<std::int64_t>()[i]; label < 0 || label >= classes)
      throw std::invalid_argument("loss: a label is " + std::to_string(label) + " of " + std::to_string(classes) + " classes");
  const at::Tensor rates = given_rates.defined() ? given_rates.contiguous() : loss_rates(config).expand({own.size(0), -1}).contiguous();
  std::vector<LossWeights> weights;
  for (std::int64_t r = 0; r < own.size(0); ++r) {
    const double* const of = rates.const_data_ptr<double>() + r * loss_rates_count;
    weights.push_back({.smoothing = of[label_smoothing_rate], .triplet = of[triplet_weight_rate], .margin = of[triplet_margin_rate]});
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t r = 0; r < own.size(0); ++r) rows.push_back(context.own_rows(r, own.size(1)));
  const auto terms = Node::apply(output.logits, output.embedding, own,
                                 pairs_by_people(config) ? std::optional(people.contiguous()) : std::nullopt, weights, rows);
  return {.total = terms[0], .cross_entropy = terms[1], .triplet = terms[2]};
}

} // namespace stdualx
