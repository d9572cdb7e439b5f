// See batch_script.h.
#include "cluster/batch_script.h"

#include "experiments/spec/errors.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace stdualx {

namespace {

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_plain(const std::string& text) {
  return !text.empty() && text.find_first_not_of(std::string(letters_and_digits) + "_./:@%+=,-") == std::string::npos;
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

} // namespace

std::string for_shell(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

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
  ask("mem", job.memory);
  ask("time", job.time);
  ask("partition", job.partition);
  ask("account", job.account);
  ask("qos", job.qos);
  ask("constraint", job.constraint);
  ask("output", log_pattern(job.log_directory));
  ask("open-mode", "append"); // a requeued job must not write over the log of the try before
  script += "#SBATCH --requeue\n";
  if (job.outlives_nodes) script += "#SBATCH --no-kill\n";
  ask("signal", "B:USR1@" + std::to_string(job.warning_seconds));
  for (const auto& option : job.further) {
    if (!option.starts_with('-')) throw InputError("--sbatch " + option + ": expected an option of sbatch, such as --mem=64G");
    refuse_control_characters("--sbatch " + option, option);
    script += "#SBATCH " + option + "\n";
  }
  script += "\necho \"== job $SLURM_JOB_ID, try $((${SLURM_RESTART_COUNT:-0} + 1)), on $SLURM_JOB_NODELIST, $(date -u +%FT%TZ)\"\n";
  script += "cd " + for_shell(job.working_directory.string()) + " || exit 2\n";
  for (const auto& line : job.prologue) {
    refuse_control_characters("--prologue " + line, line);
    script += line + "\n";
  }
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

} // namespace stdualx
