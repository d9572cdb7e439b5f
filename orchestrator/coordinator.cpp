// See coordinator.h. Events first, then what follows from them; the schedule is in coordinator_schedule.cpp.
#include "orchestrator/coordinator.h"

#include "experiments/spec/disk_errors.h"

#include <algorithm>
#include <stdexcept>

namespace stdualx {

namespace {
constexpr std::size_t deepest_queue = 256;    // assignments a worker may hold when runs last milliseconds
constexpr double tiny_run_seconds = 0.02;     // below this a run costs less than the commit it waits for
constexpr double longest_queue_seconds = 0.5; // no worker holds more work than that, or others would stand idle at the end

bool is_open(RunStatus status) {
  return status == RunStatus::planned || status == RunStatus::waiting || status == RunStatus::interrupted || status == RunStatus::running;
}
bool ended_as_planned(const std::string& reason) { return reason == "drained" || reason == "stopped"; }
} // namespace

Coordinator::Coordinator(Plan plan, std::vector<KnownRun> known, CoordinatorOptions options)
    : plan_(std::move(plan)), options_(std::move(options)) {
  if (known.size() != plan_.runs.size()) throw std::logic_error("a coordinator needs one known run for each planned one");
  runs_.reserve(plan_.runs.size());
  for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
    const PlannedRun& planned = plan_.runs[i];
    KnownRun& past = known[i];
    const RunStatus status = past.status == RunStatus::running ? RunStatus::interrupted : past.status;
    const bool asked_for_more = status == RunStatus::complete && !past.missing.empty();
    const bool goes_on = asked_for_more && past.failures < options_.most_failures;
    evaluation_failed_ = evaluation_failed_ || asked_for_more != goes_on;
    const AttemptKind kind = !goes_on ? AttemptKind::train : past.weights ? AttemptKind::evaluate : AttemptKind::train_again;
    runs_.push_back({&planned,
                     status,
                     past.last_attempt,
                     past.epochs_recorded,
                     past.failures,
                     std::move(past.checkpoints),
                     std::move(past.missing),
                     std::move(past.weights),
                     kind,
                     past.crashes,
                     {past.crash_hosts.begin(), past.crash_hosts.end()}});
    run_by_id_[planned.run_id] = i;
    ++counts_[status];
    epochs_planned_ += planned.run.training.epochs;
    epochs_done_ += status == RunStatus::complete ? planned.run.training.epochs : past.epochs_recorded;
    if (is_open(status) || goes_on) admit(i);
  }
  // What is begun last should be short, as far as epochs tell.
  if (options_.policy != SchedulePolicy::widest)
    for (auto& [width, queue] : queues_)
      std::stable_sort(queue.begin(), queue.end(),
                       [&](std::size_t a, std::size_t b) { return runs_[a].epochs_left() > runs_[b].epochs_left(); });
  for (int rank = 1; rank <= options_.workers; ++rank) workers_[rank].rank = rank;
  left_ = usable_ = workers_.size();
  tell_gone(known);
}

/// Each in the store, and one sentence for the person: a purge takes the files of all runs.
void Coordinator::tell_gone(const std::vector<KnownRun>& known) {
  std::size_t checkpoints = 0, weights = 0, anew = 0;
  std::string first_checkpoint, first_weights;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Run& run = runs_[i];
    for (const CheckpointRef& gone : known[i].gone)
      act(DropCheckpoint{run.run_id(), gone, std::string(checkpoint_gone) + gone.path + " is not there"});
    if (!known[i].gone.empty() && is_open(run.status)) {
      if (checkpoints++ == 0) first_checkpoint = known[i].gone.back().path;
      if (run.checkpoints.empty()) ++anew;
    }
    if (run.kind != AttemptKind::train_again) continue;
    const std::string& path = known[i].gone_weights;
    if (weights++ == 0) first_weights = path.empty() ? "run " + short_id(run.run_id()) + " has none" : path;
    act(LostWeights{run.run_id(), path.empty() ? "its weights were not kept" : std::string(weights_gone) + path + " is not there"});
  }
  if (checkpoints > 0)
    act(Notice{"checkpoints of " + std::to_string(checkpoints) + " unfinished runs are gone (" + first_checkpoint + "): " +
               std::to_string(anew) + " of them start anew, the others go on from the one before; epochs computed again are compared"});
  if (weights > 0)
    act(Notice{"the weights of " + std::to_string(weights) + " COMPLETE runs are gone (" + first_weights +
               "), and conditions are still to be evaluated: these runs are trained again and compared; what is recorded of them stands"});
}

/// A run that is to be done waits for workers, unless the job keeps dying with it.
void Coordinator::admit(std::size_t index) {
  Run& run = runs_[index];
  if (run.crashes < options_.crashes_to_suspect) {
    queues_[run.width()].push_back(index);
  } else if (run.crashes == options_.crashes_to_suspect) {
    suspects_.push_back(index);
    act(Notice{"run " + short_id(run.run_id()) + " was at work in " + std::to_string(run.crashes) +
               " crashes of the job and recorded no epoch since: it is tried alone"});
  } else {
    const std::string why = "the job crashed " + std::to_string(run.crashes) +
                            " times with it at work, the last time alone, and none of its epochs was recorded in between";
    if (run.at_complete_run()) { // what it was trained to stands
      run.kind = AttemptKind::train;
      evaluation_failed_ = true;
    } else {
      set_status(run, RunStatus::quarantined);
      act(RecordStatus{run.run_id(), RunStatus::quarantined, why});
    }
    act(Notice{"run " + short_id(run.run_id()) + " is put aside: " + why + "; `stdualx retry` tries it again"});
  }
}

std::vector<Action> Coordinator::take_actions() { return std::exchange(actions_, {}); }

std::size_t Coordinator::count(RunStatus status) const {
  const auto found = counts_.find(status);
  return found == counts_.end() ? 0 : found->second;
}

void Coordinator::set_status(Run& run, RunStatus status) {
  --counts_[run.status];
  run.status = status;
  ++counts_[status];
}

// ---- events

Message Send::message() const {
  struct Make {
    Message operator()(const Assignment& assignment) const { return Message::of("assign", assignment); }
    Message operator()(const Acknowledge& acknowledge) const { return Message::brief("acknowledge", acknowledge); }
    Message operator()(const Abandon& abandon) const { return Message::brief("abandon", abandon); }
    Message operator()(const Bare& bare) const { return {bare.type, Json::object()}; }
  };
  return std::visit(Make{}, what);
}

void Coordinator::on_message(int rank, const Message& message, double now) {
  const auto heard = [&]() -> Heard {
    if (message.type == "hello") return message.as<Hello>();
    if (message.type == "starting") return Starting{};
    if (message.type == "ready") return message.as<Placement>();
    if (message.type == "epoch") return message.as<EpochReport>();
    if (message.type == "evaluation") return message.as<EvaluationReport>();
    if (message.type == "end") return message.as<AttemptEnd>();
    if (message.type == "heartbeat") return message.as<Heartbeat>();
    if (message.type == "unusable") return Unusable{message.as<AttemptEnd>()};
    throw std::runtime_error("the coordinator does not know the message '" + message.type + "'");
  };
  hear(rank, heard(), now);
}

void Coordinator::hear(int rank, Heard heard, double now) {
  const auto found = workers_.find(rank);
  if (found == workers_.end()) throw std::runtime_error("a message from rank " + std::to_string(rank) + ", which is no worker");
  Worker& worker = found->second;
  worker.heard = now;
  std::visit([&](auto& what) { on(worker, std::move(what), now); }, heard);
  if (worker.lost) heard_again(worker);
  schedule(now);
}

void Coordinator::belongs_to(Worker& worker, const std::string& host) {
  if (worker.host == host) return;
  if (worker.home != nullptr) std::erase(worker.home->ranks, worker.rank);
  worker.host = host;
  worker.home = &hosts_[host];
  worker.home->ranks.push_back(worker.rank);
}

/// Brings `free_` and `usable_` up to date after any change of a worker.
void Coordinator::list(Worker& worker) {
  list_one(worker);
  if (worker.home == nullptr || !worker.home->standing.on_trial) return;
  for (const int rank : worker.home->ranks) list_one(workers_.at(rank)); // there is one run for all of them
}

void Coordinator::list_one(Worker& worker) {
  const bool rests = is_at_rest(worker), on_trial = is_on_trial(worker);
  const bool counts = worker.usable && !rests && !on_trial;
  if (counts != worker.counted) usable_ = counts ? usable_ + 1 : usable_ - 1;
  worker.counted = counts;
  const auto is_idle = [&](int rank) { return workers_.at(rank).groups.empty(); };
  const bool may = !on_trial || (worker.home->standing.on_trial ? std::ranges::all_of(worker.home->ranks, is_idle) : is_idle(worker.rank));
  const bool is_free = worker.ready && worker.usable && !rests && may && worker.groups.size() < std::max(worker.depth, worker.places);
  if (worker.listed) free_.erase({*worker.listed, worker.rank});
  worker.listed = is_free ? std::optional(worker.groups.size()) : std::nullopt;
  if (is_free) free_.emplace(worker.groups.size(), worker.rank);
}

void Coordinator::give_up(Worker& worker) {
  if (worker.usable) --left_;
  worker.usable = false;
  list(worker);
}

void Coordinator::on(Worker& worker, const Hello& hello, double) { belongs_to(worker, hello.host); }

void Coordinator::on(Worker& worker, Starting, double) {
  worker.ready = false;
  list(worker);
}

void Coordinator::on(Worker& worker, Placement placement, double now) {
  worker.placement = std::move(placement);
  belongs_to(worker, worker.placement.host);
  if (const Worker* other = other_on_gpu(worker)) {
    // Both would train, each at half the speed or less, and in a group NCCL would refuse the second.
    const std::string both = std::to_string(worker.rank) + " and " + std::to_string(other->rank);
    worker.ready = false;
    give_up(worker);
    act(Notice{"workers " + both + " on " + worker.host + " have the same GPU (" + worker.placement.device + "); worker " +
               std::to_string(worker.rank) + " gets no work: give --workers at most as many as there are GPUs"});
    return;
  }
  worker.ready = true;
  list(worker);
  RecordHost record{worker.placement, {}};
  for (const int rank : hosts_.at(worker.host).ranks)
    if (const Worker& other = workers_.at(rank); other.ready) record.devices.push_back(other.placement.device);
  act(std::move(record));
  if (worker.first_ready < 0) worker.first_ready = now;
  worker.steps = 0;
  restart_lease(worker, now);
}

const Coordinator::Worker* Coordinator::other_on_gpu(const Worker& worker) const {
  const std::string& device = worker.placement.device; // of a GPU: its name and UUID
  if (device.find("GPU-") == std::string::npos && device.find("MIG-") == std::string::npos) return nullptr;
  for (const int rank : hosts_.at(worker.host).ranks)
    if (const Worker& other = workers_.at(rank); rank != worker.rank && other.usable && other.placement.device == device) return &other;
  return nullptr;
}

Coordinator::Group* Coordinator::group_of(const Worker& worker, const std::string& run_id, std::int64_t attempt, std::int64_t* id) {
  for (const std::int64_t group_id : worker.groups) {
    Group& group = groups_.at(group_id);
    if (runs_[group.run].run_id() != run_id || group.attempt != attempt) continue;
    if (id != nullptr) *id = group_id;
    return &group;
  }
  return nullptr; // an attempt that is over: its words no longer count
}

void Coordinator::on(Worker& worker, EpochReport report, double now) {
  Group* group = group_of(worker, report.run_id, report.attempt);
  if (group == nullptr) return;
  Run& run = runs_[group->run];
  for (const int rank : group->ranks) {
    Worker& member = workers_.at(rank);
    member.last = report;
  }
  worker.stepped = true;
  restart_lease(worker, now);
  if (group->epochs++ == 0) got_on(*group, now);
  if (report.epoch > run.epochs) {
    run.epochs = report.epoch;
    ++epochs_done_;
    ++epochs_this_job_;
  }
  std::erase_if(run.checkpoints, [&](const CheckpointRef& old) { return old.epoch >= report.epoch; });
  run.checkpoints.push_back({report.attempt, report.epoch, report.checkpoint_path, report.checkpoint_sha256});
  // The trainer keeps the last two.
  if (run.checkpoints.size() > 2) run.checkpoints.erase(run.checkpoints.begin(), run.checkpoints.end() - 2);
  act(RecordEpoch{report});
  act(Send{worker.rank, Acknowledge{report.run_id, report.attempt, report.epoch}});
}

void Coordinator::on(Worker& worker, EvaluationReport report, double) {
  Group* group = group_of(worker, report.run_id, report.attempt);
  // One that contradicts itself is as good as none: the run then ends as an error, and the job goes on.
  if (group == nullptr || !report.holds_together()) return;
  ++group->evaluations;
  if (Run& run = runs_[group->run]; run.at_complete_run() && report.part == "test")
    std::erase(run.missing, EvaluationSpec{report.condition});
  act(RecordEvaluation{std::move(report)});
}

void Coordinator::on(Worker& worker, AttemptEnd end, double now) {
  std::int64_t id = 0;
  worker.owed.erase({end.run_id, end.attempt});
  Group* group = group_of(worker, end.run_id, end.attempt, &id);
  if (group == nullptr) return;
  if (end.reason != "complete" && end.reason != "drained" && !group->broken_since) group->broken_since = now;
  group->ends[worker.rank] = std::move(end);
  if (group->ends.size() == group->ranks.size()) conclude(id, now);
}

void Coordinator::on(Worker& worker, const Unusable& unusable, double) {
  const AttemptEnd& end = unusable.end;
  worker.ready = worker.lost = false;
  give_up(worker);
  act(Notice{"worker " + std::to_string(worker.rank) + " on " + worker.host + " cannot start a trainer: " + end.detail +
             (end.stderr_tail.empty() ? "" : "\n" + end.stderr_tail)});
}

void Coordinator::on_drain(double now) {
  if (draining_ || finished_) return;
  draining_ = true;
  for (const auto& [rank, worker] : workers_)
    if (!worker.groups.empty()) act(Send{rank, Bare{"drain"}});
  schedule(now);
}

void Coordinator::on_stop(double) {
  if (finished_) return;
  for (const auto& [id, group] : groups_) {
    Run& run = runs_[group.run];
    if (!run.at_complete_run()) set_status(run, RunStatus::interrupted);
    else if (run.missing.empty()) run.kind = AttemptKind::train; // only the word of its end did not come
    act(RecordEnd{{run.run_id(), group.attempt, "stopped", "stopped before the running epoch ended", ""}, run.status});
  }
  groups_.clear();
  ranks_gone_past_ = 0;
  for (auto& [rank, worker] : workers_) {
    worker.groups.clear();
    worker.places = 1;
    list(worker);
  }
  draining_ = true;
  finish();
}

// ---- what follows

void Coordinator::conclude(std::int64_t group_id, double now) {
  Group group = std::move(groups_.at(group_id));
  Run& run = runs_[group.run];
  const AttemptEnd& first = group.ends.at(group.ranks.front());
  // The cause, not its echo: a member that was left behind says group_broken, the one that failed says why.
  const AttemptEnd* cause = &first;
  if (first.reason == "group_broken")
    for (const auto& [rank, end] : group.ends)
      if (end.reason != "complete" && end.reason != "group_broken") cause = &end;
  const bool complete = first.reason == "complete" && group.evaluations > 0;
  if (complete && group.epochs == 0) got_on(group, now);
  if (alone_ == group.run) alone_.reset();
  if (complete && run.at_complete_run()) {
    run.kind = AttemptKind::train; // evaluated
    act(RecordEnd{first, RunStatus::complete});
  } else if (complete) {
    set_status(run, RunStatus::complete);
    epochs_done_ += run.spec().training.epochs - run.epochs;
    act(RecordEnd{first, RunStatus::complete});
  } else if (first.reason == "complete") {
    judge_failure(group, {run.run_id(), group.attempt, "error", "the trainer said complete but sent no evaluation", ""}, true, now);
  } else {
    judge_failure(group, *cause, cause->reason != "not_finite", now);
  }
  if (group.went_past) ranks_gone_past_ -= static_cast<std::int64_t>(group.ranks.size());
  for (const int rank : group.ranks) {
    Worker& worker = workers_.at(rank);
    std::erase(worker.groups, group_id);
    if (worker.groups.empty()) worker.places = 1;
    const double seconds = (now - group.assigned) / static_cast<double>(group.place); // each, of it and those before it
    const bool tiny = group.ranks.size() == 1 && first.reason == "complete" && seconds < tiny_run_seconds;
    const auto fitting = static_cast<std::size_t>(longest_queue_seconds / std::max(seconds, 1e-6));
    worker.depth = tiny ? std::min({worker.depth * 2, deepest_queue, fitting}) : 1;
    worker.abandoned = false;
    worker.stepped = false;
    worker.last = {};
    restart_lease(worker, now);
    list(worker);
    act(Send{rank, Acknowledge{run.run_id(), group.attempt, 0}});
  }
  groups_.erase(group_id);
}

void Coordinator::judge_failure(Group& group, AttemptEnd end, bool may_retry, double now) {
  Run& run = runs_[group.run];
  RunStatus status = RunStatus::interrupted;
  bool again = true;
  if (end.reason == "storage") {
    // A disk is full or failed, or something may not be written: no fault of the run, and the next run would meet the same there. One
    // host's own full disk is that host's trouble; else the job ends, to be started again; but not where it may not write, since that start
    // would meet the same.
    const bool not_allowed = end.detail.starts_with(not_permitted);
    may_not_write_ = may_not_write_ || not_allowed;
    if (not_allowed || !rests_for_full_cache(group, now)) {
      if (storage_failure_.empty()) storage_failure_ = end.detail;
      on_drain(now);
    }
    end.reason = "stopped";
  }
  if (ended_as_planned(end.reason)) {
    again = !draining_;
  } else if (end.reason == "error" && lacks_file(end.detail) && run.kind == AttemptKind::evaluate) {
    act(LostWeights{run.run_id(), end.detail});
    act(Notice{"run " + short_id(run.run_id()) + ": " + end.detail + "; it is trained again and compared, what is recorded of it stands"});
    end.reason = "stopped"; // no failure: the next attempt needs no such file
    run.weights.reset();
    run.kind = AttemptKind::train_again;
  } else if (end.reason == "error" && lacks_file(end.detail) && !run.checkpoints.empty()) {
    act(DropCheckpoint{run.run_id(), run.checkpoints.back(), end.detail});
    run.checkpoints.pop_back();
    act(Notice{"run " + short_id(run.run_id()) + ": " + end.detail +
               (run.checkpoints.empty() ? "; starting anew" : "; going on from the one before")});
  } else {
    ++run.failures;
    for (const int rank : group.ranks) {
      const auto said = group.ends.find(rank);
      if (said == group.ends.end() || said->second.reason != end.reason) continue;
      run.failed_ranks.insert(rank);
      run.failed_hosts.insert(workers_.at(rank).host);
    }
    if (may_retry && !group.shared) failed_at_start(group, end.reason, now); // a recipe that diverges does so on every host
    again = may_retry && run.failures < options_.most_failures;
    if (!may_retry) status = RunStatus::failed;
    else if (!again) status = RunStatus::quarantined;
    std::string text = "run " + short_id(run.run_id()) + " (" + run.spec().variant + ", fold " + std::to_string(run.spec().fold) +
                       ", seed " + std::to_string(run.spec().seed) + ") attempt " + std::to_string(group.attempt) + ": " + end.reason +
                       ": " + end.detail;
    if (again) text += "; it goes back to the queue";
    // The first failure is shown whole, at once: waiting for the end to learn of it costs a night.
    if (!failure_shown_ && !end.stderr_tail.empty()) text += "\n" + end.stderr_tail;
    failure_shown_ = true;
    act(Notice{text});
  }
  if (run.at_complete_run()) { // what it was trained to stands; only these evaluations are missing
    status = RunStatus::complete;
    if (run.missing.empty()) { // all that was asked for came before the end
      run.kind = AttemptKind::train;
      again = false;
    } else if (!again && !ended_as_planned(end.reason)) {
      evaluation_failed_ = true;
    }
  }
  set_status(run, status);
  act(RecordEnd{end, status});
  if (again) enqueue_first(group.run);
}

// ---- the end

void Coordinator::finish_if_done() {
  if (!groups_.empty() || finished_) return;
  if ((queues_.empty() && suspects_.empty()) || draining_ || left_ == 0) finish();
}

bool Coordinator::agents_are_lost() const {
  return finished_ && !draining_ && left_ == 0 && lost() > 0 && !(queues_.empty() && suspects_.empty());
}

void Coordinator::finish() {
  finished_ = true;
  for (const auto& [rank, worker] : workers_) act(Send{rank, Bare{"exit"}});
  act(Finish{});
}

// ---- what can be seen

std::vector<WorkerView> Coordinator::workers() const {
  std::vector<WorkerView> views;
  for (const auto& [rank, worker] : workers_) {
    WorkerView view{rank,
                    worker.host,
                    worker.ready && worker.usable,
                    "",
                    worker.last.epoch,
                    worker.last.validation_accuracy,
                    worker.last.train_loss,
                    0,
                    worker.last.wall_seconds};
    if (!worker.groups.empty()) view.run_id = runs_[groups_.at(worker.groups.front()).run].run_id();
    if (worker.last.wall_seconds > 0) view.windows_per_second = static_cast<double>(worker.last.windows) / worker.last.wall_seconds;
    views.push_back(std::move(view));
  }
  return views;
}

const RunSpec* Coordinator::run(const std::string& run_id) const {
  const auto found = run_by_id_.find(run_id);
  return found == run_by_id_.end() ? nullptr : &runs_[found->second].spec();
}

double Coordinator::waited_seconds() const {
  double total = 0;
  for (const auto& [rank, worker] : workers_) total += worker.waited_seconds;
  return total;
}

double Coordinator::ready_seconds(double now) const {
  double total = 0;
  for (const auto& [rank, worker] : workers_)
    if (worker.first_ready >= 0) total += now - worker.first_ready;
  return total;
}

ExitStatus Coordinator::exit_status() const {
  if (may_not_write_) return ExitStatus::refused;
  if (count(RunStatus::complete) == runs_.size() && !evaluation_failed_ &&
      std::none_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.at_complete_run(); }))
    return ExitStatus::done;
  if ((evaluation_failed_ || count(RunStatus::failed) + count(RunStatus::quarantined) + count(RunStatus::waiting) > 0) && !draining_)
    return ExitStatus::runs_failed;
  return draining_ ? ExitStatus::drained : ExitStatus::runs_failed;
}

} // namespace stdualx
