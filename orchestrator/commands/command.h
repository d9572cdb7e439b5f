// What a command of `stdualx` is, and the options that many of them share.
#pragma once

#include "experiments/catalog.h"
#include "experiments/spec/plan.h"
#include "results/format.h"
#include "results/store.h"
#include "results/tables.h"

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
/// The one name of a store that a person may name in several ways: absolute, and every symbolic link followed, of the file itself too and
/// where it is not there yet. What lies beside a store (STORE.d, its journal) lies beside this name. Throws InputError for links in a
/// circle.
std::filesystem::path store_named(const std::filesystem::path& name);
std::filesystem::path store_directory(const std::filesystem::path& store);
/// Tells the person what a reader found to say of its store.
void tell_note(const Reader& reader);

/// --format and --width; output_format also says to std::cout whether data or text for people follows (orchestrator/terminal.h).
/// Without --width a table is fitted to the terminal, and elsewhere unbounded. InputError: a width that nothing fits into.
void add_format_option(options::options_description& described);
Output output_format(const options::variables_map& values);

/// Columns of the terminal at standard output; 0: none is there.
std::size_t columns_of_output();
/// A sentence in lines of at most `columns`, the second and further ones indented; `columns` 0: as it is. No line end at its end.
std::string fitted(const std::string& text, std::size_t columns, std::size_t indent = 0);

/// --data, --cache: STDUALX_DATA or ../shared/data or data; STDUALX_CACHE or ~/.cache/stdualx.
void add_data_options(options::options_description& described);
DataPaths data_paths(const options::variables_map& values);

/// SPEC and --set.
void add_sweep_options(options::options_description& described);
Plan plan_from(const options::variables_map& values);

/// --first, --shard, --if-busy: which runs of a sweep, and what when its store is in use.
void add_choice_options(options::options_description& described);
/// Leaves only the runs that --first and --shard ask for. InputError: a shard that is none, or has no run.
void choose_runs(Plan& plan, const options::variables_map& values);
/// The store of these runs: --store, or one of its own for a shard.
std::filesystem::path store_of_sweep(const options::variables_map& values);
/// " --store FILE", to be typed with further commands; "" where it is the default.
std::string store_words(const options::variables_map& values);
/// "wait" or "refuse".
std::string if_busy_option(const options::variables_map& values);

/// How far the store is with the runs of a plan; it need not be there yet.
struct Left {
  std::size_t complete = 0, failed = 0, open = 0;
  std::size_t again = 0; // of the open ones: COMPLETE, but trained again since their weights are gone
  std::string gone;      // of the first of these: which run, which file
  long epochs = 0;       // recorded, and of runs that are trained again
};
Left what_is_left(const std::filesystem::path& store, const Plan& plan);
/// A line on runs that are trained again; "": none is.
std::string again_words(const Left& left);
/// The file that is missing of the weights of a COMPLETE run, or that none was kept; "": they are there.
std::string gone_weights(const RunState& state, const std::filesystem::path& store_directory);

/// HOME, or what the system says of this user. InputError: neither is there; `instead`: what may be set in its place.
std::filesystem::path home_folder(const std::string& instead);
/// InputError where TMPDIR names no folder that can be written: MPI wants one.
void check_temporary_folder();
/// For a command that writes: other processes that read the store are waited for, and after 5 s named on the standard error.
StoreOptions waiting_for_readers(const std::filesystem::path& store);

/// Now, with Slurm to be asked (seldom) for the job of a coordinator of this store that is silent.
Moment moment_now(const std::filesystem::path& store);

/// The process number of a `stdualx run` on this host that uses the store of this folder; nothing: none.
std::optional<int> launcher_at(const std::filesystem::path& store_directory);

/// Where the trainer's program was built or installed: beside this one.
std::filesystem::path trainer_beside();
/// Has it answer `question` ("--measure", "--sizes") about `asked`. StorageError: `doing` failed, and why.
Json ask_trainer(const std::string& question, const Json& asked, const std::string& doing);
/// The trainer's program, beside this one or as STDUALX_TRAINER says; empty for "none". Throws InputError where it is not there.
std::vector<std::string> trainer_command();
/// The files of this program and of the trainer.
std::vector<std::filesystem::path> program_files();

int plan_command(const Command& command, const std::vector<std::string>& arguments);
int run_command(const Command& command, const std::vector<std::string>& arguments);
int submit_command(const Command& command, const std::vector<std::string>& arguments);
int runs_command(const Command& command, const std::vector<std::string>& arguments);
int status_command(const Command& command, const std::vector<std::string>& arguments);
int watch_command(const Command& command, const std::vector<std::string>& arguments);
int cancel_command(const Command& command, const std::vector<std::string>& arguments);
int logs_command(const Command& command, const std::vector<std::string>& arguments);
int explain_command(const Command& command, const std::vector<std::string>& arguments);
int query_command(const Command& command, const std::vector<std::string>& arguments);
int retire_command(const Command& command, const std::vector<std::string>& arguments);
int retry_command(const Command& command, const std::vector<std::string>& arguments);
int compare_command(const Command& command, const std::vector<std::string>& arguments);
int report_command(const Command& command, const std::vector<std::string>& arguments);
int export_command(const Command& command, const std::vector<std::string>& arguments);
int serve_command(const Command& command, const std::vector<std::string>& arguments);
int predict_command(const Command& command, const std::vector<std::string>& arguments);
int bench_command(const Command& command, const std::vector<std::string>& arguments);
int bench_scheduler(const Command& command, const std::vector<std::string>& arguments);
int db_command(const Command& command, const std::vector<std::string>& arguments);
int doctor_command(const Command& command, const std::vector<std::string>& arguments);
int data_command(const Command& command, const std::vector<std::string>& arguments);
int rank_command(const Command& command, const std::vector<std::string>& arguments);
int guard_command(const Command& command, const std::vector<std::string>& arguments);

} // namespace stdualx
