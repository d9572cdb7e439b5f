// What each part of the network is worth: every ablation beside the whole network on the same split, fold and seed.
#include <algorithm>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

/// A network without a part, beside the one that has it.
struct Ablation {
  RecipePair pair;
  std::string part;
  bool from_whole = false; // whether the other lacks nothing
};

/// Those of v_ablation, which says what an ablation is, by recipe.
std::vector<Ablation> ablations(ReportContext& context) {
  std::map<std::string, std::pair<const RecordedRecipe*, const RecipeRun*>> known;
  for (const RecordedRecipe& recipe : context.recipes)
    for (const RecipeRun& run : recipe.runs) known[run.run_id] = {&recipe, &run};
  std::map<std::pair<const RecordedRecipe*, const RecordedRecipe*>, Ablation> pairs; // recipes lie in the tables' order
  for (const auto& row :
       context.reader.query("SELECT run_id, whole_run_id, part, lacks_nothing FROM v_ablation ORDER BY fold, seed").rows) {
    const auto& ablated = known.at(text_of(row[0]));
    const auto& whole = known.at(text_of(row[1]));
    Ablation& ablation = pairs[{ablated.first, whole.first}];
    ablation.pair.first = ablated.first;
    ablation.pair.second = whole.first;
    ablation.pair.runs.emplace_back(ablated.second, whole.second);
    ablation.part = text_of(row[2]);
    ablation.from_whole = integer_of(row[3]) != 0;
  }
  std::vector<Ablation> all;
  all.reserve(pairs.size());
  for (auto& [recipes, ablation] : pairs) all.push_back(std::move(ablation));
  return all;
}

/// The paper's drop for this part of its whole network, whatever a sweep calls the network without it.
const Claim* claim_of(const ReportContext& context, const Ablation& ablation) {
  static const std::map<std::string, std::string> names{
      {"stdat", "without_stdat"}, {"cross_sensor_attention", "without_csa"}, {"triplet_weight", "without_contrastive"}};
  const auto name = names.find(ablation.part);
  if (name == names.end() || !ablation.from_whole) return nullptr;
  return context.claim("accuracy_difference", ablation.pair.first->dataset, name->second);
}

std::string part_words(const std::string& part) {
  if (part == "triplet_weight") return "contrastive term";
  std::string words = part;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

} // namespace

std::vector<TitledTable> ablation_tables(ReportContext& context) {
  const std::vector<Ablation> found = ablations(context);
  if (found.empty()) return {};
  TitledTable titled{"ablations: without a part, less the network that has it", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set", "protocol",          "preset",   "variant",   "without", "compared with", "accuracy",      "its accuracy",
                   "paper",    "difference (mean)", "95 % low", "95 % high", "p",       "p (Holm)",      "folds x seeds", "verdict"};
  const std::size_t holm_column = 13;
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  std::vector<double> p_values;
  std::vector<std::vector<Cell>> rows;
  for (const Ablation& ablation : found) {
    const auto& [pair, part, from_whole] = ablation;
    const RecordedRecipe& recipe = *pair.first;
    const PairedScores scores = paired_accuracies(context.reader, pair, context.accuracies);
    const auto result = scores.difference.result();
    if (!result) continue;
    const Claim* claim = claim_of(context, ablation);
    const std::string names = recipe.names() + joined({part, pair.second->variant});
    subjects.push_back({names, recipe.protocol});
    fields.push_back({names + recipe.protocol_text(), recipe.recipe_id + pair.second->recipe_id, pair.second->fields});
    p_values.push_back(result->p);
    auto& row = rows.emplace_back();
    row = {recipe.dataset,
           recipe.protocol_text(),
           recipe.preset,
           recipe.variant,
           part_words(part),
           pair.second->variant,
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
      std::vector<Cell> row{rows[i][0], by_person_words, rows[i][2], rows[i][3], rows[i][4], rows[i][5], {}, {}, rows[i][8]};
      row.resize(table.columns.size());
      row.back() = std::string(verdict({}));
      table.rows.push_back(std::move(row));
      ids.emplace_back();
    }
    rows[i][holm_column] = adjusted[i];
    table.rows.push_back(std::move(rows[i]));
    ids.push_back(fields[i].id);
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {difference_words, "Holm over the rows of this table.",
                  "The paper does not say on which data set its drops were measured, so they stand beside each; on other data than the "
                  "paper's: SUBSTITUTED DATA. Preset `faithful` is the network as published."};
  return {titled};
}

} // namespace stdualx
