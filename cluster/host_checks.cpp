// See host_checks.h.
#include "cluster/host_checks.h"

#include "cluster/words.h"

#include <fmt/format.h>

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace stdualx {

namespace {

constexpr std::int64_t segment_bytes = 4 << 20; // of a rank in /dev/shm (Open MPI 4's btl_vader_segment_size)
constexpr int files_of_job = 128, files_of_worker = 16;
constexpr std::int64_t least_address_bytes = 64LL << 30; // CUDA reserves addresses for all memory of host and GPUs
constexpr double least_capability = 8.0;                 // Torch.cmake compiles our kernels from there on

/// "4.1.4" out of "mpirun (Open MPI) 4.1.4" or "Open MPI v4.1.4, package: ..."; "": none.
std::string version_number(const std::string& text) {
  const std::size_t begin = text.find_first_of("0123456789");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_first_not_of("0123456789.abrc", begin) - begin);
}

bool is_open_mpi(const std::string& text) {
  return text.find("Open MPI") != std::string::npos || text.find("OpenRTE") != std::string::npos;
}

} // namespace

std::vector<Finding> judge_mpi(const MpiFacts& facts, bool for_slurm) {
  std::vector<Finding> findings;
  const std::string need = "install Open MPI (Debian: openmpi-bin; a cluster: its module), or build with MPI_HOME naming one";
  if (!facts.version) return {wrong("mpirun", facts.program + " is not there: no run can start", need)};
  const std::string said = facts.version->output + facts.version->errors;
  if (!facts.version->went_well()) return {wrong("mpirun", facts.program + " --version: " + words_of(*facts.version), need)};
  if (!is_open_mpi(said))
    return {wrong("mpirun", facts.program + " is not Open MPI's (" + first_line(said) + "); runs are started with its options", need)};
  const std::string version = version_number(said), linked = version_number(facts.library);
  if (is_open_mpi(facts.library) && version == linked)
    findings.push_back(right("mpirun", fmt::format("{}, Open MPI {}, as this program is linked with", facts.program, version)));
  else
    findings.push_back(wrong("mpirun",
                             fmt::format("{} is Open MPI {}, and this program has loaded {}: each rank could think that it is alone",
                                         facts.program, version, facts.library),
                             "load one MPI alone (module list, LD_LIBRARY_PATH), or build again with MPI_HOME naming it"));
  if (!facts.in_path.empty())
    findings.push_back(note("mpirun in PATH", fmt::format("{} comes first in PATH; runs use {}", facts.in_path, facts.program),
                            "nothing, unless that one was meant: then build again with MPI_HOME naming it"));
  if (facts.knows_slurm) findings.push_back(right("mpirun and Slurm", "it starts its processes on other nodes through Slurm (plm slurm)"));
  else if (for_slurm)
    findings.push_back(wrong("mpirun and Slurm", "it has no launcher for Slurm: a job of several nodes would want ssh between them",
                             "take an Open MPI built --with-slurm (the cluster's module), or jobs of one node: submit --nodes 1"));
  else findings.push_back(note("mpirun and Slurm", "it has no launcher for Slurm; on one host none is needed"));
  const Finished& two = *facts.two_true;
  if (two.went_well()) findings.push_back(right("two processes", "mpirun starts two processes here"));
  else
    findings.push_back(wrong(
        "two processes", "mpirun cannot start two processes here: " + (two.timed_out ? "it did not end within a minute" : words_of(two)),
        "its words say what it lacks; TMPDIR must be writable, and the host's own name must resolve"));
  return findings;
}

int least_driver(int cuda_major) {
  switch (cuda_major) {
  case 11: return 450;
  case 12: return 525;
  case 13: return 580;
  default: return 0;
  }
}

std::vector<Finding> judge_trainer(const TrainerFacts& trainer) {
  const std::string check = "trainer";
  if (!trainer.missing.empty()) return {wrong(check, trainer.missing, "build or install stdualx-trainer beside stdualx")};
  if (trainer.program.empty()) return {note(check, "STDUALX_TRAINER=none: runs end at once, untrained", "unset STDUALX_TRAINER to train")};
  std::vector<Finding> findings;
  const Finished& help = *trainer.help;
  if (help.went_well())
    findings.push_back(right(
        check,
        fmt::format("{} starts; built {}", trainer.program,
                    trainer.cuda ? "with CUDA" + (trainer.cuda_major > 0 ? fmt::format(" {}", trainer.cuda_major) : "") : "without CUDA")));
  else
    findings.push_back(
        wrong(check, trainer.program + " does not start: " + (help.timed_out ? "it did not end within a minute" : words_of(help)),
              "a library that is named there is missing on this host: install with cmake --install, which takes libtorch along"));
  if (trainer.layers == "plain")
    findings.push_back(note("training on cores", "plain layers: a core trains less than half as fast as with fused ones",
                            "install libhwy-dev and libxsmm-dev and build again; on x86-64, and without STDUALX_KERNELS=plain"));
  else if (!trainer.layers.empty()) findings.push_back(right("training on cores", trainer.layers + " layers"));
  return findings;
}

std::vector<Finding> judge_gpus(const TrainerFacts& trainer, const GpuFacts& facts) {
  const std::string check = "GPU driver";
  if (facts.driver.empty() && !trainer.cuda)
    return {right(check, "no NVIDIA driver here, and the trainer is built without CUDA: runs train on cores")};
  if (facts.driver.empty())
    return {note(check, "no NVIDIA driver is loaded here, and the trainer is built with CUDA: on this host runs train on cores",
                 "on a login node that is usual; ask again in a job on a node with GPUs")};
  if (!trainer.cuda)
    return {wrong(check, "driver " + facts.driver + " is loaded, but the trainer is built without CUDA: GPUs stay unused",
                  "build it where nvcc is, with -DSTDUALX_CUDA=ON; or hide the GPUs with CUDA_VISIBLE_DEVICES= ")};
  std::vector<Finding> findings;
  const int least = least_driver(trainer.cuda_major), have = std::atoi(facts.driver.c_str());
  if (least > 0 && have < least)
    findings.push_back(wrong(
        check,
        fmt::format("driver {}, and the trainer is built with CUDA {}, which needs {} or newer", facts.driver, trainer.cuda_major, least),
        "have the driver brought up to date, or build with an older CUDA and libtorch"));
  else if (least > 0)
    findings.push_back(
        right(check, fmt::format("driver {} serves the trainer's CUDA {} (from {})", facts.driver, trainer.cuda_major, least)));
  else
    findings.push_back(note(check, "driver " + facts.driver + "; which CUDA the trainer is built with is not known",
                            "compare it with the driver in NVIDIA's table of compatibility"));
  if (!facts.nvidia_smi) findings.push_back(note("GPUs", "nvidia-smi is not in PATH: which GPUs there are was not asked"));
  else if (!facts.nvidia_smi->went_well())
    findings.push_back(wrong("GPUs", "nvidia-smi failed: " + words_of(*facts.nvidia_smi),
                             "the driver must be mended first (after an update a restart, or loading its module again)"));
  else if (facts.gpus.empty())
    findings.push_back(wrong("GPUs", "a driver is loaded, but nvidia-smi lists no GPU",
                             "in a job, ask for GPUs (submit --gpus-per-node); in a container, let it have them"));
  for (const Gpu& gpu : facts.gpus) {
    const std::string name = fmt::format("GPU {}, {}", gpu.index, gpu.name);
    if (const double capability = std::atof(gpu.capability.c_str()); capability > 0 && capability < least_capability)
      findings.push_back(wrong(
          "GPUs",
          fmt::format("{}: compute capability {}, and the kernels are built for {:.1f} and newer", name, gpu.capability, least_capability),
          "use nodes with an A100 or newer, or train on cores: CUDA_VISIBLE_DEVICES= "));
    else if (gpu.mode == "Prohibited")
      findings.push_back(wrong("GPUs", name + ": its compute mode is Prohibited", "have it set back: nvidia-smi -c 0"));
    else findings.push_back(right("GPUs", fmt::format("{}, compute capability {}, {}", name, gpu.capability, gpu.uuid)));
  }
  return findings;
}

Finding judge_cores(const CoreFacts& facts, const std::map<std::string, std::string>& environment) {
  const std::string check = "cores";
  const std::string have = fmt::format("{} of the machine's {} may be used ({})", facts.allowed, facts.online, facts.allowed_list);
  const auto number = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? 0 : std::atoi(found->second.c_str());
  };
  // SLURM_CPUS_ON_NODE is what the job has of this node; SLURM_CPUS_PER_TASK what each worker was promised of it.
  const int on_node = number("SLURM_CPUS_ON_NODE"), per_task = number("SLURM_CPUS_PER_TASK");
  const int promised = std::max(on_node, per_task);
  if (environment.contains("SLURM_JOB_ID") && promised > facts.allowed)
    return wrong(check, fmt::format("{}, but the job has {} here: something pinned this process to fewer", have, promised),
                 "start stdualx from the batch script itself, not through srun, taskset or numactl; in srun: --cpu-bind=none");
  if (facts.quota && *facts.quota < facts.allowed)
    return note(check,
                fmt::format("{}, but the control group gives the time of {:.1f}: more workers than that only wait for each other", have,
                            *facts.quota),
                fmt::format("run --workers {}", std::max(1, static_cast<int>(*facts.quota))));
  if (facts.allowed < facts.online && promised == 0)
    return note(check, have, "`run` takes these for its workers; if more were meant, look for taskset, numactl or a container's limit");
  return right(check, have);
}

std::vector<Finding> judge_limits(const LimitFacts& facts, int workers) {
  std::vector<Finding> findings;
  const std::int64_t needed = files_of_job + static_cast<std::int64_t>(files_of_worker) * workers;
  const std::string files = facts.open_files == no_limit ? "without a limit" : fmt::format("at most {}", facts.open_files);
  if (facts.open_files != no_limit && facts.open_files < needed) {
    const bool can_raise = facts.most_open_files == no_limit || facts.most_open_files >= needed;
    findings.push_back(wrong("open files", fmt::format("{} (ulimit -n), and mpirun with {} workers wants some {}", files, workers, needed),
                             can_raise ? fmt::format("ulimit -n {}", needed)
                                       : fmt::format("have the hard limit of {} raised (limits.conf)", facts.most_open_files)));
  } else {
    findings.push_back(right("open files", files + " (ulimit -n)"));
  }
  if (facts.core_bytes == 0) findings.push_back(right("core files", "none are written (ulimit -c 0)"));
  else if (facts.core_to_program) findings.push_back(right("core files", "a program of the host takes them (kernel.core_pattern)"));
  else
    findings.push_back(note("core files", "a trainer that crashes would write all its memory into the folder where `run` was started",
                            "ulimit -c 0, unless the core is wanted"));
  if (facts.address_bytes != no_limit && facts.address_bytes < least_address_bytes)
    findings.push_back(
        wrong("address space",
              fmt::format("at most {} (ulimit -v); libtorch and CUDA reserve far more than they use", bytes_text(facts.address_bytes)),
              "ulimit -v unlimited, or ask on a compute node: login nodes often set it"));
  return findings;
}

Finding judge_signals(const SignalFacts& facts) {
  const std::string check = "signals";
  const auto holds = [](const std::vector<int>& numbers, int number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
  };
  // The launcher reads these from a descriptor, and so hears them even then; what was started around it may not.
  if (holds(facts.ignored, SIGHUP))
    return note(check, "SIGHUP is ignored by whoever started this (nohup?); `run` listens all the same and drains when the terminal goes",
                "to have it outlive the terminal: setsid, tmux, or `submit`");
  std::string ignored, blocked;
  for (const auto& [number, name] :
       {std::pair{SIGUSR1, "SIGUSR1"}, std::pair{SIGUSR2, "SIGUSR2"}, std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
    if (holds(facts.ignored, number)) ignored += std::string(ignored.empty() ? "" : ", ") + name;
    else if (holds(facts.blocked, number)) blocked += std::string(blocked.empty() ? "" : ", ") + name;
  }
  if (!ignored.empty())
    return note(check,
                "whoever started this ignores " + ignored +
                    "; `run` listens all the same, but one that comes before it has planned its sweep is lost",
                "look for `trap '' ...` in the script around it; `exec stdualx run` should be its last line");
  if (!blocked.empty()) return note(check, "whoever started this blocks " + blocked + "; `run` hears it once it listens");
  return right(check, "none of those that drain or stop a job is ignored or blocked");
}

std::vector<Finding> judge_shared_memory(const SharedMemoryFacts& facts, int workers) {
  std::vector<Finding> findings;
  const std::int64_t needed = (workers + 1) * segment_bytes;
  if (!facts.bytes)
    findings.push_back(wrong("/dev/shm", "is not there: ranks of a host have no memory in common", "mount a tmpfs at /dev/shm"));
  else if (*facts.free_bytes < needed)
    findings.push_back(wrong("/dev/shm",
                             fmt::format("{} free of {}; {} workers and the coordinator take {}", bytes_text(*facts.free_bytes),
                                         bytes_text(*facts.bytes), workers, bytes_text(needed)),
                             "remove what dead jobs left there (ls -l /dev/shm); in a container: --shm-size=1g"));
  else findings.push_back(right("/dev/shm", fmt::format("{} free of {}", bytes_text(*facts.free_bytes), bytes_text(*facts.bytes))));
  if (facts.error_of_read == 0)
    findings.push_back(right("memory of others", "ranks may read each other's memory (process_vm_readv): large messages take one copy"));
  else
    findings.push_back(note("memory of others",
                            std::string("ranks may not read each other's memory (process_vm_readv: ") + std::strerror(facts.error_of_read) +
                                "): groups work, but large messages between them are slower",
                            "in a container: --cap-add=SYS_PTRACE; else kernel.yama.ptrace_scope = 0"));
  return findings;
}

} // namespace stdualx
