// See slurm_checks.h. What the settings mean is told in slurm.conf(5).
#include "cluster/slurm_checks.h"

#include "experiments/spec/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace stdualx {

namespace {

constexpr int default_cred_expire = 120; // seconds, slurm.conf(5), AuthInfo
constexpr int least_kill_wait = 10;      // seconds: the coordinator records what ran and lets everyone go

int number_of(const std::string& text) { return std::atoi(text.c_str()); } // "30 sec"

/// The number after "key=" in a list such as "socket=/run/munge,cred_expire=10".
int number_after(const std::string& list, const std::string& key, int otherwise) {
  const std::size_t place = list.find(key + "=");
  return place == std::string::npos ? otherwise : number_of(list.substr(place + key.size() + 1));
}

std::vector<Finding> judge_programs(const SlurmSite& site) {
  std::string missing, found;
  std::set<std::string> versions;
  for (const char* program : {"sbatch", "scontrol", "squeue", "srun"}) {
    const auto version = site.versions.find(program);
    if (version == site.versions.end()) missing += (missing.empty() ? "" : ", ") + std::string(program);
    else {
      found += (found.empty() ? "" : ", ") + std::string(program);
      versions.insert(version->second);
    }
  }
  const std::string check = "Slurm's programs", module = "on a login node of the cluster; some want `module load slurm` first";
  if (found.empty()) return {wrong(check, "none is in PATH: " + missing, "ask " + module)};
  if (!missing.empty())
    return {wrong(check, missing + " not in PATH (" + found + " are)",
                  "`submit` needs sbatch and scontrol, a job's mpirun srun; be " + module)};
  if (versions.size() > 1) {
    std::string list;
    for (const std::string& version : versions) list += (list.empty() ? "" : "; ") + version;
    return {note(check, "they are of several versions: " + list, "look for a second Slurm in PATH (type -a sbatch)")};
  }
  return {right(check, found + (versions.begin()->empty() ? "" : ": " + *versions.begin()))};
}

const SlurmFields* find_partition(const SlurmSite& site, const std::string& name) {
  const auto found = std::find_if(site.partitions.begin(), site.partitions.end(), [&](const SlurmFields& partition) {
    return name.empty() ? value_of(partition, "Default") == "YES" : value_of(partition, "PartitionName") == name;
  });
  return found == site.partitions.end() ? nullptr : &*found;
}

bool is_of_partition(const SlurmFields& node, const std::string& partition) {
  return ("," + value_of(node, "Partitions") + ",").find("," + partition + ",") != std::string::npos;
}

std::vector<Finding> judge_nodes(const SlurmSite& site, const std::string& partition, int gpus_per_node) {
  int all = 0, serve = 0, most_gpus = 0, with_gpus = 0, enough = 0;
  std::string reasons;
  for (const SlurmFields& node : site.nodes) {
    if (!is_of_partition(node, partition)) continue;
    ++all;
    if (!node_serves(value_of(node, "State"))) {
      if (reasons.empty()) reasons = fmt::format("; {} is {}", value_of(node, "NodeName"), value_of(node, "State"));
      continue;
    }
    ++serve;
    const int gpus = gpus_of_gres(value_of(node, "Gres"));
    most_gpus = std::max(most_gpus, gpus);
    with_gpus += gpus > 0 ? 1 : 0;
    enough += gpus >= gpus_per_node ? 1 : 0;
  }
  std::vector<Finding> findings;
  if (all == 0) findings.push_back(wrong("nodes", "partition " + partition + " has none", "name another with --partition"));
  else if (serve == 0)
    findings.push_back(wrong("nodes", fmt::format("none of the {} of partition {} takes jobs{}", all, partition, reasons),
                             "`sinfo -R` says why; name another partition, or ask the site"));
  else findings.push_back(right("nodes", fmt::format("{} of {} in partition {} take jobs{}", serve, all, partition, reasons)));
  if (serve == 0) return findings; // then none has GPUs to give
  if (gpus_per_node > 0 && enough == 0)
    findings.push_back(wrong(
        "GPUs of nodes", fmt::format("no node of partition {} that takes jobs has {} GPUs (most: {})", partition, gpus_per_node, most_gpus),
        "ask for fewer with --gpus-per-node, or name another partition (`sinfo -o '%P %G'`)"));
  else if (with_gpus == 0)
    findings.push_back(note("GPUs of nodes", "Slurm has none in partition " + partition,
                            "submit with --workers-per-node, or name another partition (`sinfo -o '%P %G'`)"));
  else
    findings.push_back(right(
        "GPUs of nodes", fmt::format("{} up to {}", with_gpus == 1 ? "one node has" : fmt::format("{} nodes have", with_gpus), most_gpus),
        fmt::format("submit --gpus-per-node {}", gpus_per_node > 0 ? gpus_per_node : most_gpus)));
  return findings;
}

/// Whether a job that asked for a signal (submit does) gets it at preemption.
bool warns_at_preemption(const SlurmFields& configuration) {
  return (value_of(configuration, "SlurmctldParameters") + "," + value_of(configuration, "PreemptParameters")).find("send_user_signal") !=
         std::string::npos;
}

Finding judge_preemption(const SlurmFields& configuration, const SlurmFields& partition) {
  const std::string check = "preemption", type = value_of(configuration, "PreemptType");
  std::string mode = value_of(partition, "PreemptMode");
  if (mode.empty()) mode = value_of(configuration, "PreemptMode");
  const int grace = number_of(value_of(partition, "GraceTime"));
  if (type.empty() || type == "preempt/none" || (mode == "OFF" && type != "preempt/qos"))
    return right(check, "jobs of this partition are not preempted");
  const std::string warned = warns_at_preemption(configuration)
                                 ? fmt::format("warned, and has {} s (GraceTime): a drain fits if an epoch does", grace)
                                 : std::string("not warned (no send_user_signal): the running epochs are lost, nothing more");
  if (type == "preempt/qos")
    return note(check, fmt::format("by QOS ({}); a job is {}", mode, warned),
                "`sacctmgr show qos format=name,preempt,preemptmode,gracetime` says which QOS");
  if (mode.find("SUSPEND") != std::string::npos)
    return note(check, "a preempted job is suspended where it is and keeps its store: it goes on later, and leases leave the pause out",
                "start no second `run` on that store meanwhile; it would be refused");
  if (mode.find("REQUEUE") != std::string::npos)
    return note(check, "a preempted job is started again (REQUEUE) and goes on; before, it is " + warned,
                warns_at_preemption(configuration) && grace > 0 ? "" : "keep epochs short, or name a partition that is not preempted");
  if (mode.find("CANCEL") != std::string::npos && warns_at_preemption(configuration) && grace > 0)
    return note(check, "a preempted job is cancelled (CANCEL); before, it is " + warned + ", and then asks to be started again");
  return note(check, "a preempted job is cancelled for good (" + mode + "); before, it is " + warned,
              "after a preemption `submit` the sweep again: it goes on; or name a partition that is not preempted");
}

std::vector<Finding> judge_partition(const SlurmSite& site, const std::string& wanted, int gpus_per_node) {
  const std::string check = "partition";
  const SlurmFields* partition = find_partition(site, wanted);
  if (partition == nullptr) {
    std::string names;
    for (const SlurmFields& one : site.partitions) names += (names.empty() ? "" : ", ") + value_of(one, "PartitionName");
    return {
        wrong(check, wanted.empty() ? "the site has no default" : "there is no '" + wanted + "'", "name one with --partition: " + names)};
  }
  const std::string name = value_of(*partition, "PartitionName"), state = value_of(*partition, "State");
  if (state != "UP")
    return {wrong(check, fmt::format("{} is {}: jobs wait or are refused", name, state), "name another with --partition, or ask the site")};
  std::vector<Finding> findings = {right(check, name + " is UP")};
  const std::string most = value_of(*partition, "MaxTime"), otherwise = value_of(*partition, "DefaultTime");
  if (most == "UNLIMITED")
    findings.push_back(
        right("time limit", "none; without --time a job has " + (otherwise == "NONE" || otherwise.empty() ? "no end" : otherwise)));
  else
    findings.push_back(right(
        "time limit",
        fmt::format("at most {}; without --time a job has {}. A sweep may take longer: its job is warned, drains and is started again",
                    most, otherwise == "NONE" || otherwise.empty() ? most : otherwise)));
  for (Finding& finding : judge_nodes(site, name, gpus_per_node)) findings.push_back(std::move(finding));
  findings.push_back(judge_preemption(site.configuration, *partition));
  return findings;
}

std::vector<Finding> judge_going_on(const SlurmFields& configuration) {
  std::vector<Finding> findings;
  findings.push_back(right("requeue", value_of(configuration, "JobRequeue") == "0"
                                          ? "the site's default is off; jobs of `submit` ask for it themselves (--requeue)"
                                          : "jobs may be started again"));
  const int expire = number_after(value_of(configuration, "AuthInfo"), "cred_expire", default_cred_expire);
  findings.push_back(
      right("waiting after a requeue", fmt::format("{} s (cred_expire): so long a job waits before it is started again", expire)));
  const int wait = number_of(value_of(configuration, "KillWait"));
  if (wait >= least_kill_wait) findings.push_back(right("KillWait", fmt::format("{} s between TERM and KILL", wait)));
  else
    findings.push_back(
        note("KillWait",
             fmt::format("{} s between TERM and KILL: a job at its limit may end in the middle of a commit; the store bears that", wait),
             "a longer --warning-seconds, so that it never comes to this"));
  const std::string hold = value_of(configuration, "RequeueExitHold"), again = value_of(configuration, "RequeueExit");
  const auto held = [&](ExitStatus status) { return list_holds(hold, static_cast<int>(status)); };
  const auto requeued = [&](ExitStatus status) { return list_holds(again, static_cast<int>(status)); };
  if (held(ExitStatus::drained))
    findings.push_back(wrong("exit statuses", "RequeueExitHold has 75: a drained job is held instead of going on",
                             "scontrol release JOB after each drain, or ask the site to take 75 out"));
  else if (requeued(ExitStatus::bad_input) || requeued(ExitStatus::runs_failed))
    findings.push_back(note("exit statuses",
                            "RequeueExit has 2 or 3: a job that ends with bad input or failed runs is started again and ends the same",
                            "scancel it then; `stdualx status` says why"));
  else
    findings.push_back(right("exit statuses", requeued(ExitStatus::drained) ? "RequeueExit has 75: Slurm itself starts a drained job again"
                                                                            : "none of ours has another meaning here"));
  return findings;
}

Finding judge_srun(const SlurmSite& site) {
  std::string list;
  for (const std::string& plugin : site.mpi_plugins) list += (list.empty() ? "" : ", ") + plugin;
  const std::string by_default = value_of(site.configuration, "MpiDefault");
  const bool pmix =
      std::any_of(site.mpi_plugins.begin(), site.mpi_plugins.end(), [](const std::string& plugin) { return plugin.starts_with("pmix"); });
  const std::string found =
      fmt::format("srun --mpi: {}; MpiDefault {}", list.empty() ? "none listed" : list, by_default.empty() ? "none" : by_default);
  return right("srun and MPI", found,
               pmix ? "nothing: jobs start their ranks by mpirun; by hand, `srun --mpi=pmix` works too"
                    : "nothing: jobs start their ranks by mpirun; srun alone cannot, without pmix");
}

Finding judge_accounting(const SlurmSite& site) {
  const std::string check = "accounting";
  if (site.accounting && site.accounting->empty()) return right(check, "sacct answers: what became of a job can be asked later");
  const std::string kept = value_of(site.configuration, "MinJobAge");
  return note(check,
              fmt::format("sacct does not answer ({}): an ended job is forgotten after {}",
                          site.accounting ? *site.accounting : "it is not in PATH", kept.empty() ? "some minutes" : kept),
              "the log in STORE.d/submissions and `stdualx status` say how it ended");
}

} // namespace

std::vector<Finding> judge_slurm(const SlurmSite& site, const std::string& partition, int gpus_per_node, bool as_root) {
  std::vector<Finding> findings = judge_programs(site);
  if (!site.refusal.empty()) {
    findings.push_back(wrong("Slurm's controller", "does not answer: " + site.refusal,
                             "`scontrol ping` and `munge -n | unmunge` say which half is down; SLURM_CONF must name the site's file"));
    return findings;
  }
  findings.push_back(right("Slurm's controller", fmt::format("answers: cluster {}, Slurm {}", value_of(site.configuration, "ClusterName"),
                                                             value_of(site.configuration, "SLURM_VERSION"))));
  if (as_root && value_of(site.configuration, "DisableRootJobs") == "Yes")
    findings.push_back(wrong("user", "root's jobs are refused here (DisableRootJobs)", "submit as a user"));
  for (Finding& finding : judge_partition(site, partition, gpus_per_node)) findings.push_back(std::move(finding));
  for (Finding& finding : judge_going_on(site.configuration)) findings.push_back(std::move(finding));
  findings.push_back(judge_srun(site));
  findings.push_back(judge_accounting(site));
  return findings;
}

} // namespace stdualx
