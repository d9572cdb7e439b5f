// Measures of a classification, as scikit-learn defines them.
#pragma once

#include "experiments/spec/reports.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace stdualx {

/// Names as scikit-learn's. All NaN when nothing was classified.
struct Measures {
  double accuracy = 0;                 // accuracy_score
  double f1_macro = 0;                 // f1_score(average="macro"): over classes that occur as label or prediction; 0 where undefined
  double f1_weighted = 0;              // f1_score(average="weighted"): weighted by the labels' counts
  double log_loss = 0;                 // log_loss(labels, softmax(logits)): probabilities clipped to [eps, 1 - eps], eps of float64
  std::vector<std::int64_t> confusion; // [classes, classes], row: true label
  std::vector<std::int64_t> predicted; // [rows], the class with the largest logit, ties to the lowest

  std::vector<Metric> metrics() const;
};

/// logits: [rows, classes] float64 on the CPU; labels: [rows].
Measures measure(const at::Tensor& logits, std::span<const std::int64_t> labels);

/// Cross-sensor attention by person and activity, ascending. attention: [rows, sensors, sensors] float64 on the CPU.
std::vector<AttentionMap> attention_maps(const at::Tensor& attention, std::span<const std::int64_t> people,
                                         std::span<const std::int64_t> labels);

} // namespace stdualx
