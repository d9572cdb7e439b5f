// Slurm, plainly: sending a batch script, which nodes of an allocation answer, and having a job go on after a warning.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/errors.h"

namespace stdualx {

/// A job that Slurm took, or may have taken, though nobody said under which number: sbatch's answer was lost, or a wrapper swallowed it.
/// Its script and folder must stay where they are.
class UncertainJob : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A job as sbatch named it.
struct SentJob {
  std::string id;
  std::string cluster; // where the site has several and one was asked for; else ""
};

/// Sends a script by `sbatch`. From inside an allocation nothing of that one reaches the new job (SLURM_*, SBATCH_*,
/// PMIX_* and their like). Where sbatch names no job the queue is looked through for one of this script, with a number above `after`: a
/// controller that is busy takes a job and answers too late. Throws InputError where the job was certainly not taken, with sbatch's own
/// words, or with what to do where there is none; else UncertainJob.
SentJob send_batch_script(const std::filesystem::path& script, const std::vector<std::string>& further = {}, const std::string& after = "",
                          std::chrono::milliseconds between_looks = std::chrono::seconds(2));

/// Those of `nodes` (as Slurm lists them) whose slurmd answers within two seconds, in Slurm's order: its own state of a dead node lags by
/// SlurmdTimeout. std::nullopt where Slurm cannot be asked, which says nothing of the nodes.
std::optional<std::vector<std::string>> answering_nodes(const std::string& nodes);
/// The same of the allocation that this process is in; empty outside of one, or where Slurm cannot be asked.
std::vector<std::string> live_nodes();

/// The try of Slurm's job that this process is in.
struct SlurmTry {
  std::string job_id;        // "": none
  std::int64_t restarts = 0; // how often Slurm had started the job before
  std::string nodes;         // as Slurm lists them
};
SlurmTry this_slurm_try();

struct GoesOn {
  std::string words;
  std::string successor; // number of the job that was sent instead; "": none
};
/// For a job that drained at a warning, to be called when all is recorded: it is started again (`scontrol requeue`), or, where the site
/// forbids that, exactly one successor is sent that begins when it has ended. Says which, or what to type when neither could be had.
/// Slurm sends TERM as soon as it has agreed (3 to 20 ms later); from here on it is ignored, so that the sentence can be told.
GoesOn go_on_after_warning(const std::string& job_id, const std::filesystem::path& script);

/// Where a job is. `unknown`: Slurm has forgotten it or cannot be asked, or says a word that we do not know; it counts as alive.
enum class JobPhase { waiting, running, over, unknown };
/// Of a state as squeue, scontrol or sacct write it, in any case, with or without what follows ("CANCELLED by 0", "RUNNING+").
JobPhase job_phase(std::string_view state);

struct SlurmJob {
  std::string id;
  JobPhase phase = JobPhase::unknown;
  std::string state;  // Slurm's word; "": it knows none
  std::string reason; // why it waits, or ended; "": none
  std::string nodes;
};
/// The jobs of these numbers, in their order, as squeue tells, or sacct where squeue has forgotten them. Reads only, waits at most some
/// seconds.
std::vector<SlurmJob> ask_jobs(const std::vector<std::string>& ids);

/// Has a waiting or running job cancelled (`scancel`); or, with `signal` ("USR1", "USR2"), sends that to its batch script. Throws
/// InputError with scancel's own words.
void cancel_job(const std::string& id, const std::string& signal = "");

} // namespace stdualx
