// See slurm_site.h.
#include "cluster/slurm_site.h"

#include "cluster/process.h"
#include "cluster/words.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <sstream>

namespace stdualx {

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 30s; // a busy controller answers after some seconds

bool is_name(const std::string& word) {
  return !word.empty() &&
         word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:/[]") == std::string::npos;
}

} // namespace

SlurmFields parse_slurm_configuration(const std::string& text) {
  SlurmFields fields;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) fields[trimmed(line.substr(0, equals))] = trimmed(line.substr(equals + 1));
  }
  return fields;
}

std::vector<SlurmFields> parse_slurm_records(const std::string& text) {
  std::vector<SlurmFields> records;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    SlurmFields fields;
    std::string name;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::size_t equals = word.find('=');
      if (equals != std::string::npos && is_name(word.substr(0, equals))) {
        name = word.substr(0, equals);
        fields[name] = word.substr(equals + 1);
      } else if (!name.empty()) { // the value had a blank
        fields[name] += " " + word;
      }
    }
    if (!fields.empty()) records.push_back(std::move(fields));
  }
  return records;
}

std::string value_of(const SlurmFields& fields, const std::string& name, const std::string& otherwise) {
  const auto found = fields.find(name);
  return found == fields.end() || found->second.empty() || found->second == "(null)" ? otherwise : found->second;
}

std::vector<std::string> parse_mpi_plugins(const std::string& text) {
  std::vector<std::string> plugins;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    if (line.starts_with("srun:")) line = trimmed(line.substr(5));
    if (line.empty() || line.find("types are") != std::string::npos || line.find("versions available") != std::string::npos) continue;
    if (line.find(' ') == std::string::npos) plugins.push_back(line);
  }
  return plugins;
}

int gpus_of_gres(const std::string& gres) {
  int most = 0;
  std::istringstream parts(gres);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part != "gpu" && !part.starts_with("gpu:")) continue;
    part = part.substr(0, part.find('('));
    const std::string last = part.substr(part.rfind(':') + 1);
    const bool is_number = !last.empty() && last.find_first_not_of("0123456789") == std::string::npos;
    most = std::max(most, is_number ? std::atoi(last.c_str()) : 1);
  }
  return most;
}

bool node_serves(const std::string& state) {
  if (state.find('*') != std::string::npos) return false; // does not respond
  std::istringstream words(state);                        // "IDLE+CLOUD+POWERED_DOWN": one that is started when it is needed
  for (std::string word; std::getline(words, word, '+');)
    for (const char* bad :
         {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "ERROR", "NOT_RESPONDING", "UNKNOWN", "MAINT", "FUTURE"})
      if (word == bad) return false;
  return true;
}

bool list_holds(const std::string& list, int number) {
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0, last = 0;
    const char* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, first);
    if (error != std::errc()) continue;
    last = first;
    if (stop != end && *stop == '-') std::from_chars(stop + 1, end, last);
    if (first <= number && number <= last) return true;
  }
  return false;
}

SlurmSite look_at_slurm() {
  SlurmSite site;
  for (const char* program : {"sbatch", "squeue", "scontrol", "srun"})
    if (const auto said = run_if_there({program, "--version"}, patience))
      site.versions[program] = said->went_well() ? first_line(said->output) : "";
  const auto configuration = run_if_there({"scontrol", "show", "config"}, patience);
  if (!configuration) {
    site.refusal = "there is no scontrol to ask it with";
    return site;
  }
  if (!configuration->went_well()) {
    site.refusal = words_of(*configuration);
    return site;
  }
  site.configuration = parse_slurm_configuration(configuration->output);
  if (const auto said = run_if_there({"scontrol", "--all", "--oneliner", "show", "partition"}, patience))
    site.partitions = parse_slurm_records(said->output);
  if (const auto said = run_if_there({"scontrol", "--all", "--oneliner", "show", "node"}, patience))
    site.nodes = parse_slurm_records(said->output);
  if (const auto said = run_if_there({"srun", "--mpi=list"}, patience))
    site.mpi_plugins = parse_mpi_plugins(said->output + "\n" + said->errors);
  if (const auto said = run_if_there({"sacct", "--noheader", "--parsable2", "--format=jobid"}, patience))
    site.accounting = said->went_well() ? "" : words_of(*said);
  return site;
}

std::optional<SlurmFields> slurm_job(const std::string& job_id) {
  const auto said = run_if_there({"scontrol", "--oneliner", "show", "job", job_id}, patience);
  if (!said) return std::nullopt;
  // A controller that is away says nothing of the job; one that does not know it says so ("Invalid job id specified").
  if (!said->went_well() && said->errors.find("nvalid job id") == std::string::npos) return std::nullopt;
  const auto records = parse_slurm_records(said->went_well() ? said->output : "");
  return records.empty() ? SlurmFields{} : records.front();
}

bool hosts_include(const std::string& list, const std::string& host) {
  const auto said = run_if_there({"scontrol", "show", "hostnames", list}, patience);
  if (!said || !said->went_well()) return false;
  const std::string name = host.substr(0, host.find('.'));
  std::istringstream lines(said->output);
  for (std::string line; std::getline(lines, line);)
    if (line.substr(0, line.find('.')) == name) return true;
  return false;
}

} // namespace stdualx
