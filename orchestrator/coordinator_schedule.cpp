// The schedule: which run goes to which workers next. See coordinator.h.
#include "orchestrator/coordinator.h"

#include <algorithm>

namespace stdualx {

std::vector<int> Coordinator::choose_workers(const Run& run) const {
  const auto width = static_cast<std::size_t>(run.width());
  // A run that failed somewhere goes elsewhere while there is an elsewhere, also when that is busy now: a bad place must not
  // eat all its tries within a minute.
  const auto usable_failed = static_cast<std::size_t>(
      std::count_if(run.failed_ranks.begin(), run.failed_ranks.end(), [&](int rank) { return workers_.at(rank).usable; }));
  const bool goes_elsewhere = usable_ - usable_failed >= width;
  std::vector<int> ranks;
  for (const auto& [handed_out, rank] : free_) {
    if (ranks.size() == width || (width > 1 && handed_out > 0)) break; // a group begins together
    if (!goes_elsewhere || !run.failed_ranks.contains(rank)) ranks.push_back(rank);
  }
  if (ranks.size() < width) return {};
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

void Coordinator::enqueue_first(std::size_t run) { queues_[runs_[run].width()].push_front(run); }

/// Never continued with another group size (DESIGN, The way of the data): these wait for a job with more workers.
void Coordinator::set_waiting(std::int64_t width) {
  for (const std::size_t index : queues_.at(width)) {
    Run& run = runs_[index];
    set_status(run, RunStatus::waiting);
    act(RecordStatus{run.run_id(), RunStatus::waiting});
    act(Notice{"run " + short_id(run.run_id()) + " waits: it needs a group of " + std::to_string(run.spec().world_size) + " ranks, and " +
               std::to_string(usable_) + " can be had"});
  }
  queues_.erase(width);
}

void Coordinator::schedule(double now) {
  if (finished_) return;
  while (!draining_ && usable_ > 0 && !queues_.empty() && queues_.begin()->first > static_cast<std::int64_t>(usable_))
    set_waiting(queues_.begin()->first);
  while (!draining_ && !free_.empty() && hand_out_one(now)) continue;
  finish_if_done();
}

/// The widest run that can begin now. Once a group has to wait for its ranks, others go past it only as far as it could still be had from
/// the ranks that they leave: so it waits no longer than for the runs that were there before it.
bool Coordinator::hand_out_one(double now) {
  std::int64_t waiting = 0; // width of the group that waits
  for (auto entry = queues_.begin(); entry != queues_.end(); ++entry) {
    auto& [width, queue] = *entry;
    if (waiting > 0 && options_.policy != SchedulePolicy::fill) return false;
    if (waiting > 0 && ranks_gone_past_ + width > static_cast<std::int64_t>(usable_) - waiting) continue;
    // The first of them that is not only waiting for another place than those it failed in.
    for (auto next = queue.begin(); next != queue.end(); ++next) {
      const std::size_t index = *next;
      const std::vector<int> ranks = choose_workers(runs_[index]);
      if (ranks.empty() && (width > 1 || runs_[index].failed_ranks.empty())) break;
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
  if (!run.weights) set_status(run, RunStatus::running);
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
  assignment.evaluations = run.weights ? run.missing : run.planned->evaluations;
  if (run.weights) {
    assignment.evaluate_only = true;
    assignment.resume_path = run.weights->path;
    assignment.resume_sha256 = run.weights->sha256;
    assignment.resume_epoch = run.spec().training.epochs;
  } else if (!run.checkpoints.empty()) {
    assignment.resume_path = run.checkpoints.back().path;
    assignment.resume_sha256 = run.checkpoints.back().sha256;
    assignment.resume_epoch = run.checkpoints.back().epoch;
  }
  Placement placement = workers_.at(ranks.front()).placement;
  placement.threads = run.spec().threads;
  act(RecordBegin{run.run_id(), assignment.attempt, placement, run.width(), assignment.resume_epoch, assignment.evaluate_only});
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
  groups_[assignment.group_id] = {index, assignment.attempt, ranks, {}, 0, 0, goes_past, now, workers_.at(ranks.front()).groups.size(), {}};
}

} // namespace stdualx
