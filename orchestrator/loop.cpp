// See loop.h.
#include "orchestrator/loop.h"

#include "orchestrator/coordinator.h"
#include "orchestrator/progress.h"
#include "results/store.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <optional>

namespace stdualx {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A durable commit costs 0.3 to 4 ms here: many messages share one, but none waits longer than this for it.
constexpr auto longest_wait_for_commit = 5ms;
constexpr int most_records_per_commit = 256;
constexpr auto longest_sleep = 2ms;   // see the agent: waiting must not cost training its cores
constexpr auto longest_parting = 10s; // an agent that hangs is then left to the launcher, which ends mpirun
constexpr double seconds_between_ticks = 0.5;
constexpr double seconds_between_heartbeats = 5; // of the store's fence; a lease is 60 s

double seconds_now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

class CoordinatorLoop {
public:
  CoordinatorLoop(MpiWorld& world, const Job& job)
      : world_(world), job_(job), store_(open_store(job)), coordinator_(make_coordinator()),
        progress_(job.display == "terminal" ? Progress::Mode::terminal
                  : job.display == "quiet"  ? Progress::Mode::quiet
                                            : Progress::Mode::lines,
                  static_cast<std::size_t>(job.columns), static_cast<std::size_t>(job.rows)) {}

  Outcome run() {
    const double began = seconds_now();
    auto last_busy = Clock::now();
    while (true) {
      bool busy = false;
      int taken = 0;
      while (auto received = world_.poll(MpiTag::control)) {
        busy = true;
        coordinator_.on_message(received->rank, decode(received->bytes), seconds_now());
        carry_out();
        if (++taken >= most_records_per_commit) break;
      }
      busy = read_launcher() || busy;
      const double now = seconds_now();
      if (now - last_tick_ > seconds_between_ticks) {
        last_tick_ = now;
        if (drain_deadline_ && now > *drain_deadline_ && !coordinator_.finished()) {
          progress_.notice("draining took longer than " + duration_text(job_.drain_seconds) +
                           ": stopping now, the running epochs are given up");
          coordinator_.on_stop(now);
        }
        coordinator_.on_tick(now);
      }
      carry_out();
      if (open_since_ && (!busy || records_ >= most_records_per_commit || Clock::now() - *open_since_ > longest_wait_for_commit)) commit();
      if (now - last_heartbeat_ > seconds_between_heartbeats && !open_since_) {
        last_heartbeat_ = now;
        store_.heartbeat();
      }
      world_.unsent();
      progress_.frame(coordinator_, now - began, coordinator_.finished() && !open_since_);
      if (coordinator_.finished() && !open_since_) break;
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
    Outcome outcome{static_cast<std::int64_t>(stopped_ ? ExitStatus::stopped : coordinator_.exit_status()), "",
                    coordinator_.waited_seconds(), coordinator_.ready_seconds(seconds_now())};
    store_.release();
    return outcome;
  }

private:
  /// Its number; "": none.
  static std::string slurm_job() {
    const char* number = std::getenv("SLURM_JOB_ID");
    return number == nullptr ? "" : number;
  }

  static Store open_store(const Job& job) {
    StoreOptions options;
    options.job = slurm_job();
    for (const auto deadline = Clock::now() + std::chrono::duration<double>(job.claim_patience);; ::usleep(100'000)) {
      try {
        return Store::open_for_writing(job.store, options);
      } catch (const RefusedError&) {
        if (Clock::now() >= deadline) throw;
      }
    }
  }

  Coordinator make_coordinator() {
    store_.register_sweep(job_.plan);
    if (const char* restarts = std::getenv("SLURM_RESTART_COUNT"))
      store_.event("slurm_restart", "", "job " + slurm_job() + " was started again by Slurm, restart " + restarts);
    std::vector<std::string> ids;
    for (const auto& planned : job_.plan.runs) ids.push_back(planned.run_id);
    std::vector<KnownRun> known;
    const std::vector<RunState> states = store_.run_states(ids);
    for (std::size_t i = 0; i < states.size(); ++i) {
      const RunState& state = states[i];
      KnownRun run{
          state.status, state.last_attempt, state.epochs_recorded, state.failures, {}, missing_evaluations(job_.plan.runs[i], state),
          state.weights};
      if (state.status != RunStatus::complete) run.checkpoints = store_.live_checkpoints(state.run_id);
      known.push_back(std::move(run));
    }
    CoordinatorOptions options;
    options.workers = world_.size() - 1;
    options.store_directory = job_.store_directory;
    options.data_directory = job_.data_directory;
    options.cache_directory = job_.cache_directory;
    options.shortest_lease = job_.shortest_lease;
    options.start_lease = start_leases * job_.shortest_lease;
    return Coordinator(job_.plan, std::move(known), options);
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
        if (!drain_deadline_) drain_deadline_ = now + job_.drain_seconds;
        coordinator_.on_drain(now);
      } else if (word == "stop") {
        stopped_ = true;
        coordinator_.on_stop(now);
      }
    }
    return true;
  }

  void carry_out() {
    for (auto& action : coordinator_.take_actions()) std::visit([this](auto& what) { carry_out(what); }, action);
  }

  template <class Write> void record(Write write) {
    if (!open_since_) {
      store_.begin();
      open_since_ = Clock::now();
    }
    ++records_;
    write();
  }

  void carry_out(RecordBegin& begin) {
    record([&] {
      const std::int64_t attempt =
          store_.begin_attempt(begin.run_id, begin.placement, begin.world_size, begin.resume_epoch, begin.evaluate_only);
      if (attempt != begin.attempt)
        throw std::logic_error("run " + begin.run_id + ": the store counts attempt " + std::to_string(attempt) + ", the coordinator " +
                               std::to_string(begin.attempt));
    });
  }
  void carry_out(RecordEpoch& epoch) {
    record([&] {
      if (store_.record_epoch(epoch.report) == EpochOutcome::hash_mismatch)
        progress_.notice("run " + epoch.report.run_id.substr(0, 10) + " epoch " + std::to_string(epoch.report.epoch) +
                         ": computed again on an equal platform with other bits; see `stdualx explain`");
    });
    progress_.epoch(coordinator_, epoch.report);
  }
  void carry_out(RecordEvaluation& evaluation) {
    record([&] { store_.record_evaluation(evaluation.report); });
  }
  void carry_out(RecordEnd& end) {
    record([&] { store_.end_attempt(end.end, end.status); });
    progress_.ended(coordinator_, end.end);
  }
  void carry_out(RecordStatus& status) {
    record([&] { store_.set_status(status.run_id, status.status); });
  }
  void carry_out(RecordHost& host) {
    record([&] { store_.host(host.placement.host, {{"platform", host.placement.platform}}); });
  }
  void carry_out(DropCheckpoint& drop) {
    record([&] {
      store_.checkpoint_deleted(drop.run_id, drop.checkpoint.attempt, drop.checkpoint.epoch);
      store_.event("checkpoint_damaged", drop.run_id, drop.why);
    });
  }
  void carry_out(Send& send) {
    if (open_since_) held_.push_back(std::move(send));
    else world_.send(send.rank, MpiTag::control, encode(send.message));
  }
  void carry_out(Notice& notice) { progress_.notice(notice.text); }
  void carry_out(Finish&) {}

  void commit() {
    store_.commit();
    open_since_.reset();
    records_ = 0;
    for (auto& send : held_) world_.send(send.rank, MpiTag::control, encode(send.message));
    held_.clear();
  }

  MpiWorld& world_;
  const Job& job_;
  Store store_;
  Coordinator coordinator_;
  Progress progress_;
  std::optional<Clock::time_point> open_since_; // of the transaction
  int records_ = 0;
  std::deque<Send> held_; // until the commit
  std::string words_;
  bool input_open_ = true, stopped_ = false;
  std::optional<double> drain_deadline_;
  double last_tick_ = 0, last_heartbeat_ = 0;
};

/// Everyone has been told to exit: hear each agent out, so that no send lacks its receiver, then let all go at once.
void part(MpiWorld& world) {
  int here = world.size() - 1;
  const auto deadline = Clock::now() + longest_parting;
  while (here > 0 && Clock::now() < deadline) {
    if (auto received = world.poll(MpiTag::control)) here -= decode(received->bytes).type == "goodbye" ? 1 : 0;
    else ::usleep(200);
    world.unsent();
  }
  for (int rank = 1; rank < world.size(); ++rank) world.send(rank, MpiTag::control, encode({"part", Json::object()}));
  while (world.unsent() > 0 && Clock::now() < deadline) ::usleep(200);
}

} // namespace

int run_coordinator(MpiWorld& world, const Job& job) {
  for (const int number : {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(number, SIG_IGN);
  Outcome outcome;
  bool told = false;
  try {
    CoordinatorLoop loop(world, job);
    outcome = loop.run();
    told = true;
  } catch (const RefusedError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::refused), error.what(), 0, 0};
  } catch (const InputError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::bad_input), error.what(), 0, 0};
  } catch (const StorageError& error) {
    // What is committed stands; the running epochs are given up. Once the disk is well again the same command goes on.
    outcome = {static_cast<std::int64_t>(ExitStatus::drained), error.what(), 0, 0};
  }
  if (!told)
    for (int rank = 1; rank < world.size(); ++rank) world.send(rank, MpiTag::control, encode({"exit", Json::object()}));
  int status = 0;
  try {
    write_whole_file(job.outcome, to_json_all(outcome).dump());
  } catch (const StorageError& error) { // a full disk is full for this too: then the exit status tells the launcher
    std::fprintf(stderr, "stdualx: %s\nstdualx: %s\n", outcome.message.c_str(), error.what());
    status = static_cast<int>(ExitStatus::drained);
  }
  part(world);
  return status;
}

} // namespace stdualx
