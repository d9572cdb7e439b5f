// The facts that a plan needs, from the data set itself, and what only the data can tell of a plan: whether each network can be
// built for them and each fold has a split.
#include "experiments/plan.h"
#include "experiments/spec/model_shape.h"
#include "experiments/split.h"
#include "experiments/windows.h"

#include <algorithm>
#include <optional>
#include <set>

namespace stdualx {

namespace {

/// Where the sweep says what stands at `pointer` ("/model/temporal_heads") of a run's recipe; `fixed` where it says nothing.
std::string setting_pointer(const Sweep& sweep, const RunSpec& run, const std::string& pointer) {
  std::string path = pointer.substr(1);
  std::replace(path.begin(), path.end(), '/', '.');
  for (std::size_t v = 0; v < sweep.variants.size(); ++v)
    if (sweep.variants[v].name == run.variant)
      for (const auto& [changed, value] : sweep.variants[v].set)
        if (changed == path) return "/variants/" + std::to_string(v) + "/set/" + path;
  const Json json = Json::parse(sweep.text);
  for (const char* part : {"grid", "zip", "random"})
    if (json.contains(part) && json[part].contains(path)) return std::string("/") + part + "/" + path;
  return "/fixed" + pointer;
}

/// Where the sweep says what stands at `pointer` ("/protocol/validation_people") of a run.
std::string protocol_pointer(const Sweep& sweep, const DatasetFacts& facts, const RunSpec& run, const std::string& pointer) {
  for (std::size_t p = 0; p < sweep.protocols.size(); ++p)
    if (planned_protocol(sweep.protocols[p], facts, run.fold) == run.protocol)
      return "/protocols/" + std::to_string(p) + pointer.substr(std::string("/protocol").size());
  return "/protocols";
}

/// What a trainer would find out, found out before anything runs.
void check_runs(const Sweep& sweep, const DatasetFacts& facts, const Plan& plan, const WindowSet& windows) {
  // A plan holds thousands of runs of a few networks and splits.
  std::vector<ModelConfig> models;
  std::vector<std::pair<ProtocolSpec, std::int64_t>> splits;
  const auto is_new = [](auto& known, const auto& one) {
    if (std::find(known.begin(), known.end(), one) != known.end()) return false;
    known.push_back(one);
    return true;
  };
  const auto check = [&](const auto& attempt, const auto& pointer_of) {
    try {
      attempt();
    } catch (const InputError& error) {
      const std::string message = error.what();
      const auto end = message.find(": ");
      sweep.source.fail(pointer_of(message.substr(0, end)), message.substr(end + 2));
    }
  };
  for (const PlannedRun& planned : plan.runs) {
    const RunSpec& run = planned.run;
    if (is_new(models, run.model))
      check([&] { check_model(run.model, windows.shape()); },
            [&](const std::string& pointer) { return setting_pointer(sweep, run, pointer); });
    if (is_new(splits, std::pair(run.protocol, run.fold)))
      check([&] { make_split(windows, run.protocol, run.fold); },
            [&](const std::string& pointer) { return protocol_pointer(sweep, facts, run, pointer); });
  }
}

} // namespace

Plan make_plan(const Sweep& sweep, const DataPaths& paths) {
  std::optional<WindowSet> windows;
  DatasetFacts facts;
  Plan plan = make_plan(sweep, [&](const std::string& dataset, const WindowSpec& spec) {
    try {
      windows = open_window_set(dataset, spec, paths);
    } catch (const InputError& error) {
      if (std::string_view(error.what()).starts_with("/windows")) sweep.source.fail(error); // it is the sweep that asks for these windows
      throw;
    }
    const std::set<std::int64_t> people(windows->people().begin(), windows->people().end());
    facts = DatasetFacts{.name = windows->info().name,
                         .source = dataset_source(dataset),
                         .dataset_hash = windows->dataset_hash(),
                         .windows = windows->window_spec(),
                         .people = {people.begin(), people.end()},
                         .official_test_people = windows->info().official_test_people,
                         .official_validation_people = windows->info().official_validation_people,
                         .challenge = windows->info().challenge != ChallengeSplit{}};
    return facts;
  });
  check_runs(sweep, facts, plan, *windows);
  return plan;
}

} // namespace stdualx
