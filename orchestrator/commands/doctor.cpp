// `stdualx doctor`: whether this host, and with --slurm the cluster, can do what a sweep will ask of them. It reads, and tries: two
// processes under mpirun, the trainer's --help, and one file in STORE.d, which it removes again.
#include "cluster/devices.h"
#include "cluster/environment_checks.h"
#include "cluster/host_checks.h"
#include "cluster/mpi.h"
#include "cluster/place.h"
#include "cluster/slurm_checks.h"
#include "orchestrator/commands/command.h"
#include "results/fence.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace stdualx {

namespace {

constexpr const char* word_of(Verdict verdict) {
  switch (verdict) {
  case Verdict::right: return "right";
  case Verdict::wrong: return "wrong";
  case Verdict::note: break;
  }
  return "note";
}

class Findings {
public:
  void add(Finding finding) { all_.push_back(std::move(finding)); }
  void add(std::vector<Finding> findings) {
    for (Finding& finding : findings) add(std::move(finding));
  }
  Table table() const {
    Table table{{"verdict", "what", "found", "next step"}, {}};
    for (const Finding& finding : all_)
      table.rows.push_back(
          {std::string(word_of(finding.verdict)), finding.check, finding.found, finding.next.empty() ? Cell() : Cell(finding.next)});
    return table;
  }
  long wrong() const {
    return std::count_if(all_.begin(), all_.end(), [](const Finding& finding) { return finding.verdict == Verdict::wrong; });
  }

private:
  std::vector<Finding> all_;
};

void look_at_places(Findings& findings, const std::filesystem::path& store, const DataPaths& paths, bool shared) {
  const std::filesystem::path folder = store_directory(store);
  const auto judge = [&](const std::string& role, const std::filesystem::path& path) {
    const std::string kind = file_system_name(nearest_folder(path));
    findings.add(judge_place(look_at_place(role, path, kind), journal_mode_for(kind) == JournalMode::wal, shared));
  };
  judge("store", store.parent_path());
  if (std::filesystem::is_directory(folder)) {
    judge("checkpoints", folder);
    findings.add(judge_probe(probe(folder), folder));
  }
  judge("data", paths.data_directory);
  judge("cache", paths.cache_directory);
}

JobFacts look_at_job(const Environment& environment) {
  JobFacts facts;
  const auto id = environment.find("SLURM_JOB_ID");
  if (id == environment.end()) return facts;
  facts.in_group = in_control_group_of(id->second);
  const auto job = slurm_job(id->second);
  facts.can_ask = job.has_value();
  if (!job || !job->contains("JobState")) return facts;
  facts.state = job->at("JobState");
  facts.on_this_host = job->contains("NodeList") && hosts_include(job->at("NodeList"), host_name());
  return facts;
}

/// The trainer's path, or in words why there is none.
TrainerFacts look_at_own_trainer() {
  try {
    const std::vector<std::string> command = trainer_command();
    return command.empty() ? TrainerFacts{} : look_at_trainer(command.front());
  } catch (const InputError& error) {
    TrainerFacts facts;
    facts.missing = error.what();
    return facts;
  }
}

/// As `run` counts them.
int workers_here(const CoreFacts& cores) {
  try {
    return default_workers();
  } catch (const InputError&) { // CUDA_VISIBLE_DEVICES is no list of devices: a finding says so
    return cores.allowed;
  }
}

} // namespace

int doctor_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_data_options(described);
  add_format_option(described);
  described.add_options()("slurm", "also what jobs of `submit` will meet on this cluster")(
      "partition", options::value<std::string>()->default_value("")->value_name("P"), "of Slurm (default: the site's)")(
      "gpus-per-node", options::value<int>()->default_value(0)->value_name("G"), "GPUs that a job would ask of each node");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {}, values)) return 0;
  const Output format = output_format(values);
  const bool slurm = values.count("slurm") != 0;
  if (!slurm && (!values["partition"].defaulted() || !values["gpus-per-node"].defaulted()))
    throw InputError("--partition and --gpus-per-node go with --slurm");

  const Environment environment = environment_now();
  const CoreFacts cores = look_at_cores();
  const int counted = gpus_of_host(); // in /dev, as `run` counts, which need not be what nvidia-smi lists
  const int workers = workers_here(cores);
  Findings findings;
  findings.add(judge_mpi(look_at_mpi(mpi_library()), slurm));
  const TrainerFacts trainer = look_at_own_trainer();
  findings.add(judge_trainer(trainer));
  if (trainer.missing.empty() && !trainer.program.empty()) findings.add(judge_gpus(trainer, look_at_gpus()));
  findings.add(judge_visible_devices(environment, counted));
  findings.add(judge_nccl(environment, network_interfaces()));
  findings.add(judge_cores(cores, environment));
  findings.add(judge_limits(look_at_limits(), workers));
  findings.add(judge_signals(look_at_signals()));
  findings.add(judge_shared_memory(look_at_shared_memory(), workers));
  findings.add(judge_allocation(environment, look_at_job(environment)));
  look_at_places(findings, store_path(values), data_paths(values), slurm);
  if (slurm)
    findings.add(judge_slurm(look_at_slurm(), values["partition"].as<std::string>(), values["gpus-per-node"].as<int>(), ::geteuid() == 0));

  std::cout << format_table(findings.table(), format);
  const long wrong = findings.wrong();
  if (wrong == 0) return static_cast<int>(ExitStatus::done);
  std::cerr << "stdualx: " << wrong << (wrong == 1 ? " thing is" : " things are") << " wrong here; the last column says what to do\n";
  return static_cast<int>(ExitStatus::runs_failed);
}

} // namespace stdualx
