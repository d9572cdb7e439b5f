// Judgements of `doctor --slurm` on a site: whether jobs of `submit` can run there, and what happens to them at a limit or a preemption.
// Pure.
#pragma once

#include "cluster/finding.h"
#include "cluster/slurm_site.h"

#include <string>
#include <vector>

namespace stdualx {

/// `partition`: "" for the site's default. `gpus_per_node`: 0 where none were asked for. `as_root`: who would submit.
std::vector<Finding> judge_slurm(const SlurmSite& site, const std::string& partition, int gpus_per_node, bool as_root);

} // namespace stdualx
