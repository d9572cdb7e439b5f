// Facts by /proc, getrlimit and short programs. See host.h.
#include "cluster/host.h"

#include "cluster/devices.h"
#include "cluster/launch.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

extern char** environ;

namespace stdualx {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience_with_a_version = 20s; // on a network file system that is busy
constexpr auto patience_with_mpirun = 60s;    // the first start on a host reads many small files
constexpr auto patience_with_trainer = 60s;   // libtorch is large
constexpr auto patience_with_smi = 30s;       // without its persistence mode it starts the GPUs first

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The rest of the line that begins with `key`, without blanks before it.
std::string field_of(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", key.size());
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

/// ompi_info of Open MPI 4, and prte_info where version 5 keeps its launchers: whether a launcher for Slurm is among them.
bool lists_slurm_launcher(const fs::path& beside) {
  for (const char* name : {"ompi_info", "prte_info"}) {
    const fs::path program = fs::exists(beside / name) ? beside / name : fs::path(name);
    const auto listed = run_if_there({program.string(), "--parsable"}, patience_with_a_version);
    if (listed && listed->output.find("mca:plm:slurm:") != std::string::npos) return true;
  }
  return false;
}

std::int64_t limit_of(rlim_t value) { return value == RLIM_INFINITY ? no_limit : static_cast<std::int64_t>(value); }

/// Two children side by side, as two ranks are: one reads a word of the other's. errno of the reading, 0 when it works.
int error_of_reading_a_sibling() {
  static volatile std::uint32_t word = 0x5eed;
  const pid_t parent = ::getpid();
  const auto follow_parent = [parent] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(EPERM);
  };
  auto [told, tell] = make_pipe();
  const pid_t read_from = ::fork();
  if (read_from < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (read_from == 0) {
    follow_parent();
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); // under Yama's scope 1 a process says who may read it; Open MPI's ranks allow each other
    tell.reset();
    while (true) ::pause();
  }
  tell.reset();
  char nothing = 0;
  while (::read(told.get(), &nothing, 1) < 0 && errno == EINTR) continue; // its end of the pipe is closed: it may be read now
  const pid_t reader = ::fork();
  if (reader == 0) {
    follow_parent();
    std::uint32_t copy = 0;
    iovec here{&copy, sizeof copy}, there{const_cast<std::uint32_t*>(&word), sizeof word};
    const ssize_t count = ::process_vm_readv(read_from, &here, 1, &there, 1, 0);
    ::_exit(count == static_cast<ssize_t>(sizeof copy) && copy == word ? 0 : errno == 0 ? EIO : errno);
  }
  const int error_of_fork = errno;
  int status = 0;
  if (reader > 0)
    while (::waitpid(reader, &status, 0) < 0 && errno == EINTR) continue;
  ::kill(read_from, SIGKILL);
  while (::waitpid(read_from, nullptr, 0) < 0 && errno == EINTR) continue;
  if (reader < 0) throw std::system_error(error_of_fork, std::generic_category(), "fork");
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

} // namespace

MpiFacts look_at_mpi(const std::string& library) {
  MpiFacts facts;
  facts.library = library;
  const std::string named = mpirun_program();
  facts.program = named.find('/') != std::string::npos ? named : find_program(named).string();
  if (facts.program.empty()) facts.program = named;
  std::error_code error;
  const fs::path first = find_program("mpirun");
  if (!first.empty() && fs::exists(facts.program) && !fs::equivalent(first, facts.program, error)) facts.in_path = first.string();
  facts.version = run_if_there({facts.program, "--version"}, patience_with_a_version);
  if (!facts.version) return facts;
  facts.knows_slurm = lists_slurm_launcher(fs::path(facts.program).parent_path());
  std::vector<std::string> two = {facts.program, "--oversubscribe", "--bind-to", "none", "-n", "2", "true"};
  if (::geteuid() == 0) two.insert(two.begin() + 1, "--allow-run-as-root");
  facts.two_true = run_if_there(two, patience_with_mpirun);
  return facts;
}

TrainerFacts look_at_trainer(const std::string& program) {
  TrainerFacts facts;
  facts.program = program;
  try {
    facts.help = run_if_there({program, "--help"}, patience_with_trainer);
  } catch (const std::system_error& error) {
    facts.missing = error.what();
    return facts;
  }
  if (!facts.help) facts.missing = program + " is not there";
  const std::string before = "cores: ";
  if (const std::size_t place = facts.help ? facts.help->output.find(before) : std::string::npos; place != std::string::npos)
    facts.layers = facts.help->output.substr(place + before.size(), facts.help->output.find(" (", place) - place - before.size());
  // What it is linked with stands in the file by name. To ask the program would need the library that may not load.
  const std::string contents = text_of(program);
  facts.cuda = contents.find("libtorch_cuda.so") != std::string::npos;
  const std::string runtime = "libcudart.so.";
  if (const std::size_t place = contents.find(runtime); facts.cuda && place != std::string::npos)
    facts.cuda_major = std::atoi(contents.c_str() + place + runtime.size());
  return facts;
}

std::string driver_version(const std::string& text) {
  std::istringstream words(field_of(text, "NVRM version:"));
  for (std::string word; words >> word;)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos) return word;
  return "";
}

std::vector<Gpu> parse_nvidia_smi(const std::string& text) {
  std::vector<Gpu> gpus;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, ',');) {
      const std::size_t begin = part.find_first_not_of(' ');
      fields.push_back(begin == std::string::npos ? "" : part.substr(begin));
    }
    Gpu gpu;
    if (fields.size() < 5) continue;
    const std::string& number = fields[0];
    if (std::from_chars(number.data(), number.data() + number.size(), gpu.index).ec != std::errc()) continue;
    gpu.uuid = fields[1];
    gpu.name = fields[2];
    gpu.capability = fields[3];
    gpu.mode = fields[4];
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

GpuFacts look_at_gpus() {
  GpuFacts facts;
  facts.driver = driver_version(text_of("/proc/driver/nvidia/version"));
  facts.nvidia_smi =
      run_if_there({"nvidia-smi", "--query-gpu=index,uuid,name,compute_cap,compute_mode", "--format=csv,noheader"}, patience_with_smi);
  if (facts.nvidia_smi && facts.nvidia_smi->went_well()) facts.gpus = parse_nvidia_smi(facts.nvidia_smi->output);
  return facts;
}

std::optional<double> cores_of_quota(const std::string& cpu_max) {
  std::istringstream words(cpu_max);
  double quota = 0, period = 0;
  if (!(words >> quota >> period) || period <= 0) return std::nullopt; // "max": no number
  return quota / period;
}

int count_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string list_cores() { return field_of(text_of("/proc/self/status"), "Cpus_allowed_list:"); }
double peak_resident_bytes() {
  const std::string kilobytes = field_of(text_of("/proc/self/status"), "VmHWM:");
  return kilobytes.empty() ? std::nan("") : 1024 * std::strtod(kilobytes.c_str(), nullptr);
}

int default_workers() {
  const int gpus = count_gpus();
  return gpus > 0 ? gpus : count_cores();
}

CoreFacts look_at_cores() {
  CoreFacts facts;
  facts.allowed = count_cores();
  facts.online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  facts.allowed_list = list_cores();
  // Version 2 alone: "0::/path". The narrowest limit on the way up counts.
  const fs::path root = "/sys/fs/cgroup";
  fs::path group = field_of(text_of("/proc/self/cgroup"), "0::/");
  while (true) {
    if (const auto quota = cores_of_quota(text_of(root / group / "cpu.max")); quota && (!facts.quota || *quota < *facts.quota))
      facts.quota = quota;
    if (group.empty()) return facts;
    group = group.parent_path();
  }
}

LimitFacts look_at_limits() {
  LimitFacts facts;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files = limit_of(limit.rlim_cur);
    facts.most_open_files = limit_of(limit.rlim_max);
  }
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) facts.core_bytes = limit_of(limit.rlim_cur);
  if (::getrlimit(RLIMIT_AS, &limit) == 0) facts.address_bytes = limit_of(limit.rlim_cur);
  facts.core_to_program = text_of("/proc/sys/kernel/core_pattern").starts_with('|');
  return facts;
}

std::vector<int> signals_of_mask(const std::string& mask) {
  std::uint64_t bits = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  std::vector<int> numbers;
  for (int number = 1; number <= 64; ++number)
    if ((bits >> (number - 1) & 1) != 0) numbers.push_back(number);
  return numbers;
}

SignalFacts look_at_signals() {
  const std::string status = text_of("/proc/self/status");
  return {signals_of_mask(field_of(status, "SigIgn:")), signals_of_mask(field_of(status, "SigBlk:"))};
}

SharedMemoryFacts look_at_shared_memory() {
  SharedMemoryFacts facts;
  struct statvfs info {};
  if (::statvfs("/dev/shm", &info) == 0) {
    facts.bytes = static_cast<std::int64_t>(info.f_blocks * info.f_frsize);
    facts.free_bytes = static_cast<std::int64_t>(info.f_bavail * info.f_frsize);
  }
  facts.error_of_read = error_of_reading_a_sibling();
  return facts;
}

std::map<std::string, std::string> environment_now() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

std::vector<std::string> network_interfaces() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/class/net", error)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool in_control_group_of(const std::string& job_id) {
  std::istringstream lines(text_of("/proc/self/cgroup"));
  const std::string folder = "/job_" + job_id;
  for (std::string line; std::getline(lines, line);)
    if (line.ends_with(folder) || line.find(folder + "/") != std::string::npos) return true;
  return false;
}

} // namespace stdualx
