#include "experiments/plan.h"

#include "experiments/spec/model_shape.h"
#include "experiments/variants.h"

#include <algorithm>
#include <map>

namespace stdualx {

namespace {

std::int64_t fold_count(const SweepProtocol& protocol, const DatasetFacts& facts) {
  if (protocol.spec.kind == "leave_one_person_out") return std::ssize(facts.people);
  if (protocol.spec.kind == "leave_one_session_out") return facts.sessions;
  if (!is_single_split(protocol.spec.kind)) return protocol.spec.folds;
  return std::max<std::int64_t>(1, std::ssize(protocol.validation_groups));
}

bool holds(const std::vector<std::int64_t>& list, std::int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }

void check_folds(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts, const std::vector<std::int64_t>& folds,
                 const std::string& pointer) {
  for (std::size_t i = 0; i < folds.size(); ++i) {
    for (std::size_t p = 0; p < part.protocols.size(); ++p) {
      const std::int64_t count = fold_count(part.protocols[p], facts);
      if (folds[i] >= count)
        sweep.fail(part, pointer + "/" + std::to_string(i),
                   "/protocols/" + std::to_string(p) + " (" + part.protocols[p].spec.kind + ") has " +
                       (count == 1 ? "fold 0 only" : "folds 0 to " + std::to_string(count - 1)));
    }
  }
}

void check_people(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts) {
  for (std::size_t p = 0; p < part.protocols.size(); ++p) {
    const ProtocolSpec& spec = part.protocols[p].spec;
    const auto& groups = part.protocols[p].validation_groups;
    const std::string pointer = "/protocols/" + std::to_string(p);
    if (spec.kind == "official" && facts.official_test_people.empty())
      sweep.fail(part, pointer + "/kind", part.dataset + " has no split of its publisher; use leave_persons_out");
    if (spec.kind == "challenge" && !facts.challenge)
      sweep.fail(part, pointer + "/kind", part.dataset + " has no challenge; use leave_one_person_out");
    if (spec.kind == "leave_one_person_out" && facts.people.size() < 2)
      sweep.fail(part, pointer + "/kind", part.dataset + " has one person only; use random");
    if (spec.kind == "leave_one_session_out" && facts.sessions < 2)
      sweep.fail(part, pointer + "/kind",
                 part.dataset + " has " + (facts.sessions == 0 ? "no sessions" : "one session only") +
                     "; name a /session_column in its manifest, or use leave_one_person_out");
    if (spec.kind == "leave_persons_out" && spec.folds > std::ssize(facts.people))
      sweep.fail(part, pointer + "/folds",
                 std::to_string(spec.folds) + " folds of people, but " + part.dataset + " has " + std::to_string(facts.people.size()) +
                     " people");
    const auto check = [&](const std::vector<std::int64_t>& people, const std::string& where) {
      for (std::size_t i = 0; i < people.size(); ++i)
        if (!holds(facts.people, people[i]))
          sweep.fail(part, where + "/" + std::to_string(i), part.dataset + " has no person " + std::to_string(people[i]));
        else if (spec.kind == "official" && holds(facts.official_test_people, people[i]))
          sweep.fail(part, where + "/" + std::to_string(i),
                     "person " + std::to_string(people[i]) + " is one of the publisher's test people");
    };
    check(spec.validation_people, pointer + "/validation_people");
    for (std::size_t g = 0; g < groups.size(); ++g) check(groups[g], pointer + "/validation_groups/" + std::to_string(g));
  }
}

/// Fits the heads that the sweep leaves to its preset, and says so once a setting and data set.
void fit_to_data(ModelConfig& model, const SweepPart& part, const RecipeChanges& setting, const SweepVariant& variant,
                 const DatasetFacts& facts, std::vector<std::string>* notes) {
  if (facts.shape.steps == 0) return;
  std::vector<std::string> chosen;
  const auto choose = [&](const std::string& path) {
    if (path.starts_with("model.")) chosen.push_back(path.substr(6));
  };
  for (const std::string& path : part.fixed_paths) choose(path);
  for (const RecipeChanges* changes : {&setting, &variant.set})
    for (const auto& [path, value] : *changes) choose(path);
  for (const FittedHeads& heads : fit_heads(model, facts.shape, chosen)) {
    const std::string words = facts.name + ", windows of " + std::to_string(facts.shape.steps) + " steps: model." + heads.setting + " is " +
                              std::to_string(heads.fitted) + ", not the preset's " + std::to_string(heads.asked) +
                              ": the largest number up to that which divides " + std::to_string(heads.width) + ", " + heads.what +
                              ". A sweep that names it has what it names.";
    if (notes != nullptr && std::find(notes->begin(), notes->end(), words) == notes->end()) notes->push_back(words);
  }
}

} // namespace

ProtocolSpec planned_protocol(const SweepProtocol& protocol, const DatasetFacts& facts, std::int64_t fold) {
  ProtocolSpec spec = protocol.spec;
  if (spec.kind == "leave_one_person_out") spec.folds = std::ssize(facts.people);
  if (spec.kind == "leave_one_session_out") spec.folds = facts.sessions;
  if (protocol.usual_validation && !facts.official_validation_people.empty()) {
    spec.validation_people = facts.official_validation_people;
    spec.validation_share = 0;
  }
  if (const auto group = static_cast<std::size_t>(fold); group < protocol.validation_groups.size())
    spec.validation_people = protocol.validation_groups[group];
  return spec;
}

std::vector<PlannedRun> plan_part(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts, std::vector<std::string>* notes) {
  if (facts.name.empty() || facts.source.empty() || facts.dataset_hash.empty() || facts.windows.steps <= 0 || facts.windows.stride <= 0 ||
      facts.windows.label_threshold <= 0)
    throw std::logic_error("the facts of data set " + part.dataset + " leave its name, its hash or its windows open");
  check_people(sweep, part, facts);
  check_folds(sweep, part, facts, part.folds, "/folds");
  for (std::size_t v = 0; v < part.variants.size(); ++v)
    check_folds(sweep, part, facts, part.variants[v].folds, "/variants/" + std::to_string(v) + "/folds");

  std::vector<PlannedRun> runs;
  const auto add = [&](const SweepProtocol& protocol, const RecipeChanges& setting, std::int64_t seed, std::int64_t fold,
                       const SweepVariant& variant) {
    RunSpec run;
    run.dataset = facts.name;
    run.dataset_hash = facts.dataset_hash;
    run.windows = facts.windows;
    run.protocol = planned_protocol(protocol, facts, fold);
    run.fold = fold;
    run.preset = part.preset;
    run.variant = variant.name;
    Recipe recipe = recipe_of(part, setting, variant);
    fit_to_data(recipe.model, part, setting, variant, facts, notes);
    run.model = recipe.model;
    run.training = recipe.training;
    run.seed = seed;
    run.world_size = variant.ranks > 0 ? variant.ranks : part.resources.ranks_per_run;
    run.threads = part.resources.threads;
    std::string run_id = run_identity(run);
    runs.push_back({std::move(run_id), std::move(run), facts.source, part.conditions, part.resources.pack, !is_variant(variant.name)});
  };

  for (const SweepProtocol& protocol : part.protocols) {
    std::vector<std::int64_t> sweep_folds = part.folds;
    if (sweep_folds.empty())
      for (std::int64_t fold = 0; fold < fold_count(protocol, facts); ++fold) sweep_folds.push_back(fold);
    std::vector<std::int64_t> all_folds = sweep_folds;
    for (const SweepVariant& variant : part.variants)
      for (const std::int64_t fold : variant.folds)
        if (!holds(all_folds, fold)) all_folds.push_back(fold);

    for (const RecipeChanges& setting : part.settings)
      for (const std::int64_t seed : part.seeds)
        for (const std::int64_t fold : all_folds)
          for (const SweepVariant& variant : part.variants)
            if (holds(variant.folds.empty() ? sweep_folds : variant.folds, fold)) add(protocol, setting, seed, fold, variant);
  }
  return runs;
}

std::string sweep_with_places(const Plan& plan, const std::filesystem::path& path) {
  Json json = Json::parse(plan.sweep_text);
  const auto add = [&](const Json& part) {
    const auto dataset = part.value("dataset", std::string());
    if (!is_relative_manifest(dataset)) return;
    for (const auto& folder : {path.parent_path(), std::filesystem::path()}) { // beside the sweep, or where the command runs
      const std::string place = std::filesystem::absolute(folder / dataset).lexically_normal().string();
      if (std::any_of(plan.runs.begin(), plan.runs.end(), [&](const PlannedRun& run) { return run.dataset_source == place; }))
        json[places_key][dataset] = place;
    }
  };
  if (json.contains("parts"))
    for (const Json& part : Json(json["parts"])) add(part);
  else add(json);
  return canonical_json(json);
}

void add_part(Plan& plan, const DatasetFacts& facts, std::vector<PlannedRun> runs) {
  const DatasetCard card{facts.dataset_hash, facts.name, facts.sensors, facts.classes};
  // Parts that differ in whether the NULL class is kept share recordings, and so the hash: the longer list names every label.
  const auto known_card = std::find_if(plan.datasets.begin(), plan.datasets.end(),
                                       [&](const DatasetCard& one) { return one.dataset_hash == card.dataset_hash; });
  if (known_card == plan.datasets.end()) plan.datasets.push_back(card);
  else if (known_card->classes.size() < card.classes.size()) *known_card = card;
  // Settings that an ablation makes equal (a grid over the triplet's weight without the triplet) are one run, as are equal runs of two
  // parts.
  std::map<std::string, std::size_t> planned;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) planned[plan.runs[i].run_id] = i;
  for (PlannedRun& run : runs) {
    const auto [place, is_new] = planned.emplace(run.run_id, plan.runs.size());
    if (is_new) {
      plan.runs.push_back(std::move(run));
      continue;
    }
    PlannedRun& known = plan.runs[place->second];
    for (const EvaluationSpec& evaluation : run.evaluations)
      if (std::find(known.evaluations.begin(), known.evaluations.end(), evaluation) == known.evaluations.end())
        known.evaluations.push_back(evaluation);
    known.run.protocol.open_test = known.run.protocol.open_test || run.run.protocol.open_test;
    if (!known.own_name || run.own_name) continue;
    known.run.variant = run.run.variant;
    known.run.preset = run.run.preset;
    known.own_name = false;
  }
  std::stable_sort(plan.runs.begin(), plan.runs.end(),
                   [](const PlannedRun& a, const PlannedRun& b) { return a.run.world_size > b.run.world_size; });
}

Plan make_plan(const Sweep& sweep, const DatasetFactsReader& read_facts) {
  Plan plan{sweep.id, sweep.name, sweep.text, {}, {}, {}};
  for (const SweepPart& part : sweep.parts) {
    const DatasetFacts facts = read_facts(part.dataset, part.windows);
    add_part(plan, facts, plan_part(sweep, part, facts));
  }
  return plan;
}

} // namespace stdualx
