// The words of view_columns.h, and the views' columns as SQLite tells them.
#include "results/view_columns.h"

#include "results/database.h"
#include "results/migrate.h"
#include "results/schema_check.h"

#include <algorithm>

namespace stdualx {

const std::vector<ViewWords>& view_words() {
  static const std::vector<ViewWords> all = {
      {"v_runs", "One row a run, with its numbers on the undisturbed parts; device to end_detail are of the last attempt that trained."},
      {"v_accuracy", "One row a COMPLETE run whose test part was opened."},
      {"v_ablation", "Each ablation beside the network that has the part, on the same split, fold, seed and settings."},
      {"v_baseline", "Each network of another architecture beside STDual-X on the same split, fold and seed."},
      {"v_robustness", "Each number of the test part under a condition beside the undisturbed one."},
      {"v_attention", "One row an activity and pair of sensors of a run: attention between sensors on the undisturbed test part."},
      {"v_efficiency", "What training costs, by recipe and device, over its recorded epochs."},
      {"v_inference", "What a trained network costs to use, one row a number."},
      {"v_timing", "One row an epoch: where its time went, and where it ran."},
      {"v_predictions", "One row an evaluated window: what the network says of it."},
      {"v_confusion", "One row a pair of true and predicted class of an evaluation."},
      {"v_configs", "The whole configuration of each run."},
      {"v_given_up", "Runs that are not done, and that no sweep asks for any more."},
  };
  return all;
}

const std::vector<ColumnWords>& column_words() {
  static const std::vector<ColumnWords> all = {
      {"", "run_id", "identity of the run: SHA-256 of its configuration, in hexadecimal"},
      {"", "dataset", "name of the data set, as the catalogue or a manifest says it"},
      {"", "protocol", "how people or windows are parted into training, validation and test part"},
      {"", "folds", "number of folds of the protocol"},
      {"", "fold", "which fold, from 0"},
      {"", "seed", "seed of weights, order, dropout and augmentation"},
      {"", "preset", "preset that the run started from"},
      {"", "variant", "name of the ablation, baseline or variant; stdual_x is the whole network"},
      {"", "accuracy", "share of the undisturbed test windows that are classified right, 0 to 1"},
      {"", "f1_macro", "mean over the classes of the F1 score on the undisturbed test part, 0 to 1"},
      {"", "f1_weighted", "mean F1 score over the classes, weighted by their test windows, 0 to 1"},
      {"", "overlap_share", "share of the test windows that overlap a training window in time, 0 to 1"},
      {"", "recipe_id", "identity of the settings; equal for repetitions over folds and seeds"},
      {"", "split_id", "identity of how the data are split; equal for runs that can be paired by fold"},
      {"", "device", "processor or GPU that it ran on"},
      {"", "threads", "threads of one process"},
      {"", "world_size", "ranks that train the run together"},
      {"", "platform", "numeric platform: hardware model, instruction set and versions of libraries"},
      {"", "host", "name of the host"},
      {"", "condition", "condition of the evaluated part, such as clean or noise/10/1"},
      {"", "part", "part that was evaluated: validation or test"},
      {"", "label", "number of the true class, from 0"},
      {"", "metric", "name of the number"},
      {"", "value", "the number; NULL where it is not finite"},
      {"", "kind", "whether the number is finite, nan, inf or -inf"},
      {"", "accuracy_difference", "accuracy less that of the network compared with, a difference of shares, -1 to 1"},
      {"", "f1_macro_difference", "macro F1 less that of the network compared with, a difference of shares, -1 to 1"},
      {"", "windows_per_second", "windows trained in a second of wall time"},
      {"v_runs", "short_id", "first ten digits of the identity, as tables show it"},
      {"v_runs", "status", "PLANNED, WAITING, RUNNING, INTERRUPTED, COMPLETE, FAILED or QUARANTINED"},
      {"v_runs", "epochs_planned", "epochs that the run trains for"},
      {"v_runs", "epochs_done", "epochs recorded"},
      {"v_runs", "attempts", "number of attempts, evaluations included"},
      {"v_runs", "replays", "epochs that were computed again"},
      {"v_runs", "seconds", "wall time of all recorded epochs in seconds"},
      {"v_runs", "validation_accuracy", "share of the undisturbed validation windows that are classified right, 0 to 1"},
      {"v_runs", "end_reason", "why the last training attempt ended"},
      {"v_runs", "end_detail", "more on why, in words"},
      {"v_runs", "open_test", "1: the test part is evaluated; 0: it stays closed"},
      {"v_runs", "dataset_hash", "hash of the recordings (XXH3-128), in hexadecimal"},
      {"v_ablation", "part", "part of the network that is missing, such as cross_sensor_attention"},
      {"v_ablation", "whole_accuracy", "accuracy of the network that has the part, 0 to 1"},
      {"v_ablation", "whole_recipe_id", "recipe of the network that has the part"},
      {"v_ablation", "whole_run_id", "identity of the run that has the part"},
      {"v_ablation", "whole_variant", "variant that has the part"},
      {"v_ablation", "lacks_nothing", "1: the network that has the part lacks no other part either; 0: it does"},
      {"v_baseline", "architecture", "architecture of the baseline"},
      {"v_baseline", "stdual_x_accuracy", "accuracy of STDual-X on the same split, fold and seed, 0 to 1"},
      {"v_baseline", "stdual_x_recipe_id", "recipe of that run of STDual-X"},
      {"v_baseline", "stdual_x_run_id", "identity of that run of STDual-X"},
      {"v_robustness", "clean_value", "the same number on the undisturbed test part"},
      {"v_robustness", "difference", "value less clean_value, in the number's own unit"},
      {"v_robustness", "condition_kind", "kind of the disturbance, such as missing_samples"},
      {"v_robustness", "amount", "how much of it, in the unit of the kind"},
      {"v_robustness", "fill", "how missing samples are filled: last, zero or linear"},
      {"v_robustness", "condition_seed", "which draw of the disturbance"},
      {"v_attention", "label", "number of the activity, from 0"},
      {"v_attention", "activity", "name of the activity"},
      {"v_attention", "query", "number of the sensor that attends, from 0"},
      {"v_attention", "querying_sensor", "name of the sensor that attends"},
      {"v_attention", "key", "number of the sensor attended to, from 0"},
      {"v_attention", "attended_sensor", "name of the sensor attended to"},
      {"v_attention", "weight", "mean attention weight over people, 0 to 1"},
      {"v_attention", "deviation", "sample standard deviation of the weight over people; NULL for one person"},
      {"v_attention", "people", "number of people"},
      {"v_attention", "windows", "number of test windows of the activity"},
      {"v_efficiency", "runs", "number of runs"},
      {"v_efficiency", "epochs", "number of recorded epochs"},
      {"v_efficiency", "seconds_per_epoch", "mean wall time of an epoch in seconds"},
      {"v_efficiency", "communication_share", "share of the wall time that went into summing over groups, 0 to 1"},
      {"v_efficiency", "data_share", "share of the wall time that went into preparing windows, 0 to 1"},
      {"v_inference", "measured_ms", "when it was measured, in milliseconds since 1970 UTC"},
      {"v_timing", "epoch", "number of the epoch, from 1"},
      {"v_timing", "attempt", "number of the attempt that computed it"},
      {"v_timing", "windows", "number of training windows of the epoch"},
      {"v_timing", "compute_seconds", "seconds of computing"},
      {"v_timing", "data_seconds", "seconds of preparing windows"},
      {"v_timing", "communication_seconds", "seconds of summing over the group"},
      {"v_timing", "other_seconds", "seconds of wall time that are none of these"},
      {"v_timing", "wall_seconds", "wall time of the epoch in seconds"},
      {"v_timing", "recorded_ms", "when it was recorded, in milliseconds since 1970 UTC"},
      {"v_predictions", "window", "number of the window"},
      {"v_predictions", "person", "number of the person"},
      {"v_predictions", "predicted", "number of the class that the network says, from 0"},
      {"", "class", "name of the true class"},
      {"", "predicted_class", "name of the class that the network says"},
      {"v_predictions", "recording", "name of the recording, else of its file, else its number; NULL: planned before this was kept"},
      {"v_predictions", "start", "seconds from the recording's first row to the window's first sample"},
      {"v_confusion", "predicted", "number of the class that the network says, from 0"},
      {"v_confusion", "windows", "number of windows of the true class that are classified so"},
      {"v_configs", "config", "the whole configuration of the run, as JSON"},
  };
  return all;
}

const ColumnWords* words_of_column(const std::string& view, const std::string& column) {
  const ColumnWords* found = nullptr;
  for (const ColumnWords& words : column_words())
    if (words.column == column && (words.view == view || (words.view.empty() && found == nullptr))) found = &words;
  return found;
}

std::vector<DescribedView> described_views() {
  Database memory(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, 0);
  trust_schema(memory);
  for (const std::string_view sql : embedded_migrations()) memory.script(sql);
  std::vector<DescribedView> views;
  memory.each("SELECT name FROM sqlite_schema WHERE type = 'view' AND substr(name, 1, 2) = 'v_' ORDER BY name", [&](const Row& row) {
    views.push_back({row.text(0), "", {}});
  });
  const auto place = [](const std::string& name) {
    return std::find_if(view_words().begin(), view_words().end(), [&](const ViewWords& words) { return words.view == name; });
  };
  for (DescribedView& view : views) {
    if (place(view.name) != view_words().end()) view.sentence = place(view.name)->sentence;
    memory.each(
        "SELECT name FROM pragma_table_info(?1)",
        [&](const Row& row) {
          const ColumnWords* words = words_of_column(view.name, row.text(0));
          view.columns.push_back({row.text(0), words == nullptr ? "" : words->sentence});
        },
        view.name);
  }
  std::stable_sort(views.begin(), views.end(), [&](const auto& one, const auto& other) { return place(one.name) < place(other.name); });
  return views;
}

} // namespace stdualx
