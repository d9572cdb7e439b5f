// See loop.h.
#include "orchestrator/loop.h"

#include "cluster/build.h"
#include "cluster/launch.h"
#include "cluster/slurm.h"
#include "experiments/archive.h"
#include "experiments/spec/damage.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/fault.h"
#include "orchestrator/bookkeeper.h"
#include "orchestrator/exit_statuses.h"
#include "orchestrator/live.h"
#include "results/backup.h"
#include "results/lock_holders.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <iostream>
#include <optional>
#include <utility>

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
constexpr double seconds_between_words = 300;    // about who keeps the store from being written, after the first ones
constexpr auto shortest_hold_up = 100ms;         // that trainers' leases are not counted for
constexpr auto longest_release = 60s;            // all is recorded by then: the next coordinator does without it
constexpr auto longest_backup_piece = 1ms;       // of a turn of the loop
constexpr auto longest_backup_end = 10s;         // a sweep that is done waits so long for its backup
constexpr auto last_tries = 2s;                  // to write what is left, when the time for it is over

/// What the launcher said while nothing could be done but wait for another process's lock.
enum class Asked { nothing, drain, stop };

double seconds_now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

class CoordinatorLoop {
public:
  /// `asked` is the caller's: it tells why a HeldUpError or RefusedError came.
  CoordinatorLoop(MpiWorld& world, const Job& job, const std::string& crash, Asked& asked)
      : world_(world), job_(job), asked_(asked),
        progress_(job.display == "terminal" ? Progress::Mode::terminal
                  : job.display == "quiet"  ? Progress::Mode::quiet
                                            : Progress::Mode::lines,
                  Window{static_cast<std::size_t>(job.columns), static_cast<std::size_t>(job.rows)}),
        store_(open_store(crash)), coordinator_(coordinator_of(store_, job, world.size() - 1)),
        books_(store_, coordinator_, progress_,
               [this](int rank, Message message) { world_.send(rank, MpiTag::control, encode(std::move(message))); }) {
    begin_backup();
    const SlurmTry here = this_slurm_try();
    if (here.restarts > 0)
      store_.event("slurm_restart", "", "job " + here.job_id + " was started again by Slurm, restart " + std::to_string(here.restarts));
    if (!job.submission.empty()) {
      const std::filesystem::path folder = job.submission;
      store_.record_job({here.job_id, here.restarts, here.nodes, read_file(folder / "job.sh"), read_file(folder / "submission.json")});
    }
  }

  Outcome run() {
    store_.wait_for_locks(false);
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
          progress_.notice("draining took longer than " + whole_duration_text(job_.drain_seconds) +
                           ": stopping now, the running epochs are given up");
          coordinator_.on_stop(now);
        }
        coordinator_.on_tick(now, std::exchange(was_held_up_, false));
        tell_who_holds_up();
      }
      if (now - last_heartbeat_ > seconds_between_heartbeats) {
        last_heartbeat_ = now;
        books_.heartbeat();
        if (books_.held_up_since()) { // who looks at the file from outside sees that we live
          std::error_code ignored;
          std::filesystem::last_write_time(job_.store, std::filesystem::file_time_type::clock::now(), ignored);
        }
      }
      books_.carry_out();
      books_.commit_if_due(busy);
      // Noted here, since the lock may be gone by the next tick.
      if (const auto since = books_.held_up_since()) was_held_up_ = was_held_up_ || Clock::now() - *since > shortest_hold_up;
      give_up_if_late();
      back_up();
      record_events();
      world_.unsent();
      progress_.frame(coordinator_, now - began, coordinator_.finished() && !books_.open());
      if (now - last_live_ > seconds_between_live_files) {
        last_live_ = now;
        write_live(job_.store_directory, live_of(coordinator_, books_.last_failures(), now - began, wall_ms(), self_));
      }
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
                    coordinator_.waited_seconds(), coordinator_.ready_seconds(seconds_now()), false};
    std::error_code ignored; // who reads it all the same sees its age
    std::filesystem::remove(live_file(job_.store_directory), ignored);
    store_.wait_for_locks(true);
    release_until_ = Clock::now() + (stopped_ || drain_deadline_ ? last_tries : longest_release);
    finish_backup();
    if (!store_.release())
      progress_.notice("the store is not given back, since " + store_.who_is_in_the_way() + " keeps it locked; all is recorded");
    return outcome;
  }

  const Coordinator& coordinator() const { return coordinator_; }

private:
  /// What earlier coordinators left is copied beside the work. A sweep goes on without, where there is no room for it.
  void begin_backup() {
    try {
      backup_.emplace(store_, job_.store_directory);
    } catch (const std::exception& failure) {
      no_backup(failure.what());
    }
  }
  /// A piece of it, between two transactions.
  void back_up() {
    if (!backup_ || books_.open()) return;
    try {
      if (backup_->step(longest_backup_piece)) backup_.reset();
    } catch (const std::exception& failure) {
      backup_.reset();
      no_backup(failure.what());
    }
  }
  void no_backup(const std::string& why) {
    progress_.notice("no backup was made: " + why);
    to_tell_.emplace_back("no_backup", why);
  }
  void finish_backup() {
    const auto until = Clock::now() + (stopped_ || drain_deadline_ ? 0s : longest_backup_end);
    for (; backup_ && Clock::now() < until; ::usleep(100)) back_up();
    backup_.reset();
  }
  void record_events() {
    while (!to_tell_.empty() && books_.event(to_tell_.front().first, to_tell_.front().second)) to_tell_.pop_front();
  }

  Store open_store(const std::string& crash) {
    StoreOptions options;
    options.crash = crash;
    options.job = this_slurm_try().job_id;
    options.build = this_build();
    options.lease = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(std::clamp(job_.shortest_lease, 4 * seconds_between_heartbeats, 60.0)));
    options.keep_waiting = [this](std::chrono::milliseconds waited) { return keep_waiting(waited); };
    for (const auto deadline = Clock::now() + std::chrono::duration<double>(job_.claim_patience);; ::usleep(100'000)) {
      try {
        return Store::open_for_writing(job_.store, options);
      } catch (const RefusedError&) {
        if (asked_ != Asked::nothing || Clock::now() >= deadline) throw;
      }
    }
  }

  double seconds_before_words() const { return std::min(30.0, job_.shortest_lease / 2); }

  /// While all of the start, or the end, waits for another process's lock.
  bool keep_waiting(std::chrono::milliseconds waited) {
    if (release_until_) return Clock::now() < *release_until_;
    tell_who_holds_up(std::chrono::duration<double>(waited).count());
    for (const std::string& word : words_of_launcher())
      if (!read_window(word)) asked_ = word == "stop" ? Asked::stop : Asked::drain;
    return asked_ == Asked::nothing;
  }

  void tell_who_holds_up(double seconds) {
    if (seconds < next_words_) return;
    next_words_ = std::max(next_words_, seconds_before_words()) + seconds_between_words;
    progress_.notice(
        "for " + whole_duration_text(seconds) + " nothing could be recorded: " + who_holds(job_.store) +
        " keeps the store locked (a read that is held open does: a notebook's cursor, `sqlite3 | less`). Training goes on as far "
        "as it can, and nothing is lost; end that, or have it fetch all its rows and close");
  }
  void tell_who_holds_up() {
    if (const auto since = books_.held_up_since()) {
      held_up_seconds_ = std::chrono::duration<double>(Clock::now() - *since).count();
      tell_who_holds_up(held_up_seconds_);
    } else if (next_words_ > seconds_before_words()) {
      const std::string text = "other processes kept the store locked for " + whole_duration_text(held_up_seconds_);
      progress_.notice("the store is written again: " + text);
      to_tell_.emplace_back("held_up", text);
      next_words_ = seconds_before_words();
    }
  }

  /// Nothing is left to be done but to write the last records, and the time for that is over.
  void give_up_if_late() {
    if (!coordinator_.finished() || !books_.held_up_since() || !(stopped_ || drain_deadline_)) {
      last_try_.reset();
      return;
    }
    if (!last_try_)
      last_try_ = Clock::now() + (stopped_ ? last_tries
                                           : std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(std::max(0.0, *drain_deadline_ - seconds_now()))) +
                                                 last_tries);
    if (Clock::now() < *last_try_) return;
    if (stopped_) asked_ = Asked::stop;
    throw HeldUpError(job_.store + ": what the drain finished could not be recorded, since " + store_.who_is_in_the_way() +
                      " keeps the store locked; it is computed again. End what is at the store, and start the same command again");
  }

  /// One line a word on standard input; the launcher's, through mpirun.
  std::vector<std::string> words_of_launcher() {
    if (!input_open_) return {};
    pollfd watched{STDIN_FILENO, POLLIN, 0};
    if (::poll(&watched, 1, 0) <= 0) return {};
    char chunk[256];
    const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (count <= 0) {
      input_open_ = count < 0 && (errno == EINTR || errno == EAGAIN);
      return {};
    }
    said_.append(chunk, static_cast<std::size_t>(count));
    std::vector<std::string> words;
    for (std::size_t end; (end = said_.find('\n')) != std::string::npos; said_.erase(0, end + 1)) words.push_back(said_.substr(0, end));
    return words;
  }

  /// "window 80 24": the person changed the terminal's window.
  bool read_window(const std::string& word) {
    Window window;
    if (std::sscanf(word.c_str(), "window %zu %zu", &window.columns, &window.rows) != 2) return false;
    progress_.resize({std::clamp<std::size_t>(window.columns, 20, 1000), std::clamp<std::size_t>(window.rows, 4, 1000)});
    return true;
  }

  bool read_launcher() {
    const std::vector<std::string> words = words_of_launcher();
    for (const std::string& word : words) {
      const double now = seconds_now();
      if (word == "drain") {
        progress_.notice("draining: the running epochs are finished and recorded (again: stop now)");
        fault_point(FaultPoint::coordinator_drains);
        if (!drain_deadline_) drain_deadline_ = now + job_.drain_seconds;
        coordinator_.on_drain(now);
      } else if (word == "stop") {
        stopped_ = true;
        coordinator_.on_stop(now);
      } else {
        read_window(word);
      }
    }
    return !words.empty();
  }

  MpiWorld& world_;
  const Job& job_;
  Asked& asked_;
  // Before the store, whose opening may have to wait and then uses them.
  Progress progress_;
  std::string said_; // by the launcher, up to the end of a line
  bool input_open_ = true, stopped_ = false;
  double next_words_ = seconds_before_words(), held_up_seconds_ = 0;
  std::optional<Clock::time_point> release_until_, last_try_;
  Store store_;
  Coordinator coordinator_;
  Bookkeeper books_;
  std::optional<RunningBackup> backup_;
  std::deque<std::pair<std::string, std::string>> to_tell_; // events: kind, text
  std::optional<double> drain_deadline_;
  bool was_held_up_ = false; // since the last tick
  double last_tick_ = 0, last_heartbeat_ = 0, last_live_ = 0;
  const ProcessIdentity self_ = this_process();
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
  Asked asked = Asked::nothing;
  const auto ended = [&](ExitStatus status, const std::string& message, bool requeue = false) {
    if (asked != Asked::nothing) { // it was only waiting
      status = asked == Asked::stop ? ExitStatus::stopped : ExitStatus::drained;
      requeue = false;
    }
    outcome = {static_cast<std::int64_t>(status), message, 0, 0, requeue};
  };
  try {
    CoordinatorLoop loop(world, job, crash, asked);
    began = true;
    outcome = loop.run();
    lost = loop.coordinator().lost();
    told = true;
    if (loop.coordinator().agents_are_lost())
      throw std::runtime_error("no agent answers any more: the ranks are ended, and what they worked at goes on with new ones");
  } catch (const RefusedError& error) {
    ended(ExitStatus::refused, error.what());
  } catch (const PermissionError& error) { // the same command would meet it again
    ended(ExitStatus::refused, error.what());
  } catch (const InputError& error) {
    ended(ExitStatus::bad_input, error.what());
  } catch (const HeldUpError& error) {
    ended(ExitStatus::drained, error.what(), true);
  } catch (const DamagedError& error) { // the same command would meet it again, only a repair helps
    ended(static_cast<ExitStatus>(damaged_status), error.what());
  } catch (const StorageError& error) {
    // What is committed stands; the running epochs are given up. Once the disk is well again the same command goes on.
    const bool never_could = !began && dynamic_cast<const ReadOnlyError*>(&error) != nullptr;
    ended(never_could ? ExitStatus::refused : ExitStatus::drained, error.what());
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
