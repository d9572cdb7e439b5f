// From a window set to the tensors of a step: order, shares of the ranks, gathering, augmentation, standardising.
#pragma once

#include "experiments/spec/windowed_samples.h"
#include "worker/training/augmentation.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

namespace stdualx {

/// What training sees of a window set; the memory is the set's own.
struct TrainingWindows {
  InputShape shape;
  WindowedSamples source;                         // in physical units
  std::span<const std::int32_t> labels;           // [windows], class indices
  std::vector<std::vector<std::int64_t>> triples; // of each sensor: first channel of each group of three axes
  std::vector<float> mean, deviation;             // [sensors, channels], over the training windows
  std::span<const std::int32_t> people = {};      // [windows], who wore the sensors; empty: not told
};

/// A contiguous part of something.
struct Share {
  std::int64_t first = 0;
  std::int64_t count = 0;
  bool operator==(const Share&) const = default;
};

/// Rank `rank`'s rows out of `count`: contiguous, in rank order, sizes differ by at most one (the first ranks get more), may be empty.
Share share_of(std::int64_t count, std::int64_t rank, std::int64_t size);

/// The batches of one epoch: as few as `batch_size` allows, and near-equal, so that no window of a small last batch weighs more than others
/// and all steps have nearly one shape. Sizes differ by at most one. None has one window or two, of which neither batch norm nor triplets
/// say much, unless `batch_size` is so small: rather there is one batch fewer.
std::vector<Share> batches_of(std::int64_t windows, std::int64_t batch_size);

/// `windows` in the order of one epoch: a Fisher-Yates shuffle keyed by (seed, epoch), nothing else.
std::vector<std::int64_t> epoch_order(std::span<const std::int64_t> windows, std::int64_t seed, std::uint32_t epoch);

/// As many of `windows` as there are, of each person as many as of any other (numbers differ by at most one), shuffled: who has fewer gives
/// each of them more than once, who has more gives some of them, others in each epoch. `people`: of all windows of the set. Keyed by (seed,
/// epoch), as epoch_order.
std::vector<std::int64_t> balanced_epoch_order(std::span<const std::int64_t> windows, std::span<const std::int32_t> people,
                                               std::int64_t seed, std::uint32_t epoch);

/// The most samples by which augmentation shifts a window.
std::int64_t largest_shift(const AugmentationConfig& augmentation, std::int64_t steps);

/// Makes tensors of rows of a window set.
class BatchReader {
public:
  /// `type` and `device` of the windows' tensors. Throws InputError when a deviation is not a positive finite number.
  BatchReader(TrainingWindows windows, const AugmentationConfig& augmentation, std::int64_t seed, at::ScalarType type, at::Device device);

  /// Standardised, not augmented: [1, rows, sensors, steps, channels].
  at::Tensor read(std::span<const std::int64_t> rows) const;
  /// Shifted (by whole samples, uniform from -largest_shift to largest_shift, keyed by (seed, "augmentation", "shift"), cut off at the ends
  /// of the recording), augmented, then standardised. `place` is that of the first row; the rows are neighbours in the global batch.
  at::Tensor read_augmented(std::span<const std::int64_t> rows, SamplePlace place) const;
  /// [1, rows] int64 on the device.
  at::Tensor labels(std::span<const std::int64_t> rows) const { return numbers(windows_.labels, rows); }
  /// Who wore the sensors, as labels().
  at::Tensor people(std::span<const std::int64_t> rows) const { return numbers(windows_.people, rows); }

  const TrainingWindows& windows() const { return windows_; }

private:
  at::Tensor numbers(std::span<const std::int32_t> of, std::span<const std::int64_t> rows) const;
  std::int64_t shift_of(std::int64_t row, SamplePlace place) const;
  void standardise(std::span<float> window) const;
  at::Tensor finish(const at::Tensor& plain) const;

  TrainingWindows windows_;
  Augmentation augmentation_;
  RandomStream shift_;
  std::int64_t largest_shift_;
  at::ScalarType type_;
  at::Device device_;
  std::vector<float> mean_, scale_; // [sensors, channels]; scale 0 for channels a sensor does not have
};

} // namespace stdualx
