// See guard.h; and `stdualx guard NODE JOB SUBMISSION STORE`, which the step runs.
#include "orchestrator/commands/guard.h"

#include "cluster/batch_script.h"
#include "cluster/slurm.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/lost_node.h"
#include "orchestrator/submission.h"
#include "results/pulse.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

namespace stdualx {

namespace {
constexpr auto between_looks = std::chrono::seconds(3);
} // namespace

void NodeGuard::keep() noexcept {
  try {
    const char* job = std::getenv("SLURM_JOB_ID");
    const char* node = std::getenv("SLURMD_NODENAME");
    if (job == nullptr || node == nullptr || (step_ && !step_->poll())) return;
    for (const std::string& other : live_nodes()) {
      if (other == node) continue;
      SpawnOptions spawn;
      spawn.arguments = {"srun",
                         "--overlap",
                         "--nodes=1",
                         "--ntasks=1",
                         "--ntasks-per-node=1",
                         "--cpus-per-task=1",
                         "--gres=none",
                         "--quiet",
                         "--nodelist=" + other,
                         own_executable().string(),
                         "guard",
                         node,
                         job,
                         submission_.string(),
                         store_.string()};
      spawn.unset = {"SLURM_NTASKS",         "SLURM_NPROCS",          "SLURM_NNODES",       "SLURM_JOB_NUM_NODES",
                     "SLURM_TASKS_PER_NODE", "SLURM_NTASKS_PER_NODE", "SLURM_CPUS_PER_TASK"};
      spawn.own_process_group = true;
      step_.emplace(ChildProcess::spawn(spawn));
      return;
    }
  } catch (const std::exception& error) {
    std::cerr << "stdualx: note: no guard for the loss of this node: " << error.what() << "\n";
  }
}

int guard_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  described.add_options()("NODE", options::value<std::string>(), "whose slurmd is watched")(
      "JOB", options::value<std::string>(), "to be requeued")("SUBMISSION", options::value<std::string>(), "the job's folder")(
      "STORE", options::value<std::string>(), "which the job's coordinator writes");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"NODE", "JOB", "SUBMISSION", "STORE"}, values)) return 0;
  const std::string node = values["NODE"].as<std::string>(), job = values["JOB"].as<std::string>();
  const std::filesystem::path folder = values["SUBMISSION"].as<std::string>(), store = values["STORE"].as<std::string>();
  LostNode watched;
  for (;; std::this_thread::sleep_for(between_looks)) {
    const auto answering = answering_nodes(node);
    const std::optional<bool> answers = answering ? std::optional(!answering->empty()) : std::nullopt;
    const bool suspected = watched.is_suspected() || answers == false;
    const double now = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    if (!watched.look(answers, suspected ? store_pulse(store) : std::nullopt, now)) continue;
    const SlurmJob told = ask_jobs({job}).front();
    if (told.state == "RUNNING") break;
    if (told.phase == JobPhase::waiting || told.phase == JobPhase::over) return 0; // Slurm has seen it itself
  }
  const GoesOn on = go_on_after_warning(job, folder / "job.sh");
  if (!on.successor.empty()) note_job(folder, on.successor);
  std::ofstream(batch_log(folder, job), std::ios::app)
      << "node " << node << ", where this ran, does not answer any more: " << on.words << "\n";
  return 0;
}

} // namespace stdualx
