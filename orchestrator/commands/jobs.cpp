// The commands for a job that is under way, here or on a cluster: status, watch, cancel, logs; and retire, which alone writes.
#include "cluster/batch_script.h"
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "experiments/spec/run_path.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/live.h"
#include "orchestrator/redraw.h"
#include "orchestrator/slurm_answers.h"
#include "orchestrator/standing.h"
#include "orchestrator/submission.h"
#include "orchestrator/terminal.h"
#include "results/rows.h"
#include "results/store.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_jobs_asked = 20; // the newest; older ones are long over

std::string in_brackets(const std::string& words) { return words.empty() ? "" : " (" + words + ")"; }

constexpr int silent_looks = 3; // a busy controller misses one question, not three

/// A job of a store as Slurm tells of it.
struct KnownJob {
  SlurmJob slurm;
  fs::path folder; // of its submission
};

/// `now`: Slurm is asked, and not what it said some seconds ago.
std::vector<KnownJob> jobs_of(const fs::path& store, bool now = false) {
  std::vector<KnownJob> jobs;
  std::vector<std::string> ids;
  for (const SubmittedJobs& submitted : submitted_jobs(store_directory(store)))
    for (const std::string& id : submitted.job_ids) {
      jobs.push_back({{id, JobPhase::unknown, "", "", ""}, submitted.folder});
      ids.push_back(id);
    }
  if (jobs.size() > most_jobs_asked) {
    jobs.erase(jobs.begin(), jobs.end() - most_jobs_asked);
    ids.erase(ids.begin(), ids.end() - most_jobs_asked);
  }
  const std::vector<SlurmJob> told = now ? ask_jobs(ids) : ask_jobs_seldom(store_directory(store), ids);
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].slurm = told[i];
  return jobs;
}

/// A state that this program does not know counts as alive; no state at all says that Slurm has forgotten the job, or was not reached.
bool may_live(const SlurmJob& job) {
  return job.phase == JobPhase::waiting || job.phase == JobPhase::running || (job.phase == JobPhase::unknown && !job.state.empty());
}

TitledTable jobs_table(const std::vector<KnownJob>& jobs) {
  TitledTable titled{"jobs", {{"job", "state", "reason", "nodes", "log"}, {}}, {}};
  for (const KnownJob& job : jobs) {
    const fs::path log = batch_log(job.folder, job.slurm.id);
    titled.table.rows.push_back({job.slurm.id, job.slurm.state.empty() ? "unknown" : job.slurm.state,
                                 job.slurm.reason.empty() ? Cell() : Cell(job.slurm.reason),
                                 job.slurm.nodes.empty() ? Cell() : Cell(job.slurm.nodes), fs::exists(log) ? Cell(log.string()) : Cell()});
  }
  if (std::any_of(jobs.begin(), jobs.end(), [](const KnownJob& job) { return job.slurm.state.empty(); }))
    titled.notes.emplace_back("unknown: Slurm has forgotten the job, or cannot be asked from here. What the store says stands.");
  return titled;
}

std::vector<KnownJob> jobs_of(const KnownSweep& sweep, std::vector<KnownJob> jobs) {
  std::erase_if(
      jobs, [&](const KnownJob& job) { return std::find(sweep.folders.begin(), sweep.folders.end(), job.folder) == sweep.folders.end(); });
  return jobs;
}

/// The store, if one was made: a job that waits has made none yet. Without jobs it must be there; what to do else is said.
std::optional<Reader> reader_of(const fs::path& store, const std::vector<KnownJob>& jobs) {
  std::optional<Reader> reader = Reader::open_if_there(store);
  if (!reader && jobs.empty()) reader.emplace(store); // says what to do
  return reader;
}

/// Which weights are not there, though runs that are done have kept them. A large store's are not all looked for.
std::string gone_words(Reader& reader, const fs::path& directory) {
  constexpr std::int64_t most_looked_for = 5000; // each costs a question to the file system
  const Table rows =
      reader.query("SELECT a.run_id, a.path FROM artifacts a JOIN runs r USING (run_id) WHERE a.kind = 'weights' AND r.status "
                   "= 'COMPLETE' AND a.attempt = (SELECT max(b.attempt) FROM artifacts b WHERE b.run_id = a.run_id AND b.kind "
                   "= a.kind) ORDER BY a.recorded_ms DESC LIMIT ?1",
                   {most_looked_for});
  std::size_t gone = 0;
  std::string first;
  for (const auto& row : rows.rows) {
    const std::string path = text_of(row.at(1));
    if (is_gone(directory, path) && gone++ == 0) first = "run " + short_id(text_of(row.at(0))) + ": " + (directory / path).string();
  }
  if (gone == 0) return "";
  return fmt::format(
      "The weights of {} COMPLETE runs are gone ({}). What is recorded stands; where a condition named later needs them, `run` "
      "trains these runs again.",
      gone, first);
}

/// What a person sees: sweeps, what failed or waits, jobs. Of one sweep, or of the whole store.
std::vector<TitledTable> status_of(const fs::path& store, std::vector<KnownJob> jobs, const std::string& asked) {
  std::vector<TitledTable> tables;
  std::optional<Reader> reader = reader_of(store, jobs);
  std::vector<KnownSweep> sweeps = known_sweeps(reader ? &*reader : nullptr, store_directory(store));
  std::string retired;
  std::vector<std::string> shown;
  if (!asked.empty()) {
    sweeps = {chosen_sweep(sweeps, asked).value()};
    jobs = jobs_of(sweeps[0], jobs);
  }
  for (const KnownSweep& sweep : sweeps) {
    if (asked.empty() && sweep.retired) retired += (retired.empty() ? "" : ", ") + sweep.name + " (" + short_id(sweep.sweep_id) + ")";
    else shown.push_back(sweep.sweep_id);
  }
  if (reader) {
    tables = status_tables(*reader, moment_now(store), sweeps.empty() ? std::nullopt : std::optional(shown));
    if (std::string gone = gone_words(*reader, store_directory(store)); !gone.empty()) tables[0].notes.push_back(std::move(gone));
    if (!reader->note().empty()) tables[0].notes.push_back(reader->note());
  }
  add_waiting(tables, reader ? &*reader : nullptr, sweeps);
  if (!retired.empty() && !tables.empty())
    tables[0].notes.push_back("Retired, and not shown: " + retired + "; `stdualx status --sweep NAME` shows one.");
  if (!asked.empty() && sweeps[0].retired && !tables.empty())
    tables[0].notes.emplace_back("This sweep is retired: its runs that are not done count as open no longer.");
  if (!jobs.empty()) tables.push_back(jobs_table(jobs));
  return tables;
}

/// What `watch` says of a sweep: how it stands, and whether somebody works on the rest.
struct Watched {
  std::string sweep_id;
  Standing standing;
  std::vector<KnownJob> jobs; // its own
  bool alive = false, retired = false;
  std::string words;
  std::optional<Live> live; // what its coordinator told a moment ago; then the store was not asked

  ExitStatus exit_status() const {
    return (standing.runs > 0 || retired) && standing.complete == standing.runs ? ExitStatus::done
           : standing.failed > 0                                                ? ExitStatus::runs_failed
                                                                                : ExitStatus::drained;
  }
};

std::optional<Live> live_now(const fs::path& store) { return read_live(store_directory(store), wall_ms(), this_process()); }

/// Whether the job at work is surely the one that was asked for. Not where there are submissions: one of them may be it.
bool is_asked_for(const Live& live, const std::vector<KnownJob>& jobs, const std::string& asked) {
  return jobs.empty() && (asked.empty() || asked == live.sweep || asked == live.sweep_id);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

Watched watched(const fs::path& store, std::vector<KnownJob> jobs, const std::string& asked) {
  Watched seen;
  seen.live = live_now(store);
  if (seen.live && is_asked_for(*seen.live, jobs, asked)) {
    seen.sweep_id = seen.live->sweep_id;
    seen.alive = true;
    seen.standing = {seen.live->runs, seen.live->complete, seen.live->failed, 0, seen.live->epochs_done};
    seen.words = seen.live->sweep + ": " + seen.standing.words();
    return seen;
  }
  seen.live.reset();
  std::optional<Reader> reader = reader_of(store, jobs);
  const std::optional<KnownSweep> sweep = chosen_sweep(known_sweeps(reader ? &*reader : nullptr, store_directory(store)), asked);
  seen.jobs = sweep ? jobs_of(*sweep, std::move(jobs)) : std::move(jobs);
  seen.standing = standing_of(reader ? &*reader : nullptr, sweep);
  seen.alive = std::any_of(seen.jobs.begin(), seen.jobs.end(), [](const KnownJob& job) { return may_live(job.slurm); }) ||
               (reader && (!sweep || is_worked_on(*reader, *sweep)) && !coordinator_gone(*reader, moment_now(store)));
  if (sweep) seen.sweep_id = sweep->sweep_id, seen.retired = sweep->retired;
  seen.words = (sweep ? sweep->name + (sweep->retired ? " (retired)" : "") + ": " : "") + seen.standing.words();
  if (reader && !reader->note().empty()) seen.words += "; the last writer died inside a commit, which the next `stdualx run` rolls back";
  for (const KnownJob& job : seen.jobs)
    if (may_live(job.slurm)) seen.words += fmt::format("; job {}: {}{}", job.slurm.id, job.slurm.state, in_brackets(job.slurm.reason));
  return seen;
}

void add_sweep_option(options::options_description& described, const char* without) {
  described.add_options()("sweep", options::value<std::string>()->default_value("")->value_name("NAME"),
                          (std::string("the sweep of this name, or whose identity starts so (default: ") + without + ")").c_str());
}

/// What its trainers wrote, a file each.
std::vector<fs::path> logs_of(const fs::path& directory, const std::string& run_id, std::int64_t attempt) {
  std::vector<fs::path> logs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_folder(directory, run_id, attempt), error))
    if (entry.path().extension() == ".log") logs.push_back(run_file(directory, RunPath{run_id, attempt, entry.path().filename()}.text()));
  std::sort(logs.begin(), logs.end());
  return logs;
}

void cancel_here(int launcher, bool at_once) {
  for (int i = 0; i < (at_once ? 2 : 1); ++i) {
    if (::kill(launcher, at_once ? SIGTERM : SIGUSR2) != 0)
      throw InputError(fmt::format("process {} cannot be told to end: {}", launcher, std::strerror(errno)));
    std::this_thread::sleep_for(std::chrono::milliseconds(100)); // or two signals of a kind are one
  }
  std::cout << fmt::format("process {} on this host was told to {}\n", launcher,
                           at_once ? "stop: the running epochs are given up" : "drain: the running epochs are finished and recorded");
}

void cancel_in_slurm(const SlurmJob& job, bool at_once) {
  const bool drains = job.phase == JobPhase::running && !at_once;
  cancel_job(job.id, drains ? "USR2" : "");
  std::cout << fmt::format("job {} ({}) {}\n", job.id, job.state,
                           drains ? "was told to drain: the running epochs are finished and recorded, then it ends" : "was cancelled");
}

} // namespace

int status_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_format_option(described);
  add_sweep_option(described, "all that are not retired");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {}, values)) return 0;
  const Output format = output_format(values);
  const fs::path store = store_path(values);
  const std::vector<KnownJob> jobs = jobs_of(store);
  const std::string asked = values["sweep"].as<std::string>();
  std::vector<TitledTable> tables = status_of(store, jobs, asked);
  if (const auto live = live_now(store); live && (asked.empty() || is_asked_for(*live, {}, asked)))
    for (TitledTable& table : live_tables(*live)) tables.push_back(std::move(table));
  std::cout << format_tables(tables, format);
  return 0;
}

int watch_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_sweep_option(described, "the one that was submitted or run last");
  described.add_options()("seconds", options::value<double>()->default_value(5)->value_name("S"), "between two looks");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {}, values)) return 0;
  const double seconds = values["seconds"].as<double>();
  if (!(seconds >= 0.1 && seconds <= 86400)) throw InputError(fmt::format("--seconds: expected 0.1 to 86400, found {}", seconds));
  const fs::path store = store_path(values);
  const bool terminal = can_redraw(STDOUT_FILENO);
  Redraw redraw;
  std::string told, asked = values["sweep"].as<std::string>();
  const int most_silent = silent_looks * std::max(1, static_cast<int>(std::ceil(seconds_an_answer_holds() / seconds))); // of our looks
  int silent = 0; // looks one after the other at which nobody seemed to work and Slurm said nothing of a job
  while (true) {
    const std::vector<KnownJob> jobs = jobs_of(store);
    const Watched seen = watched(store, jobs, asked);
    if (asked.empty()) asked = seen.sweep_id; // one that is submitted meanwhile is another's
    if (terminal) {
      const Window window = window_at(STDOUT_FILENO).value_or(Window{});
      write_raw(std::cout, redraw.draw(lines_of(format_tables(seen.live ? live_tables(*seen.live) : status_of(store, jobs, seen.sweep_id),
                                                              {Format::table, columns_of_output()})),
                                       window));
    } else if (seen.words != told) std::cout << seen.words << "\n";
    if (!std::cout.flush()) return 0; // nobody can hear it; main makes 1 of it
    told = seen.words;
    const bool says_nothing = std::any_of(seen.jobs.begin(), seen.jobs.end(), [](const KnownJob& job) { return job.slurm.state.empty(); });
    silent = !seen.alive && says_nothing ? silent + 1 : 0;
    const bool wait_on = silent > 0 && silent < most_silent && seen.exit_status() != ExitStatus::done;
    if (!seen.alive && !wait_on) {
      const ExitStatus status = seen.exit_status();
      std::cout << (status == ExitStatus::done          ? "all runs are complete\n"
                    : status == ExitStatus::runs_failed ? "No process is running. `stdualx status` says why runs failed.\n"
                                                        : "No process is running. To resume, repeat the same `stdualx run` or `submit` "
                                                          "command; `stdualx retire` gives the sweep up.\n");
      return static_cast<int>(status);
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
}

int cancel_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("now", "give up the running epochs instead of finishing them");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {}, values)) return 0;
  const bool at_once = values.count("now") != 0;
  const fs::path store = store_path(values);
  bool found = false, told_running = false;
  std::string unknown, failed;
  for (const KnownJob& job : jobs_of(store, true)) {
    if (may_live(job.slurm)) {
      found = true;
      if (job.slurm.state == "COMPLETING") continue; // ends by itself
      try {
        cancel_in_slurm(job.slurm, at_once);
        told_running = told_running || job.slurm.phase == JobPhase::running;
      } catch (const InputError& error) { // the others are to be told all the same
        failed += (failed.empty() ? "" : "; ") + std::string(error.what());
      }
    } else if (job.slurm.state.empty()) {
      unknown += (unknown.empty() ? "" : ", ") + job.slurm.id;
    }
  }
  if (const auto launcher = launcher_at(store_directory(store)); launcher && !told_running) { // else it is that job's
    cancel_here(*launcher, at_once);
    found = true;
  }
  if (!failed.empty()) throw InputError(failed);
  if (!found)
    std::cout << "nothing to cancel: no process of this host and no job that Slurm knows works with " << store.string()
              << (unknown.empty() ? "" : "; Slurm has forgotten, or cannot be asked for, job " + unknown) << "\n";
  else std::cout << "What is recorded stays. To resume, repeat the same `stdualx run` or `submit` command.\n";
  return 0;
}

int retire_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("SWEEP", options::value<std::string>(),
                          "its name (of several the one run or submitted last), or the start of its identity");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"SWEEP"}, values)) return 0;
  const fs::path store = store_path(values);
  const std::vector<KnownJob> jobs = jobs_of(store);
  std::optional<Reader> reader = reader_of(store, jobs);
  const auto sweep =
      chosen_sweep(known_sweeps(reader ? &*reader : nullptr, store_directory(store)), values["SWEEP"].as<std::string>()).value();
  reader.reset();
  for (const KnownJob& job : jobs_of(sweep, jobs))
    if (may_live(job.slurm))
      throw RefusedError(
          fmt::format("job {} ({}) is there to run {}; `stdualx cancel` it first", job.slurm.id, job.slurm.state, sweep.name));
  Store writer = Store::open_for_writing(store);
  const std::int64_t given_up = writer.retire(sweep.sweep_id, sweep.name, sweep.text);
  writer.release();
  std::cout << fmt::format("{} ({}) is retired: {} of its runs were not done and count as open no longer. Nothing was deleted; running it "
                           "again takes it back\n",
                           sweep.name, short_id(sweep.sweep_id), given_up);
  return 0;
}

int logs_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("RUN", options::value<std::string>(), "the run, or the start of its identity")(
      "attempt", options::value<std::int64_t>()->default_value(0)->value_name("N"), "only that one (default: all)");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"RUN"}, values)) return 0;
  const fs::path store = store_path(values), directory = store_directory(store);
  Reader reader(store);
  tell_note(reader);
  const std::string run_id = resolve_run(reader, values["RUN"].as<std::string>());
  const std::int64_t only = values["attempt"].as<std::int64_t>();
  const Table attempts = reader.query("SELECT attempt, host, slurm_job_id, coalesce(end_reason, 'runs, or its coordinator died'), "
                                      "coalesce(end_detail, ''), coalesce(stderr_tail, ''), datetime(started_ms / 1000, 'unixepoch') "
                                      "FROM attempts WHERE run_id = ?1 AND (?2 = 0 OR attempt = ?2) ORDER BY attempt",
                                      {run_id, only});
  if (attempts.rows.empty())
    throw InputError(
        only == 0 ? "run " + short_id(run_id) + " was never begun"
                  : fmt::format("run {} has no attempt {}; `stdualx explain {}` lists them", short_id(run_id), only, short_id(run_id)));
  const std::vector<SubmittedJobs> submissions = submitted_jobs(directory);
  for (const auto& row : attempts.rows) {
    const auto text = [&](std::size_t i) { return text_of(row.at(i)); };
    const std::int64_t attempt = integer_of(row.at(0));
    std::cout << fmt::format("== run {}, attempt {}, on {} from {} UTC: {}{}\n", short_id(run_id), attempt, text(1), text(6), text(3),
                             text(4).empty() ? "" : ": " + text(4));
    bool said = false;
    for (const fs::path& log : logs_of(directory, run_id, attempt)) {
      std::cout << "-- " << log.string() << "\n";
      if (std::ifstream file(log, std::ios::binary); file && file.peek() != std::ifstream::traits_type::eof()) std::cout << file.rdbuf();
      said = true;
    }
    if (!said && !text(5).empty()) std::cout << "-- its last lines\n" << text(5) << (text(5).ends_with('\n') ? "" : "\n");
    if (!said && text(5).empty()) std::cout << "-- its trainer wrote nothing\n";
    for (const SubmittedJobs& submitted : submissions)
      if (std::find(submitted.job_ids.begin(), submitted.job_ids.end(), text(2)) != submitted.job_ids.end())
        std::cout << "-- the log of job " << text(2) << " is " << batch_log(submitted.folder, text(2)).string() << "\n";
  }
  return 0;
}

} // namespace stdualx
