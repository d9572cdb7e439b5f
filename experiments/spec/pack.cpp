// What a pack's runs have in common, as text.
#include "experiments/spec/pack.h"

namespace stdualx {

std::string pack_key(const RunSpec& run) {
  if (run.world_size != 1 || run.model.architecture != "stdual_x") return "";
  RunSpec common = run;
  common.fold = 0;
  common.seed = 0;
  common.protocol = {};
  common.preset = common.variant = ""; // names of what the other fields say
  const TrainingConfig neutral{};
  TrainingConfig& training = common.training;
  // All that a step reads from its inputs, or that the host alone needs.
  training.epochs = neutral.epochs;
  training.learning_rate = neutral.learning_rate;
  training.warmup = neutral.warmup;
  training.momentum_low = neutral.momentum_low;
  training.momentum_high = neutral.momentum_high;
  training.weight_decay = neutral.weight_decay;
  training.ema_decay = neutral.ema_decay;
  training.label_smoothing = neutral.label_smoothing;
  training.triplet_margin = neutral.triplet_margin;
  training.triplet_weight = run.training.triplet_weight > 0 ? 1 : 0;
  training.batch_order = neutral.batch_order;
  training.augmentation = {};
  return to_json_all(common).dump();
}

} // namespace stdualx
