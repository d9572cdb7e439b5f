// The text of a batch script. What the shell and Slurm quote and escape is known here and nowhere else.
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
  bool gpus = false;  // each worker gets a GPU; else none sees any
  std::string memory; // of a node, as Slurm spells it; here and below "": as the site says
  std::string time, partition, account, qos, constraint;
  bool outlives_nodes = false;         // Slurm leaves the job alone when a node is lost (--no-kill): it starts itself again on the others
  int warning_seconds = 300;           // USR1 comes that long before the time is up (or up to 60 s earlier: Slurm's resolution)
  std::vector<std::string> further;    // options of sbatch, as a site needs them; they come last and so win
  std::vector<std::string> prologue;   // lines of shell before the program, as they are: `module load openmpi`
  std::filesystem::path log_directory; // must be there when the job starts
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

/// A word as a shell reads it back.
std::string for_shell(const std::string& text);

} // namespace stdualx
