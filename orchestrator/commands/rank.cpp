// `stdualx rank JOB`: what mpirun starts. Rank 0 coordinates, the others are agents.
#include "cluster/mpi.h"
#include "cluster/mpi_leftovers.h"
#include "experiments/archive.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/job.h"
#include "orchestrator/loop.h"
#include "worker/agent.h"

namespace stdualx {

int rank_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  described.add_options()("JOB", options::value<std::string>(), "the job file of `stdualx run`");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"JOB"}, values)) return 0;
  const Job job = from_json<Job>(Json::parse(read_file(values["JOB"].as<std::string>())));
  note_mpi_job(std::filesystem::path(job.outcome).parent_path());
  MpiWorld world;
  // N tasks that each think they are alone would open one store N times (FACTS, MPI).
  if (world.size() < 2)
    throw InputError("this rank is alone in its MPI world: start stdualx with `stdualx run`, or with an MPI that fits the launcher");
  if (world.rank() == 0) return run_coordinator(world, job);
  AgentOptions agent;
  agent.trainer_command = job.trainer_command;
  agent.gpus = static_cast<int>(job.gpus);
  agent.longest_start_seconds = start_leases * job.shortest_lease;
  return run_agent(world, agent);
}

} // namespace stdualx
