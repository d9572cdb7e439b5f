// Dropout (Srivastava et al. 2014) whose masks are counted, not drawn from a generator's history.
//
// The mask of an element depends on (replica's seed, layer's name, epoch, step, index of its row in the global batch, sensor,
// place in the row) alone: a batch split over ranks, a replica in a pack and a resumed run have the masks of the whole.
#pragma once

#include "model/batch_group.h"
#include "model/fused/vector_loops.h"
#include "model/initialisation.h"

#include <cstdint>
#include <string>

namespace stdualx {

class Dropout {
public:
  Dropout() = default;
  Dropout(const Initialiser& initialiser, const std::string& name, double probability);

  /// x: [R * sensors, B, ...] -> the same: each value kept with 1 - probability and scaled by 1 / (1 - probability).
  /// The identity outside training, without `context.dropout`, and at probability 0.
  at::Tensor operator()(const at::Tensor& x, const StepContext& context) const;

  /// What fused layers draw by, for a leading index out of `leading_count`: its mask's words at the batch's first row; a threshold of 0 and
  /// a scale of 1 where operator() is the identity.
  DropoutDraw draw(const StepContext& context, std::int64_t leading, std::int64_t leading_count) const;

private:
  double rate = 0;
  at::Tensor keys; // [R, 2] int64: Philox keys
};

} // namespace stdualx
