// Judgements of `doctor` on environment variables: GPUs, NCCL, and what a job of Slurm or MPI left behind. Pure.
#pragma once

#include "cluster/finding.h"

#include <map>
#include <string>
#include <vector>

namespace stdualx {

using Environment = std::map<std::string, std::string>;

/// CUDA_VISIBLE_DEVICES; `gpus`: how many the host has.
Finding judge_visible_devices(const Environment& environment, int gpus);

/// NCCL_* and their like that break, slow or change what a group of GPUs does; `interfaces`: names of this host's.
std::vector<Finding> judge_nccl(const Environment& environment, const std::vector<std::string>& interfaces);

/// What is known of the job that SLURM_JOB_ID names.
struct JobFacts {
  bool can_ask = false;      // Slurm answered
  std::string state;         // "RUNNING"; "": Slurm knows no such job
  bool on_this_host = false; // its nodes include this one
  bool in_group = false;     // a control group of the job holds this process
};

/// SLURM_* of an allocation that is over or elsewhere, and variables of an MPI or PMI job around this process.
Finding judge_allocation(const Environment& environment, const JobFacts& job);

} // namespace stdualx
