// The agent's loop: coordinator (MPI), trainer (socket, pidfd, stderr), group (MPI), and a wait that backs off.
#include "worker/agent/agent.h"

#include "cluster/devices.h"
#include "cluster/host.h"
#include "cluster/out_of_memory.h"
#include "experiments/spec/fault.h"
#include "worker/agent/exchange.h"
#include "worker/messages/messages.h"
#include "worker/messages/run_files.h"
#include "worker/agent/trainer_process.h"

#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace stdualx {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int coordinator_rank = 0;
// Measured: waiting processes that only yield burn a third of a core each, and those that sleep at once make small
// collectives slow; so a collective is first awaited with yields, everything else in ever longer sleeps.
constexpr auto collective_spin = 2ms;
constexpr auto collective_sleep = 200us;
constexpr auto longest_sleep = 2ms;
constexpr int most_failed_starts = 3;
constexpr auto exit_grace = 2s;
constexpr auto longest_farewell = 5s; // until what was sent has left: a member that hangs takes nothing any more
constexpr auto longest_dying = 200ms; // from its closed socket to its end

class Agent {
public:
  Agent(MpiWorld& world, const AgentOptions& options) : world_(world), options_(options), exchange_(world) {}

  int run() {
    fault_point(FaultPoint::agent_starts);
    tell("hello", Hello{host_name()});
    if (has_trainer()) start_trainer();
    else tell("ready", Placement{host_name(), ::getpid(), "none", "none", 0});
    while (!leaving_) {
      bool busy = false;
      while (auto received = world_.poll(MpiTag::control)) {
        busy = true;
        on_coordinator(decode(received->bytes));
      }
      busy = pump_trainer() || bury() || busy;
      busy = exchange_.pump() || busy;
      if (auto done = exchange_.take_done()) {
        busy = true;
        tell_trainer(Message::of("collective_done", *done));
      }
      world_.unsent();
      beat();
      if (!leaving_) wait(busy);
    }
    end_trainer();
    // No send may lack its receiver when MPI ends: all of ours first, then a goodbye, then what others still send, until
    // the coordinator has everyone's goodbye.
    const auto deadline = Clock::now() + longest_farewell;
    while ((world_.unsent() > 0 || !exchange_.all_sent()) && Clock::now() < deadline) receive_and_drop();
    world_.send(coordinator_rank, MpiTag::control, encode({"goodbye", Json::object()}));
    while (!parted_) receive_and_drop();
    return 0;
  }

private:
  /// An assignment that the trainer was given.
  struct AtWork {
    Assignment assignment;
    bool ended = false;           // its end was told and waits for its acknowledgement
    bool told_by_trainer = false; // by the trainer itself, which waits for it too
  };
  std::vector<AtWork>::iterator find_current(const std::string& run_id, std::int64_t attempt) {
    return std::ranges::find_if(current_,
                                [&](const AtWork& each) { return each.assignment.run_id == run_id && each.assignment.attempt == attempt; });
  }
  bool is_training() const {
    return std::ranges::any_of(current_, [](const AtWork& each) { return !each.ended; });
  }

  bool has_trainer() const { return !options_.trainer_command.empty(); }
  template <HasFields Struct> void tell(const std::string& type, const Struct& value) {
    fault_point(FaultPoint::agent_before_send);
    world_.send(coordinator_rank, MpiTag::control, encode(Message::brief(type, value)));
  }

  void receive_and_drop() {
    while (auto received = world_.poll(MpiTag::control)) parted_ = parted_ || decode(received->bytes).type == "part";
    exchange_.pump();
    world_.unsent();
    ::usleep(100);
  }

  // ---- the coordinator's messages

  void on_coordinator(const Message& message) {
    fault_point(FaultPoint::agent_received);
    if (message.type == "assign") {
      queue_.push_back(assignment_line_.unpack(message));
      if (gave_up_) give_all_back("trainer_died", "no trainer could be started on " + host_name());
      else next_assignment();
    } else if (message.type == "acknowledge") {
      on_acknowledge(message);
    } else if (message.type == "abandon") {
      const Abandon abandon = message.as<Abandon>();
      const auto meant = [&](const Assignment& assignment) {
        return assignment.run_id == abandon.run_id && assignment.attempt == abandon.attempt;
      };
      const std::string detail = "the coordinator took the assignment back: " + abandon.reason;
      if (std::ranges::any_of(current_, [&](const AtWork& each) { return meant(each.assignment) && !each.ended; }))
        lose_trainer(abandon.reason, detail);
      if (const auto waiting = std::find_if(queue_.begin(), queue_.end(), meant); waiting != queue_.end()) {
        give_back(*waiting, abandon.reason, detail);
        queue_.erase(waiting);
      }
    } else if (message.type == "drain") {
      give_all_back("drained", "drained before it began");
      if (is_training()) tell_trainer(message);
    } else if (message.type == "exit") {
      leaving_ = true;
    } else {
      throw std::runtime_error("an agent does not know the message '" + message.type + "'");
    }
  }

  void on_acknowledge(const Message& message) {
    const Acknowledge acknowledge = message.as<Acknowledge>();
    const auto meant = find_current(acknowledge.run_id, acknowledge.attempt);
    if (meant == current_.end()) return;
    if (acknowledge.epoch != 0) {
      tell_trainer(message);
    } else if (meant->ended) {
      if (meant->told_by_trainer) tell_trainer(message);
      current_.erase(meant);
      if (current_.empty()) exchange_.close_group(); // a group's is alone
      next_assignment();
    }
  }

  /// An assignment that never began. The others of its group wait for us in their first collective: they are told.
  void give_back(const Assignment& assignment, const std::string& reason, const std::string& detail) {
    if (assignment.ranks.size() > 1) { // then it is the only one: a group is handed to free workers
      exchange_.open_group(assignment, world_.rank());
      exchange_.leave_group();
    }
    tell("end", AttemptEnd{assignment.run_id, assignment.attempt, reason, detail, ""});
  }
  void give_all_back(const std::string& reason, const std::string& detail) {
    for (const auto& waiting : queue_) give_back(waiting, reason, detail);
    queue_.clear();
  }

  void next_assignment() {
    if (!has_trainer()) {
      answer_at_once();
      return;
    }
    while (trainer_ready_ && !queue_.empty() && has_place_for(queue_.front())) {
      if (!is_training()) waited_ += std::chrono::duration<double>(Clock::now() - free_since_).count();
      current_.push_back({std::move(queue_.front())});
      queue_.pop_front();
      const Assignment& assignment = current_.back().assignment;
      if (assignment.ranks.size() > 1) exchange_.open_group(assignment, world_.rank());
      tell_trainer(Message::of("assign", assignment));
      beat_now();
    }
  }

  /// The trainer works at one assignment, or at those of a pack.
  bool has_place_for(const Assignment& assignment) const {
    const auto takes = [this](const Assignment& of_pack) { return static_cast<std::int64_t>(current_.size()) < of_pack.pack; };
    return current_.empty() || (takes(assignment) && takes(current_.front().assignment));
  }

  /// Without a trainer: the shortest life a run can have, for the benchmark of dispatch.
  void answer_at_once() {
    while (!queue_.empty()) {
      const Assignment assignment = std::move(queue_.front());
      queue_.pop_front();
      EvaluationReport evaluation;
      evaluation.run_id = assignment.run_id;
      evaluation.attempt = assignment.attempt;
      evaluation.metrics = {{"accuracy", 0}};
      tell("evaluation", evaluation);
      tell("end", AttemptEnd{assignment.run_id, assignment.attempt, "complete", "", ""});
    }
  }

  // ---- the trainer

  void start_trainer() {
    trainer_ready_ = false;
    try {
      std::vector<std::pair<std::string, std::string>> environment;
      device_ = choose_device();
      if (!device_.empty()) environment.emplace_back("CUDA_VISIBLE_DEVICES", device_);
      trainer_ = std::make_shared<TrainerProcess>(options_.trainer_command, environment);
      memory_.emplace(trainer_->child().pid());
      killed_by_us_ = false;
      started_ = Clock::now();
    } catch (const std::exception& error) { // no such program, no memory, no GPU for this worker: none of it mends itself
      give_up("starting " + options_.trainer_command.front() + ": " + error.what(), "");
    }
  }

  /// No trainer can be had here: the coordinator plans without this worker.
  void give_up(const std::string& detail, const std::string& stderr_tail) {
    give_all_back("trainer_died", "no trainer could be started on " + host_name() + ": " + detail);
    tell("unusable", AttemptEnd{"", 0, "trainer_died", detail, stderr_tail});
    gave_up_ = true;
  }

  /// The GPU of this worker, as CUDA_VISIBLE_DEVICES is to name it; "": the job trains on cores.
  std::string choose_device() const {
    const auto visible = visible_devices(std::getenv("CUDA_VISIBLE_DEVICES"));
    const int on_host = gpus_of_host();
    const bool hidden = visible && visible->empty();
    if (options_.gpus == 0 && (on_host == 0 || hidden)) return "";
    return device_of_worker(visible, on_host, world_.local_worker_index(), options_.one_a_task);
  }

  /// What the trainer says of its place, and what it cannot know.
  Placement complete(Placement placement) const {
    placement.cores = list_cores();
    // CUDA may give the UUID of the GPU that a MIG device is a part of.
    if (device_.starts_with("MIG-") && placement.device.find(device_) == std::string::npos) placement.device += " " + device_;
    return placement;
  }

  void tell_trainer(const Message& message) {
    if (!trainer_) return;
    try {
      trainer_->socket().send(message);
    } catch (const PeerGone&) {
      // Its end is seen through the pidfd; nothing is lost, since the assignment goes back.
    }
  }

  bool pump_trainer() {
    if (!trainer_) return false;
    bool busy = false;
    if (trainer_->stderr_descriptor() >= 0) keep_stderr();
    try {
      while (trainer_) {
        auto message = trainer_->socket().receive(0);
        if (!message) break;
        busy = true;
        on_trainer(*message);
      }
    } catch (const PeerGone&) { // it is dying: how, its end tells
      if (!trainer_->child().wait_for(longest_dying)) {
        killed_by_us_ = true;
        trainer_->child().signal(SIGKILL);
        if (!trainer_->child().wait_for(exit_grace)) {
          lose_trainer("trainer_died", "the trainer on " + host_name() + " closed its line, was killed, and has not ended since");
          return true;
        }
      }
    } catch (const ProtocolError& error) {
      busy = lose_babbling_trainer(error);
    } catch (const InputError& error) { // a message of ours with fields that are not
      busy = lose_babbling_trainer(error);
    }
    if (trainer_) {
      if (const auto status = trainer_->child().poll()) {
        keep_stderr();
        const std::string memory = WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL ? memory_->words(killed_by_us_) : "";
        lose_trainer("trainer_died", "the trainer on " + host_name() + " ended: " + describe_wait_status(*status) + memory);
        busy = true;
      } else if (!trainer_ready_ && Clock::now() - started_ > std::chrono::duration<double>(options_.longest_start_seconds)) {
        lose_trainer("trainer_died", "the trainer on " + host_name() + " was not ready within " +
                                         std::to_string(static_cast<int>(options_.longest_start_seconds)) + " s");
        busy = true;
      }
    }
    return busy;
  }

  /// What the trainer says goes into the log of its rank and attempt, too; of a pack, into each, since nobody knows whose it is.
  void keep_stderr() {
    const std::string text = trainer_->read_stderr();
    if (text.empty()) return;
    for (const auto& [assignment, ended, told] : current_)
      if (!assignment.store_directory.empty())
        append_log(assignment.store_directory, log_path(assignment.run_id, assignment.attempt, assignment.index), text);
  }

  void on_trainer(const Message& message) {
    if (message.type == "ready") {
      trainer_ready_ = true;
      failed_starts_ = 0;
      free_since_ = Clock::now();
      tell("ready", complete(message.as<Placement>()));
      next_assignment();
    } else if (message.type == "collective") {
      exchange_.start(message.as<Collective>(), trainer_);
    } else if (message.type == "end") {
      AttemptEnd end = message.as<AttemptEnd>();
      if (end.reason != "complete") end.stderr_tail = trainer_->stderr_tail();
      finish(end, true);
    } else if (message.type == "epoch") { // read here, so that a damaged one costs this trainer and not the job
      tell("epoch", message.as<EpochReport>());
    } else if (message.type == "evaluation") {
      tell("evaluation", message.as<EvaluationReport>());
    } else {
      throw ProtocolError("an agent does not know the trainer's message '" + message.type + "'");
    }
  }

  void finish(const AttemptEnd& end, bool told_by_trainer) {
    const auto meant = find_current(end.run_id, end.attempt);
    if (meant == current_.end() || meant->ended) return;
    meant->ended = true;
    meant->told_by_trainer = told_by_trainer;
    if (!is_training()) free_since_ = Clock::now();
    beat_now(); // its steps count for this assignment, not for the next
    if (end.reason != "complete") exchange_.leave_group();
    tell("end", end);
  }

  /// The trainer is dead or must die: its assignment goes back, its group is told, another trainer starts.
  void lose_trainer(const std::string& reason, const std::string& detail) {
    trainer_->child().signal(SIGKILL);
    trainer_->child().wait_for(exit_grace);
    keep_stderr();
    const bool was_ready = std::exchange(trainer_ready_, false);
    const std::string tail = trainer_->stderr_tail();
    world_.send(coordinator_rank, MpiTag::control, encode({"starting", Json::object()})); // before the end: nothing new comes here
    exchange_.leave_group();
    for (AtWork& each : current_) {
      each.told_by_trainer = false; // one that it told before waits for no acknowledgement any more
      finish({each.assignment.run_id, each.assignment.attempt, reason, detail, tail}, false);
    }
    if (!was_ready) ++failed_starts_;
    died_saying_ = {detail, tail};
    corpse_ = std::move(trainer_);
    killed_ = Clock::now();
    bury();
  }

  /// The next trainer starts when the one before is gone: until then it may hold its GPU. Never waits: one that hangs in the kernel (a dead
  /// mount, a driver) does not even die of SIGKILL, and whoever waited for it would hang with it. True when something came of it.
  bool bury() {
    if (!corpse_) return false;
    if (corpse_->child().poll()) {
      corpse_.reset();
      if (failed_starts_ >= most_failed_starts) give_up(died_saying_.first, died_saying_.second);
      else start_trainer();
      return true;
    }
    if (Clock::now() - killed_ <= std::chrono::duration<double>(options_.longest_dying_seconds)) return false;
    const std::string process = std::to_string(corpse_->child().pid());
    corpse_->child().leave();
    corpse_.reset();
    give_up("its trainer before (process " + process + ") was killed " + std::to_string(static_cast<int>(options_.longest_dying_seconds)) +
                " s ago and does not end: it hangs in the kernel, in a dead mount or a driver say",
            died_saying_.second);
    return true;
  }

  bool lose_babbling_trainer(const std::exception& error) {
    lose_trainer("trainer_died", "the trainer on " + host_name() + " was killed since it sent what nobody understands: " + error.what());
    return true;
  }

  void end_trainer() {
    if (corpse_ && !corpse_->child().poll()) corpse_->child().leave();
    if (!trainer_) return;
    tell_trainer({"exit", Json::object()});
    // A trainer in the middle of a step does not listen; what it computes has no taker any more.
    if (is_training()) trainer_->child().signal(SIGKILL);
    if (!trainer_->child().wait_for(exit_grace)) trainer_->child().signal(SIGKILL);
    if (!trainer_->child().wait_for(exit_grace)) trainer_->child().leave(); // it dies with us, or never
  }

  // ---- time

  void beat() {
    if (Clock::now() - last_beat_ >= std::chrono::duration<double>(options_.heartbeat_seconds)) beat_now();
  }
  void beat_now() {
    last_beat_ = Clock::now();
    if (trainer_) memory_->look();
    tell("heartbeat", Heartbeat{trainer_ ? trainer_->steps() : 0, waited_});
  }

  void wait(bool busy) {
    const auto now = Clock::now();
    if (busy) {
      last_busy_ = now;
      return;
    }
    const auto quiet = now - last_busy_;
    if (exchange_.open() && quiet < collective_spin) {
      ::sched_yield();
      return;
    }
    std::chrono::nanoseconds sleep =
        exchange_.open() ? std::chrono::nanoseconds(collective_sleep) : std::min<std::chrono::nanoseconds>(quiet / 4 + 50us, longest_sleep);
    std::vector<pollfd> watched;
    if (trainer_) {
      watched.push_back({trainer_->socket().descriptor(), POLLIN, 0});
      watched.push_back({trainer_->child().pidfd(), POLLIN, 0});
      if (trainer_->stderr_descriptor() >= 0) watched.push_back({trainer_->stderr_descriptor(), POLLIN, 0});
    }
    const timespec limit{0, static_cast<long>(sleep.count())};
    ::ppoll(watched.data(), watched.size(), &limit, nullptr);
  }

  MpiWorld& world_;
  const AgentOptions& options_;
  Exchange exchange_;
  std::shared_ptr<TrainerProcess> trainer_;
  std::optional<OutOfMemoryWatch> memory_; // of the trainer
  bool killed_by_us_ = false;
  std::shared_ptr<TrainerProcess> corpse_; // killed, and not gone yet
  Clock::time_point killed_;
  std::pair<std::string, std::string> died_saying_; // why, and the last lines of its stderr
  std::string device_;                              // of the trainer, as CUDA_VISIBLE_DEVICES names it; "": none was chosen
  bool trainer_ready_ = false, gave_up_ = false;
  Clock::time_point started_; // the trainer
  int failed_starts_ = 0;
  AssignmentLine assignment_line_; // from the coordinator
  std::deque<Assignment> queue_;
  std::vector<AtWork> current_; // what the trainer was given; several of a pack
  bool leaving_ = false, parted_ = false;
  double waited_ = 0;                           // trainers, for their next assignment
  Clock::time_point free_since_ = Clock::now(); // when the trainer told its last end, or that it is ready
  Clock::time_point last_beat_ = Clock::now();
  Clock::time_point last_busy_ = Clock::now();
};

} // namespace

int run_agent(MpiWorld& world, const AgentOptions& options) {
  // The launcher takes the signals (ARCHITECTURE, Processes); one that reaches a rank must not end it.
  for (const int number : {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(number, SIG_IGN);
  return Agent(world, options).run();
}

} // namespace stdualx
