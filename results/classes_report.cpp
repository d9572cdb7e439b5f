// Precision, recall and F1 of each class, of all people and by person.
#include <map>
#include <set>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

/// Windows by true and predicted class.
using Counts = std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>;

struct ClassScore {
  std::int64_t support = 0, predicted = 0, hits = 0;

  /// Nothing where nothing was predicted to be the class, or none of its windows was there.
  Cell precision() const { return predicted > 0 ? Cell(Percent{share(hits, predicted), 2, false}) : Cell(); }
  Cell recall() const { return support > 0 ? Cell(Percent{share(hits, support), 2, false}) : Cell(); }
  Cell f1() const { return support + predicted > 0 ? Cell(Percent{share(2 * hits, support + predicted), 2, false}) : Cell(); }

private:
  static double share(std::int64_t part, std::int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }
};

std::map<std::int64_t, ClassScore> scores_of(const Counts& counts) {
  std::map<std::int64_t, ClassScore> scores;
  for (const auto& [pair, windows] : counts) {
    scores[pair.first].support += windows;
    scores[pair.second].predicted += windows;
    if (pair.first == pair.second) scores[pair.first].hits += windows;
  }
  return scores;
}

/// The undisturbed test parts of a recipe's COMPLETE runs, all folds and seeds together.
struct RecipeCounts {
  Counts all;
  std::map<std::int64_t, Counts> by_person;
  std::map<std::int64_t, std::string> classes;
};

} // namespace

std::vector<TitledTable> classes_tables(ReportContext& context) {
  std::map<std::string, RecipeCounts> recipes;
  for (
      const auto& row :
      context.reader
          .query(
              "SELECT r.recipe_id, q.person, q.label, q.predicted, q.windows, coalesce(d.classes ->> ('$[' || q.label || ']'), 'class ' || "
              "q.label), coalesce(d.classes ->> ('$[' || q.predicted || ']'), 'class ' || q.predicted) FROM (SELECT e.run_id, p.person, "
              "p.label, p.predicted, count(*) AS windows FROM predictions p JOIN evaluation_parts e USING (evaluation_id) WHERE e.part = "
              "'test' AND e.condition = 'clean' GROUP BY 1, 2, 3, 4) q JOIN runs r USING (run_id) LEFT JOIN datasets d ON d.dataset_hash = "
              "r.dataset_hash WHERE r.status = 'COMPLETE' AND r.open_test = 1")
          .rows) {
    RecipeCounts& recipe = recipes[text_of(row[0])];
    const std::pair pair{integer_of(row[2]), integer_of(row[3])};
    recipe.all[pair] += integer_of(row[4]);
    recipe.by_person[integer_of(row[1])][pair] += integer_of(row[4]);
    recipe.classes[pair.first] = text_of(row[5]);
    recipe.classes[pair.second] = text_of(row[6]);
  }
  TitledTable by_class{"classes", {{"data set", "protocol", "preset", "variant", "class", "precision", "recall", "F1", "windows"}, {}}, {}};
  TitledTable by_person{"classes by person",
                        {{"data set", "protocol", "preset", "variant", "person", "class", "precision", "recall", "F1", "windows"}, {}},
                        {}};
  for (const RecordedRecipe& recipe : context.recipes) {
    const auto found = recipes.find(recipe.recipe_id);
    if (found == recipes.end()) continue;
    const auto add = [&](TitledTable& table, const Counts& counts, const std::vector<Cell>& person) {
      for (const auto& [label, score] : scores_of(counts)) {
        std::vector<Cell> row{recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant};
        row.insert(row.end(), person.begin(), person.end());
        row.insert(row.end(), {found->second.classes.at(label), score.precision(), score.recall(), score.f1(), score.support});
        table.table.rows.push_back(std::move(row));
      }
    };
    add(by_class, found->second.all, {});
    for (const auto& [person, counts] : found->second.by_person) add(by_person, counts, {person});
  }
  if (by_class.table.rows.empty()) return {};
  by_class.notes = {"Over the undisturbed test windows of all folds and seeds together; a window counts once a seed. A dash: no window was "
                    "called so, or none is there. F1 is twice the hits over windows there and windows called so."};
  return {std::move(by_class), std::move(by_person)};
}

} // namespace stdualx
