// What `stdualx submit` freezes in a folder of its own, STORE.d/submissions/SWEEP-N/, and what its job looks at when it starts:
//   sweep.json       the sweep, overrides applied: the file that the job runs
//   job.sh           the batch script
//   submission.json  a Submission
//   jobs.txt         numbers of its jobs, one a line: the first, and successors where Slurm refused a requeue
//   tries.json       a list of Try: what was recorded when each began
//   log-JOB.txt      of all tries of a job
// So edits of the sweep file reach no waiting job, and changed recordings or another build are named.
#pragma once

#include "experiments/spec/plan.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// Names the job's submission.json to `stdualx run`; the batch script sets it.
inline constexpr const char* submission_variable = "STDUALX_SUBMISSION";

struct SubmittedRecordings {
  std::string name, hash;

  static const auto& fields() {
    using S = SubmittedRecordings;
    static const auto all = std::make_tuple(field("name", &S::name, "", "data set"), field("hash", &S::hash, "", "its RunSpec's"));
    return all;
  }
};

/// What a host is, as far as its jobs depend on it.
struct HostNote {
  std::string mpi; // as the library calls itself
  std::string store_file_system, data_file_system;

  static const auto& fields() {
    using H = HostNote;
    static const auto all =
        std::make_tuple(field("mpi", &H::mpi, "", "library"), field("store_file_system", &H::store_file_system, "", "kind"),
                        field("data_file_system", &H::data_file_system, "", "kind"));
    return all;
  }
};

struct Submission {
  std::string sweep_id;
  std::vector<std::string> run_ids;
  std::vector<SubmittedRecordings> recordings;
  std::vector<std::string> programs; // SHA-256 of stdualx, and of the trainer
  std::int64_t time_seconds = 0;     // the job's limit; 0: the site's own, not known
  std::int64_t warning_seconds = 0;
  HostNote host;                           // that submitted it
  std::vector<std::string> chosen_run_ids; // those of run_ids that this job is to do; empty: all (as of versions that did not say)
  std::int64_t submitted_ms = 0;           // since 1970; 0: of a version that did not say

  static const auto& fields() {
    using S = Submission;
    static const auto all = std::make_tuple(
        field("sweep_id", &S::sweep_id, "", "identity of the sweep"), field("run_ids", &S::run_ids, {}, "what was planned"),
        field("recordings", &S::recordings, {}, "data sets"), field("programs", &S::programs, {}, "SHA-256 of each"),
        field("time_seconds", &S::time_seconds, 0, "limit of the job; 0: not known"),
        field("warning_seconds", &S::warning_seconds, 0, "USR1 comes that long before"), field("host", &S::host, {}, "that submitted it"),
        field("chosen_run_ids", &S::chosen_run_ids, {}, "what this job is to do"),
        field("submitted_ms", &S::submitted_ms, 0, "since 1970"));
    return all;
  }
};

/// What is to be frozen of a plan and of the programs that will run it. Throws InputError where a program cannot be read.
Submission submission_of(const Plan& plan, const std::vector<std::filesystem::path>& programs);

/// The submission.json of this job; std::nullopt outside a job of `stdualx submit`.
std::optional<std::filesystem::path> submission_file();
Submission read_submission(const std::filesystem::path& file);

/// Whether what was submitted is what would run now. Throws InputError that names what has changed where runs would be other ones than
/// those submitted. Returns a sentence when only the programs have changed, else "".
std::string compare_with_submission(const Submission& submitted, const Submission& now);

/// A job of this submission that began to run.
struct Try {
  std::string job_id;
  std::int64_t restarts = 0;
  std::int64_t progress = 0; // epochs and complete runs that were recorded before

  static const auto& fields() {
    using T = Try;
    static const auto all =
        std::make_tuple(field("job_id", &T::job_id, "", "Slurm's number"), field("restarts", &T::restarts, 0, "by Slurm, before"),
                        field("progress", &T::progress, 0, "epochs and complete runs recorded before"));
    return all;
  }
};
/// So many tries in a row may begin without one epoch recorded by the one before; then a person has to look.
inline constexpr std::int64_t most_idle_tries = 5;
/// Writes down that a try begins, and returns how many in a row, this one included, began at this progress. Throws StorageError.
std::int64_t note_try(const std::filesystem::path& folder, const Try& begun);

/// Adds a job's number to the folder's jobs.txt, unless it is there. Throws StorageError.
void note_job(const std::filesystem::path& folder, const std::string& job_id);

/// A submission of a store, and its jobs.
struct SubmittedJobs {
  std::filesystem::path folder;
  std::vector<std::string> job_ids; // the newest last; empty: it was never sent
};
/// Those of a store, oldest first. Reads only.
std::vector<SubmittedJobs> submitted_jobs(const std::filesystem::path& store_directory);

/// A folder STORE.d/submissions/NAME-N that is new, N counting from 1; gone again with this object, unless it is kept.
class SubmissionDirectory {
public:
  /// Throws StorageError where it cannot be made.
  SubmissionDirectory(const std::filesystem::path& store_directory, const std::string& sweep_name);
  ~SubmissionDirectory();
  SubmissionDirectory(const SubmissionDirectory&) = delete;
  SubmissionDirectory& operator=(const SubmissionDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void keep(bool kept = true) { kept_ = kept; }
  /// The folder that would be made; nothing is.
  static std::filesystem::path next(const std::filesystem::path& store_directory, const std::string& sweep_name);

private:
  std::filesystem::path path_;
  bool kept_ = false;
};

} // namespace stdualx
