// A coordinator that is fed with events by hand: no clock, MPI or SQLite.
#pragma once

#include "orchestrator/coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stdualx {

inline Plan plan_of(std::vector<std::int64_t> world_sizes, std::int64_t epochs = 2) {
  Plan plan;
  plan.name = "test";
  for (std::size_t i = 0; i < world_sizes.size(); ++i) {
    PlannedRun planned;
    planned.run.dataset = "made_up";
    planned.run.seed = static_cast<std::int64_t>(i);
    planned.run.world_size = world_sizes[i];
    planned.run.training.epochs = epochs;
    planned.run_id = run_identity(planned.run);
    planned.evaluations = {EvaluationSpec{}};
    planned.pack = 1;
    plan.runs.push_back(planned);
  }
  return plan;
}

/// A coordinator with workers that answer as they are told to, and a record of what it asked for.
struct Bench {
  Coordinator coordinator;
  double now = 0;
  std::vector<Action> log;
  std::map<int, std::vector<Assignment>> assigned; // by rank
  std::vector<AttemptEnd> ends;
  std::vector<RunStatus> end_statuses;
  std::vector<std::string> notices;
  bool finished = false;

  Bench(Plan plan, int workers, std::vector<KnownRun> known = {}) : Bench(std::move(plan), options(workers), std::move(known)) {}
  Bench(Plan plan, CoordinatorOptions options, std::vector<KnownRun> known = {})
      : coordinator(plan, known.empty() ? std::vector<KnownRun>(plan.runs.size()) : std::move(known), std::move(options)) {
    take();
  }
  static CoordinatorOptions options(int workers) {
    CoordinatorOptions options;
    options.workers = workers;
    return options;
  }
  void take() {
    for (auto& action : coordinator.take_actions()) {
      if (auto* send = std::get_if<Send>(&action); send != nullptr && send->message().type == "assign")
        assigned[send->rank].push_back(send->message().as<Assignment>());
      if (auto* end = std::get_if<RecordEnd>(&action)) {
        ends.push_back(end->end);
        end_statuses.push_back(end->status);
      }
      if (auto* notice = std::get_if<Notice>(&action)) notices.push_back(notice->text);
      finished = finished || std::holds_alternative<Finish>(action);
      log.push_back(std::move(action));
    }
  }
  void tell(int rank, const Message& message) {
    now += 1;
    coordinator.on_message(rank, message, now);
    take();
  }
  void ready(int rank, const std::string& host = "one") { tell(rank, Message::of("ready", Placement{host, 1, "cpu", "p", 1})); }
  const Assignment& last(int rank) { return assigned.at(rank).back(); }
  void epoch(int rank, std::int64_t number) {
    EpochReport report;
    report.run_id = last(rank).run_id;
    report.attempt = last(rank).attempt;
    report.epoch = number;
    report.checkpoint_path = "checkpoint " + std::to_string(number);
    report.checkpoint_sha256 = "hash " + std::to_string(number);
    tell(rank, Message::of("epoch", report));
  }
  void evaluation(int rank) {
    EvaluationReport report;
    report.run_id = last(rank).run_id;
    report.attempt = last(rank).attempt;
    tell(rank, Message::of("evaluation", report));
  }
  void end(int rank, const std::string& reason, const std::string& detail = "") {
    tell(rank, Message::of("end", AttemptEnd{last(rank).run_id, last(rank).attempt, reason, detail, ""}));
  }
  void complete(int rank) {
    evaluation(rank);
    end(rank, "complete");
  }
  void tick(double seconds) {
    coordinator.on_tick(now += seconds);
    take();
  }
  /// Every worker of `ranks` says that it lives; then a tick. Again and again, for so long.
  void live(double seconds, const std::vector<int>& ranks) {
    for (double passed = 0; passed < seconds; passed += 2) {
      for (const int rank : ranks) coordinator.on_message(rank, Message::of("heartbeat", Heartbeat{++beats, 0}), now);
      tick(2);
    }
  }
  std::int64_t beats = 0;
  /// The run that a worker has at hand; "": none.
  std::string at(int rank) const {
    for (const WorkerView& view : coordinator.workers())
      if (view.rank == rank) return view.run_id;
    return "";
  }
  const std::string& run(std::size_t index) const { return coordinator.plan().runs.at(index).run_id; }
  bool said(const std::string& text) const {
    return std::any_of(notices.begin(), notices.end(), [&](const std::string& notice) { return notice.find(text) != std::string::npos; });
  }
  /// Messages of a type that went to a rank.
  std::vector<Message> sent(int rank, const std::string& type) const {
    std::vector<Message> messages;
    for (const Action& action : log)
      if (const auto* send = std::get_if<Send>(&action); send != nullptr && send->rank == rank && send->message().type == type)
        messages.push_back(send->message());
    return messages;
  }
};

} // namespace stdualx
