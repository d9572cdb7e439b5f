// See command.h.
#include "orchestrator/commands/command.h"

#include "cluster/batch_script.h"
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "experiments/plan.h"
#include "experiments/sweep.h"
#include "orchestrator/commands/reference.h"
#include "orchestrator/slurm_answers.h"
#include "orchestrator/terminal.h"
#include "orchestrator/redraw.h"
#include "results/layout.h"
#include "results/lock_holders.h"

#include <pwd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <optional>
#include <system_error>
#include <utility>

namespace stdualx {

namespace {
CommandOptions* described_into = nullptr;
} // namespace

CommandOptions options_of(const Command& command, const std::vector<std::string>& arguments) {
  CommandOptions found;
  described_into = &found;
  try {
    command.run(command, arguments);
  } catch (...) {
    described_into = nullptr;
    throw;
  }
  described_into = nullptr;
  return found;
}

bool parse_options(const Command& command, const std::vector<std::string>& arguments, const options::options_description& described,
                   const std::vector<std::string>& positional, options::variables_map& values) {
  const std::size_t columns = columns_of_output();
  const unsigned help_columns =
      columns == 0 ? options::options_description::m_default_line_length : static_cast<unsigned>(std::min<std::size_t>(columns, 120));
  options::options_description all("options", help_columns, help_columns / 2);
  for (const auto& option : described.options()) all.add(option);
  all.add_options()("help,h", "this text");
  options::positional_options_description places;
  if (described_into != nullptr) { // nobody runs the command: the reference asks what it takes
    described_into->described.assign(all.options().begin(), all.options().end());
    described_into->positional = positional;
    return false;
  }
  const auto is_optional = [](const std::string& name) { return name.starts_with('['); };
  const auto bare = [&](const std::string& name) { return is_optional(name) ? name.substr(1, name.find(']') - 1) : name; };
  for (const auto& name : positional) places.add(bare(name).c_str(), name.ends_with("...") ? -1 : 1);
  try {
    options::store(options::command_line_parser(arguments)
                       .options(all)
                       .positional(places)
                       .style(options::command_line_style::unix_style & ~options::command_line_style::allow_guessing)
                       .run(),
                   values);
    if (values.count("help") != 0) {
      std::cout << "stdualx " << command.name << " " << command.usage << "\n\n"
                << fitted(command.summary, columns) << "\n\n"
                << all << "\nexample\n  " << command.example << "\n";
      return false;
    }
    options::notify(values);
  } catch (const options::unknown_option& error) {
    std::vector<std::string> known;
    for (const auto& option : all.options()) known.push_back("--" + option->long_name());
    const std::string near = nearest_word(error.get_option_name(), known);
    throw InputError("stdualx " + command.name + ": unknown option '" + error.get_option_name() + "'" +
                     (near.empty() ? "; `stdualx " + command.name + " --help` lists them" : "; did you mean '" + near + "'?"));
  } catch (const options::error& error) {
    throw InputError("stdualx " + command.name + ": " + error.what() + "; usage: stdualx " + command.name + " " + command.usage);
  }
  for (const auto& name : positional)
    if (!is_optional(name) && values.count(name) == 0)
      throw InputError("stdualx " + command.name + ": " + name + " is missing; usage: stdualx " + command.name + " " + command.usage);
  return true;
}

void add_store_option(options::options_description& described) {
  described.add_options()("store", options::value<std::string>()->default_value("results.db")->value_name("FILE"), "the SQLite file");
}
std::filesystem::path store_path(const options::variables_map& values) { return store_named(values["store"].as<std::string>()); }

std::filesystem::path store_named(const std::filesystem::path& name) {
  std::filesystem::path path = std::filesystem::absolute(name);
  std::error_code error;
  // weakly_canonical alone does not follow a link to a file that is not there yet.
  for (int links = 0; std::filesystem::is_symlink(path, error); ++links) {
    if (links >= 40) throw InputError(name.string() + ": these symbolic links lead round in a circle; name the store itself with --store");
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) break; // the store's own open says why
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path.lexically_normal() : resolved;
}

void tell_note(const Reader& reader) {
  if (!reader.note().empty()) std::cerr << "stdualx: note: " << reader.note() << "\n";
}
std::filesystem::path store_directory(const std::filesystem::path& store) { return store.string() + ".d"; }

void add_format_option(options::options_description& described) {
  described.add_options()("format", options::value<std::string>()->default_value("table")->value_name("F"),
                          "table, csv, json, markdown or latex")(
      "width", options::value<std::size_t>()->value_name("N"),
      "columns that a table is fitted to; 0: a line a row, however long (default: the terminal's; 0 where the output is none)");
}
Output output_format(const options::variables_map& values) {
  const Format format = format_named(values["format"].as<std::string>());
  if (format == Format::csv || format == Format::json) carry_data(std::cout);
  if (values.count("width") == 0) return {format, columns_of_output()};
  const auto width = values["width"].as<std::size_t>();
  if (width != 0 && width < narrowest_layout)
    throw InputError("--width: expected 0 or at least " + std::to_string(narrowest_layout) + " columns, found " + std::to_string(width));
  return {format, width};
}

std::string fitted(const std::string& text, std::size_t columns, std::size_t indent) {
  if (columns == 0) return text;
  std::string all;
  for (const std::string& line : wrapped(text, columns > indent + 20 ? columns - indent : 20))
    all += (all.empty() ? "" : "\n" + std::string(indent, ' ')) + line;
  return all;
}

std::size_t columns_of_output() {
  const std::optional<Window> window = window_at(STDOUT_FILENO);
  return window ? std::max(window->columns, narrowest_layout) : 0;
}

void add_data_options(options::options_description& described) {
  described.add_options()("data", options::value<std::string>()->value_name("DIR"),
                          "where data sets are looked for (default: $STDUALX_DATA, ../shared/data, data)")(
      "cache", options::value<std::string>()->value_name("DIR"),
      "where window caches are kept (default: $STDUALX_CACHE, ~/.cache/stdualx)");
}

DataPaths data_paths(const options::variables_map& values) {
  DataPaths paths;
  const char* data = std::getenv("STDUALX_DATA");
  if (values.count("data") != 0) paths.data_directory = values["data"].as<std::string>();
  else if (data != nullptr && *data != '\0') paths.data_directory = data;
  else paths.data_directory = std::filesystem::is_directory("../shared/data") ? "../shared/data" : "data";
  const char* cache = std::getenv("STDUALX_CACHE");
  if (values.count("cache") != 0) paths.cache_directory = values["cache"].as<std::string>();
  else if (cache != nullptr && *cache != '\0') paths.cache_directory = cache;
  else paths.cache_directory = home_folder("--cache or STDUALX_CACHE") / ".cache" / "stdualx";
  paths.data_directory = std::filesystem::absolute(paths.data_directory);
  paths.cache_directory = std::filesystem::absolute(paths.cache_directory);
  return paths;
}

void add_sweep_options(options::options_description& described) {
  described.add_options()("SPEC", options::value<std::string>(), "the sweep file")(
      "set", options::value<std::vector<std::string>>()->composing()->value_name("PATH=VALUE"),
      "override, e.g. training.learning_rate=1e-3")("skip-missing-data",
                                                    "leave out the parts of the sweep whose recordings are not there, instead of an error");
}

Plan plan_from(const options::variables_map& values) {
  const std::vector<std::string> overrides =
      values.count("set") != 0 ? values["set"].as<std::vector<std::string>>() : std::vector<std::string>{};
  const Sweep sweep = load_sweep(values["SPEC"].as<std::string>(), overrides);
  if (values.count("skip-missing-data") == 0) return make_plan(sweep, data_paths(values));
  std::vector<std::string> skipped;
  Plan plan = make_plan(sweep, data_paths(values), &skipped);
  for (const std::string& part : skipped) std::cerr << "stdualx: left out: " << part << "\n";
  return plan;
}

namespace {

/// Shard i of n: every n-th run of the plan, from the i-th.
struct Shard {
  std::size_t index = 1, count = 1;
};
std::optional<Shard> shard_option(const options::variables_map& values) {
  if (values.count("shard") == 0) return std::nullopt;
  const auto& text = values["shard"].as<std::string>();
  const std::size_t slash = text.find('/');
  const auto number = [&](const std::string& digits) -> std::size_t {
    return digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos ? 0 : std::stoul(digits);
  };
  const Shard shard{number(text.substr(0, slash)), slash == std::string::npos ? 0 : number(text.substr(slash + 1))};
  if (shard.index < 1 || shard.index > shard.count)
    throw InputError("--shard: expected I/N with I from 1 to N, such as 2/8, found '" + text + "'");
  return shard;
}

} // namespace

void add_choice_options(options::options_description& described) {
  described.add_options()("first", options::value<std::size_t>()->value_name("N"), "only the first N runs of the plan: try one before all")(
      "shard", options::value<std::string>()->value_name("I/N"),
      "only every N-th run, from the I-th: N jobs share a sweep, each with a store of its own (default: results.shard-I-of-N.db), and "
      "`stdualx db merge` joins them")("if-busy", options::value<std::string>()->default_value("refuse")->value_name("WHAT"),
                                       "when another sweep works with the store: refuse (exit 4), or wait until it lets go");
}

std::filesystem::path store_of_sweep(const options::variables_map& values) {
  const std::optional<Shard> shard = shard_option(values);
  if (!shard || !values["store"].defaulted()) return store_path(values);
  return store_named("results.shard-" + std::to_string(shard->index) + "-of-" + std::to_string(shard->count) + ".db");
}

std::string store_words(const options::variables_map& values) {
  const std::filesystem::path store = store_of_sweep(values);
  if (values["store"].defaulted() && values.count("shard") == 0) return "";
  return " --store " + for_shell(values["store"].defaulted() ? store.filename().string() : values["store"].as<std::string>());
}

std::string if_busy_option(const options::variables_map& values) {
  const auto& what = values["if-busy"].as<std::string>();
  if (what != "wait" && what != "refuse") throw InputError("--if-busy: expected wait or refuse, found '" + what + "'");
  return what;
}

void choose_runs(Plan& plan, const options::variables_map& values) {
  if (const std::optional<Shard> shard = shard_option(values)) {
    std::vector<PlannedRun> chosen;
    for (std::size_t i = shard->index - 1; i < plan.runs.size(); i += shard->count) chosen.push_back(std::move(plan.runs[i]));
    plan.runs = std::move(chosen);
    if (plan.runs.empty()) throw InputError("--shard: this shard has no run, since the sweep has fewer runs than there are shards");
  }
  if (values.count("first") != 0 && values["first"].as<std::size_t>() < plan.runs.size())
    plan.runs.resize(values["first"].as<std::size_t>());
}

StoreOptions waiting_for_readers(const std::filesystem::path& store) {
  StoreOptions options;
  options.keep_waiting = [store, told = false](std::chrono::milliseconds waited) mutable {
    if (waited > std::chrono::seconds(5) && !std::exchange(told, true))
      std::cerr << "stdualx: waiting, since " << who_holds(store) << " keeps " << store.string()
                << " locked; end what it reads or writes there\n";
    return true;
  };
  return options;
}

Moment moment_now(const std::filesystem::path& store) {
  Moment moment;
  moment.now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  moment.job_is_gone = [directory = store_directory(store)](const std::string& id) -> std::string {
    const SlurmJob job = ask_jobs_seldom(directory, {id}).front();
    if (job.phase == JobPhase::running || job.phase == JobPhase::unknown) return ""; // unknown means alive
    return (job.phase == JobPhase::over ? "Slurm ended its job: " : "its job waits in Slurm's queue: ") + job.state +
           (job.reason.empty() ? "" : " (" + job.reason + ")");
  };
  moment.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  return moment;
}

std::filesystem::path trainer_beside() { return own_executable().parent_path() / "stdualx-trainer"; }

namespace {
/// A file without a name, that nobody else can put another in the place of; a child opens it by its path.
class MemoryFile {
public:
  explicit MemoryFile(const std::string& text) : file_(::memfd_create("stdualx-asked", MFD_CLOEXEC)) {
    for (std::size_t written = 0; file_ && written < text.size();) {
      const ssize_t step = ::write(file_.get(), text.data() + written, text.size() - written);
      if (step < 0 && errno == EINTR) continue;
      if (step <= 0) throw std::system_error(errno, std::generic_category(), "writing to memory");
      written += static_cast<std::size_t>(step);
    }
    if (!file_) throw std::system_error(errno, std::generic_category(), "memfd_create");
  }
  std::string path() const { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file_.get()); }

private:
  Descriptor file_;
};
} // namespace

Json ask_trainer(const std::string& question, const Json& asked, const std::string& doing) {
  const MemoryFile file(asked.dump());
  const Finished finished = run_to_end({trainer_beside().string(), question, file.path()});
  if (finished.status != 0) throw StorageError(doing + " failed (" + describe_wait_status(finished.status) + "): " + finished.errors);
  return Json::parse(finished.output);
}

std::filesystem::path home_folder(const std::string& instead) {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return home;
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr && *user->pw_dir == '/') return user->pw_dir;
  throw InputError("HOME is not set to a folder, and the system knows none of this user: set HOME, or " + instead);
}

void check_temporary_folder() {
  const char* named = std::getenv("TMPDIR");
  std::error_code error;
  if (named == nullptr || *named == '\0' || (std::filesystem::is_directory(named, error) && ::access(named, W_OK | X_OK) == 0)) return;
  throw InputError("TMPDIR is '" + std::string(named) +
                   "', which is no folder that can be written, and mpirun keeps its sockets there: set " +
                   "TMPDIR to one that can, or unset it");
}

std::vector<std::string> trainer_command() {
  // Tests put a stub in its place.
  if (const char* given = std::getenv("STDUALX_TRAINER"))
    return std::string(given) == "none" ? std::vector<std::string>{} : std::vector<std::string>{given};
  const std::filesystem::path beside = trainer_beside();
  if (!std::filesystem::exists(beside))
    throw InputError(beside.string() + ": the trainer is not there; build or install it beside stdualx");
  return {beside.string()};
}

std::vector<std::filesystem::path> program_files() {
  std::vector<std::filesystem::path> files = {own_executable()};
  for (const auto& program : trainer_command()) files.emplace_back(program);
  return files;
}

} // namespace stdualx
