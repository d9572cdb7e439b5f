// The facts that a plan needs, from the data set itself, and what only the data can tell of a plan: whether each network can be
// built for them and each fold has a split.
#include "experiments/plan.h"
#include "experiments/spec/condition.h"
#include "experiments/spec/model_shape.h"
#include "experiments/split.h"
#include "experiments/windows.h"

#include <algorithm>
#include <set>

namespace stdualx {

namespace {

/// Where the part says what stands at `pointer` ("/model/temporal_heads") of a run's recipe; `fixed` where it says nothing.
std::string setting_pointer(const SweepPart& part, const Json& json, const RunSpec& run, const std::string& pointer) {
  std::string path = pointer.substr(1);
  std::replace(path.begin(), path.end(), '/', '.');
  for (std::size_t v = 0; v < part.variants.size(); ++v)
    if (part.variants[v].name == run.variant)
      for (const auto& [changed, value] : part.variants[v].set)
        if (changed == path) return "/variants/" + std::to_string(v) + "/set/" + path;
  for (const char* key : {"grid", "zip", "random"})
    if (json.contains(key) && json[key].contains(path)) return std::string("/") + key + "/" + path;
  return "/fixed" + pointer;
}

/// Where the part says what stands at `pointer` ("/protocol/validation_people") of a run.
std::string protocol_pointer(const SweepPart& part, const DatasetFacts& facts, const RunSpec& run, const std::string& pointer) {
  const std::string run_key = "/protocol";
  for (std::size_t p = 0; p < part.protocols.size(); ++p)
    if (planned_protocol(part.protocols[p], facts, run.fold) == run.protocol)
      return "/protocols/" + std::to_string(p) + (pointer.starts_with(run_key) ? pointer.substr(run_key.size()) : "");
  return "/protocols";
}

/// Of one fold of a protocol.
std::vector<ThinClass> thin_classes_of(const RunSpec& run, const WindowSet& windows, const Split& split) {
  const std::size_t classes = windows.info().classes.size();
  std::vector<std::set<std::int64_t>> trained(classes), tested(classes);
  const auto count = [&](const std::vector<std::int64_t>& rows, std::vector<std::set<std::int64_t>>& people) {
    for (const std::int64_t row : rows) {
      const auto place = static_cast<std::size_t>(row);
      people.at(static_cast<std::size_t>(windows.labels()[place])).insert(windows.people()[place]);
    }
  };
  count(split.train, trained);
  count(split.test, tested);
  std::vector<ThinClass> thin;
  for (std::size_t label = 0; label < classes; ++label) {
    const bool nobody = trained[label].empty();
    if (!nobody && (trained[label].size() > 1 || split.train_people.size() == 1)) continue; // who alone is trained on is alone in all
    thin.push_back({.dataset = run.dataset,
                    .protocol = run.protocol.kind,
                    .split_id = split_identity(run),
                    .fold = run.fold,
                    .label = static_cast<std::int64_t>(label),
                    .name = windows.info().classes[label],
                    .person = nobody ? 0 : *trained[label].begin(),
                    .nobody = nobody,
                    .tested = {tested[label].begin(), tested[label].end()}});
  }
  return thin;
}

/// What a trainer would find out, found out before anything runs; and what it would not say: classes that folds hardly know.
std::vector<ThinClass> check_runs(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts, const std::vector<PlannedRun>& runs,
                                  const WindowSet& windows) {
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
      sweep.fail(part, pointer_of(message.substr(0, end)), message.substr(end + 2));
    }
  };
  Json json = Json::parse(sweep.text);
  if (json.contains("parts")) json = json["parts"][static_cast<std::size_t>(&part - sweep.parts.data())];
  std::vector<ThinClass> thin;
  for (const PlannedRun& planned : runs) {
    const RunSpec& run = planned.run;
    if (is_new(models, run.model))
      check([&] { check_model(run.model, windows.shape()); },
            [&](const std::string& pointer) { return setting_pointer(part, json, run, pointer); });
    if (is_new(splits, std::pair(run.protocol, run.fold)))
      check(
          [&] {
            for (ThinClass& one : thin_classes_of(run, windows, make_split(windows, run.protocol, run.fold)))
              thin.push_back(std::move(one));
          },
          [&](const std::string& pointer) { return protocol_pointer(part, facts, run, pointer); });
  }
  return thin;
}

void check_conditions(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts) {
  for (const EvaluationSpec& evaluation : part.conditions) {
    const Condition condition = condition_of(evaluation.condition);
    if (condition.kind == "missing_sensor" && condition.amount >= static_cast<double>(facts.sensors.size()))
      sweep.fail(part, "/conditions",
                 "'" + evaluation.condition + "': " + part.dataset + " has " + std::to_string(facts.sensors.size()) +
                     " sensors, numbered from 0");
  }
}

/// Where the windows of a part's runs come from, once a cut.
void add_origins(Plan& plan, const WindowSet& windows, const std::vector<PlannedRun>& runs) {
  if (runs.empty()) return;
  WindowOrigins origins{
      .cut_id = cut_identity(runs.front().run), .rate = windows.info().rate, .recordings = {}, .begins = {}, .recording = {}, .starts = {}};
  if (std::any_of(plan.origins.begin(), plan.origins.end(), [&](const WindowOrigins& one) { return one.cut_id == origins.cut_id; })) return;
  const WindowSetInfo& all = windows.all_info();
  origins.recordings = all.recording_names;
  origins.begins = all.recording_begins;
  origins.recordings.resize(static_cast<std::size_t>(all.recordings));
  origins.begins.resize(static_cast<std::size_t>(all.recordings));
  origins.recording.assign(windows.recordings().begin(), windows.recordings().end());
  origins.starts.assign(windows.starts().begin(), windows.starts().end());
  plan.origins.push_back(std::move(origins));
}

WindowSet windows_of(const Sweep& sweep, const SweepPart& part, const DataPaths& paths) {
  try {
    return open_window_set(part.dataset, part.windows, paths);
  } catch (const InputError& error) {
    const std::string what = error.what();
    if (!what.starts_with("/windows")) throw;
    sweep.source.fail(InputError(part.pointer + what)); // it is the sweep that asks for these windows
  }
}

} // namespace

Plan make_plan(const Sweep& sweep, const DataPaths& paths, std::vector<std::string>* skipped) {
  Plan plan{sweep.id, sweep.name, sweep.text, {}, {}, {}};
  for (const SweepPart& part : sweep.parts) {
    try {
      find_dataset(part.dataset, paths);
    } catch (const DatasetMissing& missing) {
      if (skipped == nullptr) throw;
      skipped->push_back(part.pointer + ": " + missing.what());
      continue;
    }
    const WindowSet windows = windows_of(sweep, part, paths);
    DatasetFacts facts{.name = windows.info().name,
                       .source = dataset_source(part.dataset),
                       .dataset_hash = windows.dataset_hash(),
                       .windows = windows.window_spec(),
                       .people = evaluated_people(windows),
                       .official_test_people = windows.info().official_test_people,
                       .official_validation_people = windows.info().official_validation_people,
                       .sessions = std::ssize(evaluated_sessions(windows)),
                       .challenge = windows.info().challenge != ChallengeSplit{},
                       .sensors = {},
                       .classes = windows.info().classes,
                       .shape = windows.shape()};
    for (const SensorInfo& sensor : windows.info().sensors) facts.sensors.push_back(sensor.name);
    for (const std::string& note : windows.all_info().notes) // people without a window; what else is odd, `data import` says
      if (note.starts_with("Person ") && std::find(plan.notes.begin(), plan.notes.end(), facts.name + ": " + note) == plan.notes.end())
        plan.notes.push_back(facts.name + ": " + note);
    std::vector<PlannedRun> runs = plan_part(sweep, part, facts, &plan.notes);
    check_conditions(sweep, part, facts);
    for (ThinClass& one : check_runs(sweep, part, facts, runs, windows)) plan.thin_classes.push_back(std::move(one));
    add_origins(plan, windows, runs);
    add_part(plan, facts, std::move(runs));
  }
  if (plan.runs.empty()) throw InputError("nothing can be planned: no data set of the sweep was found. " + skipped->front());
  return plan;
}

} // namespace stdualx
