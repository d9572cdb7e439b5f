// Measures from logits, in float64 and in row order.
#include "worker/training/evaluation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace stdualx {

namespace {
constexpr double epsilon = std::numeric_limits<double>::epsilon();

/// -log of the softmax probability of `label`, clipped as scikit-learn clips it.
double row_loss(std::span<const double> logits, std::int64_t label) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  const double probability = std::exp(logits[static_cast<std::size_t>(label)] - largest) / sum;
  return std::isnan(probability) ? probability : -std::log(std::clamp(probability, epsilon, 1 - epsilon));
}
} // namespace

Measures measure(const at::Tensor& logits, std::span<const std::int64_t> labels) {
  const auto classes = static_cast<std::size_t>(logits.size(1));
  const auto rows = static_cast<double>(labels.size());
  Measures measures;
  measures.confusion.assign(classes * classes, 0);
  double loss = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::span values(logits.const_data_ptr<double>() + row * classes, classes);
    const auto predicted = std::ranges::max_element(values) - values.begin();
    measures.predicted.push_back(predicted);
    ++measures.confusion[static_cast<std::size_t>(labels[row]) * classes + static_cast<std::size_t>(predicted)];
    loss += row_loss(values, labels[row]);
  }
  double correct = 0, f1_sum = 0, f1_weighted = 0;
  int present = 0;
  for (std::size_t k = 0; k < classes; ++k) {
    double hits = static_cast<double>(measures.confusion[k * classes + k]), of_label = 0, of_prediction = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      of_label += static_cast<double>(measures.confusion[k * classes + other]);
      of_prediction += static_cast<double>(measures.confusion[other * classes + k]);
    }
    correct += hits;
    if (of_label + of_prediction == 0) continue;
    ++present;
    const double f1 = 2 * hits / (of_label + of_prediction);
    f1_sum += f1;
    f1_weighted += f1 * of_label;
  }
  measures.accuracy = correct / rows; // 0 / 0 is NaN: nothing was classified
  measures.f1_macro = f1_sum / present;
  measures.f1_weighted = f1_weighted / rows;
  measures.log_loss = loss / rows;
  return measures;
}

std::vector<AttentionMap> attention_maps(const at::Tensor& attention, std::span<const std::int64_t> people,
                                         std::span<const std::int64_t> labels) {
  const at::Tensor rows = attention.contiguous().flatten(1); // [rows, sensors * sensors]
  const auto size = static_cast<std::size_t>(rows.size(1));
  std::map<std::pair<std::int64_t, std::int64_t>, AttentionMap> maps;
  for (std::size_t row = 0; row < people.size(); ++row) {
    AttentionMap& map = maps[{people[row], labels[row]}];
    if (map.windows++ == 0) map.weights.assign(size, 0);
    const double* weights = rows.const_data_ptr<double>() + row * size;
    for (std::size_t i = 0; i < size; ++i) map.weights[i] += weights[i];
  }
  std::vector<AttentionMap> result;
  for (auto& [who, map] : maps) {
    for (double& weight : map.weights) weight /= static_cast<double>(map.windows);
    std::tie(map.person, map.label) = who;
    result.push_back(std::move(map));
  }
  return result;
}

std::vector<Metric> Measures::metrics() const {
  return {{"accuracy", accuracy}, {"f1_macro", f1_macro}, {"f1_weighted", f1_weighted}, {"log_loss", log_loss}};
}

} // namespace stdualx
