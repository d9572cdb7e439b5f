// An agent: a tiny MPI process (rank 1 and up) that owns one trainer. It starts it, watches it, kills it, carries messages between it
// and the coordinator, and does the group's collectives for it. It never trains and never blocks in MPI.
#pragma once

#include "cluster/mpi.h"

#include <filesystem>
#include <string>
#include <vector>

namespace stdualx {

struct AgentOptions {
  /// The trainer's command line; empty: no trainer, every assignment is answered as complete at once (benchmarks of dispatch).
  std::vector<std::string> trainer_command;
  int gpus = 0;            // GPUs that the job counts on, of each host; the trainer sees the one that devices.h chooses
  bool one_a_task = false; // Slurm started this rank itself, and may have given it GPUs of its own
  double heartbeat_seconds = 5;
  double longest_dying_seconds = 60;  // a trainer that was killed and hangs in the kernel is then given up, and the worker with it
  double longest_start_seconds = 300; // until a trainer says `ready`: libraries on a slow disk, CUDA; then it is killed
};

/// Serves until the coordinator says `exit`. Returns the process's exit status.
int run_agent(MpiWorld& world, const AgentOptions& options);

} // namespace stdualx
