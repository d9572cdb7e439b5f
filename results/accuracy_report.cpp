// Our accuracy beside the paper's, with the interval that the protocol allows.
#include <algorithm>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

std::vector<RowSubject> subjects(const std::vector<RecordedRecipe>& recipes) {
  std::vector<RowSubject> rows;
  rows.reserve(recipes.size());
  for (const RecordedRecipe& recipe : recipes) rows.push_back({recipe.names(), recipe.protocol});
  return rows;
}

std::map<std::string, std::string> differences(const std::vector<RecordedRecipe>& recipes) {
  std::vector<NamedFields> rows;
  rows.reserve(recipes.size());
  for (const RecordedRecipe& recipe : recipes) rows.push_back({recipe.names() + recipe.protocol_text(), recipe.recipe_id, recipe.fields});
  return differing_fields(rows);
}

TitledTable test_table(ReportContext& context) {
  const std::vector<RecordedRecipe>& recipes = context.recipes;
  TitledTable titled{"accuracy on the test part", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",    "protocol", "preset",    "variant",       "paper",
                   "ours (mean)", "95 % low", "95 % high", "folds x seeds", "test windows overlapping training",
                   "difference",  "verdict"};
  std::vector<std::string> ids;
  const auto add = [&](std::vector<Cell> row, const std::string& recipe_id) {
    table.rows.push_back(std::move(row));
    ids.push_back(recipe_id);
  };
  const auto add_not_run = [&](const std::string& dataset, const std::string& protocol, const Cell& preset, const std::string& variant) {
    const Claim* claim = context.claim("accuracy", dataset, variant);
    add({dataset, protocol, preset, variant, paper_cell(claim), {}, {}, {}, {}, {}, {}, std::string(verdict({}))}, "");
  };
  const std::vector<bool> alone = lacks_row_by_person(subjects(recipes));
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const RecordedRecipe& recipe = recipes[i];
    if (alone[i]) add_not_run(recipe.dataset, by_person_words, recipe.preset, recipe.variant);
    const Claim* claim = context.claim("accuracy", recipe.dataset, recipe.variant);
    const Scores scores = accuracies_of(context.reader, recipe, context.accuracies);
    const auto ours = scores.interval();
    std::vector<Cell> row{recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant};
    row.push_back(paper_cell(claim));
    push_interval(row, ours);
    row.push_back(scores.folds_and_seeds());
    row.push_back(ours ? percent_or_nothing(scores.overlap_share()) : Cell());
    row.push_back(ours && claim != nullptr ? Cell(Percent{ours->mean - claim->value, 2, true}) : Cell());
    row.push_back(context.judge(claim, scores, ours));
    add(std::move(row), recipe.recipe_id);
  }
  for (const Claim& claim : context.claims)
    if (claim.metric == "accuracy" && !claim.dataset.empty() &&
        std::none_of(recipes.begin(), recipes.end(),
                     [&](const RecordedRecipe& recipe) { return claim.is_on(recipe.dataset) && recipe.variant == claim.variant; }))
      add_not_run(claim.dataset, "not stated by the paper", {}, claim.variant);
  add_differences(table, ids, differences(recipes));
  titled.notes = {interval_words,
                  "UNDERPOWERED also where folds of the protocol are missing. The paper does not state its protocols; a random split of "
                  "overlapping windows leaks."};
  return titled;
}

TitledTable validation_table(Reader& reader, const std::vector<RecordedRecipe>& recipes) {
  const auto values = values_of(reader, "validation", "accuracy");
  TitledTable titled{"validation (choices are made here)", {}, {"The test part of these runs stays closed; their numbers are no results."}};
  Table& table = titled.table;
  table.columns = {"data set",
                   "protocol",
                   "preset",
                   "variant",
                   "validation accuracy (mean)",
                   "lowest",
                   "highest",
                   "folds x seeds",
                   "validation windows overlapping training"};
  std::vector<std::string> ids;
  const std::vector<bool> alone = lacks_row_by_person(subjects(recipes));
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const RecordedRecipe& recipe = recipes[i];
    if (alone[i]) {
      table.rows.push_back({recipe.dataset, by_person_words, recipe.preset, recipe.variant, {}, {}, {}, "not run", {}});
      ids.emplace_back();
    }
    Scores scores;
    scores.recipe = &recipe;
    std::vector<double> all;
    for (const RecipeRun& run : recipe.runs) {
      const auto value = values.find(run.run_id);
      if (!run.complete || value == values.end()) continue;
      scores.add(run, value->second);
      all.push_back(value->second);
    }
    std::vector<Cell> row{recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant};
    row.push_back(all.empty() ? Cell() : percent_or_nothing(mean(all)));
    row.push_back(all.empty() ? Cell() : percent_or_nothing(*std::min_element(all.begin(), all.end())));
    row.push_back(all.empty() ? Cell() : percent_or_nothing(*std::max_element(all.begin(), all.end())));
    row.push_back(scores.folds_and_seeds());
    row.push_back(all.empty() ? Cell() : percent_or_nothing(scores.overlap_share()));
    table.rows.push_back(std::move(row));
    ids.push_back(recipe.recipe_id);
  }
  add_differences(table, ids, differences(recipes));
  return titled;
}

} // namespace

std::vector<TitledTable> accuracy_tables(ReportContext& context) {
  std::vector<TitledTable> tables{test_table(context)};
  for (std::string& words : thin_classes_in(context.reader)) tables[0].notes.push_back(std::move(words));
  const std::vector<RecordedRecipe> closed = recipes_of(context.reader, false);
  if (!closed.empty()) tables.push_back(validation_table(context.reader, closed));
  return tables;
}

} // namespace stdualx
