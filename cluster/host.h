// What can be read off this host without changing it: MPI, trainer, GPUs, cores, limits, signals, memory, environment. Facts only; what
// they mean is judged in host_checks.h.
#pragma once

#include "cluster/process.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

struct MpiFacts {
  std::string program;              // the mpirun that runs are started with
  std::string library;              // what the MPI library of this program calls itself
  std::string in_path;              // another mpirun that comes first in PATH; "": none
  std::optional<Finished> version;  // `mpirun --version`; nothing: no such program
  bool knows_slurm = false;         // starts its daemons by srun
  std::optional<Finished> two_true; // two processes of `true`
};
/// `library`: mpi_library() of mpi.h.
MpiFacts look_at_mpi(const std::string& library);

struct TrainerFacts {
  std::string program;          // "" for none
  std::string missing;          // why there is none, in words; "": it is there
  std::optional<Finished> help; // `--help`
  bool cuda = false;            // built with CUDA
  int cuda_major = 0;           // of which version; 0: not known
  std::string layers = {};      // for float32 on cores, as it says: "plain", "fused avx512"; "": not known
};
TrainerFacts look_at_trainer(const std::string& program);

/// A GPU as nvidia-smi lists it.
struct Gpu {
  int index = 0;
  std::string uuid, name;
  std::string capability; // "9.0"
  std::string mode;       // of use: "Default", "Prohibited", ...
};
struct GpuFacts {
  std::string driver;                 // "580.65.06"; "": no driver is loaded
  std::optional<Finished> nvidia_smi; // nothing: no such program
  std::vector<Gpu> gpus;
};
GpuFacts look_at_gpus();
/// The version in /proc/driver/nvidia/version; "" where there is none.
std::string driver_version(const std::string& text);
/// Lines of `nvidia-smi --query-gpu=index,uuid,name,compute_cap,compute_mode --format=csv,noheader`; others are left out.
std::vector<Gpu> parse_nvidia_smi(const std::string& text);

/// Cores this process may use.
int count_cores();
/// Which ones, as a list: "0-3,8". They are what the allocation or the person gave; trainers inherit them.
std::string list_cores();
/// The largest resident set of this process since it began its program, bytes (Linux's VmHWM); NaN where it cannot be read.
double peak_resident_bytes();

/// Workers that `run` starts unless told: one for each GPU that it may use, else one for each core. Throws as count_gpus.
int default_workers();

struct CoreFacts {
  int allowed = 0;             // by affinity
  int online = 0;              // of the machine
  std::string allowed_list;    // "0-3,8"
  std::optional<double> quota; // of the control group, in cores
};
CoreFacts look_at_cores();
/// Cores that "max 100000" or "150000 100000" of cpu.max leaves; nothing: no limit, or not understood.
std::optional<double> cores_of_quota(const std::string& cpu_max);

constexpr std::int64_t no_limit = -1;
struct LimitFacts {
  std::int64_t open_files = no_limit, most_open_files = no_limit; // soft, hard
  std::int64_t core_bytes = no_limit;
  bool core_to_program = false; // core_pattern hands cores to a program
  std::int64_t address_bytes = no_limit;
};
LimitFacts look_at_limits();

struct SignalFacts {
  std::vector<int> ignored, blocked; // when this program began
};
SignalFacts look_at_signals();
/// Numbers of the bits of a mask as /proc/PID/status writes it, in hexadecimal digits; bit 0 is signal 1.
std::vector<int> signals_of_mask(const std::string& mask);

struct SharedMemoryFacts {
  std::optional<std::int64_t> bytes, free_bytes; // of /dev/shm; nothing: there is none
  int error_of_read = 0;                         // errno of process_vm_readv between two children of ours; 0: it works
};
SharedMemoryFacts look_at_shared_memory();

/// The environment that could matter, by name.
std::map<std::string, std::string> environment_now();
/// Names of network interfaces.
std::vector<std::string> network_interfaces();
/// Whether a control group of Slurm's for job `job_id` holds this process.
bool in_control_group_of(const std::string& job_id);

} // namespace stdualx
