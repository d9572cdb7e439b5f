#include "experiments/plan.h"

#include "experiments/variants.h"

#include <algorithm>
#include <set>

namespace stdualx {

namespace {

std::int64_t fold_count(const SweepProtocol& protocol, const DatasetFacts& facts) {
  if (protocol.spec.kind == "leave_one_person_out") return std::ssize(facts.people);
  if (!is_single_split(protocol.spec.kind)) return protocol.spec.folds;
  return std::max<std::int64_t>(1, std::ssize(protocol.validation_groups));
}

bool holds(const std::vector<std::int64_t>& list, std::int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }

void check_folds(const Sweep& sweep, const DatasetFacts& facts, const std::vector<std::int64_t>& folds, const std::string& pointer) {
  for (std::size_t i = 0; i < folds.size(); ++i) {
    for (std::size_t p = 0; p < sweep.protocols.size(); ++p) {
      const std::int64_t count = fold_count(sweep.protocols[p], facts);
      if (folds[i] >= count)
        sweep.source.fail(pointer + "/" + std::to_string(i), "/protocols/" + std::to_string(p) + " (" + sweep.protocols[p].spec.kind +
                                                                 ") has " +
                                                                 (count == 1 ? "fold 0 only" : "folds 0 to " + std::to_string(count - 1)));
    }
  }
}

void check_people(const Sweep& sweep, const DatasetFacts& facts) {
  for (std::size_t p = 0; p < sweep.protocols.size(); ++p) {
    const ProtocolSpec& spec = sweep.protocols[p].spec;
    const auto& groups = sweep.protocols[p].validation_groups;
    const std::string pointer = "/protocols/" + std::to_string(p);
    if (spec.kind == "official" && facts.official_test_people.empty())
      sweep.source.fail(pointer + "/kind", sweep.dataset + " has no split of its publisher; use leave_persons_out");
    if (spec.kind == "challenge" && !facts.challenge)
      sweep.source.fail(pointer + "/kind", sweep.dataset + " has no challenge; use leave_one_person_out");
    if (spec.kind == "leave_one_person_out" && facts.people.size() < 2)
      sweep.source.fail(pointer + "/kind", sweep.dataset + " has one person only; use random");
    if (spec.kind == "leave_persons_out" && spec.folds > std::ssize(facts.people))
      sweep.source.fail(pointer + "/folds", std::to_string(spec.folds) + " folds of people, but " + sweep.dataset + " has " +
                                                std::to_string(facts.people.size()) + " people");
    const auto check = [&](const std::vector<std::int64_t>& people, const std::string& where) {
      for (std::size_t i = 0; i < people.size(); ++i)
        if (!holds(facts.people, people[i]))
          sweep.source.fail(where + "/" + std::to_string(i), sweep.dataset + " has no person " + std::to_string(people[i]));
        else if (spec.kind == "official" && holds(facts.official_test_people, people[i]))
          sweep.source.fail(where + "/" + std::to_string(i),
                            "person " + std::to_string(people[i]) + " is one of the publisher's test people");
    };
    check(spec.validation_people, pointer + "/validation_people");
    for (std::size_t g = 0; g < groups.size(); ++g) check(groups[g], pointer + "/validation_groups/" + std::to_string(g));
  }
}

} // namespace

ProtocolSpec planned_protocol(const SweepProtocol& protocol, const DatasetFacts& facts, std::int64_t fold) {
  ProtocolSpec spec = protocol.spec;
  if (spec.kind == "leave_one_person_out") spec.folds = std::ssize(facts.people);
  if (protocol.usual_validation && !facts.official_validation_people.empty()) {
    spec.validation_people = facts.official_validation_people;
    spec.validation_share = 0;
  }
  if (const auto group = static_cast<std::size_t>(fold); group < protocol.validation_groups.size())
    spec.validation_people = protocol.validation_groups[group];
  return spec;
}

Plan make_plan(const Sweep& sweep, const DatasetFactsReader& read_facts) {
  const DatasetFacts facts = read_facts(sweep.dataset, sweep.windows);
  if (facts.name.empty() || facts.source.empty() || facts.dataset_hash.empty() || facts.windows.steps <= 0 || facts.windows.stride <= 0 ||
      facts.windows.label_threshold <= 0)
    throw std::logic_error("the facts of data set " + sweep.dataset + " leave its name, its hash or its windows open");
  check_people(sweep, facts);
  check_folds(sweep, facts, sweep.folds, "/folds");
  for (std::size_t v = 0; v < sweep.variants.size(); ++v)
    check_folds(sweep, facts, sweep.variants[v].folds, "/variants/" + std::to_string(v) + "/folds");

  Plan plan{.sweep_id = sweep.id,
            .name = sweep.name,
            .sweep_text = sweep.text,
            .dataset_source = facts.source,
            .runs = {},
            .evaluations = sweep.conditions};
  std::set<std::string> planned;
  const auto add = [&](const SweepProtocol& protocol, const RecipeChanges& setting, std::int64_t seed, std::int64_t fold,
                       const SweepVariant& variant) {
    RunSpec run;
    run.dataset = facts.name;
    run.dataset_hash = facts.dataset_hash;
    run.windows = facts.windows;
    run.protocol = planned_protocol(protocol, facts, fold);
    run.fold = fold;
    run.preset = sweep.preset;
    run.variant = variant.name;
    const Recipe recipe = recipe_of(sweep, setting, variant);
    run.model = recipe.model;
    run.training = recipe.training;
    run.seed = seed;
    run.world_size = variant.ranks > 0 ? variant.ranks : sweep.resources.ranks_per_run;
    run.threads = sweep.resources.threads;
    // Settings that an ablation makes equal (a grid over the triplet's weight without the triplet) are one run.
    std::string run_id = run_identity(run);
    if (planned.insert(run_id).second) plan.runs.push_back({std::move(run_id), std::move(run)});
  };

  for (const SweepProtocol& protocol : sweep.protocols) {
    std::vector<std::int64_t> sweep_folds = sweep.folds;
    if (sweep_folds.empty())
      for (std::int64_t fold = 0; fold < fold_count(protocol, facts); ++fold) sweep_folds.push_back(fold);
    std::vector<std::int64_t> all_folds = sweep_folds;
    for (const SweepVariant& variant : sweep.variants)
      for (const std::int64_t fold : variant.folds)
        if (!holds(all_folds, fold)) all_folds.push_back(fold);

    for (const RecipeChanges& setting : sweep.settings)
      for (const std::int64_t seed : sweep.seeds)
        for (const std::int64_t fold : all_folds)
          for (const SweepVariant& variant : sweep.variants)
            if (holds(variant.folds.empty() ? sweep_folds : variant.folds, fold)) add(protocol, setting, seed, fold, variant);
  }
  std::stable_sort(plan.runs.begin(), plan.runs.end(),
                   [](const PlannedRun& a, const PlannedRun& b) { return a.run.world_size > b.run.world_size; });
  return plan;
}

} // namespace stdualx
