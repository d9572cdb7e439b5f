// A sweep file, planned: the runs it names, each with its identity.
#pragma once

#include "experiments/spec/reports.h"
#include "experiments/spec/run_spec.h"
#include "experiments/spec/thin_class.h"

namespace stdualx {

/// What tables call the sensors and activities of a data set.
struct DatasetCard {
  std::string dataset_hash;
  std::string name;
  std::vector<std::string> sensors; // in the order of the windows
  std::vector<std::string> classes; // a label is an index into these

  static const auto& fields() {
    using D = DatasetCard;
    static const auto all = std::make_tuple(field("dataset_hash", &D::dataset_hash, "", "XXH3-128 over the parsed recordings"),
                                            field("name", &D::name, "", "as runs name it"), field("sensors", &D::sensors, {}, "names"),
                                            field("classes", &D::classes, {}, "names"));
    return all;
  }
  bool operator==(const DatasetCard&) const = default;
};

/// Where the windows of a data set under one WindowSpec come from, so that a stored prediction leads back to its recording.
struct WindowOrigins {
  std::string cut_id;                  // cut_identity of the runs on these windows
  double rate = 0;                     // samples a second
  std::vector<std::string> recordings; // their names, as files give them; "": without one
  std::vector<double> begins;          // seconds from the recording's first row to where each of these begins: gaps split recordings
  // Entry i of each of these belongs to window i.
  std::vector<std::int64_t> recording; // index into `recordings`
  std::vector<std::int64_t> starts;    // samples since its beginning

  static const auto& fields() {
    using W = WindowOrigins;
    static const auto all = std::make_tuple(
        field("cut_id", &W::cut_id, "", "of data set and windows"), field("rate", &W::rate, 0.0, "samples a second"),
        field("recordings", &W::recordings, {}, "names"), field("begins", &W::begins, {}, "seconds since the recording's first row"),
        field("recording", &W::recording, {}, "per window"), field("starts", &W::starts, {}, "samples, per window"));
    return all;
  }
};

struct PlannedRun {
  std::string run_id; // run_identity(run)
  RunSpec run;
  std::string dataset_source;              // opens its data set: a name in the catalogue, or the absolute path of a manifest
  std::vector<EvaluationSpec> evaluations; // of its test part
  std::int64_t pack = 0;                   // runs that a trainer trains together; 0: as its device has it (experiments/spec/pack.h)
  bool own_name = false;                   // its variant's name is the sweep's own, not one that every sweep knows

  static const auto& fields() {
    using P = PlannedRun;
    static const auto all = std::make_tuple(field("run_id", &P::run_id, "", "identity"), field("run", &P::run, {}, "what to train"),
                                            field("dataset_source", &P::dataset_source, "", "name or manifest"),
                                            field("evaluations", &P::evaluations, {}, "conditions"),
                                            field("pack", &P::pack, 0, "runs that are trained together"),
                                            field("own_name", &P::own_name, false, "whether its variant's name is the sweep's own"));
    return all;
  }
};

struct Plan {
  std::string sweep_id;   // SHA-256 of the sweep's canonical JSON, overrides applied
  std::string name;       // the sweep's name, for people
  std::string sweep_text; // that canonical JSON
  std::vector<DatasetCard> datasets;
  std::vector<PlannedRun> runs; // in the sweep's order, no identity twice
  std::vector<ThinClass> thin_classes = {};
  std::vector<std::string> notes = {}; // sentences: what was chosen to fit the data, what is odd about them
  std::vector<WindowOrigins> origins = {};

  static const auto& fields() {
    using P = Plan;
    static const auto all = std::make_tuple(
        field("sweep_id", &P::sweep_id, "", "identity of the sweep"), field("name", &P::name, "", "for people"),
        field("sweep_text", &P::sweep_text, "", "canonical JSON"), field("datasets", &P::datasets, {}, "their names for things"),
        field("runs", &P::runs, {}, "what to train"),
        field("thin_classes", &P::thin_classes, {}, "classes that training parts hardly know"),
        field("notes", &P::notes, {}, "what was fitted to the data"), field("origins", &P::origins, {}, "where windows come from"));
    return all;
  }
};

} // namespace stdualx
