// The commands that only read: plan, runs, explain, query, report, compare.
#include "cluster/devices.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/pack.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/commands/html.h"
#include "orchestrator/commands/tsne.h"
#include "orchestrator/job.h"
#include "orchestrator/space.h"
#include "results/settings.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <variant>

namespace stdualx {

namespace {

/// Options of a command that asks a store.
struct Question {
  options::options_description described{"options"};
  options::variables_map values;
  Question() {
    add_store_option(described);
    add_format_option(described);
  }
  bool parse(const Command& command, const std::vector<std::string>& arguments, const std::vector<std::string>& positional = {}) {
    if (!parse_options(command, arguments, described, positional, values)) return false;
    output_format(values); // a wrong one is told before anything is read
    return true;
  }
  Reader reader() const {
    Reader reader(store_path(values));
    tell_note(reader);
    return reader;
  }
  /// Whether a person looks who did not ask for every run: pipes and files hold all.
  bool counts() const {
    const Output output = output_format(values);
    return output.format == Format::table && output.width > 0 && !values["all"].as<bool>();
  }
  int show(const std::vector<TitledTable>& tables) const {
    std::cout << format_tables(tables, output_format(values));
    return 0;
  }
};

/// The trainer builds the networks and tells how large their files are.
std::vector<NetworkSize> sizes_of(const std::vector<NetworkAsked>& networks) {
  return value_from_json<std::vector<NetworkSize>>(
      ask_trainer("--sizes", value_to_json(networks), "asking the trainer for the sizes of files"), "");
}

/// Which runs a sweep has trained together; "" where it leaves that to the device, or wants each by itself.
std::string pack_words(const Plan& plan) {
  std::int64_t most = 0;
  std::size_t count = 0;
  for (const PlannedRun& planned : plan.runs) {
    most = std::max(most, planned.pack);
    if (planned.pack > 1 && !pack_key(planned.run).empty()) ++count;
  }
  return most <= 1
             ? ""
             : fmt::format("packs: one trainer trains up to {} of {} runs together, where their shapes agree; the others by themselves",
                           most, count);
}

/// "" where nothing is left to do, or the trainer is not there to ask.
std::string space_words(const Plan& plan, const std::vector<RunState>& states, const DataPaths& paths, const std::filesystem::path& store) {
  std::vector<const PlannedRun*> open;
  for (std::size_t i = 0; i < plan.runs.size(); ++i)
    if (states[i].status != RunStatus::complete ||
        (!missing_evaluations(plan.runs[i], states[i]).empty() && !gone_weights(states[i], store_directory(store)).empty()))
      open.push_back(&plan.runs[i]);
  if (open.empty() || !std::filesystem::exists(trainer_beside())) return "";
  const SpaceNeeded needed = space_needed(open, paths, sizes_of);
  const std::int64_t free = free_bytes(store.parent_path());
  return fmt::format(
      "space: {} of weights and embeddings to keep in {}, {} in the store, and two checkpoints of up to {} for each run in training; "
      "{} are free there",
      bytes_text(needed.kept_bytes), store_directory(store).filename().string(), bytes_text(needed.store_bytes),
      bytes_text(needed.largest_checkpoint), free < 0 ? "an unknown number of bytes" : bytes_text(free));
}

void add_all_option(options::options_description& described) {
  described.add_options()(
      "all", options::bool_switch(),
      fmt::format("every run, also where a terminal shows counts by group (more than {} runs)", most_rows_uncounted).c_str());
}

DeviceKind device_option(const options::variables_map& values) {
  if (values.count("device") == 0) return count_gpus() > 0 ? DeviceKind::gpu : DeviceKind::cpu;
  const auto& kind = values["device"].as<std::string>();
  if (kind != "cpu" && kind != "gpu") throw InputError("--device: expected cpu or gpu, found '" + kind + "'");
  return kind == "gpu" ? DeviceKind::gpu : DeviceKind::cpu;
}

} // namespace

int plan_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  add_sweep_options(question.described);
  add_data_options(question.described);
  question.described.add_options()("device", options::value<std::string>()->value_name("KIND"),
                                   "whose times the costs are: cpu or gpu (default: gpu where this host has one, else cpu)");
  add_all_option(question.described);
  if (!question.parse(command, arguments, {"SPEC"})) return 0;
  const DeviceKind device = device_option(question.values);
  const Plan plan = plan_from(question.values);
  std::optional<Reader> reader = Reader::open_if_there(store_path(question.values));
  if (reader) tell_note(*reader);
  std::vector<std::string> ids;
  for (const auto& planned : plan.runs) ids.push_back(planned.run_id);
  const std::vector<RunState> states = reader ? reader->run_states(ids) : std::vector<RunState>(plan.runs.size());
  TitledTable titled{plan.name, {{"run", "data set", "protocol", "fold", "variant", "seed", "ranks", "epochs", "status", "cost"}, {}}, {}};
  const bool gone = std::any_of(states.begin(), states.end(), [](const RunState& state) { return state.status == RunStatus::running; }) &&
                    coordinator_gone(*reader, moment_now(store_path(question.values)));
  const std::filesystem::path directory = store_directory(store_path(question.values));
  Left again;
  const auto status_words = [&](const PlannedRun& planned, const RunState& state) {
    if (!state.known) return std::string("new");
    std::string words(status_name(state.status == RunStatus::running && gone ? RunStatus::interrupted : state.status));
    if (state.status == RunStatus::complete) {
      const std::size_t missing = missing_evaluations(planned, state).size();
      if (missing == 0) return words;
      const std::string file = gone_weights(state, directory);
      if (!file.empty() && again.again++ == 0) again.gone = "run " + short_id(state.run_id) + ": " + file;
      words += fmt::format(", {}{}", file.empty() ? "" : "weights gone, ", counted(static_cast<std::int64_t>(missing), "more condition"));
    } else if (state.latest_checkpoint && is_gone(directory, state.latest_checkpoint->path)) {
      words += ", checkpoint gone";
    }
    return words;
  };
  std::map<std::string, Settings> recipes; // by all but fold and seed
  std::vector<std::string> groups;
  std::vector<const Settings*> settings;
  std::map<std::string, Cell> costs; // by all that a cost depends on: a plan holds many runs of few kinds
  std::size_t known = 0;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const RunSpec& run = plan.runs[i].run;
    known += states[i].known ? 1 : 0;
    const auto kind = recipe_identity(run);
    const auto [recipe, is_new] = recipes.try_emplace(kind);
    if (is_new) recipe->second = settings_of(run);
    settings.push_back(&recipe->second);
    groups.push_back(run.dataset + "/" + run.protocol.kind + "/" + run.variant);
    if (reader && !costs.contains(kind)) {
      const auto seconds = cost_of(*reader, run, device).seconds;
      costs[kind] = seconds ? Cell(Duration{*seconds}) : Cell();
    }
    titled.table.rows.push_back({short_id(plan.runs[i].run_id), run.dataset,
                                 protocol_words(run.protocol.kind, run.protocol.folds, run.windows.null_class), run.fold, run.variant,
                                 run.seed, run.world_size, run.training.epochs, status_words(plan.runs[i], states[i]), costs[kind]});
  }
  add_differing_settings(titled.table, groups, settings, "ranks");
  titled.notes.push_back(
      fmt::format("{}: {} known, {} new", counted(static_cast<std::int64_t>(plan.runs.size()), "run"), known, plan.runs.size() - known));
  if (question.counts() && plan.runs.size() > most_rows_uncounted) titled = counted_by_group(titled, {"run", "fold", "seed"});
  if (std::any_of(costs.begin(), costs.end(), [](const auto& one) { return !std::holds_alternative<std::monostate>(one.second); }))
    titled.notes.push_back(fmt::format("Costs are of runs on {}; --device {} shows those on {}.", device_kind_words(device),
                                       device == DeviceKind::cpu ? "gpu" : "cpu",
                                       device_kind_words(device == DeviceKind::cpu ? DeviceKind::gpu : DeviceKind::cpu)));
  const std::string space = space_words(plan, states, data_paths(question.values), store_path(question.values));
  if (!space.empty()) titled.notes.push_back(space);
  for (const std::string& words : plan.notes) titled.notes.push_back(words);
  if (std::string words = pack_words(plan); !words.empty()) titled.notes.push_back(std::move(words));
  for (std::string& words : thin_class_words(plan.thin_classes)) titled.notes.push_back(std::move(words));
  if (std::string words = again_words(again); !words.empty()) titled.notes.push_back(words.substr(0, words.size() - 1));
  return question.show({titled});
}

int runs_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  question.described.add_options()("status", options::value<std::string>()->default_value("")->value_name("S"), "only runs of this status")(
      "sweep", options::value<std::string>()->default_value("")->value_name("NAME"), "only runs of this sweep");
  add_all_option(question.described);
  if (!question.parse(command, arguments)) return 0;
  Reader reader = question.reader();
  return question.show(
      {runs_table(reader, moment_now(store_path(question.values)),
                  {question.values["status"].as<std::string>(), question.values["sweep"].as<std::string>(), question.counts()})});
}

int explain_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  question.described.add_options()("RUN", options::value<std::string>(), "the run, or the start of its identity");
  if (!question.parse(command, arguments, {"RUN"})) return 0;
  Reader reader = question.reader();
  return question.show(explain_run(reader, question.values["RUN"].as<std::string>(), moment_now(store_path(question.values)),
                                   store_directory(store_path(question.values))));
}

int query_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  question.described.add_options()("SQL", options::value<std::string>(), "one statement that reads");
  if (!question.parse(command, arguments, {"SQL"})) return 0;
  Reader reader = question.reader();
  std::cout << format_table(reader.query(question.values["SQL"].as<std::string>()), output_format(question.values));
  return 0;
}

int report_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  std::string names;
  for (const auto& name : report_table_names()) names += (names.empty() ? "" : ", ") + name;
  question.described.add_options()("table", options::value<std::string>()->default_value("")->value_name("NAMES"),
                                   ("only these, with commas between: " + names).c_str())(
      "tsne", options::bool_switch(), "also score the t-SNE plane of each embedding (Python; seconds to minutes a run, kept in the cache)")(
      "html", options::value<std::string>()->value_name("FILE"),
      "write every table with figures as one HTML page that needs no network, and say where")(
      "figures", options::value<std::string>()->value_name("FOLDER"),
      "write every figure of that page as SVG, PDF and PNG (Python, vl-convert), and say where");
  add_data_options(question.described);
  if (!question.parse(command, arguments)) return 0;
  ReportRequest request;
  std::istringstream wanted(question.values["table"].as<std::string>());
  for (std::string name; std::getline(wanted, name, ',');) request.tables.push_back(name);
  const bool as_page = question.values.count("html") != 0, as_figures = question.values.count("figures") != 0;
  if ((as_page || as_figures) && !request.tables.empty())
    throw InputError("--html and --figures show every table: leave --table out, or them");
  Reader reader = question.reader();
  if (question.values["tsne"].as<bool>())
    request.plane_silhouettes =
        plane_silhouettes(reader, store_directory(store_path(question.values)), data_paths(question.values).cache_directory);
  if (!as_page && !as_figures) return question.show(report(reader, request));
  if (as_page) {
    const std::filesystem::path file = std::filesystem::absolute(question.values["html"].as<std::string>());
    write_html_report(reader, request, file);
    std::cout << "report: " << file.string() << "\n";
  }
  if (as_figures) std::cout << write_figure_files(reader, request, std::filesystem::absolute(question.values["figures"].as<std::string>()));
  return 0;
}

int compare_command(const Command& command, const std::vector<std::string>& arguments) {
  Question question;
  question.described.add_options()("A", options::value<std::string>(),
                                   "a variant, a sweep, or the start of a recipe's, sweep's or run's identity")(
      "B", options::value<std::string>(), "the other side, likewise");
  if (!question.parse(command, arguments, {"A", "B"})) return 0;
  Reader reader = question.reader();
  return question.show(compare(reader, question.values["A"].as<std::string>(), question.values["B"].as<std::string>()));
}

} // namespace stdualx
