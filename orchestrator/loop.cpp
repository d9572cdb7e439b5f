// See loop.h.
#include "orchestrator/loop.h"

#include "cluster/build.h"
#include "cluster/launch.h"
#include "cluster/slurm.h"
#include "experiments/archive.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/fault.h"
#include "orchestrator/bookkeeper.h"
#include "results/backup.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>

namespace stdualx {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int most_messages_at_once = 256; // before the clock and the launcher are looked at
constexpr auto longest_sleep = 2ms;        // see the agent: waiting must not cost training its cores
constexpr auto shortest_parting = 2s;      // where agents are lost anyhow
constexpr auto longest_parting = 10s;      // an agent that hangs is then left to the launcher, which ends mpirun
constexpr double seconds_between_ticks = 0.5;
constexpr double seconds_between_heartbeats = 5; // of the store's fence; a lease is at least four of them

double seconds_now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

class CoordinatorLoop {
public:
  CoordinatorLoop(MpiWorld& world, const Job& job, const std::string& crash)
      : world_(world), job_(job), store_(open_store(job, crash)), coordinator_(coordinator_of(store_, job, world.size() - 1)),
        progress_(job.display == "terminal" ? Progress::Mode::terminal
                  : job.display == "quiet"  ? Progress::Mode::quiet
                                            : Progress::Mode::lines,
                  static_cast<std::size_t>(job.columns), static_cast<std::size_t>(job.rows)),
        books_(store_, coordinator_, progress_,
               [this](int rank, Message message) { world_.send(rank, MpiTag::control, encode(std::move(message))); }) {
    back_up();
    const SlurmTry here = this_slurm_try();
    if (here.restarts > 0)
      store_.event("slurm_restart", "", "job " + here.job_id + " was started again by Slurm, restart " + std::to_string(here.restarts));
    if (!job.submission.empty()) {
      const std::filesystem::path folder = job.submission;
      store_.record_job({here.job_id, here.restarts, here.nodes, read_file(folder / "job.sh"), read_file(folder / "submission.json")});
    }
  }

  Outcome run() {
    const double began = seconds_now();
    auto last_busy = Clock::now();
    while (true) {
      bool busy = false;
      int taken = 0;
      while (auto received = world_.poll(MpiTag::control)) {
        busy = true;
        fault_point(FaultPoint::coordinator_received);
        coordinator_.on_message(received->rank, decode(received->bytes), seconds_now());
        books_.carry_out();
        if (++taken >= most_messages_at_once) break;
      }
      busy = read_launcher() || busy;
      const double now = seconds_now();
      if (now - last_tick_ > seconds_between_ticks) {
        last_tick_ = now;
        if (!drain_deadline_ && !coordinator_.storage_failure().empty()) drain_deadline_ = now + job_.drain_seconds;
        if (drain_deadline_ && now > *drain_deadline_ && !coordinator_.finished()) {
          progress_.notice("draining took longer than " + duration_text(job_.drain_seconds) +
                           ": stopping now, the running epochs are given up");
          coordinator_.on_stop(now);
        }
        coordinator_.on_tick(now);
      }
      books_.carry_out();
      books_.commit_if_due(busy);
      if (now - last_heartbeat_ > seconds_between_heartbeats && !books_.open()) {
        last_heartbeat_ = now;
        store_.heartbeat();
      }
      world_.unsent();
      progress_.frame(coordinator_, now - began, coordinator_.finished() && !books_.open());
      if (coordinator_.finished() && !books_.open()) break;
      if (busy) {
        last_busy = Clock::now();
        continue;
      }
      const std::chrono::nanoseconds quiet = Clock::now() - last_busy;
      const std::chrono::nanoseconds sleep = std::min<std::chrono::nanoseconds>(quiet / 4 + 50us, longest_sleep);
      pollfd watched{input_open_ ? STDIN_FILENO : -1, POLLIN, 0};
      const timespec limit{0, static_cast<long>(sleep.count())};
      ::ppoll(&watched, 1, &limit, nullptr);
    }
    Outcome outcome{static_cast<std::int64_t>(stopped_ ? ExitStatus::stopped : coordinator_.exit_status()), coordinator_.storage_failure(),
                    coordinator_.waited_seconds(), coordinator_.ready_seconds(seconds_now())};
    store_.release();
    return outcome;
  }

  const Coordinator& coordinator() const { return coordinator_; }

private:
  /// What earlier coordinators left is copied before this one adds to it. A sweep goes on without, where there is no room for it.
  void back_up() {
    if (store_.coordinator_id() == 1) return;
    try {
      keep_backup(job_.store, job_.store_directory, store_.coordinator_id());
    } catch (const std::exception& failure) {
      store_.event("no_backup", "", failure.what());
      progress_.notice(std::string("no backup was made: ") + failure.what());
    }
  }

  static Store open_store(const Job& job, const std::string& crash) {
    StoreOptions options;
    options.crash = crash;
    options.job = this_slurm_try().job_id;
    options.build = this_build();
    options.lease = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(std::clamp(job.shortest_lease, 4 * seconds_between_heartbeats, 60.0)));
    for (const auto deadline = Clock::now() + std::chrono::duration<double>(job.claim_patience);; ::usleep(100'000)) {
      try {
        return Store::open_for_writing(job.store, options);
      } catch (const RefusedError&) {
        if (Clock::now() >= deadline) throw;
      }
    }
  }

  /// One line a word on standard input; the launcher's, through mpirun.
  bool read_launcher() {
    if (!input_open_) return false;
    pollfd watched{STDIN_FILENO, POLLIN, 0};
    if (::poll(&watched, 1, 0) <= 0) return false;
    char chunk[256];
    const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (count <= 0) {
      input_open_ = count < 0 && (errno == EINTR || errno == EAGAIN);
      return false;
    }
    words_.append(chunk, static_cast<std::size_t>(count));
    for (std::size_t end; (end = words_.find('\n')) != std::string::npos; words_.erase(0, end + 1)) {
      const std::string word = words_.substr(0, end);
      const double now = seconds_now();
      if (word == "drain") {
        progress_.notice("draining: the running epochs are finished and recorded (again: stop now)");
        fault_point(FaultPoint::coordinator_drains);
        if (!drain_deadline_) drain_deadline_ = now + job_.drain_seconds;
        coordinator_.on_drain(now);
      } else if (word == "stop") {
        stopped_ = true;
        coordinator_.on_stop(now);
      }
    }
    return true;
  }

  MpiWorld& world_;
  const Job& job_;
  Store store_;
  Coordinator coordinator_;
  Progress progress_;
  Bookkeeper books_;
  std::string words_;
  bool input_open_ = true, stopped_ = false;
  std::optional<double> drain_deadline_;
  double last_tick_ = 0, last_heartbeat_ = 0;
};

/// Everyone has been told to exit: hear each agent out but the `lost` ones, so that no send lacks its receiver, then let all go at once.
/// MPI's own end waits for the lost, too: until the launcher, which has the outcome, ends mpirun.
void part(MpiWorld& world, std::size_t lost) {
  int here = world.size() - 1 - static_cast<int>(lost);
  const auto deadline = Clock::now() + (lost > 0 ? shortest_parting : longest_parting);
  while (here > 0 && Clock::now() < deadline) {
    if (auto received = world.poll(MpiTag::control)) here -= decode(received->bytes).type == "goodbye" ? 1 : 0;
    else ::usleep(200);
    world.unsent();
  }
  for (int rank = 1; rank < world.size(); ++rank) world.send(rank, MpiTag::control, encode({"part", Json::object()}));
  while (world.unsent() > 0 && Clock::now() < deadline) ::usleep(200);
}

} // namespace

int run_coordinator(MpiWorld& world, const Job& job, const std::string& crash) {
  for (const int number : {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(number, SIG_IGN);
  Outcome outcome;
  bool told = false, began = false;
  std::size_t lost = 0;
  try {
    CoordinatorLoop loop(world, job, crash);
    began = true;
    outcome = loop.run();
    lost = loop.coordinator().lost();
    told = true;
    if (loop.coordinator().agents_are_lost())
      throw std::runtime_error("no agent answers any more: the ranks are ended, and what they worked at goes on with new ones");
  } catch (const RefusedError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::refused), error.what(), 0, 0};
  } catch (const PermissionError& error) { // the same command would meet it again
    outcome = {static_cast<std::int64_t>(ExitStatus::refused), error.what(), 0, 0};
  } catch (const InputError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::bad_input), error.what(), 0, 0};
  } catch (const StorageError& error) {
    // What is committed stands; the running epochs are given up. Once the disk is well again the same command goes on.
    const bool never_could = !began && dynamic_cast<const ReadOnlyError*>(&error) != nullptr;
    outcome = {static_cast<std::int64_t>(never_could ? ExitStatus::refused : ExitStatus::drained), error.what(), 0, 0};
  }
  if (!told)
    for (int rank = 1; rank < world.size(); ++rank) world.send(rank, MpiTag::control, encode({"exit", Json::object()}));
  int status = 0;
  try {
    if (const FaultyWrite fault = faulty_write(FaultPoint::coordinator_before_outcome); fault.torn || fault.error != 0)
      throw_write_error(job.outcome, "injected", fault.error);
    if (lost > 0) write_whole_file(job.outcome + lost_suffix, "");
    write_whole_file(job.outcome, to_json_all(outcome).dump());
  } catch (const StorageError& error) { // a full disk is full for this too: then the exit status tells the launcher
    if (!outcome.message.empty()) std::cerr << "stdualx: " << outcome.message << "\n";
    std::cerr << "stdualx: " << error.what() << "\n";
    status = static_cast<int>(ExitStatus::drained);
  }
  part(world, lost);
  return status;
}

} // namespace stdualx
