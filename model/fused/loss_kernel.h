// The training loss of one replica with its gradients by hand; model/loss.h is the plain form. Float32, this rank alone. No torch here.
//
// Distances are those of differences, an anchor's to all windows at once: the batch lies along the vectors, so that every pair is summed in
// the same order, whichever window is the anchor, and equal windows are equally far.
#pragma once

#include "model/fused/vector_loops.h"

namespace stdualx {

/// `rows`: of the batch. `width`: values of an embedding.
struct LossShape {
  std::size_t rows = 0, classes = 0, width = 0;
};
struct LossWeights {
  double smoothing = 0, triplet = 0, margin = 0;
};
struct LossValues {
  double cross_entropy = 0, triplet = 0; // before its weight
};
/// Of cross-entropy + weight * triplet; as logits and embedding.
struct LossGradients {
  float *logits, *embedding;
};

/// logits: [rows, classes], embedding: [rows, width], tightly packed. Labels lie in [0, classes). people: [rows], or null where a positive
/// may be of the same person. Without a triplet weight the embedding and its gradient are not touched. Writes every gradient.
LossValues loss_with_gradients(const LossShape& shape, const LossWeights& weights, const VectorLoops& loops, const float* logits,
                               const float* embedding, const std::int64_t* labels, const std::int64_t* people,
                               const LossGradients& gradients);

} // namespace stdualx
