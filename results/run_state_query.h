// Reading the state of runs from an open database. Inside the room only.
#pragma once

#include <string>
#include <vector>

#include "results/database.h"
#include "results/run_state.h"

namespace stdualx {

RunState run_state(Database& database, const std::string& run_id);
/// By epoch, then attempt.
std::vector<CheckpointRef> live_checkpoints(Database& database, const std::string& run_id);

} // namespace stdualx
