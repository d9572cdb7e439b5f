// What a site's Slurm says of itself: programs, settings, a partition, its nodes. Asks only; what it means is judged in slurm_checks.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

using SlurmFields = std::map<std::string, std::string>;

struct SlurmSite {
  std::map<std::string, std::string> versions; // of sbatch, squeue, scontrol, srun; "": it did not say; left out: it is not there
  std::string refusal;                         // why the controller did not answer; "": it did
  SlurmFields configuration;                   // `scontrol show config`
  std::vector<SlurmFields> partitions;
  std::vector<SlurmFields> nodes;
  std::vector<std::string> mpi_plugins;  // `srun --mpi=list`
  std::optional<std::string> accounting; // "": sacct answers; else its words; nothing: no sacct
};
/// Asks with a time limit for each question. Empty `versions` and a refusal where there is no Slurm.
SlurmSite look_at_slurm();

/// "Name = value" lines of `scontrol show config`, both without blanks around them.
SlurmFields parse_slurm_configuration(const std::string& text);
/// "Name=value Name=value ..." lines of `scontrol --oneliner show ...`; a value may hold blanks and '='.
std::vector<SlurmFields> parse_slurm_records(const std::string& text);
/// Plugins that `srun --mpi=list` names, in either of its forms: a line each, or "srun: MPI types are...".
std::vector<std::string> parse_mpi_plugins(const std::string& text);

/// `otherwise` where it is missing or empty.
std::string value_of(const SlurmFields& fields, const std::string& name, const std::string& otherwise = "");

/// The largest count of GPUs in "gpu:2", "gpu:a100:4(S:0-1),shard:8"; 0: none.
int gpus_of_gres(const std::string& gres);
/// Whether a node of this state takes jobs, now or when others have ended: not DOWN, DRAIN, FAIL, NOT_RESPONDING, ...
bool node_serves(const std::string& state);
/// Whether a list such as "1,5-7" (RequeueExit) holds `number`.
bool list_holds(const std::string& list, int number);

/// What Slurm knows of a job; nothing: it cannot be asked. No fields: it knows none of that number.
std::optional<SlurmFields> slurm_job(const std::string& job_id);
/// Whether a list of hosts as Slurm writes it ("node[1-3]") has this one, by its first name.
bool hosts_include(const std::string& list, const std::string& host);

} // namespace stdualx
