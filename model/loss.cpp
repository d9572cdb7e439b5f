// Cross-entropy and batch-hard triplet loss over the global batch. See the header.
#include "model/loss.h"

#include "model/fused/loss_fused.h"
#include "model/kernels.h"

#include <ATen/ATen.h>

#include <stdexcept>

namespace stdualx {

bool pairs_by_people(const TrainingConfig& config) { return config.triplet_weight > 0 && config.triplet_positives == "other_people"; }

at::Tensor loss_rates(const TrainingConfig& config) {
  return at::tensor({config.label_smoothing, config.triplet_weight, config.triplet_margin}, at::kDouble).unsqueeze(0);
}

namespace {

/// Euclidean distance of rows; the root's gradient is infinite at 0, and identical static windows occur.
at::Tensor row_distance(const at::Tensor& a, const at::Tensor& b) {
  constexpr double least_square = 1e-12; // below it the gradient is 0
  return (a - b).square().sum(-1).clamp_min(least_square).sqrt();
}

/// embedding [R, N, E], L2-normalised; labels [R, N]; people [R, N], undefined: a positive may be of the same person;
/// real [R, N], 1 or 0 for rows of padding, undefined: all 1; margins [R, 1], undefined: `margin` of all -> [R].
at::Tensor batch_hard_triplet(const at::Tensor& embedding, const at::Tensor& labels, const at::Tensor& people, const at::Tensor& real,
                              double margin, const at::Tensor& margins) {
  at::Tensor hardest_positive, hardest_negative, valid; // [R, N, N] 0/1 rows, and [R, N]
  {
    const at::NoGradGuard chosen_not_learned;
    // Differences, not the Gram matrix: equal windows have equal distances, and ties go to the lowest index.
    const at::Tensor distance = at::cdist(embedding, embedding, 2.0, /*compute_mode: never by a matrix product*/ 2).clamp_min(1e-6);
    const at::Tensor same = labels.unsqueeze(2).eq(labels.unsqueeze(1));
    at::Tensor positive = same.logical_and(at::eye(labels.size(1), same.options()).logical_not()), negative = same.logical_not();
    if (people.defined()) positive = positive.logical_and(people.unsqueeze(2).ne(people.unsqueeze(1)));
    if (real.defined()) {
      const at::Tensor there = real.unsqueeze(1).ne(0);
      positive = positive.logical_and(there);
      negative = negative.logical_and(there);
    }
    valid = positive.any(2).logical_and(negative.any(2)).to(embedding.scalar_type());
    if (real.defined()) valid = valid * real;
    const at::Tensor farthest = distance.masked_fill(positive.logical_not(), -1).argmax(2);
    const at::Tensor nearest = distance.masked_fill(negative.logical_not(), 4).argmin(2); // unit vectors are at most 2 apart
    const auto rows = [&](const at::Tensor& index) { return at::zeros_like(distance).scatter_(2, index.unsqueeze(2), 1); };
    hardest_positive = rows(farthest);
    hardest_negative = rows(nearest);
  }
  // Picked by a product with 0/1 rows: its gradient is a product too, in one fixed order on every device.
  const at::Tensor to_positive = row_distance(embedding, at::bmm(hardest_positive, embedding));
  const at::Tensor to_negative = row_distance(embedding, at::bmm(hardest_negative, embedding));
  const at::Tensor difference = to_positive - to_negative, hinge = margins.defined() ? difference + margins : difference + margin;
  return (hinge.clamp_min(0) * valid).sum(1) / valid.sum(1).clamp_min(1);
}

} // namespace

LossTerms loss_plain(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
                     const at::Tensor& people, const at::Tensor& rates) {
  const std::int64_t replicas = output.logits.size(0), batch = output.logits.size(1), classes = output.logits.size(2);
  const std::int64_t first = context.group == nullptr ? 0 : context.first_sample;
  const std::int64_t samples = context.group == nullptr ? batch : context.global_samples;
  // A number of all replicas, or made from a rate of each, [R, 1]: rounded to the logits' type once, as a number handed to an operation is.
  const auto own_rates = [&](LossRate which, const auto& make) {
    return rates.defined() ? at::Tensor(make(rates.narrow(1, which, 1))).to(output.logits.scalar_type()) : at::Tensor();
  };
  const auto times = [](const at::Tensor& x, double number, const at::Tensor& own) { return own.defined() ? x * own : x * number; };
  const auto as_it_is = [](const at::Tensor& rate) { return rate; };
  const auto each = static_cast<double>(classes);
  const at::Tensor kept = own_rates(label_smoothing_rate, [](const at::Tensor&smoothing) { return 1 - smoothing; }),
                   spread = own_rates(label_smoothing_rate, [&](const at::Tensor&smoothing) { return smoothing / each; });
  const at::Tensor log_probability = at::log_softmax(output.logits, -1);
  const at::Tensor of_label = log_probability.gather(2, labels.unsqueeze(2)).squeeze(2);
  const at::Tensor smoothed =
      times(of_label, 1 - config.label_smoothing, kept) + times(log_probability.sum(2), config.label_smoothing / each, spread);
  // [R], this rank's share of the mean
  const at::Tensor own_cross_entropy = context.real.defined()
                                           ? -(smoothed * context.own_real(batch)).sum(1) / context.real.sum(1).clamp_min(1)
                                           : -smoothed.sum(1) / static_cast<double>(samples);

  const bool contrastive = config.triplet_weight > 0;
  const at::Tensor normalised = contrastive ? output.embedding / output.embedding.norm(2, {2}, true).clamp_min(1e-12) : at::Tensor();
  at::Tensor all_embeddings = normalised, all_labels = labels, all_people = pairs_by_people(config) ? people : at::Tensor();
  if (contrastive && context.group != nullptr) { // the ranks' rows in global order
    const std::int64_t width = normalised.size(2);
    const std::int64_t numbers = all_people.defined() ? 2 : 1; // label, person: exact in float32 up to 2^24
    at::Tensor rows = at::zeros({replicas, samples, width + numbers}, output.logits.options().requires_grad(false));
    rows.narrow(1, first, batch).narrow(2, 0, width).copy_(normalised.detach());
    rows.narrow(1, first, batch).select(2, width).copy_(labels);
    if (all_people.defined()) rows.narrow(1, first, batch).select(2, width + 1).copy_(people);
    context.group->all_reduce_sum(rows);
    const at::Tensor others = rows.narrow(2, 0, width);
    // Gradients flow into this rank's own rows alone.
    all_embeddings = at::cat({others.narrow(1, 0, first), normalised, others.narrow(1, first + batch, samples - first - batch)}, 1);
    all_labels = rows.select(2, width).to(at::kLong);
    if (all_people.defined()) all_people = rows.select(2, width + 1).to(at::kLong);
  }

  LossTerms terms;
  terms.cross_entropy = own_cross_entropy.detach();
  terms.total = own_cross_entropy.sum();
  terms.triplet = at::zeros_like(terms.cross_entropy);
  if (contrastive) {
    const at::Tensor triplet = batch_hard_triplet(all_embeddings, all_labels, all_people, context.real, config.triplet_margin,
                                                  own_rates(triplet_margin_rate, as_it_is));
    terms.triplet = triplet.detach();
    terms.total = terms.total + (rates.defined() ? (triplet * own_rates(triplet_weight_rate, as_it_is).squeeze(1)).sum()
                                                 : triplet.sum() * config.triplet_weight);
  }
  return terms;
}

LossTerms loss(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
               const at::Tensor& people, const at::Tensor& rates) {
  const std::int64_t replicas = output.logits.size(0), batch = output.logits.size(1);
  const std::int64_t first = context.group == nullptr ? 0 : context.first_sample;
  const std::int64_t samples = context.group == nullptr ? batch : context.global_samples;
  if (labels.sizes() != at::IntArrayRef({replicas, batch}) || first < 0 || first + batch > samples || samples < 1)
    throw std::invalid_argument("loss: labels " + c10::str(labels.sizes()) + " and rows " + std::to_string(first) + " to " +
                                std::to_string(first + batch) + " of " + std::to_string(samples) + " do not fit logits " +
                                c10::str(output.logits.sizes()));
  if (pairs_by_people(config) && (!people.defined() || people.sizes() != labels.sizes()))
    throw std::invalid_argument("loss: positives of other people need to know whose each window is");
  if (rates.defined() && rates.sizes() != at::IntArrayRef({replicas, loss_rates_count}))
    throw std::invalid_argument("loss: rates " + c10::str(rates.sizes()) + " are not those of " + std::to_string(replicas) + " replicas");
  if (fused_kernels_fit(output.logits, context)) return loss_fused(output, labels, config, context, people, rates);
  return loss_plain(output, labels, config, context, people, rates);
}

} // namespace stdualx
