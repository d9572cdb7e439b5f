// The agents of the protocol's model with their trainers, as worker/agent/agent.cpp and worker/trainer/attempt.cpp behave: they start late,
// beat, train, hang, crawl, freeze, fail, lose their trainer, and send what they have to say with delays.
#pragma once

#include "experiments/spec/assignment.h"
#include "random_model.h"
#include "worker/messages/messages.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>
#include <vector>

namespace stdualx {

struct Settings {
  int workers = 2;
  double deaths = 0, hangs = 0, crawls = 0, failures = 0, doubles = 0, job_deaths = 0, storage = 0, damage = 0, freezes = 0, purges = 0;
  bool drains = false, stops = false;
};

/// An agent with its trainer, as worker/agent/agent.cpp and worker/trainer/attempt.cpp behave.
struct ModelWorker {
  int rank = 0;
  bool arrived = false, trainer = false, ready = false, gave_up = false, exited = false, hung = false;
  int failed_starts = 0;
  double frozen_until = 0;
  double next = 0, pace = 1; // when it does its next piece of work, and how long one takes
  std::deque<Assignment> queue;
  std::optional<Assignment> current;
  bool ended = false, draining = false;
  std::int64_t epoch = 0, acknowledged = 0, told = 0, steps = 0;
  double next_beat = 0;
  std::deque<std::pair<double, Message>> to_coordinator, to_agent; // in order; each not before its time
};
class ModelAgents {
protected:
  ModelAgents(std::uint64_t seed, bool trace) : chance_(seed), trace_(trace) {}

  void say(const std::string& text) const {
    if (trace_) std::printf("%10.3f  %s\n", now_, text.c_str());
  }
  [[noreturn]] void broken(const std::string& text) const { throw Broken("at " + std::to_string(now_) + " s: " + text); }
  void require(bool holds, const std::string& text) const {
    if (!holds) broken(text);
  }
  double delay() { return chance_.one_in(20) ? chance_.share() * 20 : chance_.share() * 0.01; }

  double next_of(const ModelWorker& worker) const {
    double when = 1e18;
    if (worker.frozen_until > now_)
      return worker.to_coordinator.empty() ? worker.frozen_until : std::min(worker.frozen_until, worker.to_coordinator.front().first);
    if (!worker.exited) when = std::min({when, worker.next, worker.arrived ? worker.next_beat : 1e18});
    if (!worker.to_agent.empty() && !worker.exited) when = std::min(when, worker.to_agent.front().first);
    if (!worker.to_coordinator.empty()) when = std::min(when, worker.to_coordinator.front().first);
    return when;
  }
  void tell(ModelWorker& worker, const Message& message) {
    const double earliest = worker.to_coordinator.empty() ? now_ : worker.to_coordinator.back().first;
    worker.to_coordinator.emplace_back(std::max(earliest, now_ + delay()), message);
  }
  void end(ModelWorker& worker, const Assignment& assignment, const std::string& reason, const std::string& detail = "") {
    tell(worker, Message::of("end", AttemptEnd{assignment.run_id, assignment.attempt, reason, detail, "", {}}));
  }

  void step(ModelWorker& worker) {
    if (worker.exited || worker.frozen_until > now_) return;
    if (!worker.arrived && now_ >= worker.next) {
      worker.arrived = true;
      tell(worker, Message::of("hello", Hello{"host" + std::to_string(worker.rank % 2)}));
      start_trainer(worker);
    }
    while (!worker.to_agent.empty() && worker.to_agent.front().first <= now_ && worker.arrived && !worker.exited) {
      const Message message = worker.to_agent.front().second;
      worker.to_agent.pop_front();
      take(worker, message);
    }
    if (worker.exited || !worker.arrived) return;
    if (now_ >= worker.next_beat) {
      worker.next_beat = now_ + 5;
      tell(worker, Message::of("heartbeat", Heartbeat{worker.steps, 0}));
    }
    if (now_ >= worker.next) work(worker);
  }

  void start_trainer(ModelWorker& worker) {
    worker.trainer = true;
    worker.ready = worker.hung = false;
    worker.steps = 0;
    worker.next = now_ + 0.3 + delay();
  }

  void lose_trainer(ModelWorker& worker, const std::string& reason) {
    say("rank " + std::to_string(worker.rank) + " loses its trainer: " + reason);
    tell(worker, Message{"starting", Json::object()});
    const bool was_ready = worker.ready;
    if (worker.current && !worker.ended) {
      worker.ended = true;
      end(worker, *worker.current, reason, "it died");
    }
    worker.trainer = worker.ready = false;
    if (!was_ready && ++worker.failed_starts >= 3) {
      for (const auto& waiting : worker.queue) end(worker, waiting, "trainer_died");
      worker.queue.clear();
      tell(worker, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "none starts", "", {}}));
      worker.gave_up = true;
      worker.next = 1e18;
      return;
    }
    start_trainer(worker);
  }

  void begin_next(ModelWorker& worker) {
    if (worker.current || worker.queue.empty() || !worker.ready) return;
    worker.current = worker.queue.front();
    worker.queue.pop_front();
    worker.ended = worker.draining = false;
    worker.epoch = worker.told = worker.acknowledged = worker.current->resume_epoch;
    worker.next = now_ + worker.pace * (0.5 + chance_.share());
  }

  void take(ModelWorker& worker, const Message& message) {
    if (message.type == "assign") {
      worker.queue.push_back(message.as<Assignment>());
      if (worker.gave_up) {
        for (const auto& waiting : worker.queue) end(worker, waiting, "trainer_died");
        worker.queue.clear();
      } else begin_next(worker);
    } else if (message.type == "acknowledge") {
      const auto acknowledge = message.as<Acknowledge>();
      if (!worker.current || worker.current->run_id != acknowledge.run_id || worker.current->attempt != acknowledge.attempt) return;
      if (acknowledge.epoch != 0) worker.acknowledged = std::max(worker.acknowledged, acknowledge.epoch);
      else if (worker.ended) {
        worker.current.reset();
        begin_next(worker);
      }
    } else if (message.type == "abandon") {
      const auto abandon = message.as<Abandon>();
      if (worker.current && worker.current->run_id == abandon.run_id && worker.current->attempt == abandon.attempt && !worker.ended)
        lose_trainer(worker, abandon.reason);
    } else if (message.type == "drain") {
      for (const auto& waiting : worker.queue) end(worker, waiting, "drained");
      worker.queue.clear();
      worker.draining = true;
    } else if (message.type == "exit") {
      worker.exited = true;
    }
  }

  void work(ModelWorker& worker) {
    worker.next = now_ + worker.pace * (0.2 + chance_.share());
    if (!worker.trainer) {
      worker.next = 1e18;
      return;
    }
    if (!worker.ready) {
      if (settings_.deaths > 0 && chance_.share() < settings_.deaths) return lose_trainer(worker, "trainer_died");
      worker.ready = true;
      worker.failed_starts = 0;
      tell(worker, Message::of("ready", Placement{"host" + std::to_string(worker.rank % 2), 1, "cpu", "p", 1}));
      begin_next(worker);
      return;
    }
    if (worker.hung) return;
    if (!worker.current || worker.ended) {
      if (settings_.deaths > 0 && chance_.share() < settings_.deaths / 10) lose_trainer(worker, "trainer_died");
      return;
    }
    ++worker.steps;
    if (worker.current->run_id == poison_ && !worker.current->evaluate_only && chance_.one_in(2)) {
      crashed_ = true;
      return;
    }
    if (chance_.share() < settings_.freezes) {
      worker.frozen_until = chance_.one_in(3) ? 1e17 : now_ + chance_.share() * 300;
      say("the agent of rank " + std::to_string(worker.rank) + " freezes until " + std::to_string(worker.frozen_until));
      return;
    }
    if (chance_.share() < settings_.hangs) {
      say("rank " + std::to_string(worker.rank) + " hangs");
      worker.hung = true;
      return;
    }
    if (chance_.share() < settings_.crawls) worker.next = now_ + 40; // slow, but within its lease of a minute
    if (chance_.share() < settings_.deaths) return lose_trainer(worker, "trainer_died");
    const Assignment& assignment = *worker.current;
    const auto finish = [&](const std::string& reason, const std::string& detail = "") {
      worker.ended = true;
      end(worker, assignment, reason, detail);
    };
    if (assignment.resume_epoch > 0 && !assignment.evaluate_only && worker.epoch == assignment.resume_epoch &&
        worker.told == worker.epoch && chance_.share() < settings_.damage)
      return finish("error", "checkpoint damaged: it is");
    if (chance_.share() < settings_.failures) return finish(chance_.one_in(3) ? "not_finite" : "error", "as it goes");
    if (chance_.share() < settings_.storage) return finish("storage", "the disk is full");
    // A group's members go in step: the model lets only the first report, and the others end when the group's run is over or broken.
    if (assignment.index != 0) return follow(worker, assignment);
    if (assignment.ranks.size() > 1 && somebody_left(assignment)) return finish("group_broken");
    if (assignment.evaluate_only) {
      if (chance_.share() < settings_.purges / 10) return finish("error", "weights gone: they are");
      evaluate(worker, assignment, "noise");
      return finish("complete");
    }
    if (worker.epoch < assignment.run.training.epochs) {
      if (worker.told > worker.acknowledged) return; // at most one ahead
      if (worker.draining && worker.told > assignment.resume_epoch) return finish("drained");
      EpochReport report;
      report.run_id = assignment.run_id;
      report.attempt = assignment.attempt;
      report.epoch = worker.told = ++worker.epoch;
      report.checkpoint_path = assignment.run_id + "/" + std::to_string(report.attempt) + "/" + std::to_string(report.epoch);
      tell(worker, Message::of("epoch", report));
      return;
    }
    if (chance_.share() >= settings_.failures) // or it forgets to
      for (const EvaluationSpec& evaluation : assignment.evaluations) evaluate(worker, assignment, evaluation.condition);
    finish("complete");
  }

  void evaluate(ModelWorker& worker, const Assignment& assignment, const std::string& condition) {
    EvaluationReport report;
    report.run_id = assignment.run_id;
    report.attempt = assignment.attempt;
    report.condition = condition;
    tell(worker, Message::of("evaluation", report));
  }

  ModelWorker& member(std::int64_t rank) { return workers_[static_cast<std::size_t>(rank - 1)]; }
  static bool is_at(const ModelWorker& worker, const Assignment& assignment) {
    return worker.current && worker.current->group_id == assignment.group_id;
  }
  bool somebody_left(const Assignment& assignment) {
    return std::any_of(assignment.ranks.begin(), assignment.ranks.end(), [&](std::int64_t rank) {
      const ModelWorker& other = member(rank);
      return other.gave_up || (is_at(other, assignment) && other.ended && other.rank != static_cast<int>(assignment.ranks.front()));
    });
  }
  void follow(ModelWorker& worker, const Assignment& assignment) {
    const ModelWorker& leader = member(assignment.ranks.front());
    const bool leader_done = !is_at(leader, assignment) || leader.ended;
    if (!leader_done && !somebody_left(assignment)) return;
    const bool begun =
        std::any_of(assignment.ranks.begin(), assignment.ranks.end(), [&](std::int64_t rank) { return is_at(member(rank), assignment); });
    worker.ended = true;
    const bool whole =
        begun && is_at(leader, assignment) && leader.ended && leader.epoch >= assignment.run.training.epochs && !somebody_left(assignment);
    end(worker, assignment, whole ? "complete" : leader.draining && is_at(leader, assignment) ? "drained" : "group_broken");
  }

  Chance chance_;
  bool trace_;
  Settings settings_;
  std::vector<ModelWorker> workers_;
  std::string poison_; // the run of which the job crashes; "": none
  bool crashed_ = false;
  double now_ = 0;
};

} // namespace stdualx
