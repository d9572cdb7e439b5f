// `stdualx`: finds the command, runs it, and turns errors into one sentence and an exit status.
#include "cluster/build.h"
#include "experiments/spec/fault.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/commands/reference.h"
#include "orchestrator/exit_statuses.h"
#include "orchestrator/output.h"
#include "orchestrator/terminal.h"

#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>

namespace stdualx {

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"plan", "SPEC [options]", "Prints the runs of a sweep file, what is done, and what each costs.",
       "stdualx plan experiments/sweeps/demo.json", plan_command},
      {"run", "SPEC [options]", "Trains the missing runs of a sweep. After any failure the same command resumes it.",
       "stdualx run experiments/sweeps/demo.json --workers 2", run_command},
      {"submit", "SPEC [options]", "Sends a sweep to Slurm as one job. When its time is up or it is preempted, it drains and is requeued.",
       "stdualx submit experiments/sweeps/demo.json --nodes 4 --gpus-per-node 8 --time 12:00:00 --store /shared/results.db",
       submit_command},
      {"status", "[options]", "Lists sweeps with their runs by status, why runs failed, and their Slurm jobs.",
       "stdualx status --store results.db", status_command},
      {"watch", "[options]", "Repeats `status` until no process is working (exit 0: all complete, 3: some failed, 75: not all done).",
       "stdualx watch --store results.db", watch_command},
      {"cancel", "[options]", "Has the process or the Slurm jobs of a store finish their current epochs, then stop.",
       "stdualx cancel --store results.db", cancel_command},
      {"logs", "RUN [options]", "What the trainers of a run wrote, attempt by attempt, and where the log of its job is.",
       "stdualx logs 3f2a9c", logs_command},
      {"runs", "[options]", "One line a run.", "stdualx runs --status FAILED", runs_command},
      {"explain", "RUN [options]", "All about one run: its fields, attempts, epochs, evaluations.", "stdualx explain 3f2a9c",
       explain_command},
      {"query", "SQL [options]",
       "Asks the store; read-only. Views: v_runs, v_accuracy, v_ablation, v_baseline, v_robustness, v_attention, v_efficiency, "
       "v_inference, v_timing, v_predictions, v_confusion.",
       "stdualx query 'SELECT variant, accuracy FROM v_accuracy'", query_command},
      {"report", "[options]", "The paper's numbers beside ours, with interval and verdict.",
       "stdualx report --table claims,ablation --format markdown", report_command},
      {"serve", "[options]",
       "A live page of a store for a browser: who trains what, curves, runs, events, questions, the report; read-only.",
       "stdualx serve --store results.db", serve_command},
      {"export", "csv DIR [options]",
       "Every view as a CSV file for other programs, and the metadata that Datasette shows beside the store.", "stdualx export csv tables",
       export_command},
      {"compare", "A B [options]", "Two variants, sweeps, recipes or runs, paired by split, fold and seed: difference, interval, tests.",
       "stdualx compare stdual_x without_csa", compare_command},
      {"retry", "RUN | --failed", "Plans failed runs again; the next run trains them from their last checkpoint.", "stdualx retry --failed",
       retry_command},
      {"retire", "SWEEP",
       "Gives a sweep up: its unfinished runs no longer count as open, unless another sweep names them. Nothing is deleted. Running the "
       "sweep again takes it back.",
       "stdualx retire old_grid", retire_command},
      {"db", "check|backup|rebuild|merge [options]", "The store as a file: is it whole and true, copies, repair, two into one.",
       "stdualx db check --store results.db", db_command},
      {"bench", "[RUN] [options] | scheduler [options]",
       "Measures what trained networks cost to use here, and records it beside the paper's figures; or the schedule, on a simulated "
       "cluster.",
       "stdualx bench --threads 1", bench_command},
      {"predict", "NETWORK DATASET | NETWORK --stream [options]",
       "What a trained network says of recordings: the activity of each window with its probabilities. No libtorch is loaded.",
       "stdualx predict 3f9a my-recordings/manifest.json > activities.csv", predict_command},
      {"data", "list | verify [DATASET] | import DATASET | init FILES... | cache [prune] [options]",
       "Which data sets are there, whether they are whole, and their windows cut ahead of time; a first manifest; the window cache.",
       "stdualx data verify pamap2", data_command},
      {"doctor", "[options]",
       "Whether this host, and with --slurm the cluster, can do what a sweep will ask of them; and what to do where not.",
       "stdualx doctor --slurm --partition gpu --store /shared/results.db", doctor_command},
      {"reference", "commands|views|sweep_file|manifest|man",
       "All of one kind, as Markdown: commands, columns of views, keys of a file; or the manual page.", "stdualx reference views",
       reference_command},
      {"completion", "bash|zsh", "A script with which the shell completes commands and their options.", "source <(stdualx completion bash)",
       completion_command},
      {"guard", "NODE JOB SUBMISSION STORE", "What a job of several nodes starts on another one of them; not for people.",
       "stdualx guard node1 12 results.db.d/submissions/demo-1 results.db", guard_command, true},
      {"rank", "JOB", "What mpirun starts; not for people.", "mpirun -n 3 stdualx rank job.json", rank_command, true},
  };
  return all;
}

namespace {

void print_help() {
  const std::size_t columns = columns_of_output();
  std::cout << fitted("stdualx: plans one sweep file, trains its runs on many workers, records everything in one SQLite file", columns)
            << "\n\n";
  for (const auto& command : commands())
    if (!command.hidden)
      std::cout << "  " << command.name << std::string(12 - command.name.size(), ' ') << fitted(command.summary, columns, 14) << "\n";
  std::string statuses = "`stdualx COMMAND --help` tells more. Exit status: ";
  for (const auto& known : exit_statuses()) statuses += (known.status == 0 ? "" : ", ") + std::to_string(known.status) + " " + known.words;
  std::cout << "\n" << fitted(statuses + ".", columns) << "\n";
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_help();
    return arguments.empty() ? static_cast<int>(ExitStatus::bad_input) : 0;
  }
  if (arguments[0] == "--version") {
    const BuildId build = this_build();
    std::cout << "stdualx " << build.version << (build.git_commit.empty() ? "" : " (" + build.git_commit + ")") << "\n";
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    if (command.name == arguments[0]) return command.run(command, {arguments.begin() + 1, arguments.end()});
    if (!command.hidden) names.push_back(command.name);
  }
  const std::string near = nearest_word(arguments[0], names);
  throw InputError("unknown command '" + arguments[0] + "'" +
                   (near.empty() ? "; `stdualx --help` lists them" : "; did you mean '" + near + "'?"));
}

/// The exit status; what goes wrong is said in one sentence.
int run(const std::vector<std::string>& arguments) {
  const ShownStream output(std::cout, STDOUT_FILENO), errors(std::cerr, STDERR_FILENO);
  try {
    std::error_code error;
    static_cast<void>(std::filesystem::current_path(error));
    if (error)
      throw InputError("the current directory cannot be named (" + error.message() +
                       "): it was removed, or a folder above it may not be read; cd to another and type the command again");
    return dispatch(arguments);
  } catch (...) {
    const Ending ending = ending_of(std::current_exception());
    std::cerr << "stdualx: " << ending.sentence << "\n";
    return ending.status;
  }
}

} // namespace
} // namespace stdualx

int main(int count, char** values) {
  stdualx::open_closed_standard_descriptors();
  // Where a parent ignores it, the kernel would reap our children before we have seen their end.
  std::signal(SIGCHLD, SIG_DFL);
  stdualx::read_fault_from_environment();
  stdualx::StandardOutput output;
  const int status = stdualx::run({values + 1, values + count});
  std::cout.flush();
  // `run` says it of its job's output itself.
  return output.error() == 0 || status == stdualx::output_cut ? status : stdualx::status_of_cut_output(status, output.error());
}
