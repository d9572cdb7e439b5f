// See launch.h.
#include "cluster/launch.h"

#include "cluster/devices.h"
#include "cluster/lone_mpirun.h"
#include "cluster/mpi_leftovers.h"
#include "cluster/process.h"
#include "cluster/relay.h"
#include "cluster/suspend.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/fault.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

namespace stdualx {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto ranks_follow = 1s;                // the ranks of a killed mpirun end within it
constexpr auto grace_after_stop = 8s;            // the coordinator records what ran and lets everyone go
constexpr auto grace_after_drain = 15s;          // beyond the coordinator's own limit: then it hangs itself, or never came up
constexpr auto grace_after_outcome = 20s;        // MPI's own end; longer means a rank hangs in it
constexpr Clock::duration grace_after_loss = 3s; // the same where agents are known to hang

/// Blocks the signals a person or Slurm sends and reads them from a descriptor; restores the mask at its end. What was ignored when we were
/// started (nohup, `trap '' INT`, a script's background) stays so; but SIGUSR2 is `cancel`'s, which asks us by name.
class SignalReader {
public:
  SignalReader() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR2);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGTSTP}) {
      struct sigaction given {};
      if (::sigaction(number, nullptr, &given) == 0 && given.sa_handler != SIG_IGN) ::sigaddset(&set, number);
    }
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    descriptor_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor_) throw std::system_error(errno, std::generic_category(), "signalfd");
  }
  ~SignalReader() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  int descriptor() const { return descriptor_.get(); }
  std::vector<int> take() {
    std::vector<int> numbers;
    signalfd_siginfo info;
    while (::read(descriptor_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      numbers.push_back(static_cast<int>(info.ssi_signo));
    return numbers;
  }

private:
  Descriptor descriptor_;
  sigset_t before_;
};

/// What the signals asked for so far.
struct Wishes {
  int asked = 0; // 1: drain, 2: stop
  bool warned = false;

  /// Whether `signal` asks for more than was asked for already.
  bool hear(int signal) {
    if (signal == SIGUSR2) warned = false; // `cancel`: it is not to go on
    // Slurm may warn twice, and `cancel` may come after a warning; only a person's second signal means "at once".
    if ((signal == SIGUSR1 || signal == SIGUSR2) && asked > 0) return false;
    warned = warned || signal == SIGUSR1;
    return ++asked <= 2;
  }
};

/// A network file system that does not answer now may do so at the next look; an exception here would leave mpirun's ranks behind.
bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : between) + word;
  return all;
}

/// `crash`: how the mpirun before ended; "": there was none.
SpawnOptions mpirun_command(const LaunchOptions& options, const std::vector<std::string>& hosts, const std::string& crash) {
  const int workers =
      hosts.empty() ? options.workers : std::min(options.workers, options.workers_per_host * static_cast<int>(hosts.size()));
  SpawnOptions spawn;
  // --bind-to none: the default pins a rank's threads, and its trainer's, to one core. --oversubscribe: the coordinator
  // is one rank more than there are cores to train on.
  spawn.arguments = {mpirun_program(), "--oversubscribe", "--bind-to", "none", "-n", std::to_string(workers + 1)};
  if (::geteuid() == 0) spawn.arguments.insert(spawn.arguments.begin() + 1, "--allow-run-as-root");
  // Over the nodes of an allocation in turn, so that each has its share of workers and the first one the coordinator besides.
  const bool mapped = std::any_of(options.mpirun_arguments.begin(), options.mpirun_arguments.end(),
                                  [](const std::string& argument) { return argument.starts_with("--map-by"); });
  if (std::getenv("SLURM_JOB_ID") != nullptr && !mapped) spawn.arguments.insert(spawn.arguments.end(), {"--map-by", "node"});
  if (!hosts.empty()) {
    spawn.arguments.insert(spawn.arguments.end(), {"--host", joined(hosts, ",")});
    // The step of the mpirun before holds its share of the hosts until Slurm has given up the lost one.
    spawn.arguments.insert(spawn.arguments.end(), {"--mca", "plm_slurm_args", "--overlap"});
  }
  // To other hosts mpirun takes nothing of the environment that it is not told to.
  for (const char* name : {"STDUALX_ISA", "STDUALX_KERNELS"})
    if (std::getenv(name) != nullptr) spawn.arguments.insert(spawn.arguments.end(), {"-x", name});
  // A host that falls silent, its power cut, is noticed after 10 + 4 x 5 s, and not after 300 + 9 x 20 s; a link may be down for less.
  // Of Open MPI 4 and of the PRRTE in 5; what a person set stands.
  for (const auto& [name, value] :
       {std::pair("oob_tcp_keepalive_time", "10"), {"oob_tcp_keepalive_intvl", "5"}, {"oob_tcp_keepalive_probes", "4"}})
    for (const std::string prefix : {"OMPI_MCA_", "PRTE_MCA_"})
      if (std::getenv((prefix + name).c_str()) == nullptr) spawn.environment.emplace_back(prefix + name, value);
  spawn.arguments.insert(spawn.arguments.end(), options.mpirun_arguments.begin(), options.mpirun_arguments.end());
  spawn.arguments.insert(spawn.arguments.end(), {options.program.string(), "rank"});
  if (!crash.empty()) spawn.arguments.insert(spawn.arguments.end(), {"--after-crash", "mpirun ended with " + crash});
  spawn.arguments.push_back(options.job.string()); // the last word, by which suspend() knows a rank
  spawn.own_process_group = true;                  // the terminal's Ctrl-C is the launcher's alone
  spawn.death_signal = SIGTERM;                    // with SIGKILL mpirun would leave its ranks behind
  return spawn;
}

using TimePoint = std::optional<Clock::time_point>;

/// Ctrl-Z.
void suspend(const ChildProcess& mpirun, const LaunchOptions& options, TimePoint& first, TimePoint& second) {
  const int here = count_with_last_word(descendants(mpirun.pid()), options.job.string());
  if (here != options.workers + 1) { // those elsewhere would go on, and wait for us
    options.say("Ctrl-Z stops a job whose processes are all on this host and have started; this one goes on (Ctrl-C: finish the running "
                "epochs, then end)");
    return;
  }
  const auto began = Clock::now();
  suspend_with(mpirun.pid());
  for (TimePoint* moment : {&first, &second}) // time stopped counts for nothing
    if (*moment) **moment += Clock::now() - began;
}

void write_word(const Descriptor& input, const std::string& word) {
  const std::string line = word + "\n";
  [[maybe_unused]] const ssize_t written = ::write(input.get(), line.data(), line.size()); // a dead mpirun is seen by its pidfd
}

std::filesystem::path number_file(const std::filesystem::path& job_directory) { return job_directory / "mpirun.pid"; }

} // namespace

bool remove_leftovers_of_job(const std::filesystem::path& job_directory) {
  std::ifstream file(number_file(job_directory));
  pid_t process = 0;
  if (!(file >> process) || process <= 0) return true; // killed before it started one
  if (is_alive(process)) return false;
  remove_mpi_leftovers(process, job_directory);
  return true;
}

LaunchEnd launch(const LaunchOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  SignalReader signals;
  Wishes wishes;
  // mpirun would give up its job when its own output cannot be written.
  Relay output(STDOUT_FILENO), errors(STDERR_FILENO);
  int restarts = 0;
  long progress = options.progress ? options.progress() : 0;
  double back_off = options.first_back_off_seconds;
  std::vector<std::string> hosts; // none: all
  std::string crash;              // of the mpirun before
  while (true) {
    auto [read_end, write_end] = make_pipe();
    fault_point(FaultPoint::launcher_before_spawn);
    Descriptor output_end = output.open(), errors_end = errors.open();
    SpawnOptions command = mpirun_command(options, hosts, crash);
    command.descriptors = {{read_end.get(), STDIN_FILENO}, {output_end.get(), STDOUT_FILENO}, {errors_end.get(), STDERR_FILENO}};
    ChildProcess mpirun = ChildProcess::spawn(command);
    for (Descriptor* ours : {&read_end, &output_end, &errors_end}) ours->reset();
    std::ofstream(number_file(options.job.parent_path())) << mpirun.pid() << "\n"; // unwritten, its leftovers stay; no more
    fault_point(FaultPoint::launcher_after_spawn);
    TimePoint kill_at, drain_until;
    bool terminated = false;
    LoneMpirun alone(options.program);
    std::string window; // that the ranks were told of
    while (!mpirun.poll()) {
      pollfd watched[4] = {{signals.descriptor(), POLLIN, 0}, {mpirun.pidfd(), POLLIN, 0}, output.to_watch(), errors.to_watch()};
      if (::poll(watched, 4, 200) > 0) {
        if (watched[2].revents != 0) output.move_on();
        if (watched[3].revents != 0) errors.move_on();
      }
      if (options.window)
        if (std::string now = options.window(); now != window) {
          write_word(write_end, "window " + now);
          window = std::move(now);
        }
      for (const int number : signals.take()) {
        if (number == SIGTSTP) {
          suspend(mpirun, options, kill_at, drain_until);
          continue;
        }
        if (!wishes.hear(number)) continue;
        write_word(write_end, wishes.asked == 1 ? "drain" : "stop");
        if (wishes.asked == 2) kill_at = Clock::now() + grace_after_stop;
        else
          drain_until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.drain_seconds)) +
                        grace_after_drain;
      }
      if (drain_until && !kill_at && Clock::now() > *drain_until) {
        write_word(write_end, "stop");
        kill_at = Clock::now() + grace_after_stop;
      }
      const auto or_soon = [&](Clock::duration grace) {
        return is_there(options.outcome.string() + lost_suffix) ? grace_after_loss : grace;
      };
      if (!kill_at && is_there(options.outcome)) kill_at = Clock::now() + or_soon(grace_after_outcome);
      if (!kill_at && alone.look(mpirun.pid(), Clock::now())) kill_at = Clock::now();
      if (kill_at && Clock::now() > *kill_at) {
        // On SIGTERM mpirun kills its ranks, which take their trainers along; one that does not listen is itself hung.
        mpirun.signal(terminated ? SIGKILL : SIGTERM);
        terminated = true;
        kill_at = Clock::now() + or_soon(grace_after_stop);
      }
    }
    const int status = *mpirun.poll();
    for (Relay* relay : {&output, &errors}) relay->finish();
    const auto leave = [&](LaunchHow how) {
      if (WIFSIGNALED(status)) std::this_thread::sleep_for(ranks_follow); // or they make files that we have just removed
      remove_mpi_leftovers(mpirun.pid(), options.job.parent_path());
      return LaunchEnd{how, wishes.warned, output.error()};
    };
    if (is_there(options.outcome)) return leave(LaunchHow::decided); // a second signal may have come too late to matter
    if (wishes.asked >= 2) return leave(LaunchHow::stopped);
    if (options.progress) {
      const long now = options.progress();
      if (now > progress) {
        progress = now;
        restarts = 0;
        back_off = options.first_back_off_seconds;
      }
    }
    // Asked to drain, dead too often, or the coordinator gave up and could not even write that down: what is recorded stands,
    // and the same command goes on from there.
    const bool gave_up = WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(ExitStatus::drained);
    if (gave_up || wishes.asked >= 1 || restarts >= options.most_restarts) return leave(LaunchHow::died);
    ++restarts;
    crash = describe_wait_status(status);
    options.say("mpirun ended before its work was done (" + crash + "); starting it again in " +
                std::to_string(static_cast<int>(back_off)) + " s (" + std::to_string(restarts) + " of " +
                std::to_string(options.most_restarts) + " without a new epoch)");
    pollfd watched{signals.descriptor(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(back_off * 1000)) > 0) {
      for (const int number : signals.take())
        if (number != SIGTSTP) wishes.hear(number);
      if (wishes.asked > 0) return leave(wishes.asked >= 2 ? LaunchHow::stopped : LaunchHow::died);
    }
    remove_mpi_leftovers(mpirun.pid(), options.job.parent_path());
    back_off = std::min(2 * back_off, 4 * options.first_back_off_seconds);
    if (options.live_hosts) {
      hosts = options.live_hosts();
      if (!hosts.empty()) options.say("hosts that answer: " + joined(hosts, " "));
    }
  }
}

std::string mpirun_program() {
  const char* const built_with = STDUALX_MPIEXEC;
  return std::filesystem::exists(built_with) ? built_with : "mpirun";
}

} // namespace stdualx
