// A sweep file, planned: the runs it names, each with its identity.
#pragma once

#include "experiments/spec/reports.h"
#include "experiments/spec/run_spec.h"

namespace stdualx {

struct PlannedRun {
  std::string run_id; // run_identity(run)
  RunSpec run;

  static const auto& fields() {
    static const auto all =
        std::make_tuple(field("run_id", &PlannedRun::run_id, "", "identity"), field("run", &PlannedRun::run, {}, "what to train"));
    return all;
  }
};

struct Plan {
  std::string sweep_id;         // SHA-256 of the sweep's canonical JSON, overrides applied
  std::string name;             // the sweep's name, for people
  std::string sweep_text;       // that canonical JSON
  std::string dataset_source;   // opens the data set of all runs: a name in the catalogue, or the absolute path of a manifest
  std::vector<PlannedRun> runs; // in the sweep's order, no identity twice
  std::vector<EvaluationSpec> evaluations;

  static const auto& fields() {
    using P = Plan;
    static const auto all = std::make_tuple(
        field("sweep_id", &P::sweep_id, "", "identity of the sweep"), field("name", &P::name, "", "for people"),
        field("sweep_text", &P::sweep_text, "", "canonical JSON"), field("dataset_source", &P::dataset_source, "", "name or manifest"),
        field("runs", &P::runs, {}, "what to train"), field("evaluations", &P::evaluations, {}, "conditions"));
    return all;
  }
};

} // namespace stdualx
