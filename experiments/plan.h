// A sweep, planned: its runs with all that decides their numbers, and their identities (experiments/spec/plan.h).
#pragma once

#include "experiments/catalog.h"
#include "experiments/spec/plan.h"
#include "experiments/sweep.h"

#include <functional>

namespace stdualx {

/// What a plan must know of the recordings.
struct DatasetFacts {
  std::string name;   // of the data set; a manifest says its own
  std::string source; // what opens it on any host: a name in the catalogue, or the absolute path of a manifest
  std::string dataset_hash;
  WindowSpec windows;                                   // as asked for, with the data set's own values in place of 0
  std::vector<std::int64_t> people;                     // who is in it, ascending
  std::vector<std::int64_t> official_test_people;       // empty: the publisher names none
  std::vector<std::int64_t> official_validation_people; // usual beside them; empty: none are
  std::int64_t sessions = 0;                            // with a window; 0: they are not told apart
  bool challenge = false;                               // whether it has a challenge's split of sessions
  std::vector<std::string> sensors, classes;            // their names
  InputShape shape;                                     // of the windows; no steps: not known, and nothing is fitted to it
};

/// The protocol of one of a sweep's runs, with what the data set decides in place: leave_one_person_out's number of folds, the usual
/// validation people of an official split that says nothing of validation, and the validation people that the sweep names for `fold`.
ProtocolSpec planned_protocol(const SweepProtocol& protocol, const DatasetFacts& facts, std::int64_t fold);

using DatasetFactsReader = std::function<DatasetFacts(const std::string& dataset, const WindowSpec& windows)>;

/// The runs of one part: protocols, settings, seeds, folds, variants, the last one fastest, so that the parts of a paired comparison
/// end together. Throws InputError with file and line: folds that the protocol does not have, more folds than people, people that
/// the data set or its training part does not have, an official split where there is none.
/// Heads that the sweep does not name are fitted to the data (fit_heads); `notes` gets a sentence a setting that is then another.
std::vector<PlannedRun> plan_part(const Sweep& sweep, const SweepPart& part, const DatasetFacts& facts,
                                  std::vector<std::string>* notes = nullptr);

/// A planned sweep's text for a file that lies elsewhere than its own, `path`: with the places of the manifests that it names by relative
/// paths, so that a job finds them. Its identity is the same.
std::string sweep_with_places(const Plan& plan, const std::filesystem::path& path);

/// Adds a part's runs to a plan.
void add_part(Plan& plan, const DatasetFacts& facts, std::vector<PlannedRun> runs);

/// All runs of the sweep, those on the most ranks first (they wait longest for a free group), else in the sweep's order. No identity
/// stands twice: a run that two parts name is evaluated under the conditions of both. The facts are asked for once a part.
Plan make_plan(const Sweep& sweep, const DatasetFactsReader& facts);

/// The same with the facts of the data set itself; reads or builds its window cache. Throws InputError too for a network that
/// cannot be built for these data, for a fold that has no split, and for a sensor of a condition that nobody wears.
/// With `skipped`, parts whose recordings are not there are left out, each with a sentence in it; without, that is an InputError.
Plan make_plan(const Sweep& sweep, const DataPaths& paths, std::vector<std::string>* skipped = nullptr);

} // namespace stdualx
