// The coordinator's decisions, as a pure state machine: events in, actions out. No clock, no MPI, no SQLite: the loop
// (loop.h) feeds it, and so do the tests and the simulator (simulator.h).
//
// Order is the contract: actions are carried out as they come, and a message is sent only after the records before it are
// committed. So nothing is acknowledged that a power cut could take back, and no assignment is handed out whose attempt is not
// recorded.
#pragma once

#include "experiments/spec/human_text.h"
#include "experiments/spec/plan.h"
#include "results/run_state.h"
#include "worker/messages/messages.h"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace stdualx {

/// What the store knew of a run when the job began.
struct KnownRun {
  RunStatus status = RunStatus::planned;
  std::int64_t last_attempt = 0;
  std::int64_t epochs_recorded = 0;
  std::int64_t failures = 0;
  std::vector<CheckpointRef> checkpoints;   // live ones, oldest first
  std::vector<EvaluationSpec> missing = {}; // evaluations of the test part that are still to be made
  std::optional<Artifact> weights = {};     // of a COMPLETE run: what they are made with; none: they are gone, and it is trained again
  std::vector<CheckpointRef> gone = {};     // checkpoints that the store holds for live, but whose files are not there
  std::string gone_weights = {};            // their path, where the store names any
  std::int64_t crashes = 0;                 // of the job while it was at work, none of its epochs recorded in between
  std::vector<std::string> crash_hosts = {};
};

/// How runs are handed out: wide groups first, and in one of these ways. The simulator compares them (ARCHITECTURE, "The schedule"); jobs
/// use the last one.
enum class SchedulePolicy {
  widest,         // of equal width as the sweep names them; while a group waits for its ranks nothing goes past it
  widest_longest, // of equal width the one with the most epochs left
  backfill        // and a run may start ahead of a waiting group only if the remaining ranks can still form that group
};

struct CoordinatorOptions {
  int workers = 1; // ranks 1 to this
  std::string store_directory, data_directory, cache_directory;
  std::int64_t most_failures = 3; // of one run, then it is quarantined
  double shortest_lease = 60;     // seconds without a step before a trainer counts as hung
  double lease_steps = 20;        // or that many of its own steps, if longer
  double start_lease =
      300; // until the first step: reading data and building a cache count as work; of the trainer's start the agent judges
  double longest_breaking = 10; // seconds that the members of a broken group may take to notice; then they are killed
  SchedulePolicy policy = SchedulePolicy::backfill;
  double longest_pause = 10; // time in which the coordinator itself was suspended for longer than this counts for no lease
  double agent_lease = 90;   // seconds without a word from an agent, which has one every few seconds; then its worker is lost
  double quiet_agent = 20;   // or so many: then its group waits for it, and no other member's trainer counts as hung
  double first_rest =
      600; // seconds without work of a place where runs fail at their start; each further rest in a row is four times as long
  std::int64_t crashes_to_suspect = 3; // crashes of the job with a run at work: then it is tried alone, and once more is the end of it
};

// ---- actions
struct RecordBegin {
  std::string run_id;
  std::int64_t attempt; // which the store must give it
  Placement placement;
  std::int64_t world_size;
  std::int64_t resume_epoch;
  AttemptKind kind = AttemptKind::train;
};
struct RecordEpoch {
  EpochReport report;
};
struct RecordEvaluation {
  EvaluationReport report;
};
struct RecordEnd {
  AttemptEnd end;
  RunStatus status;
};
struct RecordStatus {
  std::string run_id;
  RunStatus status;
  std::string why = {}; // for `events`; "": plain enough
};
struct DropCheckpoint { // damaged or gone: never offered again
  std::string run_id;
  CheckpointRef checkpoint;
  std::string why;
};
struct LostWeights { // of a COMPLETE run, which is trained again
  std::string run_id;
  std::string why;
};
struct Bare { // a message without fields: drain, exit
  std::string type;
};
struct Send {
  int rank;
  std::variant<Assignment, Acknowledge, Abandon, Bare> what;
  /// As it crosses the process boundary.
  Message message() const;
};
struct RecordHost { // a trainer is ready there
  Placement placement;
  std::vector<std::string> devices; // of all workers there that are ready
};
struct Notice { // for the person at the terminal, at once
  std::string text;
};
struct Finish {}; // everyone has been told to leave
using Action = std::variant<RecordBegin, RecordEpoch, RecordEvaluation, RecordEnd, RecordStatus, RecordHost, DropCheckpoint, LostWeights,
                            Send, Notice, Finish>;

// ---- what a worker says, as a Message holds it: hello, starting, ready, epoch, evaluation, end, heartbeat, unusable
struct Starting {}; // its trainer is lost, another one starts
struct Unusable {
  AttemptEnd end; // why no trainer can be had there
};
using Heard = std::variant<Hello, Starting, Placement, EpochReport, EvaluationReport, AttemptEnd, Heartbeat, Unusable>;

/// A worker, for the display.
struct WorkerView {
  int rank = 0;
  std::string host;
  bool ready = false;
  std::string run_id; // "": idle
  std::int64_t epoch = 0;
  double validation_accuracy = 0, train_loss = 0, windows_per_second = 0;
  double epoch_seconds = 0; // of its last epoch; 0: none ended yet
};

class Coordinator {
public:
  /// `known`: one entry a run of the plan, in its order. Runs that are FAILED or QUARANTINED are left alone, and COMPLETE ones but for
  /// evaluations that are missing; where its weights are gone, such a run is trained again before.
  Coordinator(Plan plan, std::vector<KnownRun> known, CoordinatorOptions options);

  // ---- events; `now` in seconds of a clock that only grows
  void on_message(int rank, const Message& message, double now);
  void hear(int rank, Heard heard, double now);
  /// `store_is_held_up`: messages that trainers wait for cannot leave, so that no trainer's standstill counts for its lease.
  void on_tick(double now, bool store_is_held_up = false);
  void on_drain(double now);
  void on_stop(double now);

  std::vector<Action> take_actions();

  // ---- what can be seen
  bool finished() const { return finished_; }
  const Plan& plan() const { return plan_; }
  std::size_t count(RunStatus status) const;
  std::int64_t epochs_done() const { return epochs_done_; } // of the whole plan
  std::int64_t epochs_planned() const { return epochs_planned_; }
  std::int64_t epochs_this_job() const { return epochs_this_job_; }
  std::vector<WorkerView> workers() const;
  /// The planned run, or nullptr.
  const RunSpec* run(const std::string& run_id) const;
  /// Longest that a group waited for its ranks, once it was the widest that was left.
  double longest_wait() const { return longest_wait_; }
  /// Seconds that trainers waited between two assignments (or between their start and their first), as their agents measured
  /// it, and seconds since they were first ready.
  double waited_seconds() const;
  double ready_seconds(double now) const;
  ExitStatus exit_status() const;
  /// Work is left and nobody to do it, since agents do not answer: the job is to be started again, as after a crash.
  bool agents_are_lost() const;
  /// Workers whose agents do not answer.
  std::size_t lost() const;
  /// What a trainer could not write; the job drains then. "": nothing.
  const std::string& storage_failure() const { return storage_failure_; }

private:
  struct Run {
    const PlannedRun* planned;
    RunStatus status;
    std::int64_t last_attempt, epochs, failures;
    std::vector<CheckpointRef> checkpoints;
    std::vector<EvaluationSpec> missing; // to make of a COMPLETE run
    std::optional<Artifact> weights;     // what they are made with, on one rank; none: they are gone
    AttemptKind kind = AttemptKind::train;
    std::int64_t crashes;
    std::set<std::string>
        failed_hosts; // where it failed, or the job crashed with it at work: it goes elsewhere while there is an elsewhere
    std::set<int> failed_ranks = {};
    std::optional<std::size_t> pack_kind = {}; // numbers pack_key(); looked up at its first need
    std::set<int> failed_at_start = {};        // those where it failed before the attempt's first epoch; until it gets on somewhere

    bool at_complete_run() const { return kind != AttemptKind::train; }
    const std::string& run_id() const { return planned->run_id; }
    const RunSpec& spec() const { return planned->run; }
    std::int64_t width() const { return kind == AttemptKind::evaluate ? 1 : spec().world_size; }
    std::int64_t epochs_left() const {
      if (kind == AttemptKind::evaluate) return 0;
      return spec().training.epochs - (kind == AttemptKind::train ? epochs : checkpoints.empty() ? 0 : checkpoints.back().epoch);
    }
  };
  struct Group { // one assignment
    std::size_t run;
    std::int64_t attempt;
    std::vector<int> ranks;
    std::map<int, AttemptEnd> ends;
    std::int64_t epochs = 0;     // reported in this attempt
    std::size_t evaluations = 0; // recorded
    bool went_past = false;      // a wider group that waited
    bool shared = false;         // a trainer with others: which of them made it fail nobody knows
    double assigned = 0;
    std::size_t place = 1;              // in its workers' queues, from 1; a group of several ranks has the first
    std::optional<double> broken_since; // a member has ended without success
  };
  /// A host, or one worker of a host on which others get on, where runs fail at their start is left in peace for a while; then it is
  /// tried with one run at a time, until one gets on there.
  struct Standing {
    std::optional<double> rests_until;
    bool on_trial = false;
    int rests = 0;                    // in a row
    std::optional<std::size_t> tried; // the run whose failure on trial ended it
    bool in_doubt() const { return rests_until || on_trial; }
  };
  struct Host {
    std::vector<int> ranks;
    Standing standing = {};
  };
  struct Worker {
    int rank = 0;
    std::string host;
    Host* home = nullptr; // in `hosts_`
    Placement placement;
    bool ready = false; // its trainer has started and waits for work, or works
    bool usable = true;
    bool counted = true; // in `usable_`
    bool lost = false;   // its agent does not answer
    double heard = -1;
    std::set<std::pair<std::string, std::int64_t>> owed = {}; // attempts that went elsewhere since it was lost; it may still work at them
    bool proven = false;                                      // a run got on here since it rested
    std::map<std::size_t, bool> against = {}; // runs that failed at their start since one got on; true: and got on elsewhere
    Standing standing = {};
    std::deque<std::int64_t> groups;   // handed out; the first is at work
    std::optional<std::size_t> listed; // in `free_`, with so many handed out
    std::size_t depth = 1;             // how many may be handed out: more than one only where runs last milliseconds
    std::size_t places = 1;            // of the pack that it was handed; others than of `pack_kind` wait for its end
    std::size_t pack_kind = 0;
    double first_ready = -1, waited_seconds = 0;
    std::int64_t steps = 0;
    double steps_seen = 0, seconds_per_step = 0;
    bool stepped = false, abandoned = false;
    EpochReport last;
  };

  void act(Action action) { actions_.push_back(std::move(action)); }
  void on(Worker& worker, const Hello& hello, double now);
  void on(Worker& worker, Starting starting, double now);
  void on(Worker& worker, Placement placement, double now);
  void on(Worker& worker, EpochReport report, double now);
  void on(Worker& worker, EvaluationReport report, double now);
  void on(Worker& worker, AttemptEnd end, double now);
  void on(Worker& worker, Heartbeat heartbeat, double now);
  void on(Worker& worker, const Unusable& unusable, double now);
  /// Another usable worker of this one's host on the same GPU, or nullptr.
  const Worker* other_on_gpu(const Worker& worker) const;
  void admit(std::size_t run);
  void belongs_to(Worker& worker, const std::string& host);
  void list(Worker& worker);
  void list_one(Worker& worker);
  void give_up(Worker& worker);
  Group* group_of(const Worker& worker, const std::string& run_id, std::int64_t attempt, std::int64_t* id = nullptr);
  void conclude(std::int64_t group_id, double now);
  void judge_failure(Group& group, AttemptEnd end, bool may_retry, double now);
  // Whose fault a failure at the start is: coordinator_blame.cpp.
  void failed_at_start(const Group& group, const std::string& reason, double now);
  void got_on(const Group& group, double now);
  void blame_run(std::size_t run, double now);
  void doubt(const Worker& worker, double now);
  bool rest(Standing& standing, const std::vector<int>& ranks, double now);
  void end_rest(Standing& standing, const std::vector<int>& ranks);
  void end_rests(double now);
  void end_all_rests();
  std::set<std::size_t> runs_against(const Host& host, bool sure) const;
  bool gets_on(const Host& host) const;
  bool may_judge(const Host& host) const;
  bool rests_for_full_cache(const Group& group, double now);
  bool is_at_rest(const Worker& worker) const;
  bool is_on_trial(const Worker& worker) const;
  // Agents that do not answer: coordinator_lease.cpp.
  void lose_silent_agents(double now);
  void lose(Worker& worker, double now);
  void heard_again(Worker& worker);
  bool is_quiet(const Worker& worker, double now) const;
  bool waits_for_quiet_agent(const Group& group, double now) const;
  double latest_step(const Group& group) const;
  void schedule(double now);
  std::vector<int> choose_workers(Run& run);
  std::size_t places_for(Run& run);
  std::size_t pack_kind_of(Run& run);
  bool has_place_for(Run& run, const Worker& worker);
  bool hand_out_one(double now);
  void hand_out(std::size_t run, const std::vector<int>& ranks, bool goes_past, double now);
  void enqueue_first(std::size_t run);
  void set_waiting(std::int64_t width);
  void wait_for_workers(std::size_t run);
  void try_alone(double now);
  void tell_gone(const std::vector<KnownRun>& known);
  void restart_lease(Worker& worker, double now);
  void abandon(Worker& worker, const Group& group, const std::string& reason);
  void end_broken_groups(double now);
  void set_status(Run& run, RunStatus status);
  void finish_if_done();
  void finish();

  Plan plan_;
  CoordinatorOptions options_;
  std::vector<Run> runs_;
  std::unordered_map<std::string_view, std::size_t> run_by_id_;
  std::map<std::int64_t, std::deque<std::size_t>, std::greater<>> queues_; // by width, the widest first; none is empty
  std::optional<std::pair<std::size_t, double>> waiting_;                  // run, since when: the widest, for its ranks
  double longest_wait_ = 0;
  std::int64_t ranks_gone_past_ = 0; // in groups that went past a waiting one
  std::map<int, Worker> workers_;
  std::map<std::string, Host> hosts_;
  std::unordered_map<std::string, std::size_t> pack_kinds_; // pack_key() to a number from 1
  std::set<std::pair<std::size_t, int>> free_;              // who can take another run: (how many it was handed out, rank)
  std::size_t left_ = 0;                                    // workers that are not given up
  std::size_t usable_ = 0;                                  // those of them that may be given any run: they are not at rest nor on trial
  std::size_t in_doubt_ = 0;                                // hosts and workers at rest or on trial
  std::deque<std::size_t> suspects_;                        // runs to be tried alone, before all others
  std::optional<std::size_t> alone_;                        // the one that is
  std::map<std::int64_t, Group> groups_;
  std::int64_t next_group_ = 1;
  std::vector<Action> actions_;
  std::map<RunStatus, std::size_t> counts_;
  std::int64_t epochs_done_ = 0, epochs_planned_ = 0, epochs_this_job_ = 0;
  double last_tick_ = -1;
  std::string storage_failure_;
  bool may_not_write_ = false; // that was a permission
  bool draining_ = false, finished_ = false, failure_shown_ = false, evaluation_failed_ = false;
};

} // namespace stdualx
