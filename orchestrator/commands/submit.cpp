// `stdualx submit`: checks and freezes a sweep, writes the batch script of a job that runs it, and sends it to Slurm.
#include "cluster/batch_script.h"
#include "cluster/place.h"
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "experiments/plan.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/commands/preflight.h"
#include "orchestrator/commands/profile.h"
#include "orchestrator/job.h"
#include "orchestrator/submission.h"
#include "results/fence.h"
#include "results/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <set>

namespace stdualx {

namespace {

constexpr int least_warning = 60;      // seconds; Slurm looks at its jobs' clocks about once a minute
constexpr int longest_warning = 65535; // what sbatch takes
constexpr int seconds_to_record = 30;  // of the warning: after the drain, to record it, end mpirun and ask for the requeue

int number_option(const options::variables_map& values, const std::string& name, int least, int most) {
  const int number = values[name].as<int>();
  if (number < least || number > most)
    throw InputError(fmt::format("--{}: expected a number from {} to {}, found {}", name, least, most, number));
  return number;
}

std::string text_option(const options::variables_map& values, const std::string& name) {
  return values.count(name) != 0 ? values[name].as<std::string>() : "";
}

std::vector<std::string> list_option(const options::variables_map& values, const std::string& name) {
  return values.count(name) != 0 ? values[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

/// What is asked of Slurm; the rest of the job follows from where its folder lies.
BatchJob asked_for(const options::variables_map& values, const Plan& plan) {
  BatchJob job;
  job.name = values.count("job-name") != 0 ? values["job-name"].as<std::string>() : plan.name;
  job.nodes = number_option(values, "nodes", 1, 4096);
  job.outlives_nodes = job.nodes > 1;
  job.gpus = values.count("gpus-per-node") != 0;
  if (job.gpus == (values.count("workers-per-node") != 0))
    throw InputError("expected either --gpus-per-node, with a worker each, or, without GPUs, --workers-per-node");
  job.workers_per_node = number_option(values, job.gpus ? "gpus-per-node" : "workers-per-node", 1, 1024);
  std::int64_t threads = 1, widest = 1;
  for (const auto& planned : plan.runs) {
    threads = std::max(threads, planned.run.threads);
    widest = std::max(widest, planned.run.world_size);
  }
  job.cpus_per_worker =
      values.count("cpus-per-worker") != 0 ? number_option(values, "cpus-per-worker", 1, 1024) : static_cast<int>(threads);
  if (widest > job.nodes * job.workers_per_node)
    throw InputError(
        fmt::format("a run of this sweep needs {} ranks, and the job would have {} workers: ask for more nodes, or more on each", widest,
                    job.nodes * job.workers_per_node));
  job.time = text_option(values, "time");
  job.memory = text_option(values, "mem");
  job.partition = text_option(values, "partition");
  job.account = text_option(values, "account");
  job.qos = text_option(values, "qos");
  job.constraint = text_option(values, "constraint");
  job.warning_seconds = number_option(values, "warning-seconds", least_warning, longest_warning);
  if (!job.time.empty()) {
    std::int64_t seconds = 0;
    try {
      seconds = slurm_seconds(job.time);
    } catch (const InputError& error) {
      throw InputError(std::string("--time: ") + error.what());
    }
    if (seconds <= job.warning_seconds + least_warning)
      throw InputError(
          fmt::format("--time {}: that is {} s, and the warning to end comes {} s (or up to {} s more) before: nothing would be "
                      "trained; ask for a longer --time or a shorter --warning-seconds",
                      job.time, seconds, job.warning_seconds, least_warning));
  }
  job.further = list_option(values, "sbatch");
  job.prologue = list_option(values, "prologue");
  job.working_directory = std::filesystem::current_path();
  return job;
}

std::vector<std::string> run_words(const options::variables_map& values, const BatchJob& job, const std::filesystem::path& folder) {
  const DataPaths paths = data_paths(values);
  std::vector<std::string> words = {own_executable().string(),
                                    "run",
                                    (folder / "sweep.json").string(),
                                    "--store=" + store_of_sweep(values).string(),
                                    "--data=" + paths.data_directory.string(),
                                    "--cache=" + paths.cache_directory.string(),
                                    "--workers=" + std::to_string(job.nodes * job.workers_per_node),
                                    "--drain-seconds=" + std::to_string(job.warning_seconds - seconds_to_record)};
  if (values.count("first") != 0) words.push_back("--first=" + std::to_string(values["first"].as<std::size_t>()));
  if (values.count("shard") != 0) words.push_back("--shard=" + values["shard"].as<std::string>());
  if (if_busy_option(values) != "refuse") words.push_back("--if-busy=" + if_busy_option(values));
  if (values.count("skip-missing-data") != 0) words.emplace_back("--skip-missing-data");
  for (const auto& argument : list_option(values, "mpirun-arg")) words.push_back("--mpirun-arg=" + argument);
  return words;
}

/// Throws InputError where the store knows an epoch of these runs, on the kind of device that is asked for, that fits into no try of the
/// job.
void refuse_long_epochs(const Plan& plan, const std::filesystem::path& store, const BatchJob& job) {
  std::optional<Reader> reader = Reader::open_if_there(store);
  if (!reader || job.time.empty()) return;
  const DeviceKind device = job.gpus ? DeviceKind::gpu : DeviceKind::cpu;
  const std::int64_t limit = slurm_seconds(job.time) - seconds_to_record; // a drain lets the running epoch end
  std::set<std::string> asked;
  for (const PlannedRun& planned : plan.runs) {
    if (!asked.insert(recipe_identity(planned.run)).second) continue;
    const auto seconds = epoch_seconds_of(*reader, planned.run, device);
    if (seconds && *seconds > static_cast<double>(limit))
      throw InputError(
          fmt::format("--time {}: that leaves a try of the job {} s, and an epoch of {} on {} has taken {:.0f} s (median on {}, in this "
                      "store): ask for a longer --time, more ranks a run, or fewer steps an epoch; --allow-long-epochs submits it all the "
                      "same, for hosts that are faster",
                      job.time, limit, planned.run.variant, planned.run.dataset, *seconds, device_kind_words(device)));
  }
}

/// A place that the nodes of a cluster seldom share with the host that submits.
bool is_of_one_host(const std::filesystem::path& path) {
  const std::string text = path.string();
  return file_system_name(nearest_folder(path)) == "tmpfs" || text.starts_with("/tmp/") || text.starts_with("/var/tmp/");
}

} // namespace

int submit_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_sweep_options(described);
  add_choice_options(described);
  add_store_option(described);
  add_data_options(described);
  described.add_options()("nodes", options::value<int>()->default_value(1)->value_name("N"),
                          "hosts")("gpus-per-node", options::value<int>()->value_name("G"), "GPUs of each, with one worker a GPU")(
      "workers-per-node", options::value<int>()->value_name("W"), "workers of each, where there are no GPUs")(
      "cpus-per-worker", options::value<int>()->value_name("C"), "cores of a worker (default: the sweep's threads)")(
      "time", options::value<std::string>()->value_name("T"), "limit, as Slurm spells it: 90, 2:00:00, 1-12 (default: the site's)")(
      "partition", options::value<std::string>()->value_name("P"),
      "where (default: the site's)")("account", options::value<std::string>()->value_name("A"), "who pays (default: the site's)")(
      "qos", options::value<std::string>()->value_name("Q"),
      "quality of service (default: the site's)")("constraint", options::value<std::string>()->value_name("C"), "features of the hosts")(
      "mem", options::value<std::string>()->value_name("M"), "memory of a host, as Slurm spells it: 64G (default: the site's)")(
      "job-name", options::value<std::string>()->value_name("NAME"),
      "default: the sweep's name")("warning-seconds", options::value<int>()->default_value(300)->value_name("S"),
                                   "that long before its time is up the job drains and is requeued: an epoch should fit in")(
      "sbatch", options::value<std::vector<std::string>>()->composing()->value_name("OPTION"),
      "further option of sbatch, e.g. --sbatch=--exclusive")(
      "prologue", options::value<std::vector<std::string>>()->composing()->value_name("LINE"),
      "line of shell before the program, as it is, e.g. --prologue 'module load openmpi'")(
      "profile", options::value<std::string>()->default_value("")->value_name("NAME"),
      ("these options, where they are not given, from " + profile_file().string() +
       ": {\"NAME\": {\"partition\": \"gpu\", \"prologue\": [\"module load openmpi\"]}}; the profile `default` holds without asking")
          .c_str())("mpirun-arg", options::value<std::vector<std::string>>()->composing()->value_name("ARG"),
                    "further argument of mpirun, as a site needs it")(
      "allow-long-epochs", "though an epoch took longer than --time before, on other hosts")("dry-run",
                                                                                             "prints the script; writes and sends nothing");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"SPEC"}, values)) return 0;
  add_profile(values["profile"].as<std::string>(), described, values);

  Plan plan = plan_from(values);
  Submission submission = submission_of(plan, program_files());
  choose_runs(plan, values);
  const std::filesystem::path store = store_of_sweep(values);
  BatchJob job = asked_for(values, plan);
  if (values.count("allow-long-epochs") == 0) refuse_long_epochs(plan, store, job);
  const Left left = what_is_left(store, plan);
  if (left.open == 0) {
    std::cout << fmt::format("nothing to do: {} of {} runs complete{}; no job was sent\n", left.complete, plan.runs.size(),
                             left.failed > 0 ? fmt::format(", {} failed", left.failed) : "");
    return static_cast<int>(left.failed > 0 ? ExitStatus::runs_failed : ExitStatus::done);
  }
  if (is_of_one_host(store))
    std::cerr << "stdualx: note: the nodes of a cluster seldom share " << store.parent_path().string()
              << " with this host; --store names a file on a file system that all of them see\n";
  const auto lay_out = [&](const std::filesystem::path& folder) {
    job.log_directory = folder;
    job.environment = {{submission_variable, (folder / "submission.json").string()}};
    job.command = run_words(values, job, folder);
    return sbatch_script(job);
  };
  if (values.count("dry-run") != 0) {
    std::cout << lay_out(SubmissionDirectory::next(store_directory(store), plan.name));
    std::cerr << "stdualx: nothing was written or sent\n";
    return 0;
  }

  SubmissionDirectory directory(store_directory(store), plan.name);
  const std::filesystem::path& folder = directory.path();
  submission.time_seconds = job.time.empty() ? 0 : slurm_seconds(job.time);
  submission.warning_seconds = job.warning_seconds;
  submission.host = note_of_this_host(store, data_paths(values));
  for (const PlannedRun& planned : plan.runs) submission.chosen_run_ids.push_back(planned.run_id);
  submission.submitted_ms = moment_now(store).now_ms;
  write_whole_file(folder / "sweep.json", sweep_with_places(plan, values["SPEC"].as<std::string>()) + "\n");
  write_whole_file(folder / "submission.json", to_json_all(submission).dump(1) + "\n");
  write_whole_file(folder / "job.sh", lay_out(folder));
  SentJob sent;
  directory.keep(); // whatever happens from here on: the job may be Slurm's, and a job whose folder is gone has not even a log
  try {
    sent = send_batch_script(folder / "job.sh");
  } catch (const UncertainJob& error) {
    std::cerr << "stdualx: " << error.what() << "\n";
    return static_cast<int>(ExitStatus::drained);
  } catch (const InputError&) { // certainly not taken
    directory.keep(false);
    throw;
  }
  note_job(folder, sent.id);
  if (!sent.cluster.empty())
    std::cerr << fmt::format(
        "stdualx: note: the job is on cluster {0}; status, watch and cancel ask about it where SLURM_CLUSTERS={0} is set\n", sent.cluster);

  const std::string with = store_words(values);
  std::cout << fmt::format(
      "job {}: {} runs to do, {} complete; {} x {} workers\n"
      "{}"
      "script  {}\n"
      "log     {}\n"
      "store   {}\n"
      "next: stdualx status{} shows the state, stdualx watch{} repeats it, stdualx cancel{} drains and stops the job\n",
      sent.id, left.open, left.complete, job.nodes, job.workers_per_node, again_words(left), (folder / "job.sh").string(),
      batch_log(folder, sent.id).string(), store.string(), with, with, with);
  return 0;
}

} // namespace stdualx
