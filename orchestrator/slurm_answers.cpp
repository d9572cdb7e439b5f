// See slurm_answers.h.
#include "orchestrator/slurm_answers.h"

#include "experiments/spec/fields.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <system_error>

namespace stdualx {

namespace {

constexpr double default_seconds = 30;

struct Answer {
  std::string id, state, reason, nodes;

  static const auto& fields() {
    using A = Answer;
    static const auto all = std::make_tuple(field("id", &A::id, "", "the job's number"), field("state", &A::state, "", "Slurm's word"),
                                            field("reason", &A::reason, "", "Slurm's word"), field("nodes", &A::nodes, "", "Slurm's list"));
    return all;
  }
};

struct Answers {
  std::int64_t asked_ms = 0; // by the clock of the host that asked
  std::vector<Answer> jobs;

  static const auto& fields() {
    using A = Answers;
    static const auto all = std::make_tuple(field("asked_ms", &A::asked_ms, 0, "moment"), field("jobs", &A::jobs, {}, "answers"));
    return all;
  }
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<Answers> read_answers(const std::filesystem::path& file) {
  try {
    std::ifstream stream(file);
    if (!stream) return std::nullopt;
    return from_json<Answers>(Json::parse(stream));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// One file by rename, so that nobody reads half of it; a folder that is missing is not made.
void write_answers(const std::filesystem::path& file, const Answers& answers) {
  const std::filesystem::path temporary = file.string() + "." + std::to_string(::getpid()) + ".new";
  std::error_code ignored;
  {
    std::ofstream stream(temporary);
    if (!stream) return;
    stream << to_json_all(answers).dump() << "\n";
    if (!stream.flush()) {
      std::filesystem::remove(temporary, ignored);
      return;
    }
  }
  std::filesystem::rename(temporary, file, ignored);
  if (ignored) std::filesystem::remove(temporary, ignored);
}

} // namespace

double seconds_an_answer_holds() {
  const char* given = std::getenv("STDUALX_SQUEUE_SECONDS");
  return given == nullptr ? default_seconds : std::clamp(std::atof(given), 0.0, 3600.0);
}

std::vector<SlurmJob> ask_jobs_seldom(const std::filesystem::path& store_directory, const std::vector<std::string>& ids) {
  const double holds = seconds_an_answer_holds();
  if (ids.empty() || holds == 0) return ask_jobs(ids);
  const std::filesystem::path file = store_directory / "slurm-jobs.json";
  Answers known = read_answers(file).value_or(Answers{});
  const auto find = [&](const std::string& id) {
    return std::find_if(known.jobs.begin(), known.jobs.end(), [&](const Answer& one) { return one.id == id; });
  };
  const auto is_known = [&](const std::string& id) { return find(id) != known.jobs.end(); };
  const double age = static_cast<double>(now_ms() - known.asked_ms) / 1000; // negative: another host's clock, or ours was set back
  if (!(age >= 0 && age < holds && std::all_of(ids.begin(), ids.end(), is_known))) {
    // Those that come while Slurm is asked go on with what was known, instead of asking as well.
    known.asked_ms = now_ms();
    if (!known.jobs.empty()) write_answers(file, known);
    std::vector<std::string> wanted = ids; // and what others asked about: their next look is spared
    for (const Answer& one : known.jobs)
      if (wanted.size() < 100 && std::find(ids.begin(), ids.end(), one.id) == ids.end()) wanted.push_back(one.id);
    known.jobs.clear();
    for (const SlurmJob& job : ask_jobs(wanted)) known.jobs.push_back({job.id, job.state, job.reason, job.nodes});
    write_answers(file, known);
  }
  std::vector<SlurmJob> jobs;
  for (const std::string& id : ids) {
    const Answer& one = *find(id);
    jobs.push_back({id, job_phase(one.state), one.state, one.reason, one.nodes});
  }
  return jobs;
}

} // namespace stdualx
