// Several assignments of one agent at once: each on a thread of its own, of which one goes on at a time (worker/training/turns.h), and
// their steps together where their shapes agree (worker/training/pack.h).
#pragma once

#include "worker/messages/agent_link.h"
#include "worker/trainer/attempt.h"

#include <functional>

namespace stdualx {

/// Trains one assignment; see run_attempt.
using TrainAssignment = std::function<AttemptResult(const Assignment&, Reporter&, Pack*)>;

/// Serves `first`, which names the places (Assignment::pack), and what else is assigned meanwhile, until none is at work. Each tells its
/// epochs, evaluations and end as if it were alone; what arrives out of turn is for whom it names. Throws ExitRequested and PeerGone.
void serve_pack(AgentLink& link, const Assignment& first, const TrainAssignment& train);

} // namespace stdualx
