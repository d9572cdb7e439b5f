// `stdualx run`: the launcher. It decides whether anything is left to do, freezes the job, starts mpirun, and shows the table.
#include "cluster/batch_script.h"
#include "cluster/devices.h"
#include "cluster/host.h"
#include "cluster/launch.h"
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "experiments/archive.h"
#include "experiments/spec/durable_file.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/commands/guard.h"
#include "orchestrator/commands/preflight.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/job.h"
#include "orchestrator/output.h"
#include "orchestrator/progress.h"
#include "orchestrator/redraw.h"
#include "orchestrator/submission.h"
#include "results/fence.h"
#include "results/store.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <variant>

namespace stdualx {

namespace {

constexpr double patience_with_a_dying_job = 15; // mpirun ends its ranks within some seconds of the launcher's death

/// Folders of launches lie in STORE.d under this, the launcher's process number and its start, which tells it from a later process of that
/// number.
std::string job_prefix() { return "job-" + host_name() + "-"; }

struct Launch {
  std::filesystem::path folder;
  ProcessIdentity launcher;
  /// What may not be looked at is taken for alive.
  bool lives() const { return look_at(launcher, this_process()) != Holder::dead; }
};

/// This host's.
std::vector<Launch> launches_at(const std::filesystem::path& store_directory) {
  std::vector<Launch> launches;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store_directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(job_prefix())) continue;
    ProcessIdentity launcher = this_process();
    char dash = 0;
    std::istringstream numbers(name.substr(job_prefix().size()));
    if (numbers >> launcher.pid >> dash >> launcher.process_start && dash == '-' && numbers.eof())
      launches.push_back({entry.path(), std::move(launcher)});
  }
  return launches;
}

/// Clears up behind launchers of this host that were killed: their folders, and what their mpirun left. Whether there was one; its ranks
/// may take some seconds to follow.
bool remove_dead_jobs(const std::filesystem::path& store_directory) {
  bool found = false;
  for (const Launch& launch : launches_at(store_directory)) {
    if (launch.lives()) continue;
    found = true;
    std::error_code ignored;
    if (remove_leftovers_of_job(launch.folder)) std::filesystem::remove_all(launch.folder, ignored); // else a later run does
  }
  return found;
}

/// A folder of this launch alone, gone with it.
class JobDirectory {
public:
  explicit JobDirectory(const std::filesystem::path& parent) {
    const ProcessIdentity self = this_process();
    path_ = parent / fmt::format("{}{}-{}", job_prefix(), self.pid, self.process_start);
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    if (error) throw_write_error(path_, error.message(), error.value());
  }
  ~JobDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    remove_dead_jobs(path_.parent_path()); // whose mpirun was still dying when we came
  }
  JobDirectory(const JobDirectory&) = delete;
  JobDirectory& operator=(const JobDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace

std::optional<int> launcher_at(const std::filesystem::path& store_directory) {
  for (const Launch& launch : launches_at(store_directory))
    if (launch.lives()) return static_cast<int>(launch.launcher.pid);
  return std::nullopt;
}

Left what_is_left(const std::filesystem::path& store, const Plan& plan) {
  Left left;
  std::optional<Reader> reader = Reader::open_if_there(store);
  if (!reader) {
    left.open = plan.runs.size();
    return left;
  }
  std::vector<std::string> ids;
  for (const auto& planned : plan.runs) ids.push_back(planned.run_id);
  const std::vector<RunState> states = reader->run_states(ids);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const RunState& state = states[i];
    left.epochs += state.epochs_recorded + state.epochs_again;
    const bool trained = state.known && state.status == RunStatus::complete;
    const bool given_up = state.status == RunStatus::failed || state.status == RunStatus::quarantined ||
                          (trained && (state.failures >= CoordinatorOptions{}.most_failures ||
                                       state.crashes > CoordinatorOptions{}.crashes_to_suspect)); // of its later evaluations
    if (trained && missing_evaluations(plan.runs[i], state).empty()) {
      ++left.complete;
    } else if (state.known && given_up) {
      ++left.failed;
    } else {
      ++left.open;
      const std::string gone = trained ? gone_weights(state, store_directory(store)) : "";
      if (!gone.empty() && left.again++ == 0) left.gone = "run " + short_id(state.run_id) + ": " + gone;
    }
  }
  return left;
}

std::string gone_weights(const RunState& state, const std::filesystem::path& store_directory) {
  if (!state.weights) return "none were kept";
  return is_gone(store_directory, state.weights->path) ? (store_directory / state.weights->path).string() : "";
}

std::string again_words(const Left& left) {
  if (left.again == 0) return "";
  return fmt::format("{} of them {} COMPLETE, but {} weights are gone ({}) and conditions are still to be evaluated: trained again and "
                     "compared; what is recorded stands\n",
                     left.again, left.again == 1 ? "is" : "are", left.again == 1 ? "its" : "their", left.gone);
}

namespace {

void show_end(const std::filesystem::path& store, const Output& format) {
  Reader reader(store);
  std::cout << format_tables(accuracy_report(reader), format);
}

/// What to type next; `with` names the store where it is not the default one.
std::string next_words(std::int64_t status, const std::string& with) {
  if (status == static_cast<std::int64_t>(ExitStatus::drained)) return "drained: run the same command again to go on\n";
  if (status == static_cast<std::int64_t>(ExitStatus::runs_failed))
    return fmt::format("next: stdualx status{0} says why runs failed or wait, stdualx retry --failed{0} plans failed ones again\n", with);
  return fmt::format("next: stdualx report{0}, stdualx runs{0}, stdualx query{0} 'SELECT * FROM v_accuracy'\n", with);
}

/// There is nothing to do, so no coordinator will say that this sweep was asked for last (`watch`, `status`) and is not retired, nor roll
/// back a commit that was cut short. Where somebody else is at work with the store, or it cannot be written, nothing is noted.
void note_sweep(const std::filesystem::path& store, const Plan& plan) {
  try {
    {
      Reader reader(store);
      const Table last = reader.query("SELECT s.sweep_id, s.retired_ms IS NULL AND (SELECT count(*) FROM sweep_runs x WHERE x.sweep_id = "
                                      "s.sweep_id) >= ?1 FROM sweeps s ORDER BY coordinator_id DESC NULLS LAST, rowid DESC LIMIT 1",
                                      {static_cast<std::int64_t>(plan.runs.size())});
      const bool is_noted = !last.rows.empty() && last.rows[0].at(0) == Cell(plan.sweep_id) && last.rows[0].at(1) == Cell(std::int64_t{1});
      if (is_noted && reader.note().empty()) return; // a commit that was cut short is rolled back by whoever may write
      const Table held =
          reader.query("SELECT 1 FROM coordinators WHERE coordinator_id = (SELECT max(coordinator_id) FROM coordinators) AND "
                       "released_ms IS NULL");
      if (!held.rows.empty() && reader.note().empty()) return;
    }
    Store writer = Store::open_for_writing(store);
    writer.register_sweep(plan);
    writer.release();
  } catch (const RefusedError&) {
  } catch (const StorageError&) {
  }
}

void measure_terminal(Job& job) {
  const Window window = window_at(STDOUT_FILENO).value_or(Window{});
  job.columns = std::clamp<std::int64_t>(static_cast<std::int64_t>(window.columns), 20, 1000);
  job.rows = std::clamp<std::int64_t>(static_cast<std::int64_t>(window.rows), 4, 1000);
}

/// What Slurm's warning (USR1) or `cancel` (USR2) asks while we still plan waits for the launcher, instead of ending us.
void hold_back_signals() {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : {SIGUSR1, SIGUSR2}) ::sigaddset(&held, number);
  ::sigprocmask(SIG_BLOCK, &held, nullptr);
}

/// What was submitted, when we are a job of `submit`; InputError when something else would run now.
std::optional<Submission> take_submission(const Plan& plan) {
  const auto file = submission_file();
  if (!file) return std::nullopt;
  Submission submission = read_submission(*file);
  const std::string note = compare_with_submission(submission, submission_of(plan, program_files()));
  if (!note.empty()) std::cerr << "stdualx: note: " << note << "\n";
  return submission;
}

/// Epochs and complete runs: what a try of a submitted job must add to.
std::int64_t progress_of(const Left& left) { return left.epochs + static_cast<std::int64_t>(left.complete); }

/// A submitted job begins: its number and this try go into the submission's folder. Returns how many tries in a row began where this one
/// does.
std::int64_t begin_try(const Left& left) {
  const std::filesystem::path folder = submission_file()->parent_path();
  const SlurmTry here = this_slurm_try();
  if (!here.job_id.empty()) note_job(folder, here.job_id);
  return note_try(folder, {here.job_id, here.restarts, progress_of(left)});
}

/// After a drain that Slurm's warning asked for. A job that gets nowhere is not sent round for ever.
std::string go_on_later(const Submission& submission, bool progressed, std::int64_t tries, double seconds) {
  const std::string job_id = this_slurm_try().job_id;
  if (job_id.empty()) return "drained: run the same command again to go on";
  if (!progressed && tries >= most_idle_tries)
    return fmt::format(
        "drained and not requeued: {} tries in a row have not recorded one epoch; look at the log of this job, then submit again", tries);
  constexpr std::int64_t resolution = 60; // seconds; so much earlier than asked for Slurm may warn
  if (!progressed && submission.time_seconds > 0 &&
      seconds + static_cast<double>(submission.warning_seconds + resolution) >= static_cast<double>(submission.time_seconds))
    return fmt::format("drained and not requeued: in {:.0f} s, all that --time ({} s) and --warning-seconds ({} s) left, not one epoch was "
                       "recorded, so the next try would end the same; submit with a longer --time",
                       seconds, submission.time_seconds, submission.warning_seconds);
  const std::filesystem::path folder = submission_file()->parent_path();
  const GoesOn on = go_on_after_warning(job_id, folder / "job.sh");
  if (!on.successor.empty()) note_job(folder, on.successor);
  return "drained: " + on.words;
}

bool is_held_back(int number) {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, number) == 1;
}

enum class Waited { free, asked_to_end, in_vain };

/// Until no coordinator works with the store, a signal came, or `limit` is over.
Waited wait_for_store(const std::filesystem::path& store, std::optional<std::chrono::seconds> limit) {
  const auto began = std::chrono::steady_clock::now();
  for (bool told = false;; std::this_thread::sleep_for(std::chrono::seconds(1))) {
    std::optional<Reader> reader = Reader::open_if_there(store);
    if (!reader || coordinator_gone(*reader, moment_now(store))) return Waited::free;
    if (is_held_back(SIGUSR1) || is_held_back(SIGUSR2)) return Waited::asked_to_end;
    if (limit && std::chrono::steady_clock::now() - began >= *limit) return Waited::in_vain;
    if (!std::exchange(told, true)) std::cerr << "stdualx: another sweep works with " << store.string() << "; waiting until it lets go\n";
  }
}

/// The Slurm job whose coordinator holds the store; "": none, or a coordinator outside of Slurm.
std::string job_that_holds(const std::filesystem::path& store) {
  std::optional<Reader> reader = Reader::open_if_there(store);
  if (!reader) return "";
  const Table newest = reader->query("SELECT job FROM coordinators WHERE released_ms IS NULL ORDER BY coordinator_id DESC LIMIT 1");
  const auto* job = newest.rows.empty() ? nullptr : std::get_if<std::string>(&newest.rows[0].at(0));
  return job == nullptr ? "" : *job;
}

/// With --if-busy wait in an allocation of ours: hosts that nobody may use meanwhile are given back, and the submission is sent again, to
/// begin when the job that holds the store has ended. Where Slurm does not know the holder's job to be alive it is waited for first: a
/// lease tells, and it may be about to end. What happened, when this job is to end; std::nullopt: the store is free, a signal came, or no
/// other job was taken and this one is to wait.
std::optional<std::string> give_back(const std::filesystem::path& store) {
  constexpr std::chrono::seconds patience{90}; // more than a lease
  const std::string own = this_slurm_try().job_id, holder = job_that_holds(store);
  const JobPhase phase = holder.empty() || holder == own ? JobPhase::unknown : ask_jobs({holder}).front().phase;
  const bool lives = phase == JobPhase::waiting || phase == JobPhase::running;
  if (wait_for_store(store, lives ? std::chrono::seconds(0) : patience) != Waited::in_vain) return std::nullopt;
  const std::filesystem::path folder = submission_file()->parent_path();
  const std::string why = "another sweep works with " + store.string() + (lives ? " (job " + holder + ")" : "");
  try {
    const SentJob sent = send_batch_script(folder / "job.sh", {lives ? "--dependency=afterany:" + holder : "--begin=now+600"}, own);
    note_job(folder, sent.id);
    return fmt::format("{}: this job gives its hosts back, and job {} begins {}", why, sent.id,
                       lives ? "when that one has ended" : "in ten minutes");
  } catch (const UncertainJob& error) {
    return why + ": this job gives its hosts back, and another one goes on later; " + error.what();
  } catch (const std::exception& error) {
    std::cerr << "stdualx: " << why << ", and no job was taken that goes on later: " << error.what() << "; waiting until it lets go\n";
    return std::nullopt;
  }
}

/// Until links were followed, STORE.d lay beside the name that was typed.
void tell_of_folder_beside_link(const options::variables_map& values, const std::filesystem::path& store) {
  const std::string beside = std::filesystem::absolute(values["store"].as<std::string>()).string() + ".d";
  std::error_code error;
  if (std::filesystem::is_symlink(values["store"].as<std::string>(), error) && std::filesystem::exists(beside) &&
      !std::filesystem::equivalent(beside, store_directory(store), error))
    std::cerr << fmt::format(
        "stdualx: note: the store is {0}, and its files are in {1}; {2}, which an earlier version made beside the link, is "
        "not looked at: move what is in it to {1}\n",
        store.string(), store_directory(store).string(), beside);
}

double seconds_option(const options::variables_map& values, const std::string& name, double least) {
  const double seconds = values[name].as<double>();
  if (!(seconds >= least && seconds <= 1e6))
    throw InputError(fmt::format("--{}: expected seconds from {} to 1000000, found {}", name, least, seconds));
  return seconds;
}

} // namespace

int run_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_sweep_options(described);
  add_choice_options(described);
  add_store_option(described);
  add_data_options(described);
  add_format_option(described);
  described.add_options()("workers", options::value<int>()->value_name("N"),
                          "ranks that train (default: GPUs of this host, else its cores)")(
      "drain-seconds", options::value<double>()->default_value(600)->value_name("S"), "longest time that a drain may take")(
      "lease-seconds", options::value<double>()->default_value(60)->value_name("S"), "without a step for so long a trainer counts as hung")(
      "mpirun-arg", options::value<std::vector<std::string>>()->composing()->value_name("ARG"),
      "further argument of mpirun, as a site needs it")("quiet,q", "no progress, no table");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"SPEC"}, values)) return 0;
  const bool quiet = values.count("quiet") != 0;
  const Output format = output_format(values);
  const auto began = std::chrono::steady_clock::now();
  ::signal(SIGPIPE, SIG_IGN); // a sweep goes on when nobody reads what it says
  if (submission_file()) hold_back_signals();

  Job job;
  job.plan = plan_from(values);
  const std::optional<Submission> submission = take_submission(job.plan);
  choose_runs(job.plan, values);
  const std::filesystem::path store = store_of_sweep(values);
  const std::string with = store_words(values);
  tell_of_folder_beside_link(values, store);
  if (submission) check_compute_node(submission->host, store, data_paths(values));
  bool is_free = true;
  if (if_busy_option(values) == "wait") {
    if (submission && !this_slurm_try().job_id.empty())
      if (const auto given_back = give_back(store)) {
        std::cout << *given_back << "\n";
        return static_cast<int>(ExitStatus::drained);
      }
    is_free = wait_for_store(store, std::nullopt) == Waited::free;
  }
  const bool found_killed = remove_dead_jobs(store_directory(store));
  const Left before = what_is_left(store, job.plan);
  const std::int64_t tries = submission && before.open > 0 ? begin_try(before) : 0;
  if (tries > most_idle_tries) {
    std::cerr << fmt::format(
        "stdualx: given up: the last {} tries of this submission have not recorded one epoch; their log says why ({}). "
        "Mend that, then submit again\n",
        tries - 1, batch_log(submission_file()->parent_path(), this_slurm_try().job_id).string());
    return static_cast<int>(ExitStatus::runs_failed);
  }
  if (!is_free) {
    std::cout << (is_held_back(SIGUSR2) ? "cancelled while it waited" : go_on_later(*submission, false, tries, 0)) << "\n";
    return static_cast<int>(ExitStatus::drained);
  }
  for (const std::string& words : job.plan.notes) std::cerr << "stdualx: note: " << words << "\n";
  for (const std::string& words : thin_class_words(job.plan.thin_classes)) std::cerr << "stdualx: note: " << words << "\n";
  if (before.open == 0) {
    note_sweep(store, job.plan);
    const ExitStatus nothing_left = before.failed > 0 ? ExitStatus::runs_failed : ExitStatus::done;
    if (!quiet) {
      std::cout << fmt::format("nothing to do: {} of {} runs complete{}\n", before.complete, job.plan.runs.size(),
                               before.failed > 0 ? fmt::format(", {} failed", before.failed) : "");
      show_end(store, format);
      std::cout << next_words(static_cast<std::int64_t>(nothing_left), with);
    }
    return static_cast<int>(nothing_left);
  }

  check_temporary_folder();
  const DataPaths paths = data_paths(values);
  job.store = store.string();
  job.store_directory = store_directory(store).string();
  if (submission) job.submission = submission_file()->parent_path().string();
  job.data_directory = paths.data_directory.string();
  job.cache_directory = paths.cache_directory.string();
  job.trainer_command = trainer_command();
  job.gpus = count_gpus();
  job.drain_seconds = seconds_option(values, "drain-seconds", 0);
  job.shortest_lease = seconds_option(values, "lease-seconds", 0.1);
  job.display = quiet ? "quiet" : can_redraw(STDOUT_FILENO) ? "terminal" : "lines";
  measure_terminal(job);
  const JobDirectory directory(job.store_directory);
  job.claim_patience = found_killed ? patience_with_a_dying_job : 0;
  job.outcome = (directory.path() / "outcome.json").string();

  LaunchOptions launch_options;
  launch_options.program = own_executable();
  launch_options.job = directory.path() / "job.json";
  launch_options.outcome = job.outcome;
  launch_options.drain_seconds = job.drain_seconds;
  launch_options.workers = values.count("workers") != 0 ? values["workers"].as<int>() : default_workers();
  if (launch_options.workers < 1) throw InputError("--workers: expected a number from 1, found " + std::to_string(launch_options.workers));
  if (values.count("mpirun-arg") != 0) launch_options.mpirun_arguments = values["mpirun-arg"].as<std::vector<std::string>>();
  std::optional<NodeGuard> guard;
  if (const char* nodes = std::getenv("SLURM_JOB_NUM_NODES"); nodes != nullptr && std::atoi(nodes) > 1) {
    launch_options.live_hosts = [&guard] {
      if (guard) guard->keep(); // it may have been on the node that was lost
      return live_nodes();
    };
    if (submission) guard.emplace(job.submission, store).keep();
    launch_options.workers_per_host = (launch_options.workers + std::atoi(nodes) - 1) / std::atoi(nodes);
  }
  launch_options.progress = [&] {
    try {
      return what_is_left(store, job.plan).epochs;
    } catch (const std::exception&) {
      return 0L; // what the store cannot tell is no progress
    }
  };
  if (job.display == "terminal")
    launch_options.window = [] {
      const Window window = window_at(STDOUT_FILENO).value_or(Window{});
      return fmt::format("{} {}", window.columns, window.rows);
    };
  launch_options.say = [](const std::string& text) { std::cerr << "stdualx: " << text << "\n"; };
  write_whole_file(launch_options.job, to_json_all(job).dump());
  if (!quiet) {
    std::cout << fmt::format("{}: {} runs to do, {} complete; {} workers; store {}\n{}", job.plan.name, before.open, before.complete,
                             launch_options.workers, store.string(), again_words(before));
    std::cout.flush();
  }

  const LaunchEnd end = launch(launch_options);
  if (end.how == LaunchHow::stopped) return static_cast<int>(ExitStatus::stopped);
  Outcome outcome{static_cast<std::int64_t>(ExitStatus::drained), "", 0, 0, false};
  if (end.how == LaunchHow::decided) outcome = from_json<Outcome>(Json::parse(read_file(job.outcome)));
  const bool goes_on = submission && (end.warned || outcome.requeue) && outcome.status == static_cast<std::int64_t>(ExitStatus::drained);
  if (end.how == LaunchHow::died)
    outcome.message = std::string("the job died; what is recorded stands") + (goes_on ? "" : ". Run the same command again to go on.");
  if (!outcome.message.empty()) std::cerr << "stdualx: " << outcome.message << "\n";
  if (outcome.message.empty() && !quiet) {
    show_end(store, format);
    if (outcome.ready_seconds > 0)
      std::cout << fmt::format("\nworkers waited for their next assignment for {:.2f} % of their time ({:.2f} s of {:.0f} s)\n",
                               100 * outcome.waited_seconds / outcome.ready_seconds, outcome.waited_seconds, outcome.ready_seconds);
    if (!goes_on) std::cout << next_words(outcome.status, with);
  }
  if (goes_on) {
    const Left after = what_is_left(store, job.plan);
    const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - began;
    std::cout.flush(); // Slurm may end us from here on
    std::cout << (is_held_back(SIGUSR2) ? "drained, and cancelled before it could go on"
                                        : go_on_later(*submission, progress_of(after) > progress_of(before), tries, lasted.count()))
              << "\n";
  }
  const auto status = static_cast<int>(outcome.status);
  return end.output_error != 0 ? status_of_cut_output(status, end.output_error) : status;
}

} // namespace stdualx
