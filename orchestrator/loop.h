// Rank 0: the thin loop around the coordinator's state machine. It owns the store, speaks MPI, reads the clock and the launcher's
// words (`drain`, `stop`, a line each on standard input), and shows progress.
#pragma once

#include "cluster/mpi.h"
#include "orchestrator/job.h"

namespace stdualx {

/// Runs the job to its end and writes its outcome. Returns the process's exit status: 0 once an outcome stands, whatever it says.
/// `crash`: how the mpirun before ended, if this launcher started one that died; "": it did not.
/// Throws std::runtime_error when no agent answers any more and work is left: then no outcome stands, and the launcher starts anew.
int run_coordinator(MpiWorld& world, const Job& job, const std::string& crash);

} // namespace stdualx
