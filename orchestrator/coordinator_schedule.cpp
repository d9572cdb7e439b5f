// The schedule: which run goes to which workers next. See coordinator.h.
#include "orchestrator/coordinator.h"

#include "experiments/spec/pack.h"

#include <algorithm>

namespace stdualx {

namespace {
constexpr std::ptrdiff_t furthest_look = 1000; // into a queue, for runs that may share the packs with free places
}

std::size_t Coordinator::pack_kind_of(Run& run) {
  if (!run.pack_kind) {
    const std::string key = pack_key(run.spec());
    run.pack_kind = key.empty() ? 0 : pack_kinds_.emplace(key, pack_kinds_.size() + 1).first->second;
  }
  return *run.pack_kind;
}

/// How many runs a trainer may train together with this one, itself among them. A run that failed is tried by itself: of those
/// that shared a trainer which died nobody knows whose fault it was, and the next try tells.
std::size_t Coordinator::places_for(Run& run) {
  if (run.width() != 1 || run.kind == AttemptKind::evaluate || run.failures > 0 || run.crashes > 0) return 1;
  std::int64_t places = run.planned->pack;
  if (places == 0) places = automatic_pack;
  return places <= 1 || pack_kind_of(run) == 0 ? 1 : static_cast<std::size_t>(places);
}

/// A worker that has none of its own free takes a run into its pack, or, where runs last milliseconds, into its queue.
bool Coordinator::has_place_for(Run& run, const Worker& worker) {
  if (worker.groups.size() < worker.depth) return true;
  // No more than its share of all that is left: a worker that is ready first must not leave the others nothing.
  const auto single = queues_.find(1);
  const std::size_t left = groups_.size() + (single == queues_.end() ? 0 : single->second.size());
  return worker.groups.size() < worker.places && worker.groups.size() * left_ < left && places_for(run) > 1 &&
         pack_kind_of(run) == worker.pack_kind;
}

std::vector<int> Coordinator::choose_workers(Run& run) {
  const auto width = static_cast<std::size_t>(run.width());
  // A run that failed somewhere goes elsewhere while there is an elsewhere, also when that is busy now: a bad place must not
  // eat all its tries within a minute. Another host, which may tell the run's fault from the host's; else another worker.
  const auto is_counted = [&](int rank) { return workers_.at(rank).counted; };
  std::size_t on_failed_hosts = 0;
  for (const std::string& name : run.failed_hosts)
    if (const auto host = hosts_.find(name); host != hosts_.end())
      on_failed_hosts += static_cast<std::size_t>(std::ranges::count_if(host->second.ranks, is_counted));
  const auto failed_ranks = static_cast<std::size_t>(std::ranges::count_if(run.failed_ranks, is_counted));
  const bool to_other_host = !run.failed_hosts.empty() && usable_ >= width + on_failed_hosts;
  const bool to_other_rank = usable_ >= width + failed_ranks;
  // Its last try is for a place where runs get on, if there is one or may soon be.
  const bool wants_proof =
      width == 1 && run.failures > 0 && run.failures + 1 == options_.most_failures && hosts_.size() > 1 && !groups_.empty();
  std::vector<int> ranks;
  for (const auto& [handed_out, rank] : free_) {
    if (ranks.size() == width || (width > 1 && handed_out > 0)) break; // a group begins together
    const Worker& worker = workers_.at(rank);
    if (to_other_host ? run.failed_hosts.contains(worker.host) : to_other_rank && run.failed_ranks.contains(rank)) continue;
    if (!worker.counted && (width > 1 || run.failures > 0)) continue; // on trial: for a run that can bear a failure
    if (wants_proof && !may_judge(*worker.home)) continue;
    if (!has_place_for(run, worker)) continue;
    ranks.push_back(rank);
  }
  if (ranks.size() < width) return {};
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

void Coordinator::enqueue_first(std::size_t run) {
  if (runs_[run].crashes >= options_.crashes_to_suspect) suspects_.push_front(run);
  else queues_[runs_[run].width()].push_front(run);
}

/// Never continued with another group size (ARCHITECTURE, Numeric platform): it waits for a job with more workers.
void Coordinator::wait_for_workers(std::size_t index) {
  Run& run = runs_[index];
  if (run.at_complete_run()) {
    evaluation_failed_ = true; // what is recorded of it stands
  } else {
    set_status(run, RunStatus::waiting);
    act(RecordStatus{run.run_id(), RunStatus::waiting});
  }
  act(Notice{"run " + short_id(run.run_id()) + " waits: it needs a group of " + std::to_string(run.spec().world_size) + " ranks, and " +
             std::to_string(left_) + " can be had"});
}

void Coordinator::set_waiting(std::int64_t width) {
  for (const std::size_t index : queues_.at(width)) wait_for_workers(index);
  queues_.erase(width);
}

void Coordinator::schedule(double now) {
  if (finished_) return;
  if (usable_ == 0 && in_doubt_ > 0) end_all_rests();
  if (alone_ || !suspects_.empty()) {
    if (!draining_ && left_ > 0) try_alone(now);
    if (alone_ || !suspects_.empty()) {
      finish_if_done();
      return;
    }
  }
  // Of groups that only workers in doubt could make up nobody knows: they wait while others may yet clear those.
  const auto can_be_had = [&](std::int64_t width) {
    const bool all_too_wide = groups_.empty() && queues_.rbegin()->first > static_cast<std::int64_t>(usable_);
    return width <= static_cast<std::int64_t>(all_too_wide ? usable_ : left_);
  };
  while (!draining_ && left_ > 0 && !queues_.empty() && !can_be_had(queues_.begin()->first)) set_waiting(queues_.begin()->first);
  while (!draining_ && !free_.empty() && hand_out_one(now)) continue;
  finish_if_done();
}

/// Runs that the job keeps dying with: one at a time, and nothing beside it, until it has recorded an epoch.
void Coordinator::try_alone(double now) {
  while (!alone_ && !suspects_.empty()) {
    const std::size_t index = suspects_.front();
    const bool is_too_wide = runs_[index].width() > static_cast<std::int64_t>(left_);
    if (!is_too_wide && !groups_.empty()) return;
    const std::vector<int> ranks = is_too_wide ? std::vector<int>() : choose_workers(runs_[index]);
    if (!is_too_wide && ranks.empty()) return;
    suspects_.pop_front();
    if (is_too_wide) {
      wait_for_workers(index);
    } else {
      alone_ = index;
      hand_out(index, ranks, false, now);
    }
  }
}

/// The widest run that can begin now. Once a group has to wait for its ranks, others go past it only as far as it could still be had from
/// the ranks that they leave: so it waits no longer than for the runs that were there before it.
bool Coordinator::hand_out_one(double now) {
  std::int64_t waiting = 0; // width of the group that waits
  for (auto entry = queues_.begin(); entry != queues_.end(); ++entry) {
    auto& [width, queue] = *entry;
    if (width > static_cast<std::int64_t>(usable_) && width > 1) continue; // not for ranks it waits, but for hosts in doubt
    if (waiting > 0 && options_.policy != SchedulePolicy::backfill) return false;
    if (waiting > 0 && ranks_gone_past_ + width > static_cast<std::int64_t>(usable_) - waiting) continue;
    // The first of them that is not only waiting for another place than those it failed in.
    const bool into_packs = !free_.empty() && free_.rbegin()->first > 0; // who was handed most is last
    for (auto next = queue.begin(); next != queue.end(); ++next) {
      const std::size_t index = *next;
      const std::vector<int> ranks = choose_workers(runs_[index]);
      const bool may_fit_later = width == 1 && (!runs_[index].failed_hosts.empty() || (into_packs && next - queue.begin() < furthest_look));
      if (ranks.empty() && !may_fit_later) break;
      if (ranks.empty()) continue;
      queue.erase(next);
      if (queue.empty()) queues_.erase(entry);
      hand_out(index, ranks, waiting > 0, now);
      return true;
    }
    if (width == 1 || waiting > 0) continue;
    waiting = width;
    if (!waiting_ || waiting_->first != queue.front()) waiting_ = {queue.front(), now};
  }
  return false;
}

void Coordinator::hand_out(std::size_t index, const std::vector<int>& ranks, bool goes_past, double now) {
  if (waiting_ && waiting_->first == index) {
    longest_wait_ = std::max(longest_wait_, now - waiting_->second);
    waiting_.reset();
  }
  if (goes_past) ranks_gone_past_ += static_cast<std::int64_t>(ranks.size());
  Run& run = runs_[index];
  if (!run.at_complete_run()) set_status(run, RunStatus::running);
  Assignment assignment;
  assignment.run_id = run.run_id();
  assignment.run = run.spec();
  assignment.attempt = ++run.last_attempt;
  assignment.group_id = next_group_++;
  assignment.ranks.assign(ranks.begin(), ranks.end());
  assignment.store_directory = options_.store_directory;
  assignment.dataset_source = plan_.runs[index].dataset_source;
  assignment.data_directory = options_.data_directory;
  assignment.cache_directory = options_.cache_directory;
  assignment.evaluations = run.at_complete_run() ? run.missing : run.planned->evaluations;
  if (run.kind == AttemptKind::train_again) { // what is recorded of the undisturbed test part shows whether these are the same weights
    std::erase(assignment.evaluations, EvaluationSpec{});
    assignment.evaluations.insert(assignment.evaluations.begin(), EvaluationSpec{});
  }
  if (run.kind == AttemptKind::evaluate) {
    assignment.evaluate_only = true;
    assignment.resume_path = run.weights->path;
    assignment.resume_sha256 = run.weights->sha256;
    assignment.resume_epoch = run.spec().training.epochs;
  } else if (!run.checkpoints.empty()) {
    assignment.resume_path = run.checkpoints.back().path;
    assignment.resume_sha256 = run.checkpoints.back().sha256;
    assignment.resume_epoch = run.checkpoints.back().epoch;
  }
  Worker& first = workers_.at(ranks.front());
  const std::size_t places = places_for(run);
  if (first.groups.empty() && places > 1) {
    first.places = places;
    first.pack_kind = pack_kind_of(run);
  }
  const bool packed = places > 1 && first.places > 1 && first.pack_kind == pack_kind_of(run);
  if (packed) assignment.pack = static_cast<std::int64_t>(first.places);
  Placement placement = first.placement;
  // There libraries choose by the batch count: a pack's width belongs to what equal bits are promised on.
  if (packed && !placement.device.starts_with("cpu")) placement.platform += ", pack of " + std::to_string(first.places);
  placement.threads = run.spec().threads;
  act(RecordBegin{run.run_id(), assignment.attempt, placement, run.width(), assignment.resume_epoch, run.kind});
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    Worker& worker = workers_.at(ranks[i]);
    assignment.index = static_cast<std::int64_t>(i);
    if (worker.groups.empty()) {
      restart_lease(worker, now);
      worker.stepped = false;
    }
    worker.groups.push_back(assignment.group_id);
    list(worker);
    act(Send{ranks[i], assignment});
  }
  groups_[assignment.group_id] = {index, assignment.attempt, ranks, {}, 0, 0, goes_past, false, now, first.groups.size(), {}};
  for (const std::int64_t id : first.groups)
    if (packed && first.groups.size() > 1) groups_.at(id).shared = true;
}

} // namespace stdualx
