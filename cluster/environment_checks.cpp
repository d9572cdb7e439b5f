// See environment_checks.h. What the variables do is told in NCCL's manual ("Environment Variables").
#include "cluster/environment_checks.h"

#include "cluster/devices.h"
#include "experiments/spec/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace stdualx {

namespace {

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

/// What is said of a variable that is set, and set to something that switches it on.
struct Known {
  const char* name;
  bool breaks;
  const char* found;
};

constexpr Known known[] = {
    {"NCCL_PROXY_DUMP_SIGNAL", true, "NCCL then takes a signal, USR1 or another, that Slurm's warning may be"},
    {"NCCL_COMM_ID", true, "every group then meets at one address, and two groups at once meet each other"},
    {"NCCL_P2P_DISABLE", false, "GPUs of a host do not talk directly: groups are slower"},
    {"NCCL_SHM_DISABLE", false, "GPUs of a host talk over the network: groups are slower"},
    {"NCCL_IB_DISABLE", false, "InfiniBand stays unused: groups over hosts are slower"},
    {"CUDA_LAUNCH_BLOCKING", false, "each kernel is waited for: training on GPUs is several times slower"},
    {"NCCL_ASYNC_ERROR_HANDLING", false, "it is for PyTorch's own groups and does nothing here"},
    {"TORCH_NCCL_ASYNC_ERROR_HANDLING", false, "it is for PyTorch's own groups and does nothing here"},
    {"NCCL_BLOCKING_WAIT", false, "it is for PyTorch's own groups and does nothing here"},
    {"NCCL_ALGO", false, "another order of sums gives other bits: keep it the same for all jobs of a store"},
    {"NCCL_PROTO", false, "another order of sums may give other bits: keep it the same for all jobs of a store"},
};

/// NCCL_SOCKET_IFNAME: prefixes "eth,ib", with '=' exact names, with '^' those to leave out.
std::string unmatched_interface(std::string wish, const std::vector<std::string>& interfaces) {
  const bool leaves_out = wish.starts_with('^');
  if (leaves_out) wish.erase(0, 1);
  const bool exact = wish.starts_with('=');
  if (exact) wish.erase(0, 1);
  if (leaves_out) return "";
  std::istringstream names(wish);
  bool any = false;
  for (std::string name; std::getline(names, name, ',');)
    any = any || std::any_of(interfaces.begin(), interfaces.end(),
                             [&](const std::string& interface) { return exact ? interface == name : interface.starts_with(name); });
  return any ? "" : wish;
}

} // namespace

Finding judge_visible_devices(const Environment& environment, int gpus) {
  const std::string check = "CUDA_VISIBLE_DEVICES";
  const auto found = environment.find(check);
  if (found == environment.end())
    return right(check, gpus == 0 ? "is not set, and there are no GPUs"
                                  : fmt::format("is not set: workers get all {} GPUs of the host, one each", gpus));
  try {
    const auto devices = visible_devices(found->second.c_str());
    const std::string is_set = "is '" + found->second + "': ";
    if (devices->empty() && gpus == 0) return right(check, is_set + "no GPUs, and there are none");
    if (devices->empty()) return note(check, is_set + fmt::format("it hides the {} GPUs of this host", gpus), "unset it to train on them");
    for (const std::string& device : *devices)
      if (device.find_first_not_of("0123456789") == std::string::npos && std::stoi(device) >= gpus)
        return wrong(check, is_set + fmt::format("there is no GPU {} here, of {}; CUDA then hides it and those that follow", device, gpus),
                     "unset it, or name GPUs that `nvidia-smi -L` lists");
    if (static_cast<int>(devices->size()) > gpus && gpus == 0) return wrong(check, is_set + "there are no GPUs here", "unset it");
    return right(check, is_set + fmt::format("workers get these {}, one each", devices->size()));
  } catch (const InputError& error) {
    return wrong(check, error.what(), "unset it, or name GPUs that `nvidia-smi -L` lists");
  }
}

std::vector<Finding> judge_nccl(const Environment& environment, const std::vector<std::string>& interfaces) {
  std::vector<Finding> findings;
  for (const Known& variable : known) {
    const std::string value = value_of(environment, variable.name);
    if (value.empty() || value == "0") continue;
    const std::string found = fmt::format("{}={}: {}", variable.name, value, variable.found), next = std::string("unset ") + variable.name;
    findings.push_back(variable.breaks ? wrong("NCCL", found, next) : note("NCCL", found, next + ", unless it is meant"));
  }
  const std::string debug = value_of(environment, "NCCL_DEBUG");
  if (debug == "TRACE" || debug == "INFO")
    findings.push_back(note("NCCL",
                            "NCCL_DEBUG=" + debug + ": many lines a group go to stderr, and a failure's own last lines drown in them",
                            "NCCL_DEBUG=WARN, or NCCL_DEBUG_FILE=/some/folder/nccl.%h.%p"));
  if (const std::string wish = value_of(environment, "NCCL_SOCKET_IFNAME"); !wish.empty()) {
    if (const std::string missing = unmatched_interface(wish, interfaces); !missing.empty()) {
      std::string names;
      for (const std::string& name : interfaces) names += (names.empty() ? "" : ", ") + name;
      findings.push_back(wrong("NCCL", fmt::format("NCCL_SOCKET_IFNAME={} names no interface of this host, which has {}", wish, names),
                               "name one of these, or unset NCCL_SOCKET_IFNAME"));
    }
  }
  if (findings.empty()) findings.push_back(right("NCCL", "no variable that breaks or slows it is set"));
  return findings;
}

Finding judge_allocation(const Environment& environment, const JobFacts& job) {
  const std::string check = "environment of a job";
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
    if (environment.contains(name))
      return wrong(check,
                   fmt::format("{} is set: this process is a rank of an MPI job, or its shell once was; an mpirun started here takes "
                               "itself for a part of it",
                               name),
                   "start stdualx from the batch script or a fresh shell; or unset PMIX_* PMI_* OMPI_*");
  const std::string id = value_of(environment, "SLURM_JOB_ID");
  if (id.empty()) {
    for (const char* name : {"SLURM_JOB_NODELIST", "SLURM_NTASKS", "SLURM_STEP_ID"})
      if (environment.contains(name))
        return note(check, fmt::format("{} is set without SLURM_JOB_ID: left over from another shell", name),
                    fmt::format("unset {}", name));
    return right(check, "none: this is no job of Slurm, and no variable says otherwise");
  }
  const std::string fresh = "start from a fresh shell, or unset what `env | grep ^SLURM_` shows";
  if (job.in_group) return right(check, "this is job " + id + " of Slurm");
  if (!job.can_ask)
    return wrong(check, "SLURM_JOB_ID=" + id + " is set, and Slurm cannot be asked here: mpirun would look for hosts of that job", fresh);
  if (job.state.empty())
    return wrong(check, "SLURM_JOB_ID=" + id + " is set, but Slurm knows no such job: mpirun would look for its hosts", fresh);
  if (job.state != "RUNNING") return wrong(check, fmt::format("SLURM_JOB_ID={} is set, but that job is {}", id, job.state), fresh);
  if (!job.on_this_host) return wrong(check, fmt::format("SLURM_JOB_ID={} is set, but that job runs on other hosts", id), fresh);
  return right(check, "this is a host of job " + id + " of Slurm, which runs");
}

} // namespace stdualx
