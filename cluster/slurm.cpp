// See slurm.h.
#include "cluster/slurm.h"

#include "cluster/batch_script.h"
#include "cluster/process.h"
#include "cluster/slurm_site.h"
#include "cluster/words.h"
#include "experiments/spec/errors.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <initializer_list>
#include <memory>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace stdualx {

namespace {

constexpr std::chrono::seconds patience{10};

/// All words of a program that failed, or how it ended when it said none.
std::string last_words(const Finished& finished) {
  const std::string words = trimmed(finished.errors.empty() ? finished.output : finished.errors);
  return words.empty() || finished.timed_out ? words_of(finished) : words;
}

/// What must not reach sbatch: variables that it puts above the script's own lines (sbatch(1), "INPUT ENVIRONMENT VARIABLES"), and those
/// that say which allocation we are in. Which Slurm it is stays, and what a person sets for the rest of a site, as SBATCH_ACCOUNT.
std::vector<std::string> names_to_hide() {
  std::vector<std::string> names = {"SBATCH_SIGNAL",     "SBATCH_OUTPUT",    "SBATCH_ERROR",    "SBATCH_OPEN_MODE", "SBATCH_REQUEUE",
                                    "SBATCH_NO_REQUEUE", "SBATCH_TIMELIMIT", "SBATCH_JOB_NAME", "SBATCH_NO_KILL"};
  if (std::getenv("SLURM_JOB_ID") == nullptr) return names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name(*entry, std::strcspn(*entry, "="));
    if (name == "SLURM_CONF" || name == "SLURM_CONF_SERVER" || name == "SLURM_CLUSTERS") continue;
    for (const char* const start : {"SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "PMIX_", "PMI_", "OMPI_", "PRTE_"})
      if (name.starts_with(start)) names.push_back(name);
  }
  return names;
}

/// The job in what `sbatch --parsable` said: the last line that is NUMBER or NUMBER;CLUSTER. A site's wrapper may say more, before
/// and after. Without a number: there is none.
SentJob named_job(const std::string& said) {
  SentJob found;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    const std::size_t semicolon = line.find(';');
    const std::string number = line.substr(0, semicolon);
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos)
      found = {number, semicolon == std::string::npos ? "" : line.substr(semicolon + 1)};
  }
  return found;
}

/// The newest job of ours that Slurm started, or will start, from this script; "": it lists none. std::nullopt: it cannot be asked.
std::optional<std::string> listed_job_of(const std::filesystem::path& script, const std::string& after) {
  const auto told =
      run_if_there({"squeue", "--user=" + std::to_string(::geteuid()), "--noheader", "--states=all", "--format=%i %o"}, patience);
  if (!told || !told->went_well()) return std::nullopt;
  long newest = after.empty() ? 0 : std::atol(after.c_str());
  std::string found;
  std::istringstream lines(told->output);
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    const std::size_t blank = line.find(' ');
    if (blank == std::string::npos || trimmed(line.substr(blank)) != script.string()) continue;
    const long number = std::atol(line.c_str());
    if (number <= newest) continue;
    newest = number;
    found = line.substr(0, blank);
  }
  return found;
}

/// Whether these words of sbatch may mean that its question or the controller's answer was lost on the way (slurm_errno.h, the errors of
/// communication and authentication), and not that the job was refused.
bool may_be_a_lost_answer(const Finished& sent, const std::string& words) {
  if (sent.timed_out || WIFSIGNALED(sent.status) || trimmed(sent.errors + sent.output).empty()) return true;
  std::string lower;
  for (const char letter : words) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  for (const char* const part : {"timed out", "timeout", "socket", "connect", "transmitted", "receiv", "send", "message", "communicat",
                                 "transport", "authentication", "header lengths", "unavailable", "pipe", "try again", "retry"})
    if (lower.find(part) != std::string::npos) return true;
  return false;
}

constexpr int looks_after_a_lost_answer = 3; // a controller that is busy lists a job some seconds after it took it

} // namespace

SentJob send_batch_script(const std::filesystem::path& script, const std::vector<std::string>& further, const std::string& after,
                          std::chrono::milliseconds between_looks) {
  std::vector<std::string> command = {"sbatch", "--parsable"};
  command.insert(command.end(), further.begin(), further.end());
  command.push_back(script.string());
  const std::optional<Finished> answer = run_if_there(command, std::chrono::hours(1), names_to_hide());
  if (!answer)
    throw InputError("sbatch is not in PATH: submit from a login node of a Slurm cluster (some want `module load slurm` first); "
                     "--dry-run shows the script, and `stdualx run` needs no Slurm");
  const Finished& sent = *answer;
  if (sent.went_well()) {
    SentJob job = named_job(sent.output);
    if (!job.id.empty()) return job;
  }
  const std::string words = last_words(sent);
  const bool lost = sent.went_well() || may_be_a_lost_answer(sent, words);
  std::optional<std::string> listed;
  for (int look = 0; look < (lost ? looks_after_a_lost_answer : 1) && (!listed || listed->empty()); ++look) {
    if (look > 0) std::this_thread::sleep_for(between_looks);
    listed = listed_job_of(script, after);
  }
  if (listed && !listed->empty()) return {*listed, ""};
  const std::string next = "; `squeue --me` lists it if so, and `stdualx status` knows it from its start on. What was submitted stays in " +
                           script.parent_path().string() + "; a second job of the same sweep waits or is refused while the first one works";
  if (sent.went_well()) throw UncertainJob("sbatch took the job but named no number for it: '" + trimmed(sent.output) + "'" + next);
  if (lost || !listed)
    throw UncertainJob("Slurm may have taken the job: sbatch said '" + words + "', and " +
                       (listed ? "squeue does not list it now" : "squeue does not answer") + next);
  throw InputError("sbatch did not take the job: " + words);
}

namespace {

constexpr std::size_t most_asked_at_once = 256;

/// Whether something listens there.
bool answers(const std::string& address, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), port.c_str(), &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> places(found, &::freeaddrinfo);
  constexpr int patience_ms = 2000;
  for (const addrinfo* place = found; place != nullptr; place = place->ai_next) {
    const int descriptor = ::socket(place->ai_family, place->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, place->ai_protocol);
    if (descriptor < 0) continue;
    bool reached = ::connect(descriptor, place->ai_addr, place->ai_addrlen) == 0;
    if (!reached && errno == EINPROGRESS) {
      pollfd watched{descriptor, POLLOUT, 0};
      int error = 0;
      socklen_t size = sizeof error;
      reached = ::poll(&watched, 1, patience_ms) == 1 && ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    }
    ::close(descriptor);
    if (reached) return true;
  }
  return false;
}

} // namespace

std::optional<std::vector<std::string>> answering_nodes(const std::string& nodes) {
  const auto described = run_if_there({"scontrol", "--all", "show", "node", "--oneliner", nodes}, patience);
  const auto configuration = run_if_there({"scontrol", "show", "config"}, patience);
  if (!described || !configuration || !described->went_well() || !configuration->went_well()) return std::nullopt;
  const SlurmFields settings = parse_slurm_configuration(configuration->output);
  const std::string port = value_of(settings, "SlurmdPort", "6818"); // Slurm's own default
  const std::vector<SlurmFields> records = parse_slurm_records(described->output);
  std::vector<std::string> live;
  // At once: a rack that is dark costs two seconds, and not two for each of its nodes.
  for (std::size_t begin = 0; begin < records.size(); begin += most_asked_at_once) {
    std::vector<std::pair<std::string, std::future<bool>>> asked;
    for (std::size_t i = begin; i < std::min(begin + most_asked_at_once, records.size()); ++i) {
      const std::string name = value_of(records[i], "NodeName");
      if (!name.empty())
        asked.emplace_back(
            name, std::async(std::launch::async, answers, value_of(records[i], "NodeAddr", name), value_of(records[i], "Port", port)));
    }
    for (auto& [name, reached] : asked)
      if (reached.get()) live.push_back(name);
  }
  return live;
}

std::vector<std::string> live_nodes() {
  const std::string nodes = this_slurm_try().nodes;
  return nodes.empty() ? std::vector<std::string>{} : answering_nodes(nodes).value_or(std::vector<std::string>{});
}

SlurmTry this_slurm_try() {
  const auto value = [](const char* name) {
    const char* found = std::getenv(name);
    return std::string(found == nullptr ? "" : found);
  };
  return {value("SLURM_JOB_ID"), std::atol(value("SLURM_RESTART_COUNT").c_str()), value("SLURM_JOB_NODELIST")};
}

GoesOn go_on_after_warning(const std::string& job_id, const std::filesystem::path& script) {
  ::signal(SIGTERM, SIG_IGN);
  std::string refusal;
  try {
    const Finished asked = run_to_end({"scontrol", "requeue", job_id});
    // Slurm's TERM reaches every process of the job, scontrol too, and may come before scontrol has its answer.
    if (asked.went_well() || (WIFSIGNALED(asked.status) && WTERMSIG(asked.status) == SIGTERM))
      return {"Slurm starts job " + job_id + " again, and it goes on", ""};
    refusal = "Slurm did not requeue job " + job_id + " (" + last_words(asked) + ")";
  } catch (const std::system_error& error) {
    refusal = std::string("job ") + job_id + " could not ask to be requeued (" + error.what() + ")";
  }
  try {
    const std::string successor = send_batch_script(script, {"--dependency=afterany:" + job_id}, job_id).id;
    return {refusal + ": job " + successor + " was sent instead and goes on when it has ended", successor};
  } catch (const UncertainJob& error) {
    return {refusal + "; a successor was sent instead, to go on when it has ended: " + error.what(), ""};
  } catch (const std::exception& error) {
    return {refusal + ", nor was a successor taken: " + error.what() + "; type `sbatch " + for_shell(script.string()) + "` to go on", ""};
  }
}

JobPhase job_phase(std::string_view state) {
  std::string word;
  for (const char letter : state.substr(0, state.find_first_of(" +")))
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  // squeue(1), "JOB STATE CODES", of versions 20 to 25.
  if (is_one_of({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "POWER_UP_NODE"}))
    return JobPhase::waiting;
  if (is_one_of({"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT", "EXPEDITING",
                 "UPDATE_DB"}))
    return JobPhase::running;
  if (is_one_of({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED",
                 "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"}))
    return JobPhase::over;
  return JobPhase::unknown;
}

std::vector<SlurmJob> ask_jobs(const std::vector<std::string>& ids) {
  std::vector<SlurmJob> jobs;
  std::string list;
  for (const std::string& id : ids) {
    jobs.push_back({id, JobPhase::unknown, "", "", ""});
    list += (list.empty() ? "" : ",") + id;
  }
  if (jobs.empty()) return jobs;
  /// Lines ID|STATE|REASON|NODES. A requeued job has one for each of its tries in sacct: the last one stands.
  const auto take = [&](const std::optional<Finished>& told) {
    if (!told || !told->went_well()) return;
    std::istringstream lines(told->output);
    for (std::string line; std::getline(lines, line);) {
      std::vector<std::string> words;
      std::istringstream parts(line);
      for (std::string word; std::getline(parts, word, '|');) words.push_back(trimmed(word));
      words.resize(std::max<std::size_t>(words.size(), 4));
      for (SlurmJob& job : jobs) {
        if (job.id != words[0]) continue;
        job.state = words[1].substr(0, words[1].find(' '));
        job.phase = job_phase(job.state);
        job.reason = words[2] == "None" ? "" : words[2];
        job.nodes = words[3].starts_with("None") ? "" : words[3];
      }
    }
  };
  take(run_if_there({"squeue", "--all", "--noheader", "--states=all", "--jobs=" + list, "--format=%i|%T|%r|%N"}, patience));
  if (std::any_of(jobs.begin(), jobs.end(), [](const SlurmJob& job) { return job.state.empty(); })) {
    const std::vector<SlurmJob> from_queue = jobs;
    take(run_if_there({"sacct", "--noheader", "--allocations", "--parsable2", "--jobs=" + list, "--format=JobIDRaw,State,Reason,NodeList"},
                      patience));
    for (std::size_t i = 0; i < jobs.size(); ++i)
      if (!from_queue[i].state.empty()) jobs[i] = from_queue[i];
  }
  return jobs;
}

void cancel_job(const std::string& id, const std::string& signal) {
  std::vector<std::string> command = {"scancel"};
  if (!signal.empty()) command.insert(command.end(), {"--signal=" + signal, "--batch"});
  command.push_back(id);
  const auto cancelled = run_if_there(command, patience);
  if (!cancelled) throw InputError("scancel is not in PATH: cancel job " + id + " from a login node of its cluster");
  if (!cancelled->went_well()) throw InputError("scancel did not take job " + id + ": " + last_words(*cancelled));
}

} // namespace stdualx
