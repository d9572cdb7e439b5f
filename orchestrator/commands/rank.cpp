// `stdualx rank JOB`: what mpirun starts. Rank 0 coordinates, the others are agents.
#include "cluster/mpi.h"
#include "cluster/mpi_leftovers.h"
#include "experiments/archive.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/job.h"
#include "orchestrator/loop.h"
#include "worker/agent/agent.h"

#include <cstdlib>

namespace stdualx {

int rank_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  described.add_options()("JOB", options::value<std::string>(), "the job file of `stdualx run`")(
      "after-crash", options::value<std::string>()->default_value("")->value_name("TEXT"), "how the mpirun before this one ended");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"JOB"}, values)) return 0;
  const Job job = from_json<Job>(Json::parse(read_file(values["JOB"].as<std::string>())));
  // mpirun names each rank its number; Slurm alone does not.
  const bool started_by_slurm = std::getenv("SLURM_PROCID") != nullptr && std::getenv("OMPI_COMM_WORLD_RANK") == nullptr;
  note_mpi_job(std::filesystem::path(job.outcome).parent_path());
  MpiWorld world;
  // N tasks that each think they are alone would open one store N times.
  if (const char* tasks = std::getenv("SLURM_NTASKS"); world.size() < 2 && started_by_slurm && tasks != nullptr && std::atoi(tasks) > 1)
    throw InputError(
        "this is one of " + std::string(tasks) +
        " tasks of srun, and each believes that it is alone, since srun and this MPI do not know each other: start stdualx with "
        "`stdualx run`, which uses mpirun, or its ranks with `srun --mpi=pmix` (`srun --mpi=list` says what there is)");
  if (world.size() < 2)
    throw InputError("this rank is alone in its MPI world: start stdualx with `stdualx run`, or with an MPI that fits the launcher");
  if (world.rank() == 0) return run_coordinator(world, job, values["after-crash"].as<std::string>());
  AgentOptions agent;
  agent.trainer_command = job.trainer_command;
  agent.gpus = static_cast<int>(job.gpus);
  agent.one_a_task = started_by_slurm;
  agent.longest_start_seconds = start_leases * job.shortest_lease;
  agent.longest_dying_seconds = job.shortest_lease;
  agent.heartbeat_seconds = seconds_between_beats(job.shortest_lease);
  return run_agent(world, agent);
}

} // namespace stdualx
