// The protocol as a model: the real coordinator among made-up agents, trainers, network and store, under thousands of random sequences of
// events. Messages are late, sent twice, lost with their sender; trainers die, hang, crawl, diverge; workers come and go; agents freeze for
// a while or for ever; the coordinator sleeps; the whole job is killed, or crashes of a poisonous run, and is started again from what was
// committed. After each action the invariants are checked that docs/promises.md states.
#include "orchestrator/coordinator.h"
#include "protocol_agents.h"

#include <map>
#include <set>
#include <tuple>

namespace stdualx {
namespace {

/// What a store keeps, and the rules that it holds a writer to.
struct ModelStore {
  struct Run {
    RunStatus status = RunStatus::planned;
    std::int64_t attempts = 0, open = 0, failures = 0; // open: the attempt, 0: none
    AttemptKind open_kind = AttemptKind::train;
    std::vector<std::int64_t> epochs; // of each epoch, the attempt that recorded it
    std::vector<CheckpointRef> checkpoints;
    std::int64_t evaluated_by = 0, trained = 0; // trained: how often it was completed
    bool missing_condition = false;
    std::optional<Artifact> weights;
    std::int64_t crashes = 0; // of the job with it at work, none of its epochs recorded in between
    bool epoch_in_attempt = false;
  };
  std::map<std::string, Run> runs;
};

class Simulation : ModelAgents {
public:
  Simulation(std::uint64_t seed, bool trace) : ModelAgents(seed, trace) {
    settings_.workers = static_cast<int>(1 + chance_.upto(3));
    const auto maybe = [&](double share, double value) { return chance_.share() < share ? value : 0; };
    settings_.deaths = maybe(0.6, 0.03);
    settings_.hangs = maybe(0.3, 0.01);
    settings_.crawls = maybe(0.3, 0.05);
    settings_.failures = maybe(0.4, 0.03);
    settings_.doubles = maybe(0.4, 0.2);
    settings_.job_deaths = maybe(0.4, 0.002);
    settings_.storage = maybe(0.15, 0.01);
    settings_.damage = maybe(0.3, 0.1);
    settings_.freezes = maybe(0.3, 0.005);
    if (chance_.one_in(5)) poison_ = "run0";
    settings_.purges = maybe(0.3, 0.5);
    settings_.drains = chance_.share() < 0.3;
    settings_.stops = chance_.share() < 0.15;
    const std::int64_t count = 1 + chance_.upto(6);
    for (std::int64_t i = 0; i < count; ++i) {
      PlannedRun planned;
      planned.run.dataset = "made_up";
      planned.run.seed = i;
      planned.run.world_size = chance_.one_in(4) ? 1 + chance_.upto(2) : 1;
      planned.run.training.epochs = 1 + chance_.upto(4);
      planned.run_id = "run" + std::to_string(i);
      planned.evaluations = {EvaluationSpec{}};
      plan_.runs.push_back(planned);
      ModelStore::Run& run = store_.runs[planned.run_id];
      if (!chance_.one_in(8)) continue;
      run.status = RunStatus::complete; // and a condition was named since
      run.trained = run.attempts = 1;
      run.epochs.assign(static_cast<std::size_t>(planned.run.training.epochs), 1);
      run.missing_condition = true;
      run.weights = Artifact{"weights", "best", "hash", 1};
    }
  }

  /// Until the sweep is finished or nothing more can be done about it.
  void run() {
    for (int starts = 1; starts <= 40; ++starts) {
      if (starts > 10) settings_ = calm(settings_); // a machine that never heals proves nothing
      if (run_job()) return;
    }
    throw Broken("forty starts did not end the sweep");
  }

private:
  static Settings calm(Settings settings) {
    const int workers = settings.workers;
    settings = {};
    settings.workers = workers;
    return settings;
  }
  std::vector<KnownRun> known() {
    std::vector<KnownRun> list;
    for (const auto& planned : plan_.runs) {
      ModelStore::Run& run = store_.runs.at(planned.run_id);
      if (run.open != 0) { // as the claim of a new coordinator ends them
        run.open = 0;
        if (crashed_) run.crashes = run.epoch_in_attempt ? 1 : run.crashes + 1;
        require(run.crashes <= 4, planned.run_id + " took part in more than four crashes");
        if (run.status == RunStatus::running) run.status = RunStatus::interrupted;
      }
      KnownRun one{run.status, run.attempts, static_cast<std::int64_t>(run.epochs.size()), run.failures, run.checkpoints, {}, {}};
      if (run.status == RunStatus::complete && run.missing_condition) {
        one.missing = {EvaluationSpec{"noise"}};
        if (chance_.share() < settings_.purges) run.weights.reset();
        one.weights = run.weights;
      }
      one.crashes = run.crashes;
      if (chance_.share() < settings_.purges) one.gone = std::exchange(one.checkpoints, {});
      if (run.status == RunStatus::complete && one.weights) one.checkpoints.clear();
      list.push_back(one);
    }
    return list;
  }

  /// One start. True: the coordinator finished and nobody asked it to; else the next start goes on.
  bool run_job() {
    say("---- a job starts");
    CoordinatorOptions options;
    options.workers = settings_.workers;
    Coordinator coordinator(plan_, known(), options);
    crashed_ = false;
    pending_ = store_;
    workers_.assign(static_cast<std::size_t>(settings_.workers), {});
    held_.clear();
    assigned_runs_.clear();
    finish_seen_ = drained_ = false;
    const double began = now_;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i].rank = static_cast<int>(i + 1);
      workers_[i].next = now_ + chance_.share() * 5;
    }
    double next_tick = now_, drain_at = settings_.drains ? now_ + chance_.share() * 60 : 1e18;
    const double stop_at = settings_.stops ? now_ + chance_.share() * 60 : 1e18;
    std::multimap<double, std::pair<int, Message>> echoes;
    carry_out(coordinator);
    for (std::int64_t steps = 0;; ++steps) {
      // The next moment at which anything may happen.
      double when = next_tick;
      for (const auto& worker : workers_) when = std::min(when, next_of(worker));
      now_ = std::max(now_, when);
      require(steps < 400'000 && now_ - began < 40'000, "the job does not end");
      if (settings_.job_deaths > 0 && chance_.share() < settings_.job_deaths) {
        say("the whole job dies");
        return false;
      }
      if (now_ >= drain_at || now_ >= stop_at) {
        say(now_ >= stop_at ? "stop" : "drain");
        if (now_ >= stop_at) coordinator.on_stop(now_);
        else coordinator.on_drain(now_);
        drained_ = true;
        settings_.drains = false;
        settings_.stops = settings_.stops && now_ < stop_at;
        drain_at = 1e18;
        carry_out(coordinator);
      }
      if (now_ >= next_tick) {
        coordinator.on_tick(now_);
        next_tick = now_ + (chance_.one_in(200) ? 30 + chance_.share() * 100 : 0.5); // now and then the coordinator itself was asleep
        carry_out(coordinator);
      }
      for (auto& worker : workers_) {
        step(worker);
        if (crashed_) {
          say("the job crashes of its poisonous run");
          return false;
        }
        while (!worker.to_coordinator.empty() && worker.to_coordinator.front().first <= now_) {
          const Message message = worker.to_coordinator.front().second;
          worker.to_coordinator.pop_front();
          if (finish_seen_) continue;
          coordinator.on_message(worker.rank, message, now_);
          if (settings_.doubles > 0 && message.type != "hello" && message.type != "starting" && chance_.share() < settings_.doubles &&
              !coordinator.finished()) {
            carry_out(coordinator);
            coordinator.on_message(worker.rank, message, now_); // sent again by one that had no answer
          }
          carry_out(coordinator);
          // Or much later, when its attempt is over.
          if (chance_.share() < settings_.doubles && (message.type == "epoch" || message.type == "evaluation" || message.type == "end"))
            echoes.emplace(now_ + chance_.share() * 200, std::pair(worker.rank, message));
        }
      }
      for (; !echoes.empty() && echoes.begin()->first <= now_ && !finish_seen_; echoes.erase(echoes.begin())) {
        coordinator.on_message(echoes.begin()->second.first, echoes.begin()->second.second, now_);
        carry_out(coordinator);
      }
      if (chance_.one_in(3)) commit();
      if (finish_seen_) {
        commit();
        return at_the_end(coordinator);
      }
    }
  }

  bool at_the_end(const Coordinator& coordinator) {
    std::size_t complete = 0, bad = 0;
    bool missing = false;
    for (const auto& [id, run] : store_.runs) {
      require(run.open == 0, id + " is left with an open attempt");
      require(run.status != RunStatus::running, id + " is left RUNNING");
      complete += run.status == RunStatus::complete;
      bad += run.status == RunStatus::failed || run.status == RunStatus::quarantined || run.status == RunStatus::waiting;
      missing = missing || (run.status == RunStatus::complete && run.missing_condition);
      if (run.status == RunStatus::complete) {
        require(run.trained == 1, id + " was completed " + std::to_string(run.trained) + " times");
        require(run.epochs.size() == static_cast<std::size_t>(spec_of(id).training.epochs), id + " is COMPLETE without all its epochs");
      }
    }
    const ExitStatus status = coordinator.exit_status();
    require(complete == coordinator.count(RunStatus::complete), "the coordinator counts other COMPLETE runs than the store");
    require((status == ExitStatus::done) == (complete == store_.runs.size() && !missing),
            "exit status " + std::to_string(static_cast<int>(status)) + " does not fit");
    const bool asked = drained_ || !coordinator.storage_failure().empty();
    bool usable = std::any_of(workers_.begin(), workers_.end(),
                              [&](const ModelWorker& worker) { return !worker.gave_up && worker.frozen_until <= now_; });
    require(!usable || !coordinator.agents_are_lost() || coordinator.lost() > 0, "agents are told to be lost and none is");
    if (!asked && usable) {
      for (const auto& [id, run] : store_.runs)
        require(run.status == RunStatus::complete || run.status == RunStatus::failed || run.status == RunStatus::quarantined ||
                    run.status == RunStatus::waiting,
                id + " was forgotten as " + std::string(status_name(run.status)));
      return true;
    }
    return complete + bad == store_.runs.size() && !missing;
  }

  const RunSpec& spec_of(const std::string& id) const {
    for (const auto& planned : plan_.runs)
      if (planned.run_id == id) return planned.run;
    broken("no run " + id);
  }

  // ---- the coordinator's actions: records into the transaction, messages after its commit

  void commit() {
    store_ = pending_;
    for (auto& [rank, message] : held_) deliver(rank, message);
    held_.clear();
    open_ = false;
  }
  void deliver(int rank, const Message& message) {
    ModelWorker& worker = workers_[static_cast<std::size_t>(rank - 1)];
    const double earliest = worker.to_agent.empty() ? now_ : worker.to_agent.back().first;
    worker.to_agent.emplace_back(std::max(earliest, now_ + delay()), message);
  }

  void carry_out(Coordinator& coordinator) {
    for (auto& action : coordinator.take_actions()) std::visit([this](const auto& what) { carry_out(what); }, action);
  }
  ModelStore::Run& pending(const std::string& id) {
    open_ = true;
    const auto found = pending_.runs.find(id);
    if (found == pending_.runs.end()) broken("a record of a run that nobody planned: " + id);
    return found->second;
  }
  void carry_out(const RecordBegin& begin) {
    ModelStore::Run& run = pending(begin.run_id);
    say("begin " + begin.run_id + " attempt " + std::to_string(begin.attempt));
    require(run.open == 0, begin.run_id + " is begun while an attempt is open");
    require(begin.attempt == run.attempts + 1, begin.run_id + ": attempts are not numbered on");
    require((begin.kind != AttemptKind::train) == (run.status == RunStatus::complete),
            begin.run_id + " is COMPLETE and trained as if it were not, or evaluated before");
    require(begin.kind != AttemptKind::train_again || !run.weights, begin.run_id + " is trained again though its weights are there");
    const bool evaluates = begin.kind == AttemptKind::evaluate;
    require(run.status != RunStatus::failed && run.status != RunStatus::quarantined, begin.run_id + " was put aside and is begun");
    require(begin.world_size == (evaluates ? 1 : spec_of(begin.run_id).world_size), begin.run_id + " has another group size");
    const std::int64_t newest = run.checkpoints.empty() ? 0 : run.checkpoints.back().epoch;
    if (!evaluates) require(begin.resume_epoch == newest, begin.run_id + " does not go on from its newest checkpoint");
    for (const auto& [id, other] : pending_.runs)
      require(other.open == 0 || std::max(other.epoch_in_attempt ? 0 : other.crashes, run.crashes) < 3,
              begin.run_id + " and " + id + " are at work together, and one is to be tried alone");
    run.epoch_in_attempt = false;
    run.attempts = run.open = begin.attempt;
    run.open_kind = begin.kind;
    if (begin.kind == AttemptKind::train) run.status = RunStatus::running;
  }
  void carry_out(const RecordEpoch& epoch) {
    const EpochReport& report = epoch.report;
    ModelStore::Run& run = pending(report.run_id);
    require(run.open == report.attempt, report.run_id + ": an epoch of an attempt that is not open is accepted");
    require(run.open_kind != AttemptKind::evaluate, report.run_id + " is only evaluated and sends epochs");
    const auto recorded = static_cast<std::int64_t>(run.epochs.size());
    require(report.epoch <= recorded + 1, report.run_id + ": epoch " + std::to_string(report.epoch) + " leaves a hole");
    if (report.epoch == recorded + 1) run.epochs.push_back(report.attempt);
    run.epoch_in_attempt = true;
    run.crashes = 0;
    std::erase_if(run.checkpoints, [&](const CheckpointRef& old) { return old.epoch >= report.epoch; });
    run.checkpoints.push_back({report.attempt, report.epoch, report.checkpoint_path, report.checkpoint_sha256});
    if (run.checkpoints.size() > 2) run.checkpoints.erase(run.checkpoints.begin());
  }
  void carry_out(const RecordEvaluation& evaluation) {
    ModelStore::Run& run = pending(evaluation.report.run_id);
    require(run.open == evaluation.report.attempt, evaluation.report.run_id + ": an evaluation of an attempt that is not open is accepted");
    run.evaluated_by = evaluation.report.attempt;
    if (run.open_kind != AttemptKind::train && evaluation.report.condition == "noise") run.missing_condition = false;
  }
  void carry_out(const RecordEnd& end) {
    ModelStore::Run& run = pending(end.end.run_id);
    say("end " + end.end.run_id + " attempt " + std::to_string(end.end.attempt) + " " + end.end.reason + " -> " +
        std::string(status_name(end.status)));
    require(run.open == end.end.attempt, end.end.run_id + ": the end of an attempt that is not open is accepted");
    if (run.open_kind != AttemptKind::train) require(end.status == RunStatus::complete, end.end.run_id + " is COMPLETE no longer");
    if (run.open_kind == AttemptKind::train_again && end.end.reason == "complete") {
      run.weights = Artifact{"weights", "again", "hash", 1};
      run.checkpoints.clear();
    }
    if (run.open_kind == AttemptKind::train) {
      require(run.status == RunStatus::running, end.end.run_id + " ends and was not RUNNING");
      run.status = end.status;
      if (end.status == RunStatus::complete) {
        require(run.evaluated_by > 0, end.end.run_id + " is COMPLETE without an evaluation");
        ++run.trained;
        run.weights = Artifact{"weights", "best", "hash", 1};
        run.checkpoints.clear();
      }
    }
    const std::string& reason = end.end.reason;
    if (reason == "complete") run.failures = 0;
    else if (reason == "error" && end.end.detail.starts_with("checkpoint damaged")) ++run.failures; // as results/run_state.cpp counts
    else if (reason == "not_finite" || reason == "error" || reason == "trainer_died" || reason == "lease_expired") ++run.failures;
    run.open = 0;
  }
  void carry_out(const RecordStatus& status) {
    require(status.why.empty() || status.run_id == poison_, status.run_id + " is put aside for what another run did");
    pending(status.run_id).status = status.status;
  }
  void carry_out(const RecordHost&) { open_ = true; }
  void carry_out(const DropCheckpoint& drop) {
    ModelStore::Run& run = pending(drop.run_id);
    std::erase_if(run.checkpoints, [&](const CheckpointRef& one) { return one.epoch == drop.checkpoint.epoch; });
  }
  void carry_out(const LostWeights& lost) { pending(lost.run_id).weights.reset(); }
  void carry_out(const Notice& notice) { say("notice: " + notice.text); }
  void carry_out(const Finish&) { finish_seen_ = true; }
  void carry_out(const Send& send) {
    if (send.message().type == "assign") {
      const auto assignment = send.message().as<Assignment>();
      require(!drained_, assignment.run_id + " is handed out after a drain");
      const auto members = static_cast<std::int64_t>(assignment.ranks.size());
      require(members == (assignment.evaluate_only ? 1 : assignment.run.world_size),
              assignment.run_id + " is given to another number of ranks");
      require(std::count(assignment.ranks.begin(), assignment.ranks.end(), send.rank) == 1, "a rank gets an assignment it is not in");
      require(pending_.runs.at(assignment.run_id).open == assignment.attempt,
              assignment.run_id + " is handed out without its attempt recorded");
      require(assigned_runs_.insert({assignment.run_id, assignment.attempt, send.rank}).second, assignment.run_id + " is handed out twice");
    }
    if (send.message().type == "acknowledge") {
      const auto acknowledge = send.message().as<Acknowledge>();
      const ModelStore::Run& run = pending_.runs.at(acknowledge.run_id);
      if (acknowledge.epoch > 0)
        require(static_cast<std::int64_t>(run.epochs.size()) >= acknowledge.epoch,
                acknowledge.run_id + ": an epoch is acknowledged and not recorded");
      else require(run.open != acknowledge.attempt, acknowledge.run_id + ": an end is acknowledged and not recorded");
    }
    if (open_) held_.emplace_back(send.rank, send.message());
    else deliver(send.rank, send.message());
  }

  Plan plan_;
  ModelStore store_, pending_; // committed; with the open transaction
  std::vector<std::pair<int, Message>> held_;
  std::set<std::tuple<std::string, std::int64_t, int>> assigned_runs_;
  bool open_ = false, finish_seen_ = false, drained_ = false;
};

TEST(ProtocolModel, TheCoordinatorKeepsItsPromisesUnderFiveThousandRandomSequences) { try_many<Simulation>(5000); }

} // namespace
} // namespace stdualx
