// Two sides of one's own choosing, run for run: by how much they differ, whether that is more than chance, and what sets them apart.
#include <algorithm>
#include <set>

#include "experiments/spec/errors.h"
#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

constexpr std::size_t fewest_digits = 4;

std::set<std::string> runs_of(const Table& table) {
  std::set<std::string> runs;
  for (const auto& row : table.rows) runs.insert(text_of(row[0]));
  return runs;
}

/// The runs of a side; see compare.
std::set<std::string> side(Reader& reader, const std::string& name) {
  if (auto runs = runs_of(reader.query("SELECT run_id FROM runs WHERE variant = ?1", {name})); !runs.empty()) return runs;
  if (auto runs = runs_of(reader.query("SELECT run_id FROM sweep_runs JOIN sweeps USING (sweep_id) WHERE name = ?1", {name}));
      !runs.empty())
    return runs;
  if (name.size() >= fewest_digits && name.find_first_not_of("0123456789abcdef") == std::string::npos) {
    const std::vector<Parameter> prefix{name, static_cast<std::int64_t>(name.size())};
    const Table identities = reader.query("SELECT DISTINCT 'recipe', recipe_id FROM runs WHERE substr(recipe_id, 1, ?2) = ?1 "
                                          "UNION ALL SELECT 'sweep', sweep_id FROM sweeps WHERE substr(sweep_id, 1, ?2) = ?1 "
                                          "UNION ALL SELECT 'run', run_id FROM runs WHERE substr(run_id, 1, ?2) = ?1",
                                          prefix);
    if (identities.rows.size() > 1) {
      std::string several;
      for (std::size_t i = 0; i < std::min<std::size_t>(identities.rows.size(), 10); ++i)
        several += "\n  " + text_of(identities.rows[i][0]) + " " + text_of(identities.rows[i][1]);
      throw InputError("'" + name + "' starts several identities; give more digits:" + several);
    }
    if (identities.rows.size() == 1) {
      const std::string kind = text_of(identities.rows[0][0]), identity = text_of(identities.rows[0][1]);
      if (kind == "run") return {identity};
      return runs_of(reader.query(kind == "recipe" ? "SELECT run_id FROM runs WHERE recipe_id = ?1"
                                                   : "SELECT run_id FROM sweep_runs WHERE sweep_id = ?1",
                                  {identity}));
    }
  }
  std::vector<std::string> known;
  for (const auto& row : reader.query("SELECT DISTINCT variant FROM runs UNION SELECT DISTINCT name FROM sweeps").rows)
    known.push_back(text_of(row[0]));
  const std::string near = nearest_word(name, known);
  throw InputError("the store " + reader.path().string() + " holds no variant or sweep '" + name +
                   "', and no recipe, sweep or run whose identity starts so" +
                   (near.empty() ? "; `stdualx runs` and v_accuracy name them" : "; did you mean '" + near + "'?"));
}

/// The recipes with those of their runs that belong to a side.
std::vector<RecordedRecipe> restricted(const std::vector<RecordedRecipe>& recipes, const std::set<std::string>& runs) {
  std::vector<RecordedRecipe> kept;
  for (const RecordedRecipe& recipe : recipes) {
    RecordedRecipe part = recipe;
    std::erase_if(part.runs, [&](const RecipeRun& run) { return !runs.contains(run.run_id); });
    if (!part.runs.empty()) kept.push_back(std::move(part));
  }
  return kept;
}

std::vector<const RecordedRecipe*> pointers(const std::vector<RecordedRecipe>& recipes) {
  std::vector<const RecordedRecipe*> all;
  all.reserve(recipes.size());
  for (const RecordedRecipe& recipe : recipes) all.push_back(&recipe);
  return all;
}

/// The pairs of two sides, each once: recipes that both sides have are beside each other from either, the second time turned round. Of the
/// two the one with more runs stands, the first where there are as many.
std::vector<RecipePair> pairs_once(const std::vector<RecordedRecipe>& ours, const std::vector<RecordedRecipe>& theirs) {
  std::vector<RecipePair> kept;
  for (RecipePair& pair : nearest_pairs(pointers(ours), pointers(theirs))) {
    const auto turned = std::find_if(kept.begin(), kept.end(), [&](const RecipePair& other) {
      return other.first->recipe_id == pair.second->recipe_id && other.second->recipe_id == pair.first->recipe_id;
    });
    if (turned == kept.end()) kept.push_back(std::move(pair));
    else if (pair.runs.size() > turned->runs.size()) *turned = std::move(pair);
  }
  return kept;
}

/// What the stored predictions of a pair of recipes say.
struct Predictions {
  std::int64_t only_first = 0, only_second = 0; // windows, of the seed that most folds share, the lowest of several
  std::vector<double> people;                   // difference of accuracy of each person, over all pairs
};

Predictions predictions_of(Reader& reader, const RecipePair& pair) {
  Predictions found;
  std::map<std::int64_t, std::int64_t> folds_of; // by seed
  for (const auto& runs : pair.runs) ++folds_of[runs.first->seed];
  const std::int64_t chosen =
      std::max_element(folds_of.begin(), folds_of.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
  std::map<std::int64_t, Cluster> people;
  // Groups of validation people share one test part: its windows count once.
  std::set<std::int64_t> counted;
  for (const auto& runs : pair.runs) {
    const bool counts = runs.first->seed == chosen && (!has_one_test_part(pair.first->protocol) || counted.insert(chosen).second);
    for (const auto& [person, windows] : paired_people(reader, runs.first->run_id, runs.second->run_id, pair.first->part)) {
      if (counts) {
        found.only_first += static_cast<std::int64_t>(windows.only_first);
        found.only_second += static_cast<std::int64_t>(windows.only_second);
      }
      people[person].hits += windows.only_first - windows.only_second;
      people[person].windows += windows.windows;
    }
  }
  for (const auto& [person, cluster] : people) found.people.push_back(cluster.hits / cluster.windows);
  return found;
}

std::string network(const RecordedRecipe& recipe) {
  return recipe.variant + (recipe.preset == "default" ? "" : " (" + recipe.preset + ")") + " " + recipe.recipe_id.substr(0, 6);
}

void add_settings(Table& table, const RecipePair& pair) {
  std::set<std::string> names;
  for (const auto& [name, value] : pair.first->fields) names.insert(name);
  for (const auto& [name, value] : pair.second->fields) names.insert(name);
  for (const std::string& name : names) {
    const auto one = pair.first->fields.find(name), other = pair.second->fields.find(name);
    const Cell first = one == pair.first->fields.end() ? Cell() : Cell(one->second);
    const Cell second = other == pair.second->fields.end() ? Cell() : Cell(other->second);
    if (first != second) table.rows.push_back({network(*pair.first), network(*pair.second), name, first, second});
  }
}

} // namespace

std::vector<TitledTable> compare(Reader& reader, const std::string& first, const std::string& second) {
  const Reader::Snapshot snapshot(reader);
  const std::set<std::string> first_runs = side(reader, first), second_runs = side(reader, second);
  TitledTable titled{first + " compared with " + second, {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",
                   "protocol",
                   "part",
                   "first",
                   "second",
                   "accuracy of first",
                   "accuracy of second",
                   "difference (mean)",
                   "95 % low",
                   "95 % high",
                   "p",
                   "p (Holm)",
                   "folds x seeds",
                   "people",
                   "p (Wilcoxon, people)",
                   "windows only first has right",
                   "only second",
                   "p (McNemar)",
                   "verdict"};
  const std::size_t holm_column = 11, folds_column = 12;
  TitledTable settings{"where their settings differ", {{"first", "second", "field", "first's", "second's"}, {}}, {}};
  std::vector<RowSubject> subjects;
  std::vector<double> p_values, differences;
  std::vector<bool> underpowered; // noted at once: the recipes live no longer than their pairs
  std::vector<std::vector<Cell>> rows;
  for (const bool open_test : {true, false}) {
    const std::vector<RecordedRecipe> recipes = recipes_of(reader, open_test);
    const std::vector<RecordedRecipe> ours = restricted(recipes, first_runs), theirs = restricted(recipes, second_runs);
    const auto values = values_of(reader, open_test ? "test" : "validation", "accuracy");
    for (const RecipePair& pair : pairs_once(ours, theirs)) {
      const PairedScores scores = paired_accuracies(reader, pair, values);
      const auto result = scores.difference.result();
      if (!result) continue;
      const RecordedRecipe& recipe = *pair.first;
      const Predictions found = predictions_of(reader, pair);
      subjects.push_back({recipe.names() + joined({recipe.part, pair.second->preset, pair.second->variant}), recipe.protocol});
      p_values.push_back(result->p);
      underpowered.push_back(scores.difference.is_underpowered());
      differences.push_back(result->difference.mean);
      auto& row = rows.emplace_back();
      row = {recipe.dataset,
             recipe.protocol_text(),
             recipe.part,
             network(recipe),
             network(*pair.second),
             percent_or_nothing(mean(scores.first.fold_means())),
             percent_or_nothing(mean(scores.second.fold_means()))};
      push_interval(row, result->difference, true);
      row.push_back(p_cell(result->p));
      row.emplace_back(); // Holm's, when all are known
      row.emplace_back(scores.difference.folds_and_seeds());
      row.emplace_back(static_cast<std::int64_t>(found.people.size()));
      row.push_back(found.people.empty() ? Cell() : p_cell(wilcoxon_signed_rank(found.people).p));
      row.emplace_back(found.only_first);
      row.emplace_back(found.only_second);
      row.push_back(found.people.empty() ? Cell() : p_cell(mcnemar_exact(found.only_first, found.only_second).p));
      add_settings(settings.table, pair);
    }
  }
  if (rows.empty())
    throw InputError("'" + first + "' and '" + second +
                     "' share no COMPLETE runs of the same split, fold and seed, so there is nothing to " +
                     "compare; a run beside itself is not counted");
  const std::vector<double> adjusted = holm(p_values);
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (alone[i]) {
      std::vector<Cell> row{rows[i][0], by_person_words, rows[i][2], rows[i][3], rows[i][4]};
      row.resize(table.columns.size());
      row[folds_column] = "not run";
      table.rows.push_back(std::move(row));
    }
    rows[i][holm_column] = p_cell(adjusted[i]);
    rows[i].emplace_back(std::string(difference_verdict(differences[i], adjusted[i], underpowered[i])));
    table.rows.push_back(std::move(rows[i]));
  }
  titled.notes = {
      difference_words,
      "Each recipe of the first side stands beside the one of the second that differs from it in the fewest settings. Holm over the rows. "
      "ABOVE, BELOW: the first side, with p (Holm) below 0.05.",
      "Wilcoxon and McNemar speak of these trained networks, not of what training them again would give. McNemar's exact test counts the "
      "windows of the lowest shared seed as if they were independent, which neighbouring windows are not: its p is too small. Wilcoxon's "
      "signed-rank test has one difference a person, over all seeds."};
  std::vector<TitledTable> tables{std::move(titled)};
  if (!settings.table.rows.empty()) tables.push_back(std::move(settings));
  return tables;
}

} // namespace stdualx
