// STDual-X beside networks of other architectures, and everything beside the linear classifier.
#include <algorithm>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

std::string judged(const PairedScores& scores, double adjusted_p, bool against_linear) {
  const double difference = mean(scores.difference.fold_means());
  const std::string_view word = difference_verdict(difference, adjusted_p, scores.difference.is_underpowered());
  if (!against_linear || word == "UNDERPOWERED") return std::string(word);
  return word == "ABOVE" ? "PASSES THE BAR" : "DOES NOT PASS THE BAR";
}

} // namespace

std::vector<TitledTable> baseline_tables(ReportContext& context) {
  std::vector<const RecordedRecipe*> networks, others, linear, whole; // networks: all but the linear classifier and ablations
  for (const RecordedRecipe& recipe : context.recipes) {
    if (recipe.architecture == "linear") linear.push_back(&recipe);
    else if (recipe.architecture != "stdual_x") others.push_back(&recipe);
    else if (recipe.variant == "stdual_x") whole.push_back(&recipe);
  }
  if (linear.empty() && others.empty()) return {};
  networks = whole;
  networks.insert(networks.end(), others.begin(), others.end());
  std::vector<RecipePair> pairs = nearest_pairs(networks, linear);
  const std::size_t against_linear = pairs.size();
  const std::vector<RecipePair> beside_whole = nearest_pairs(others, whole);
  pairs.insert(pairs.end(), beside_whole.begin(), beside_whole.end());
  struct Line {
    const RecipePair* pair;
    PairedScores scores;
    PairedResult result;
    bool is_bar;
  };
  std::vector<Line> lines;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const PairedScores scores = paired_accuracies(context.reader, pairs[i], context.accuracies);
    if (const auto result = scores.difference.result()) lines.push_back({&pairs[i], scores, *result, i < against_linear});
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.pair->first->dataset < b.pair->first->dataset; });

  TitledTable titled{"baselines", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",          "protocol", "preset",    "network", "accuracy", "compared with", "its accuracy",
                   "difference (mean)", "95 % low", "95 % high", "p",       "p (Holm)", "folds x seeds", "verdict"};
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  std::vector<double> p_values;
  for (const Line& line : lines) {
    const RecordedRecipe& one = *line.pair->first;
    const std::string names = one.names() + line.pair->second->variant;
    subjects.push_back({names, one.protocol});
    fields.push_back({names + one.protocol_text(), one.recipe_id + line.pair->second->recipe_id, one.fields});
    p_values.push_back(line.result.p);
  }
  const std::vector<double> adjusted = holm(p_values);
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const RecordedRecipe& one = *line.pair->first;
    const std::string beside = line.pair->second->variant + (line.is_bar ? " (the bar)" : "");
    if (alone[i]) {
      table.rows.push_back(
          {one.dataset, by_person_words, one.preset, one.variant, {}, beside, {}, {}, {}, {}, {}, {}, {}, std::string(verdict({}))});
      ids.emplace_back();
    }
    std::vector<Cell> row{one.dataset, one.protocol_text(), one.preset, one.variant};
    row.push_back(percent_or_nothing(mean(line.scores.first.fold_means())));
    row.emplace_back(beside);
    row.push_back(percent_or_nothing(mean(line.scores.second.fold_means())));
    push_interval(row, line.result.difference, true);
    row.push_back(p_cell(line.result.p));
    row.push_back(p_cell(adjusted[i]));
    row.push_back(line.scores.difference.folds_and_seeds());
    row.emplace_back(judged(line.scores, adjusted[i], line.is_bar));
    table.rows.push_back(std::move(row));
    ids.push_back(fields[i].id);
  }
  if (linear.empty()) {
    const std::size_t columns = table.columns.size();
    std::vector<Cell> row(columns);
    row[3] = "linear";
    row[5] = "linear (the bar)";
    row.back() = std::string(verdict({}));
    table.rows.push_back(std::move(row));
    ids.emplace_back();
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {
      "The linear classifier on hand-made features is the bar: a network that does not beat it has shown nothing. PASSES THE BAR, "
      "ABOVE, BELOW: a difference with p (Holm) below 0.05.",
      "Each beside the recipe that differs from it in the fewest settings. Holm over the rows of this table.", difference_words};
  return {titled};
}

} // namespace stdualx
