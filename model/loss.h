// The training loss: label-smoothed cross-entropy plus a batch-hard triplet loss on the embedding.
#pragma once

#include "experiments/spec/training_config.h"
#include "model/network.h"

namespace stdualx {

struct LossTerms {
  at::Tensor total;         // scalar to call backward() on: summed over replicas; gradients of the ranks add up by sum
  at::Tensor cross_entropy; // [R], this rank's part of the mean over the GLOBAL batch, detached: the ranks' add up by sum, too
  at::Tensor triplet;       // [R], over the GLOBAL batch, before its weight, detached; the same on every rank
};

/// What of the loss may differ between replicas, by its place in a tensor on the device.
enum LossRate : std::int64_t { label_smoothing_rate, triplet_weight_rate, triplet_margin_rate, loss_rates_count };
/// [1, loss_rates_count] float64 of one replica, on the CPU.
at::Tensor loss_rates(const TrainingConfig& config);

/// Whether the triplet loss asks whose each window is.
bool pairs_by_people(const TrainingConfig& config);

/// labels: [R, B] int64. Total of a replica = cross_entropy + triplet_weight * triplet.
/// Triplet: batch-hard (Hermans et al. 2017) with the hinge [margin + d_positive - d_negative]_+ on the L2-normalised
/// embedding, averaged over valid anchors (those with a positive and a negative in the global batch; none: 0). Hardest
/// candidates tie to the lowest global index. d = sqrt(max(d2, 1e-12)), gradient 0 at and below 1e-12.
/// With a group and a triplet weight above 0: one collective (embeddings and labels in global order), also from a rank without rows. None
/// otherwise: nothing of backward waits for the value of the cross-entropy, so whoever wants it sums it with the gradient.
/// `people` [R, B] int64, who wore the sensors: read where pairs_by_people(), when a positive is of another person
/// than its anchor, and two windows of one person and class are no pair at all.
/// `rates` [R, loss_rates_count], loss_rates() of each replica on the logits' device: read in place of `config`'s where it is defined. All
/// replicas have a triplet loss or none, and pair alike, as `config` does.
LossTerms loss(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
               const at::Tensor& people = {}, const at::Tensor& rates = {});
/// The plain form, of what fits: any type, device and group.
LossTerms loss_plain(const ModelOutput& output, const at::Tensor& labels, const TrainingConfig& config, const StepContext& context,
                     const at::Tensor& people = {}, const at::Tensor& rates = {});

} // namespace stdualx
