// See submission.h.
#include "orchestrator/submission.h"

#include "experiments/archive.h"
#include "experiments/spec/durable_file.h"
#include "orchestrator/job.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <system_error>

namespace stdualx {

namespace {

constexpr const char* submissions = "submissions";

/// The sweep's name as a folder's: what a shell or a person would have to quote becomes '_'.
std::string folder_name(const std::string& sweep_name, int number) {
  std::string name;
  for (const char letter : sweep_name)
    name += std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_' ? letter : '_';
  return name + "-" + std::to_string(number);
}

} // namespace

Submission submission_of(const Plan& plan, const std::vector<std::filesystem::path>& programs) {
  Submission submission;
  submission.sweep_id = plan.sweep_id;
  std::set<std::string> hashes;
  for (const auto& planned : plan.runs) {
    submission.run_ids.push_back(planned.run_id);
    if (hashes.insert(planned.run.dataset_hash).second) submission.recordings.push_back({planned.run.dataset, planned.run.dataset_hash});
  }
  for (const auto& program : programs) submission.programs.push_back(sha256_hex(read_file(program)));
  return submission;
}

std::optional<std::filesystem::path> submission_file() {
  const char* given = std::getenv(submission_variable);
  if (given == nullptr || *given == '\0') return std::nullopt;
  return given;
}

Submission read_submission(const std::filesystem::path& file) {
  try {
    return from_json<Submission>(Json::parse(read_file(file)));
  } catch (const Json::exception& error) {
    throw InputError(file.string() + ": not what `stdualx submit` wrote (" + error.what() + "); submit the sweep again");
  }
}

std::string compare_with_submission(const Submission& submitted, const Submission& now) {
  if (submitted.run_ids == now.run_ids && submitted.sweep_id == now.sweep_id)
    return submitted.programs == now.programs
               ? ""
               : "stdualx or its trainer is another build than when the job was submitted; the runs are the same";
  std::string changed;
  const auto add = [&](const std::string& what) { changed += (changed.empty() ? "" : "; ") + what; };
  if (submitted.sweep_id != now.sweep_id) add("its frozen sweep file was edited");
  for (const auto& before : submitted.recordings) {
    const auto same = std::find_if(now.recordings.begin(), now.recordings.end(), [&](const auto& one) { return one.name == before.name; });
    if (same == now.recordings.end()) add("the data set '" + before.name + "' is no longer in its plan");
    else if (same->hash != before.hash)
      add("the recordings of '" + before.name + "' are others (hash " + before.hash + " then, " + same->hash + " now)");
  }
  if (changed.empty()) add("this build of stdualx plans other runs for the same sweep");
  throw InputError("since this job was submitted, " + changed + ": submit the sweep again");
}

std::int64_t note_try(const std::filesystem::path& folder, const Try& begun) {
  const std::filesystem::path file = folder / "tries.json";
  std::vector<Try> tries;
  try {
    if (std::filesystem::exists(file)) tries = value_from_json<std::vector<Try>>(Json::parse(read_file(file)), "");
  } catch (const std::exception&) { // damaged: counting begins anew
  }
  tries.push_back(begun);
  write_whole_file(file, value_to_json(tries).dump(1) + "\n");
  const auto other = std::find_if(tries.rbegin(), tries.rend(), [&](const Try& one) { return one.progress != begun.progress; });
  return other - tries.rbegin();
}

namespace {
std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}
} // namespace

void note_job(const std::filesystem::path& folder, const std::string& job_id) {
  std::vector<std::string> jobs = lines_of(folder / "jobs.txt");
  if (std::find(jobs.begin(), jobs.end(), job_id) != jobs.end()) return;
  jobs.push_back(job_id);
  std::string text;
  for (const std::string& job : jobs) text += job + "\n";
  write_whole_file(folder / "jobs.txt", text);
}

std::vector<SubmittedJobs> submitted_jobs(const std::filesystem::path& store_directory) {
  std::vector<SubmittedJobs> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store_directory / submissions, error))
    if (std::filesystem::exists(entry.path() / "submission.json", error))
      found.push_back({entry.path(), lines_of(entry.path() / "jobs.txt")});
  // By job: a folder's number counts within one sweep's name only.
  const auto first_job = [](const SubmittedJobs& one) { return one.job_ids.empty() ? 0L : std::atol(one.job_ids.front().c_str()); };
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return std::pair(first_job(a), a.folder) < std::pair(first_job(b), b.folder); });
  return found;
}

std::filesystem::path SubmissionDirectory::next(const std::filesystem::path& store_directory, const std::string& sweep_name) {
  for (int number = 1;; ++number) {
    std::filesystem::path path = store_directory / submissions / folder_name(sweep_name, number);
    if (!std::filesystem::exists(path)) return path;
  }
}

SubmissionDirectory::SubmissionDirectory(const std::filesystem::path& store_directory, const std::string& sweep_name) {
  std::error_code error;
  std::filesystem::create_directories(store_directory / submissions, error);
  // Of two submissions in the same moment one makes the folder and the other the next one.
  while (!error) {
    path_ = next(store_directory, sweep_name);
    if (std::filesystem::create_directory(path_, error)) return;
  }
  throw_write_error(store_directory / submissions, error.message(), error.value());
}

SubmissionDirectory::~SubmissionDirectory() {
  if (kept_) return;
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  // What was made for this one alone: only empty folders can be removed so.
  std::filesystem::remove(path_.parent_path(), error);
  std::filesystem::remove(path_.parent_path().parent_path(), error);
}

} // namespace stdualx
