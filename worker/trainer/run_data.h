// The data of one assignment: window set, split and standardisation, as training sees them.
#pragma once

#include "experiments/spec/assignment.h"
#include "worker/trainer/attempt.h"

#include <memory>

namespace stdualx {

/// Opens the window set (building its cache where there is none), splits it and standardises by the training windows. What is
/// returned keeps the set mapped. Throws InputError, also when the recordings are not those the run was planned with.
std::shared_ptr<const AttemptData> open_run_data(const Assignment& assignment);

} // namespace stdualx
