// The one-cycle schedule of learning rate and momentum (Smith and Topin 2018).
#pragma once

#include "experiments/spec/training_config.h"

namespace stdualx {

struct SchedulePoint {
  double learning_rate = 0;
  double momentum = 0; // AdamW's beta1
};

/// The point of `step` (from 0) out of `total_steps`: as torch.optim.lr_scheduler.OneCycleLR with cosine annealing, two
/// phases, div_factor 25 and final_div_factor 1e4. The learning rate rises from peak / 25 over config.warmup of the steps
/// and falls to peak / 250000; momentum goes from momentum_high down to momentum_low and back.
SchedulePoint one_cycle(const TrainingConfig& config, std::int64_t step, std::int64_t total_steps);

} // namespace stdualx
