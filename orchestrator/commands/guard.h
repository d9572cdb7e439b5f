// A watch over the node of the batch script. A job of several nodes is submitted with --no-kill, so that a lost node costs a relaunch on
// the others and not the job. But Slurm (22.05) then leaves a job RUNNING whose batch script's own node is lost, where nothing of ours is
// left to see it: so a step on another node looks whether that one's slurmd answers, and asks for the requeue in its stead.
#pragma once

#include "cluster/process.h"

#include <filesystem>
#include <optional>

namespace stdualx {

class NodeGuard {
public:
  /// `submission`: the folder of the job's submission.
  explicit NodeGuard(std::filesystem::path submission) : submission_(std::move(submission)) {}
  /// Starts the step (`srun --overlap`) on another node of the allocation that answers, unless it runs. Does nothing outside of an
  /// allocation of several nodes. Never throws: without a guard the job is what it was.
  void keep() noexcept;

private:
  std::filesystem::path submission_;
  std::optional<ChildProcess> step_;
};

} // namespace stdualx
