// A sweep file: which runs to train, said shortly. Grammar (strict JSON; sweep.schema.json is its schema for editors):
//   name, dataset, preset, windows       of all runs
//   fixed     {"training": {...}, "model": {...}}             changes of the preset
//   grid      {"training.learning_rate": [1e-3, 2e-3], ...}   every combination
//   zip       {"model.stdat_layers": [1, 2], ...}             lists of one length, taken together
//   random    {"count": 8, "seed": 1, "training.learning_rate": {"log_uniform": [1e-4, 1e-2]}, ...}
//   variants  ["without_csa", {"name": ..., "base": ..., "set": {...}, "ranks": 2, "folds": [0]}]
//   protocols [{"kind": "official", "validation_groups": [[1, 2], [3, 4]]}, ...]
//   folds, seeds, resources {"ranks_per_run", "threads", "pack"}
//   conditions ["clean", {"kind": "missing_samples", "amounts": [0.1, 0.3], "fills": ["last"], "seeds": [1, 2]}]
//   parts     [{"dataset": ..., ...}, ...]                     instead of all of these: sweeps that belong together
//   $schema, description                 for editors and people; no part of the sweep's identity
// Later wins: preset, fixed, grid / zip / random, the variant's ablation, the variant's "set". So no grid can put back what
// an ablation takes away.
#pragma once

#include "experiments/json_file.h"
#include "experiments/presets.h"
#include "experiments/spec/reports.h"
#include "experiments/spec/run_spec.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace stdualx {

/// Key of a frozen sweep: where its manifests are, by what it calls them. No part of a sweep's identity.
inline constexpr const char* places_key = "$manifests";

/// Whether a data set is a manifest by a path that means one thing here and another elsewhere.
inline bool is_relative_manifest(const std::string& dataset) {
  return dataset.ends_with(".json") && !std::filesystem::path(dataset).is_absolute();
}

/// Values by dotted path, each of the field's type already; sorted by path.
using RecipeChanges = std::vector<std::pair<std::string, Json>>;

struct SweepVariant {
  std::string name;
  std::string base = "stdual_x";   // the ablation it starts from
  RecipeChanges set;               // and further changes
  std::int64_t ranks = 0;          // of its groups; 0: as resources says
  std::vector<std::int64_t> folds; // empty: as the sweep says
};

struct SweepProtocol {
  ProtocolSpec spec;
  std::vector<std::vector<std::int64_t>> validation_groups; // fold i keeps group i for validation; empty: none named
  bool usual_validation = false; // official, and nothing said of validation: the data set's own validation people, where it has some
};

struct SweepResources {
  std::int64_t ranks_per_run = 1;
  std::int64_t threads = 1;
  std::int64_t pack = 0; // decides no number on CPUs

  static const auto& fields() {
    using S = SweepResources;
    static const auto all =
        std::make_tuple(number("ranks_per_run", &S::ranks_per_run, 0, 1, 4096, "ranks that train one run together"),
                        number("threads", &S::threads, 0, 1, 1024, "threads of one trainer"),
                        number("pack", &S::pack, 0, 0, 256, "runs of one shape that one trainer trains together; 0: 1"));
    return all;
  }
};

/// Runs on one data set.
struct SweepPart {
  std::string dataset;
  std::string preset = "default";
  WindowSpec windows;
  Recipe fixed;                         // the preset with `fixed` applied
  std::vector<std::string> fixed_paths; // what `fixed` names, by path
  std::vector<RecipeChanges> settings;  // grid x zip x random, expanded; one empty entry when there is nothing to vary
  std::vector<SweepVariant> variants;
  std::vector<SweepProtocol> protocols;
  std::vector<std::int64_t> folds; // empty: all
  std::vector<std::int64_t> seeds;
  std::vector<EvaluationSpec> conditions;
  SweepResources resources;
  std::string pointer; // where the part stands in the file: "", or "/parts/0"
};

struct Sweep {
  std::string id;   // SHA-256 of `text`
  std::string text; // canonical JSON, overrides applied: load_sweep_text(text) is this sweep again
  std::string name;
  std::vector<SweepPart> parts;
  JsonSource source; // for messages

  /// Throws InputError with file and line; `pointer` is one inside the part.
  [[noreturn]] void fail(const SweepPart& part, const std::string& pointer, const std::string& what) const {
    source.fail(part.pointer + pointer, what);
  }
};

/// A manifest named in the file is looked for beside it first, then where the program runs; one in an override only there. The text keeps
/// the name. Reads a sweep file and applies overrides "path=value" in order. A path is one of the top level ("seeds=[1,2]",
/// "dataset=watch", "windows.steps=64", "resources.threads=2", "grid.training.epochs=[3,5]") or one of recipe_paths(), which
/// goes into `fixed`. A value that is not JSON is a string. Where a sweep has parts, an override is of each ("name" of the whole).
/// Throws InputError with file, line (or the override), JSON pointer and near word: unknown keys and paths, wrong types and
/// ranges, keys that stand twice, equal seeds, values or variants, one path in two of fixed, grid, zip and random.
Sweep load_sweep(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// The same for text; `name` stands in messages where the file's name would.
Sweep load_sweep_text(std::string_view text, const std::string& name = "sweep", const std::vector<std::string>& overrides = {});

/// What one of its variants trains under one of its settings.
Recipe recipe_of(const SweepPart& part, const RecipeChanges& setting, const SweepVariant& variant);

/// JSON Schema (draft 2020-12) of a sweep file; experiments/sweep.schema.json holds it.
Json sweep_schema();

} // namespace stdualx
