// Judgements of `doctor` on a host: facts in (host.h), findings out. Pure: no clock, no file, no process.
#pragma once

#include "cluster/finding.h"
#include "cluster/host.h"

#include <map>
#include <string>
#include <vector>

namespace stdualx {

/// mpirun: there, of the MPI that the program is linked with, starts two processes. `for_slurm`: jobs of several nodes are meant.
std::vector<Finding> judge_mpi(const MpiFacts& facts, bool for_slurm);

/// Whether the trainer is there and starts.
std::vector<Finding> judge_trainer(const TrainerFacts& trainer);

/// Whether the build of a trainer that is there fits the host's driver and GPUs.
std::vector<Finding> judge_gpus(const TrainerFacts& trainer, const GpuFacts& gpus);

/// The oldest driver for a CUDA of that version (NVIDIA's release notes, table of minor version compatibility); 0: not known.
int least_driver(int cuda_major);

/// Cores that may be used, beside those of the machine, of the control group and of the job (SLURM_CPUS_PER_TASK and the like).
Finding judge_cores(const CoreFacts& facts, const std::map<std::string, std::string>& environment);

/// Open files, cores and address space; `workers`: how many a host would have.
std::vector<Finding> judge_limits(const LimitFacts& facts, int workers);

/// Signals that a parent left ignored or blocked.
Finding judge_signals(const SignalFacts& facts);

/// /dev/shm and reading each other's memory: how messages go between ranks of a host.
std::vector<Finding> judge_shared_memory(const SharedMemoryFacts& facts, int workers);

} // namespace stdualx
