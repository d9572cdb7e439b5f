// Batch normalisation (Ioffe and Szegedy 2015) with statistics over the global batch, whichever ranks hold its rows.
#pragma once

#include "model/batch_group.h"
#include "model/initialisation.h"

namespace stdualx {

struct BatchNorm {
  at::Tensor weight;           // [G, channels]
  at::Tensor bias;             // [G, channels]
  at::Tensor running_mean;     // [G, channels]
  at::Tensor running_variance; // [G, channels], unbiased as in PyTorch

  BatchNorm() = default;
  BatchNorm(Initialiser& initialiser, const std::string& name, std::int64_t slices, std::int64_t channels);

  /// x: [G, B, channels, inner] -> the same; each (G, channel) is normalised over B (of all ranks) and inner.
  /// `mask` ([G, 1, 1, inner], 1 or 0): statistics over its ones alone; what is returned where it is 0 is for the caller to drop.
  /// Training: batch statistics, and the running ones move by momentum 0.1. With a group one collective in forward and one
  /// in backward, also from a rank without rows; the group must live until backward is done.
  at::Tensor operator()(const at::Tensor& x, const StepContext& context, const at::Tensor& mask = {}) const;
  /// The same for x: [B, G * channels, inner], the layout of grouped convolutions, without a mask.
  at::Tensor joined(const at::Tensor& x, const StepContext& context) const;

private:
  /// `mask`: [G or 1, B or 1, channels or 1, inner or 1], what takes part, rows of padding left out.
  at::Tensor normalised(const at::Tensor& x, const StepContext& context, const at::Tensor& mask) const;
};

} // namespace stdualx
