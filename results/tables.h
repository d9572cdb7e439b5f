// The tables of the commands: report, runs, status, explain, and what a run will cost.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/run_spec.h"
#include "results/reader.h"
#include "results/statistics.h"
#include "results/table.h"

namespace stdualx {

/// What a number of ours says about a number of the paper's. `interval` in shares; ARCHITECTURE, The report:
///   NOT RUN           nothing there                     UNDERPOWERED     inside an interval wider than +-1 point, or no interval
///   REPRODUCED        inside, <= 1 point to each side    WITHIN TOLERANCE outside, but at most 0.5 points away
///   BETTER            outside, ours higher              NOT REPRODUCED   outside, ours lower, or no direction is better
///   SUBSTITUTED DATA  not the paper's data              OTHER HARDWARE   a speed or memory measured on another device
struct VerdictQuestion {
  double paper = 0;
  std::optional<Interval> ours; // none: not run
  bool substituted_data = false;
  bool other_hardware = false;
  bool directed = true; // whether higher is better; false: a difference that is claimed
};
std::string_view verdict(const VerdictQuestion& question);

/// Of two trained networks by Holm's p: ABOVE, BELOW, NO DIFFERENCE SHOWN; UNDERPOWERED without p, or where seeds or folds are missing.
std::string_view difference_verdict(double difference, double adjusted_p, bool underpowered);

/// "leave persons out, 6 folds", "random windows, 10 folds (overlapping windows leak)", "official split by person"; with
/// `null_class` ", with null class" after it.
std::string protocol_words(std::string_view protocol, std::int64_t folds, bool null_class = false);

/// Accuracy on the test part beside the paper's, one row a data set, protocol and recipe, and the runs whose test part stays
/// closed in a second table "validation (choices are made here)". Intervals as results/statistics.h says: over folds and seeds, or over
/// the people of one test part, by stored predictions, and seeds. A random split never stands
/// without the person-wise row beside it. Data sets of the paper without a run are NOT RUN.
std::vector<TitledTable> accuracy_report(Reader& reader);

struct ReportRequest {
  std::vector<std::string> tables;                 // of report_table_names(); empty: all that have something to say
  std::map<std::string, double> plane_silhouettes; // by run: Silhouette on the t-SNE plane of its embedding, where it was asked for
};
/// claims, accuracy, ablation, baseline, robustness, embedding, attention, efficiency.
const std::vector<std::string>& report_table_names();
/// The tables asked for, each with its protocol in words. `claims`, the first, holds every claim of the paper once: NOT RUN where nothing
/// is there, SUBSTITUTED DATA where the paper names no data set and ours is none of the paper's. A table asked for by name that has
/// nothing to say says NOT RUN. In all of them a random split never stands without the row by person beside it.
/// InputError: no such table.
std::vector<TitledTable> report(Reader& reader, const ReportRequest& request);

/// The embedding of each COMPLETE run whose test part is open: the newest file of that kind.
struct EmbeddingFile {
  std::string run_id, path, sha256; // path relative to STORE.d
};
std::vector<EmbeddingFile> embedding_files(Reader& reader);

/// Two sides, run for run on the same split, fold and seed: each recipe of `first` beside the one of `second` that differs from it in the
/// fewest settings. A side is a variant's name, a sweep's name, or the start (4 digits at least) of the identity of a recipe, sweep or
/// run, looked for in this order. Differences (first less second) with interval, p and verdict, each
/// pair once; McNemar's test on the windows that both saw, of
/// the lowest seed they share; Wilcoxon's over people; then where their settings differ. While test parts are closed, validation parts.
/// InputError: a side that is not there, or nothing that both have run.
std::vector<TitledTable> compare(Reader& reader, const std::string& first, const std::string& second);

/// When a reader asks, and whom it may ask besides the store.
struct Moment {
  std::int64_t now_ms = 0;
  std::int64_t lease_ms = 60000;
  /// Why no process of this Slurm job can be at work ("it ended: TIMEOUT"); "": one may be, or nobody knows. Empty: none to ask.
  std::function<std::string(const std::string& job_id)> job_is_gone = {};
  /// Waits. Empty: a coordinator that cannot be seen from here is not watched, and so never judged.
  std::function<void(std::chrono::milliseconds)> sleep = {};
};
/// Whether no coordinator is at work on the store: dead on this host, of a job that Slurm says is over, or none; or elsewhere, when its
/// last heartbeat is a lease away by the clocks of the hosts, which may differ by more than that, and its counter stands still for 11 s by
/// ours. It is watched outside any snapshot. What stands as RUNNING is then INTERRUPTED, though a reader writes nothing; so `runs`,
/// `status`, `explain` and `plan` show it.
bool coordinator_gone(Reader& reader, const Moment& moment);

struct RunsFilter {
  std::string status;   // as the store spells it, any case; "": all
  std::string sweep;    // name or start of the identity; "": all
  bool counted = false; // where there are many, counts of runs that are alike in their place (results/settings.h)
};
/// One row a run, in the order of the sweeps that named them, with the settings in which runs of a variant differ.
TitledTable runs_table(Reader& reader, const Moment& moment, const RunsFilter& filter = {});

/// Per sweep: runs by status, epochs done and planned; then the runs that failed or wait, with the reason, and what is done or was tried at
/// COMPLETE ones. A note says who holds the store. `sweeps`: only these, by identity; none: all that are not retired, and runs of no sweep.
std::vector<TitledTable> status_tables(Reader& reader, const Moment& moment,
                                       const std::optional<std::vector<std::string>>& sweeps = std::nullopt);
/// Of its first table.
std::vector<std::string> sweep_columns();

/// The run whose identity starts with `prefix` (at least 4 digits). InputError: none, or several, which are named.
std::string resolve_run(Reader& reader, const std::string& prefix);

/// All about one run: fields, identity text, attempts, epochs, evaluations, events, and which fields differ from this program's
/// defaults on the same data, that is, why a new run would be another one. Files are looked for below `store_directory`, where one is
/// given.
std::vector<TitledTable> explain_run(Reader& reader, const std::string& prefix, const Moment& moment,
                                     const std::filesystem::path& store_directory = {});

/// JSON pointers at which two runs differ, with both values.
Table run_differences(const RunSpec& first, const RunSpec& second, const std::string& first_name, const std::string& second_name);

/// What runs that differ in fold and seed alone have in common; the store's recipe_id.
std::string recipe_identity(const RunSpec& run);

/// What trains: a GPU's times say nothing of a processor's.
enum class DeviceKind { cpu, gpu };
/// "processors", "GPUs".
const char* device_kind_words(DeviceKind device);

/// Median training seconds of COMPLETE runs like this one on devices of that kind: of the same recipe (all but fold and seed), or, where
/// there are none, of the same settings with another protocol, threads or group size.
struct CostEstimate {
  std::optional<double> seconds; // none: nothing like it was ever run
  std::int64_t runs = 0;         // from how many
};
CostEstimate cost_of(Reader& reader, const RunSpec& run, DeviceKind device);

/// Median seconds of an epoch that the store knows of this recipe on devices of that kind, of COMPLETE runs or not; none: it knows none.
std::optional<double> epoch_seconds_of(Reader& reader, const RunSpec& run, DeviceKind device);

} // namespace stdualx
