// `stdualx submit`: checks and freezes a sweep, writes the batch script of a job that runs it, and sends it to Slurm.
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/job.h"
#include "orchestrator/submission.h"
#include "results/fence.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

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
  job.partition = text_option(values, "partition");
  job.account = text_option(values, "account");
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
  job.working_directory = std::filesystem::current_path();
  return job;
}

std::vector<std::string> run_words(const options::variables_map& values, const BatchJob& job, const std::filesystem::path& folder) {
  const DataPaths paths = data_paths(values);
  std::vector<std::string> words = {own_executable().string(),
                                    "run",
                                    (folder / "sweep.json").string(),
                                    "--store=" + store_path(values).string(),
                                    "--data=" + paths.data_directory.string(),
                                    "--cache=" + paths.cache_directory.string(),
                                    "--workers=" + std::to_string(job.nodes * job.workers_per_node),
                                    "--drain-seconds=" + std::to_string(job.warning_seconds - seconds_to_record)};
  if (values.count("first") != 0) words.push_back("--first=" + std::to_string(values["first"].as<std::size_t>()));
  if (values.count("skip-missing-data") != 0) words.emplace_back("--skip-missing-data");
  for (const auto& argument : list_option(values, "mpirun-arg")) words.push_back("--mpirun-arg=" + argument);
  return words;
}

/// A place that the nodes of a cluster seldom share with the host that submits.
bool is_of_one_host(const std::filesystem::path& path) {
  std::filesystem::path there = path;
  while (!std::filesystem::exists(there) && there.has_relative_path()) there = there.parent_path();
  const std::string text = path.string();
  return file_system_name(there) == "tmpfs" || text.starts_with("/tmp/") || text.starts_with("/var/tmp/");
}

} // namespace

int submit_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_sweep_options(described);
  add_store_option(described);
  add_data_options(described);
  described.add_options()("nodes", options::value<int>()->default_value(1)->value_name("N"),
                          "hosts")("gpus-per-node", options::value<int>()->value_name("G"), "GPUs of each, with one worker a GPU")(
      "workers-per-node", options::value<int>()->value_name("W"), "workers of each, where there are no GPUs")(
      "cpus-per-worker", options::value<int>()->value_name("C"), "cores of a worker (default: the sweep's threads)")(
      "time", options::value<std::string>()->value_name("T"), "limit, as Slurm spells it: 90, 2:00:00, 1-12 (default: the site's)")(
      "partition", options::value<std::string>()->value_name("P"),
      "where (default: the site's)")("account", options::value<std::string>()->value_name("A"), "who pays (default: the site's)")(
      "job-name", options::value<std::string>()->value_name("NAME"),
      "default: the sweep's name")("warning-seconds", options::value<int>()->default_value(300)->value_name("S"),
                                   "that long before its time is up the job drains and is requeued: an epoch should fit in")(
      "sbatch", options::value<std::vector<std::string>>()->composing()->value_name("OPTION"),
      "further option of sbatch, e.g. --sbatch=--mem=64G")("first", options::value<std::size_t>()->value_name("N"),
                                                           "only the first N runs of the plan: try one before all")(
      "mpirun-arg", options::value<std::vector<std::string>>()->composing()->value_name("ARG"),
      "further argument of mpirun, as a site needs it")("dry-run", "prints the script; writes and sends nothing");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"SPEC"}, values)) return 0;

  Plan plan = plan_from(values);
  Submission submission = submission_of(plan, program_files());
  if (values.count("first") != 0 && values["first"].as<std::size_t>() < plan.runs.size())
    plan.runs.resize(values["first"].as<std::size_t>());
  const std::filesystem::path store = store_path(values);
  BatchJob job = asked_for(values, plan);
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
  write_whole_file(folder / "sweep.json", plan.sweep_text + "\n");
  write_whole_file(folder / "submission.json", to_json_all(submission).dump(1) + "\n");
  write_whole_file(folder / "job.sh", lay_out(folder));
  const std::string id = send_batch_script(folder / "job.sh");
  directory.keep();

  const std::string with = values["store"].defaulted() ? "" : " --store " + values["store"].as<std::string>();
  std::cout << fmt::format("job {}: {} runs to do, {} complete; {} x {} workers\n"
                           "script  {}\n"
                           "log     {}\n"
                           "store   {}\n"
                           "next: squeue --job={} says where it stands, stdualx status{} what is done\n"
                           "      scancel --signal=USR1 --batch {} drains it and has it go on later, with TERM it drains and ends\n",
                           id, left.open, left.complete, job.nodes, job.workers_per_node, (folder / "job.sh").string(),
                           batch_log(folder, id).string(), store.string(), id, with, id);
  return 0;
}

} // namespace stdualx
