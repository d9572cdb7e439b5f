// What each part of the network is worth: every ablation beside the whole network on the same split, fold and seed.
#include <algorithm>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

/// The pairs of v_ablation, which says what an ablation is, by recipe.
std::vector<RecipePair> ablations(ReportContext& context) {
  std::map<std::string, std::pair<const RecordedRecipe*, const RecipeRun*>> known;
  for (const RecordedRecipe& recipe : context.recipes)
    for (const RecipeRun& run : recipe.runs) known[run.run_id] = {&recipe, &run};
  std::map<std::pair<const RecordedRecipe*, const RecordedRecipe*>, RecipePair> pairs; // recipes lie in the tables' order
  for (const auto& row : context.reader.query("SELECT run_id, whole_run_id FROM v_ablation ORDER BY fold, seed").rows) {
    const auto& ablated = known.at(text_of(row[0]));
    const auto& whole = known.at(text_of(row[1]));
    RecipePair& pair = pairs[{ablated.first, whole.first}];
    pair.first = ablated.first;
    pair.second = whole.first;
    pair.runs.emplace_back(ablated.second, whole.second);
  }
  std::vector<RecipePair> all;
  all.reserve(pairs.size());
  for (auto& [recipes, pair] : pairs) all.push_back(std::move(pair));
  return all;
}

} // namespace

std::vector<TitledTable> ablation_tables(ReportContext& context) {
  const std::vector<RecipePair> pairs = ablations(context);
  if (pairs.empty()) return {};
  TitledTable titled{"ablations: without a part, less the whole network", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",          "protocol", "preset",    "variant", "accuracy", "whole network", "paper",
                   "difference (mean)", "95 % low", "95 % high", "p",       "p (Holm)", "folds x seeds", "verdict"};
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  std::vector<double> p_values;
  std::vector<std::vector<Cell>> rows;
  for (const RecipePair& pair : pairs) {
    const RecordedRecipe& recipe = *pair.first;
    const PairedScores scores = paired_accuracies(context.reader, pair, context.accuracies);
    const auto result = scores.difference.result();
    if (!result) continue;
    const Claim* claim = context.claim("accuracy_difference", recipe.dataset, recipe.variant);
    const std::string names = recipe.names();
    subjects.push_back({names, recipe.protocol});
    fields.push_back({names + recipe.protocol_text(), recipe.recipe_id + pair.second->recipe_id, pair.second->fields});
    p_values.push_back(result->p);
    auto& row = rows.emplace_back();
    row = {recipe.dataset,
           recipe.protocol_text(),
           recipe.preset,
           recipe.variant,
           percent_or_nothing(mean(scores.first.fold_means())),
           percent_or_nothing(mean(scores.second.fold_means())),
           paper_cell(claim)};
    push_interval(row, result->difference, true);
    row.push_back(p_cell(result->p));
    row.emplace_back(); // Holm's, when all are known
    row.push_back(scores.difference.folds_and_seeds());
    row.push_back(context.judge(claim, scores.difference, result->difference));
  }
  const std::vector<Cell> adjusted = holm_cells(p_values);
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (alone[i]) {
      table.rows.push_back(
          {rows[i][0], by_person_words, rows[i][2], rows[i][3], {}, {}, rows[i][6], {}, {}, {}, {}, {}, {}, std::string(verdict({}))});
      ids.emplace_back();
    }
    rows[i][11] = adjusted[i];
    table.rows.push_back(std::move(rows[i]));
    ids.push_back(fields[i].id);
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {"Paired by split, fold and seed. Interval and p of the difference: k folds, Nadeau and Bengio's corrected resampled t; "
                  "official split, bootstrap over the test people on stored predictions. Holm over the rows of this table.",
                  "The paper does not say on which data set its drops were measured, so they stand beside each; on other data than the "
                  "paper's: SUBSTITUTED DATA. Preset `faithful` is the network as published."};
  return {titled};
}

} // namespace stdualx
