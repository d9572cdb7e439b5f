// The launcher's half of a job: start mpirun, take the signals, pass them on as words, start it again when it died.
// No MPI here: the launcher only owns the processes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace stdualx {

struct LaunchOptions {
  std::filesystem::path program;             // run as rank: `program rank JOB`, after a crash with `--after-crash HOW`
  std::filesystem::path job;                 // the job file
  std::filesystem::path outcome;             // appears when the job ended by its own decision
  int workers = 1;                           // ranks besides the coordinator
  std::vector<std::string> mpirun_arguments; // further ones, as a site needs them
  // Without progress in between. A run that the job dies of is found out at the fourth (three crashes, one more alone); two further ones
  // are for others like it, and then it is rather the machine.
  int most_restarts = 6;
  double first_back_off_seconds = 1; // doubled at each restart, up to four times as much
  double drain_seconds = 600;        // the coordinator stops after these; if it does not, the launcher does, some seconds later
  // The hosts that are left, asked before a job that died is started again; empty, or none given: mpirun's own choice.
  std::function<std::vector<std::string>()> live_hosts;
  int workers_per_host = 1;                    // of those
  std::function<long()> progress;              // a number that grows while work is done (recorded epochs)
  std::function<void(const std::string&)> say; // a sentence for the person
  std::function<std::string()> window; // "80 24", columns and rows of its terminal, looked at five times a second; empty: it has none
};

enum class LaunchHow {
  decided, // the outcome file stands
  stopped, // the person asked twice, and no outcome was left
  died,    // most_restarts times without progress, or once after a drain was asked for
};

struct LaunchEnd {
  LaunchHow how;
  bool warned;      // it was USR1 that asked for the drain: its time is nearly up, not its work
  int output_error; // why what the job said could not all be passed on (an errno), or 0; the job goes on without
};

/// A file of the outcome's name and this suffix, there before it: ranks hang, and the end of mpirun is not to be waited for.
inline constexpr const char* lost_suffix = ".ranks-hang";

/// Blocks until the job has ended. INT, TERM, HUP: once drains, twice stops. USR1, Slurm's warning, and USR2, `cancel`, drain and never
/// stop, however often they come; after USR2 the drain counts as the person's. But for USR2, what was ignored when we were started stays
/// ignored. TSTP (Ctrl-Z) stops the whole job until it is continued, where all of it is on this host. A job that dies (a rank, a host,
/// mpirun) is started again with back-off. Throws std::system_error when mpirun cannot be started at all.
LaunchEnd launch(const LaunchOptions& options);

/// After a launcher was killed: removes what its mpirun left, whose number lies beside its job file. False: that still runs.
bool remove_leftovers_of_job(const std::filesystem::path& job_directory);

/// The mpirun that `launch` starts: that of the MPI which the program is linked with; where the tree was carried to another host, the one
/// in PATH.
std::string mpirun_program();

} // namespace stdualx
