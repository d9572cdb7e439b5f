// See bookkeeper.h.
#include "orchestrator/bookkeeper.h"

#include "experiments/spec/fault.h"
#include "worker/messages/run_files.h"

#include <algorithm>
#include <stdexcept>

namespace stdualx {

namespace {
using namespace std::chrono_literals;
// A durable commit costs 0.3 to 4 ms here: many messages share one, but none waits longer than this for it.
constexpr auto longest_wait_for_commit = 5ms;
constexpr int most_records_per_commit = 1024;
// Between two tries while another process's lock is in the way: most readers are gone in milliseconds.
constexpr auto shortest_pause = 1ms, longest_pause = 200ms;

bool is_record(const Action& action) {
  return !std::holds_alternative<Send>(action) && !std::holds_alternative<Notice>(action) && !std::holds_alternative<Finish>(action);
}
/// An end that nobody needs to look at.
bool ended_well(const std::string& reason) { return reason == "complete" || reason == "drained" || reason == "stopped"; }
/// What need not wait for a commit: it hands nothing out and acknowledges nothing.
bool is_drain(const Action& action) {
  const auto* send = std::get_if<Send>(&action);
  const auto* bare = send == nullptr ? nullptr : std::get_if<Bare>(&send->what);
  return bare != nullptr && bare->type == "drain";
}
} // namespace

namespace {
/// What the store knows of it, as far as the files are there that it names.
KnownRun known_run(Store& store, const Job& job, const PlannedRun& planned, const RunState& state) {
  KnownRun run{state.status, state.last_attempt, state.epochs_recorded, state.failures, {}, missing_evaluations(planned, state),
               state.weights};
  run.crashes = state.crashes;
  run.crash_hosts = state.crash_hosts;
  if (state.status == RunStatus::complete && run.missing.empty()) return run;
  if (run.weights && is_gone(job.store_directory, run.weights->path)) {
    run.gone_weights = run.weights->path;
    run.weights.reset();
  }
  if (state.status == RunStatus::complete && run.weights) return run;
  for (CheckpointRef& checkpoint : store.live_checkpoints(state.run_id))
    (is_gone(job.store_directory, checkpoint.path) ? run.gone : run.checkpoints).push_back(std::move(checkpoint));
  return run;
}
} // namespace

Coordinator coordinator_of(Store& store, const Job& job, int workers) {
  store.register_sweep(job.plan);
  std::vector<std::string> ids;
  for (const auto& planned : job.plan.runs) ids.push_back(planned.run_id);
  std::vector<KnownRun> known;
  const Store::Transaction together(store); // or each question would lock the file by itself
  const std::vector<RunState> states = store.run_states(ids);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const RunState& state = states[i];
    known.push_back(known_run(store, job, job.plan.runs[i], state));
  }
  CoordinatorOptions options;
  options.workers = workers;
  options.store_directory = job.store_directory;
  options.data_directory = job.data_directory;
  options.cache_directory = job.cache_directory;
  options.shortest_lease = job.shortest_lease;
  options.longest_pause = std::clamp(job.shortest_lease / 4, 1.0, options.longest_pause); // ticks come every half second
  options.start_lease = start_leases * job.shortest_lease;
  options.agent_lease = agent_lease(job.shortest_lease);
  options.quiet_agent = 4 * seconds_between_beats(job.shortest_lease);
  return Coordinator(job.plan, std::move(known), options);
}

void Bookkeeper::carry_out() {
  for (Action& action : coordinator_.take_actions()) {
    // Nobody trains on through Slurm's warning because a reader is in the way. It is said again in its turn: assignments that wait here go
    // out before it.
    if (held_up_since_ && is_drain(action)) send(std::get<Send>(action));
    waiting_.push_back(std::move(action));
  }
  while (!waiting_.empty() && (!is_record(waiting_.front()) || opened())) {
    Action action = std::move(waiting_.front());
    waiting_.pop_front();
    std::visit([this](auto& what) { carry_out(std::move(what)); }, action);
  }
  if (held_up_since_ && (waiting_.size() > limits_.records || store_.unwritten_bytes() > limits_.bytes))
    throw HeldUpError(store_.path().string() + ": too much waits in memory to be written, since " + store_.who_is_in_the_way() +
                      " keeps the store locked; what is recorded stands, the rest is computed again. End what is at the store, and start "
                      "the same command again");
}

bool Bookkeeper::opened() {
  if (open_since_) return true;
  const auto now = std::chrono::steady_clock::now();
  if (held_up_since_ && now < next_try_) return false;
  if (!store_.try_begin()) {
    put_off();
    return false;
  }
  got_on();
  open_since_ = now;
  return true;
}

void Bookkeeper::put_off() {
  const auto now = std::chrono::steady_clock::now();
  if (!held_up_since_) {
    held_up_since_ = now;
    pause_ = shortest_pause;
  }
  next_try_ = now + pause_;
  pause_ = std::min<std::chrono::milliseconds>(2 * pause_, longest_pause);
}

bool Bookkeeper::event(const std::string& kind, const std::string& text) {
  if (!opened()) return false;
  to_record().event(kind, "", text);
  return true;
}

void Bookkeeper::heartbeat() {
  if (opened()) to_record().heartbeat();
}

void Bookkeeper::commit_if_due(bool busy) {
  if (!open_since_) return;
  const auto now = std::chrono::steady_clock::now();
  if (held_up_since_ ? now < next_try_ : busy && records_ < most_records_per_commit && now - *open_since_ <= longest_wait_for_commit)
    return;
  if (!store_.try_commit()) return put_off();
  got_on();
  open_since_.reset();
  records_ = 0;
  for (const Send& message : held_) send(message);
  held_.clear();
}

Store& Bookkeeper::to_record() {
  ++records_;
  return store_;
}

void Bookkeeper::carry_out(const RecordBegin& begin) {
  const std::int64_t attempt = to_record().begin_attempt(begin.run_id, begin.placement, begin.world_size, begin.resume_epoch, begin.kind);
  if (attempt != begin.attempt)
    throw std::logic_error("run " + begin.run_id + ": the store counts attempt " + std::to_string(attempt) + ", the coordinator " +
                           std::to_string(begin.attempt));
}

void Bookkeeper::carry_out(const RecordEpoch& epoch) {
  if (to_record().record_epoch(epoch.report) == EpochOutcome::hash_mismatch)
    progress_.notice("run " + short_id(epoch.report.run_id) + " epoch " + std::to_string(epoch.report.epoch) +
                     ": computed again on an equal platform with other bits; see `stdualx explain`");
  progress_.epoch(coordinator_, epoch.report);
}

void Bookkeeper::carry_out(const RecordEvaluation& evaluation) { to_record().record_evaluation(evaluation.report); }

void Bookkeeper::carry_out(const RecordEnd& end) {
  to_record().end_attempt(end.end, end.status);
  progress_.ended(coordinator_, end.end);
  if (ended_well(end.end.reason)) return;
  const RunSpec* run = coordinator_.run(end.end.run_id);
  last_failures_.push_back({wall_ms(), end.end.run_id, run == nullptr ? "" : run->variant, end.end.reason, end.end.detail,
                            std::string(status_name(end.status))});
  if (last_failures_.size() > most_live_failures) last_failures_.pop_front();
}

void Bookkeeper::carry_out(const RecordStatus& status) {
  to_record().set_status(status.run_id, status.status);
  if (!status.why.empty()) to_record().event("put_aside", status.run_id, status.why);
}

void Bookkeeper::carry_out(const RecordHost& host) {
  to_record().host(host.placement.host,
                   {{"platform", host.placement.platform}, {"cores", host.placement.cores}, {"devices", host.devices}});
}

void Bookkeeper::carry_out(const DropCheckpoint& drop) {
  to_record().checkpoint_deleted(drop.run_id, drop.checkpoint.attempt, drop.checkpoint.epoch);
  to_record().event(drop.why.starts_with(checkpoint_gone) ? "checkpoint_gone" : "checkpoint_damaged", drop.run_id, drop.why);
}

void Bookkeeper::carry_out(const LostWeights& lost) { to_record().event("weights_gone", lost.run_id, lost.why); }

void Bookkeeper::carry_out(Send&& message) {
  if (open_since_) held_.push_back(std::move(message));
  else send(message);
}

void Bookkeeper::carry_out(const Notice& notice) { progress_.notice(notice.text); }

void Bookkeeper::send(const Send& message) {
  fault_point(FaultPoint::coordinator_before_send);
  const auto* assignment = std::get_if<Assignment>(&message.what);
  send_(message.rank, assignment != nullptr ? assignment_lines_[message.rank].pack(*assignment) : message.message());
  fault_point(FaultPoint::coordinator_after_send);
}

} // namespace stdualx
