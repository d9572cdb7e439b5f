// One run handed to one group of ranks: all that a trainer needs, also when it is run alone on a file of this.
#pragma once

#include "experiments/spec/reports.h"
#include "experiments/spec/run_spec.h"

namespace stdualx {

struct Assignment {
  std::string run_id;
  RunSpec run;
  std::int64_t attempt = 1;
  std::int64_t group_id = 0;               // never used twice in a job
  std::vector<std::int64_t> ranks;         // world ranks of the group's members, in order; empty: alone, without agents
  std::int64_t index = 0;                  // this member's place in `ranks`
  std::string store_directory;             // STORE.d: checkpoints lie in <run>/<attempt>/
  std::string dataset_source;              // opens the data set: a name in the catalogue, or the path of a manifest
  std::string data_directory;              // where data sets are looked for
  std::string cache_directory;             // window caches
  std::string resume_path;                 // checkpoint to go on from, relative to store_directory; "": from the start
  std::string resume_sha256;               // which it must have
  std::int64_t resume_epoch = 0;           // epochs it holds
  std::vector<EvaluationSpec> evaluations; // of the test part, after training
  bool evaluate_only = false;              // nothing is trained: resume_path holds a finished run's best weights
  std::int64_t pack = 1;                   // runs that its trainer may train together with it, itself among them

  static const auto& fields() {
    using A = Assignment;
    static const auto all = std::make_tuple(
        field("run_id", &A::run_id, "", "identity of the run"), field("run", &A::run, {}, "what to train"),
        field("attempt", &A::attempt, 0, "which attempt, from 1"), field("group_id", &A::group_id, 0, "group of ranks"),
        field("ranks", &A::ranks, {}, "world ranks of the members"), field("index", &A::index, 0, "this member's place"),
        field("store_directory", &A::store_directory, "", "STORE.d"), field("dataset_source", &A::dataset_source, "", "name or manifest"),
        field("data_directory", &A::data_directory, "", "data sets"), field("cache_directory", &A::cache_directory, "", "window caches"),
        field("resume_path", &A::resume_path, "", "checkpoint, relative to store_directory"),
        field("resume_sha256", &A::resume_sha256, "", "its hash"), field("resume_epoch", &A::resume_epoch, 0, "epochs it holds"),
        field("evaluations", &A::evaluations, {}, "conditions to evaluate"),
        field("evaluate_only", &A::evaluate_only, false, "train nothing"), field("pack", &A::pack, 1, "runs that are trained together"));
    return all;
  }
};

} // namespace stdualx
