// See loss_kernel.h.
#include "model/fused/loss_kernel.h"

#include "model/fused/scratch.h"

#include <cmath>
#include <limits>
#include <vector>

namespace stdualx {

namespace {
// The clamps of model/loss.cpp.
constexpr float least_norm = 1e-12f;
constexpr float least_distance = 1e-6f; // where it has no gradient

/// The mean over the rows, and the gradient of it.
double cross_entropy(const LossShape& shape, double smoothing, const float* logits, const std::int64_t* labels, float* dlogits) {
  const double each = smoothing / static_cast<double>(shape.classes);
  const auto share = static_cast<float>(1.0 / static_cast<double>(shape.rows)), spread = static_cast<float>(each);
  double sum = 0;
  for (std::size_t row = 0; row < shape.rows; ++row, logits += shape.classes, dlogits += shape.classes) {
    const float largest = *std::max_element(logits, logits + shape.classes);
    float total = 0;
    for (std::size_t c = 0; c < shape.classes; ++c) total += dlogits[c] = std::exp(logits[c] - largest);
    const float log_total = std::log(total) + largest;
    double all = 0; // of the logarithms of the probabilities
    for (std::size_t c = 0; c < shape.classes; ++c) {
      all += static_cast<double>(logits[c] - log_total);
      dlogits[c] = (dlogits[c] / total - spread) * share;
    }
    const auto label = static_cast<std::size_t>(labels[row]);
    sum -= (1 - smoothing) * static_cast<double>(logits[label] - log_total) + each * all;
    dlogits[label] -= static_cast<float>(1 - smoothing) * share;
  }
  return sum / static_cast<double>(shape.rows);
}

/// An anchor's farthest window of its class and its nearest of another.
struct Hardest {
  std::size_t anchor, positive, negative;
  float farthest = 0, nearest = 0;
};

/// Of every anchor that has both; ties go to the lowest index. What is no number is farthest and nearest, as in ATen.
std::vector<Hardest> hardest_of(const LossShape& shape, const VectorLoops& loops, const FloatArray& columns, PlaneSize turned,
                                const std::int64_t* labels, const std::int64_t* people) {
  const FloatArray distances(turned.stride);
  std::vector<Hardest> all;
  for (std::size_t anchor = 0; anchor < shape.rows; ++anchor) {
    loops.distances(columns.data(), turned, anchor, distances.data());
    const std::size_t none = shape.rows;
    Hardest found{anchor, none, none};
    for (std::size_t other = 0; other < shape.rows; ++other) {
      const float distance = distances.data()[other];
      if (labels[other] != labels[anchor]) {
        if (found.negative == none || distance < found.nearest || (std::isnan(distance) && !std::isnan(found.nearest)))
          found.negative = other, found.nearest = distance;
      } else if (people != nullptr ? people[other] != people[anchor] : other != anchor) {
        if (found.positive == none || distance > found.farthest || (std::isnan(distance) && !std::isnan(found.farthest)))
          found.positive = other, found.farthest = distance;
      }
    }
    if (found.positive != none && found.negative != none) all.push_back(found);
  }
  return all;
}

/// da += factor * (a - b) / distance, and db -= that; nothing at the clamp.
void add_gradient(const float* a, const float* b, std::size_t width, float distance, float factor, float* da, float* db) {
  if (distance <= least_distance) return;
  for (std::size_t i = 0; i < width; ++i) {
    const float step = (a[i] - b[i]) * (factor / distance);
    da[i] += step;
    db[i] -= step;
  }
}

/// The mean hinge over the anchors, and the gradient of weight times that.
double triplet(const LossShape& shape, const LossWeights& weights, const VectorLoops& loops, const float* embedding,
               const std::int64_t* labels, const std::int64_t* people, float* dembedding) {
  const PlaneSize size = plane_of(shape.rows, shape.width), turned = plane_of(shape.width, shape.rows);
  const FloatArray normalised(size), columns(turned), gradient(size);
  std::vector<float> norms(shape.rows);
  bool finite = true;
  for (std::size_t row = 0; row < shape.rows; ++row) {
    float* const own = normalised.data() + row * size.stride;
    std::memcpy(own, embedding + row * shape.width, shape.width * sizeof(float));
    norms[row] = static_cast<float>(std::sqrt(loops.sum_of_squares(own, size.stride)));
    finite = finite && std::isfinite(norms[row]);
    const float divisor = norms[row] < least_norm ? least_norm : norms[row];
    for (std::size_t i = 0; i < shape.width; ++i) own[i] /= divisor;
  }
  loops.transpose(normalised.data(), size, columns.data(), turned.stride);
  const std::vector<Hardest> anchors = hardest_of(shape, loops, columns, turned, labels, people);

  const auto valid = static_cast<double>(std::max<std::size_t>(anchors.size(), 1));
  const auto share = static_cast<float>(weights.triplet / valid), margin = static_cast<float>(weights.margin);
  double sum = finite ? 0 : std::numeric_limits<double>::quiet_NaN(); // the plain form's products spread it over all rows, too
  for (const Hardest& of : anchors) {
    const auto row = [&](const FloatArray& plane, std::size_t index) { return plane.data() + index * size.stride; };
    const float *const anchor = row(normalised, of.anchor), *const positive = row(normalised, of.positive),
                       *const negative = row(normalised, of.negative);
    const float hinge = of.farthest - of.nearest + margin;
    if (hinge < 0) continue;
    sum += static_cast<double>(hinge);
    add_gradient(anchor, positive, shape.width, of.farthest, share, row(gradient, of.anchor), row(gradient, of.positive));
    add_gradient(anchor, negative, shape.width, of.nearest, -share, row(gradient, of.anchor), row(gradient, of.negative));
  }

  // Through the norm: what points along the embedding leaves, but where the norm was clamped.
  for (std::size_t row = 0; row < shape.rows; ++row) {
    const float *const unit = normalised.data() + row * size.stride, *const from = gradient.data() + row * size.stride;
    const bool clamped = norms[row] < least_norm;
    double along = 0;
    for (std::size_t i = 0; i < shape.width && !clamped; ++i) along += static_cast<double>(unit[i]) * static_cast<double>(from[i]);
    const float divisor = clamped ? least_norm : norms[row];
    for (std::size_t i = 0; i < shape.width; ++i)
      dembedding[row * shape.width + i] = (from[i] - unit[i] * static_cast<float>(along)) / divisor;
  }
  return sum / valid;
}
} // namespace

LossValues loss_with_gradients(const LossShape& shape, const LossWeights& weights, const VectorLoops& loops, const float* logits,
                               const float* embedding, const std::int64_t* labels, const std::int64_t* people,
                               const LossGradients& gradients) {
  LossValues values;
  values.cross_entropy = cross_entropy(shape, weights.smoothing, logits, labels, gradients.logits);
  if (weights.triplet > 0) values.triplet = triplet(shape, weights, loops, embedding, labels, people, gradients.embedding);
  return values;
}

} // namespace stdualx
