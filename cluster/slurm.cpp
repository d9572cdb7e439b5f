// See slurm.h.
#include "cluster/slurm.h"

#include "cluster/process.h"
#include "experiments/spec/errors.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>

namespace stdualx {

namespace {

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_plain(const std::string& text) {
  return !text.empty() && text.find_first_not_of(std::string(letters_and_digits) + "_./:@%+=,-") == std::string::npos;
}

std::string for_shell(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

void refuse_control_characters(const std::string& what, const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](unsigned char letter) { return letter < ' ' || letter == 127; }))
    throw InputError(what + ": a line of a batch script can hold no control characters");
}

/// Slurm's own reading of #SBATCH lines: words end at blanks, '#' begins a comment, quotes hold together, a backslash escapes everywhere.
std::string for_sbatch(const std::string& what, const std::string& text) {
  refuse_control_characters(what, text);
  if (is_plain(text)) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + "\"";
}

/// In a file name Slurm replaces %j and its like; "%%" is a percent sign.
std::string log_pattern(const std::filesystem::path& directory) {
  std::string pattern;
  for (const char letter : directory.string()) pattern += letter == '%' ? std::string("%%") : std::string(1, letter);
  if (pattern.find('\\') != std::string::npos)
    throw InputError(directory.string() + ": Slurm writes no log to a path with a backslash; --store names another place");
  return batch_log(pattern, "%j").string();
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \n\r\t"), last = text.find_last_not_of(" \n\r\t");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// Words of a program that failed, or how it ended when it said none.
std::string last_words(const Finished& finished) {
  const std::string words = trimmed(finished.errors.empty() ? finished.output : finished.errors);
  return words.empty() ? describe_wait_status(finished.status) : words;
}

bool went_well(const Finished& finished) { return WIFEXITED(finished.status) && WEXITSTATUS(finished.status) == 0; }

} // namespace

std::filesystem::path batch_log(const std::filesystem::path& log_directory, const std::string& job_id) {
  return log_directory / ("log-" + job_id + ".txt");
}

std::string sbatch_script(const BatchJob& job) {
  std::string script = "#!/bin/bash\n"
                       "# Written by `stdualx submit`. One allocation does all runs; each try goes on where the last one ended.\n";
  const auto ask = [&](const std::string& option, const std::string& value) {
    if (!value.empty()) script += "#SBATCH --" + option + "=" + for_sbatch("--" + option, value) + "\n";
  };
  ask("job-name", job.name);
  ask("nodes", std::to_string(job.nodes));
  ask("ntasks-per-node", std::to_string(job.workers_per_node));
  ask("cpus-per-task", std::to_string(job.cpus_per_worker));
  if (job.gpus) ask("gres", "gpu:" + std::to_string(job.workers_per_node));
  ask("time", job.time);
  ask("partition", job.partition);
  ask("account", job.account);
  ask("output", log_pattern(job.log_directory));
  ask("open-mode", "append"); // a requeued job must not write over the log of the try before
  script += "#SBATCH --requeue\n";
  ask("signal", "B:USR1@" + std::to_string(job.warning_seconds));
  for (const auto& option : job.further) {
    if (!option.starts_with('-')) throw InputError("--sbatch " + option + ": expected an option of sbatch, such as --mem=64G");
    refuse_control_characters("--sbatch " + option, option);
    script += "#SBATCH " + option + "\n";
  }
  script += "\necho \"== job $SLURM_JOB_ID, try $((${SLURM_RESTART_COUNT:-0} + 1)), on $SLURM_JOB_NODELIST, $(date -u +%FT%TZ)\"\n";
  script += "cd " + for_shell(job.working_directory.string()) + " || exit 2\n";
  if (!job.gpus) script += "export CUDA_VISIBLE_DEVICES= # none was asked for\n";
  for (const auto& [name, value] : job.environment) script += "export " + name + "=" + for_shell(value) + "\n";
  script += "exec";
  for (const auto& word : job.command) script += " " + for_shell(word);
  return script + "\n";
}

std::int64_t slurm_seconds(const std::string& time) {
  const auto fail = [&] {
    throw InputError("time '" + time +
                     "': expected MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS, DAYS-HOURS:MINUTES or "
                     "DAYS-HOURS:MINUTES:SECONDS, more than nothing");
  };
  const std::size_t dash = time.find('-');
  const bool has_days = dash != std::string::npos;
  std::vector<std::int64_t> parts; // between the colons
  const auto read = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) fail();
    return static_cast<std::int64_t>(std::stol(digits));
  };
  for (std::size_t begin = has_days ? dash + 1 : 0;;) {
    const std::size_t end = time.find(':', begin);
    parts.push_back(read(time.substr(begin, end - begin)));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  if (parts.size() > 3) fail();
  // After days, and where there are three, the first part is hours; else it is minutes.
  const std::array<std::int64_t, 3> units{3600, 60, 1};
  const std::size_t first = has_days || parts.size() == 3 ? 0 : 1;
  std::int64_t seconds = has_days ? 86400 * read(time.substr(0, dash)) : 0;
  for (std::size_t i = 0; i < parts.size(); ++i) seconds += parts[i] * units.at(first + i);
  if (seconds == 0) fail();
  return seconds;
}

std::string send_batch_script(const std::filesystem::path& script, const std::vector<std::string>& further) {
  std::vector<std::string> command = {"sbatch", "--parsable"};
  command.insert(command.end(), further.begin(), further.end());
  command.push_back(script.string());
  Finished sent;
  try {
    sent = run_to_end(command);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
    throw InputError("sbatch is not in PATH: submit from a login node of a Slurm cluster (some want `module load slurm` first); "
                     "--dry-run shows the script, and `stdualx run` needs no Slurm");
  }
  if (!went_well(sent)) throw InputError("sbatch did not take the job: " + last_words(sent));
  // A site's wrapper may say something first; the last line is NUMBER or NUMBER;CLUSTER.
  const std::string words = trimmed(sent.output);
  const std::string line = words.substr(words.rfind('\n') + 1);
  std::string number = line.substr(0, line.find(';'));
  if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos)
    throw InputError("sbatch took the job but named no number for it: '" + words + "'; `squeue --me` lists it");
  return number;
}

namespace {

/// The word after `key` ("NodeAddr=") in a line of scontrol; "": there is none.
std::string value_of(const std::string& line, const std::string& key) {
  const std::size_t start = line.find(key);
  if (start == std::string::npos) return "";
  const std::size_t begin = start + key.size();
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

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

std::vector<std::string> live_nodes() {
  const char* nodes = std::getenv("SLURM_JOB_NODELIST");
  if (nodes == nullptr) return {};
  try {
    const Finished described = run_to_end({"scontrol", "show", "node", "--oneliner", nodes});
    const Finished configuration = run_to_end({"scontrol", "show", "config"});
    if (described.status != 0 || configuration.status != 0) return {};
    std::istringstream settings(configuration.output);
    std::string line, port = "6818"; // Slurm's own default
    while (std::getline(settings, line))
      if (line.starts_with("SlurmdPort")) port = trimmed(line.substr(line.find('=') + 1));
    std::vector<std::string> live;
    std::istringstream lines(described.output);
    while (std::getline(lines, line)) {
      const std::string name = value_of(line, "NodeName="), address = value_of(line, "NodeAddr="), own_port = value_of(line, " Port=");
      if (!name.empty() && answers(address.empty() ? name : address, own_port.empty() ? port : own_port)) live.push_back(name);
    }
    return live;
  } catch (const std::system_error&) { // no scontrol here
    return {};
  }
}

std::string go_on_after_warning(const std::string& job_id, const std::filesystem::path& script) {
  ::signal(SIGTERM, SIG_IGN);
  std::string refusal;
  try {
    const Finished asked = run_to_end({"scontrol", "requeue", job_id});
    // Slurm's TERM reaches every process of the job, scontrol too, and may come before scontrol has its answer.
    if (went_well(asked) || (WIFSIGNALED(asked.status) && WTERMSIG(asked.status) == SIGTERM))
      return "Slurm starts job " + job_id + " again, and it goes on";
    refusal = "Slurm did not requeue job " + job_id + " (" + last_words(asked) + ")";
  } catch (const std::system_error& error) {
    refusal = std::string("job ") + job_id + " could not ask to be requeued (" + error.what() + ")";
  }
  const std::string after = "--dependency=afterany:" + job_id;
  try {
    return refusal + ": job " + send_batch_script(script, {after}) + " was sent instead and goes on when it has ended";
  } catch (const std::exception& error) {
    return refusal + ", nor was a successor taken: " + error.what() + "; type `sbatch " + for_shell(script.string()) + "` to go on";
  }
}

} // namespace stdualx
