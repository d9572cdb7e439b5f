// A watch over the node of the batch script. A job of several nodes is submitted with --no-kill, so that a lost node costs a relaunch on
// the others and not the job. But Slurm (22.05) then leaves a job RUNNING whose batch script's own node is lost, where nothing of ours is
// left to see it: so a step on another node looks whether that one's slurmd answers and whether the job's coordinator still writes the
// store (orchestrator/lost_node.h), and asks for the requeue when both are silent.
#pragma once

#include "cluster/process.h"

#include <filesystem>
#include <optional>

namespace stdualx {

class NodeGuard {
public:
  /// `submission`: the folder of the job's submission.
  NodeGuard(std::filesystem::path submission, std::filesystem::path store) : submission_(std::move(submission)), store_(std::move(store)) {}
  /// Starts the step (`srun --overlap`) on another node of the allocation that answers, unless it runs. Does nothing outside of an
  /// allocation of several nodes. Never throws: without a guard the job is what it was.
  void keep() noexcept;

private:
  std::filesystem::path submission_, store_;
  std::optional<ChildProcess> step_;
};

} // namespace stdualx
