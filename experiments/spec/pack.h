// Which runs may be trained together in one tensor program, a pack: those that compute the same on other numbers.
#pragma once

#include "experiments/spec/run_spec.h"

#include <string>

namespace stdualx {

/// Runs that one trainer trains together, where a sweep leaves it open. On cores nothing waits for launches, and a run alone keeps its own
/// reports soonest. A GPU waits for launches most of the time and wants more; packs have not run on one yet, so a sweep must ask for them.
inline constexpr std::int64_t automatic_pack = 1;

/// Equal for runs that may share a pack: one data set, window shape, network, batch size, precision, thread count and optimiser. Folds,
/// seeds, epochs, the schedule, weight decay, averaging, label smoothing, the triplet loss's weight and margin (but not whether there is
/// one), the order of batches and augmentation may differ. "": a run that is trained by itself, a group's or a baseline's.
std::string pack_key(const RunSpec& run);

} // namespace stdualx
