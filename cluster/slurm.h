// Slurm, plainly: the text of a batch script, sending it, and having its job go on after a warning. What the shell and Slurm quote
// and escape is known here and nowhere else.
//
//   script := "#!/bin/bash" comment* ("#SBATCH --" option)+ command*, the last of which is `exec PROGRAM...`
//
// `exec` puts the program in the shell's place, so that a signal to the batch shell (--signal=B:, scancel --batch) is the program's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace stdualx {

/// What is asked of Slurm.
struct BatchJob {
  std::string name;
  int nodes = 1;
  int workers_per_node = 1;
  int cpus_per_worker = 1;
  bool gpus = false;                    // each worker gets a GPU; else none sees any
  std::string time, partition, account; // "": as the site says
  int warning_seconds = 300;            // USR1 comes that long before the time is up (or up to 60 s earlier: Slurm's resolution)
  std::vector<std::string> further;     // options of sbatch, as a site needs them; they come last and so win
  std::filesystem::path log_directory;  // must be there when the job starts
  std::filesystem::path working_directory;
  std::vector<std::pair<std::string, std::string>> environment; // added to what sbatch takes along
  std::vector<std::string> command;                             // what the script ends in
};

/// The script. Throws InputError for what no script can say: control characters, a backslash in the log's path (Slurm then leaves %j
/// in it as it is), a further option without its dash.
std::string sbatch_script(const BatchJob& job);

/// The log of a job of this folder: of all its tries, since Slurm appends.
std::filesystem::path batch_log(const std::filesystem::path& log_directory, const std::string& job_id);

/// Seconds of a time as Slurm spells it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S. Throws InputError.
std::int64_t slurm_seconds(const std::string& time);

/// Sends a script by `sbatch`; the job's number. Throws InputError with sbatch's own words, or with what to do where there is none.
std::string send_batch_script(const std::filesystem::path& script, const std::vector<std::string>& further = {});

/// Nodes of the allocation that this process is in, whose slurmd answers within two seconds, in Slurm's order: its own state of a dead
/// node lags by SlurmdTimeout. Empty outside of an allocation, or where Slurm cannot be asked.
std::vector<std::string> live_nodes();

/// For a job that drained at a warning, to be called when all is recorded: it is started again (`scontrol requeue`), or, where the site
/// forbids that, exactly one successor is sent that begins when it has ended. Says which, or what to type when neither could be had.
/// Slurm sends TERM as soon as it has agreed (3 to 20 ms later); from here on it is ignored, so that the sentence can be told.
std::string go_on_after_warning(const std::string& job_id, const std::filesystem::path& script);

} // namespace stdualx
