// What a command of `stdualx` is, and the options that many of them share.
#pragma once

#include "experiments/catalog.h"
#include "experiments/spec/plan.h"
#include "results/format.h"

#include <boost/program_options.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

namespace options = boost::program_options;

struct Command {
  std::string name, usage, summary, example;
  int (*run)(const Command& command, const std::vector<std::string>& arguments); // exit status
  bool hidden = false;
};

/// Every command, in the order of --help.
const std::vector<Command>& commands();

/// Parses; `positional` are required but those in brackets ("[RUN]"); "[FILE]..." takes all that follow. Prints help and returns false for
/// --help. InputError with the near word for an unknown option.
bool parse_options(const Command& command, const std::vector<std::string>& arguments, const options::options_description& described,
                   const std::vector<std::string>& positional, options::variables_map& values);

/// --store, and where its checkpoints lie.
void add_store_option(options::options_description& described);
std::filesystem::path store_path(const options::variables_map& values);
std::filesystem::path store_directory(const std::filesystem::path& store);

/// --format.
void add_format_option(options::options_description& described);
Format output_format(const options::variables_map& values);

/// --data, --cache: STDUALX_DATA or ../shared/data or data; STDUALX_CACHE or ~/.cache/stdualx.
void add_data_options(options::options_description& described);
DataPaths data_paths(const options::variables_map& values);

/// SPEC and --set.
void add_sweep_options(options::options_description& described);
Plan plan_from(const options::variables_map& values);

/// How far the store is with the runs of a plan; it need not be there yet.
struct Left {
  std::size_t complete = 0, failed = 0, open = 0;
  long epochs = 0; // recorded
};
Left what_is_left(const std::filesystem::path& store, const Plan& plan);

/// The process number of a `stdualx run` on this host that uses the store of this folder; nothing: none.
std::optional<int> launcher_at(const std::filesystem::path& store_directory);

/// The trainer's program, beside this one or as STDUALX_TRAINER says; empty for "none". Throws InputError where it is not there.
std::vector<std::string> trainer_command();
/// The files of this program and of the trainer.
std::vector<std::filesystem::path> program_files();

int plan_command(const Command& command, const std::vector<std::string>& arguments);
int run_command(const Command& command, const std::vector<std::string>& arguments);
int submit_command(const Command& command, const std::vector<std::string>& arguments);
int runs_command(const Command& command, const std::vector<std::string>& arguments);
int status_command(const Command& command, const std::vector<std::string>& arguments);
int explain_command(const Command& command, const std::vector<std::string>& arguments);
int query_command(const Command& command, const std::vector<std::string>& arguments);
int retry_command(const Command& command, const std::vector<std::string>& arguments);
int compare_command(const Command& command, const std::vector<std::string>& arguments);
int report_command(const Command& command, const std::vector<std::string>& arguments);
int bench_command(const Command& command, const std::vector<std::string>& arguments);
int db_command(const Command& command, const std::vector<std::string>& arguments);
int doctor_command(const Command& command, const std::vector<std::string>& arguments);
int data_command(const Command& command, const std::vector<std::string>& arguments);
int rank_command(const Command& command, const std::vector<std::string>& arguments);

} // namespace stdualx
