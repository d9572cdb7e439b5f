// How well activities lie apart in the embedding of the test part: the Silhouette, in the embedding and on its t-SNE plane.
#include <algorithm>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

Scores silhouettes_of(const RecordedRecipe& recipe, const std::map<std::string, double>& values) {
  Scores scores;
  scores.recipe = &recipe;
  scores.quantity = Quantity::silhouette;
  for (const RecipeRun& run : recipe.runs)
    if (const auto value = values.find(run.run_id); run.complete && value != values.end()) scores.add(run, value->second);
  return scores;
}

Cell score(double value, int digits = 4) { return value != value ? Cell() : Cell(Real{value, digits}); }

} // namespace

std::vector<EmbeddingFile> embedding_files(Reader& reader) {
  std::vector<EmbeddingFile> files;
  for (const auto& row :
       reader
           .query("SELECT a.run_id, a.path, a.sha256, max(a.attempt) FROM artifacts a JOIN runs r USING (run_id) WHERE "
                  "a.kind = 'embedding' AND r.status = 'COMPLETE' AND r.open_test = 1 GROUP BY a.run_id ORDER BY a.run_id")
           .rows)
    files.push_back({text_of(row[0]), text_of(row[1]), text_of(row[2])});
  return files;
}

std::vector<TitledTable> embedding_tables(ReportContext& context) {
  const auto in_embedding = values_of(context.reader, "test", "silhouette");
  struct Line {
    const RecordedRecipe* recipe;
    bool plane;
    Scores scores;
  };
  std::vector<Line> lines;
  for (const RecordedRecipe& recipe : context.recipes) {
    Scores embedding = silhouettes_of(recipe, in_embedding), plane = silhouettes_of(recipe, context.plane_silhouettes);
    if (embedding.empty() && plane.empty()) continue;
    lines.push_back({&recipe, false, std::move(embedding)});
    lines.push_back({&recipe, true, std::move(plane)});
  }
  if (lines.empty()) return {};
  TitledTable titled{"embedding: Silhouette of the activities on the test part", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",    "protocol", "preset",    "variant",       "space",      "paper",
                   "ours (mean)", "95 % low", "95 % high", "folds x seeds", "difference", "verdict"};
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    const auto key = [](const Line& line) {
      const RecordedRecipe& recipe = *line.recipe;
      return std::make_tuple(recipe.dataset, recipe.preset, recipe.variant != "stdual_x", recipe.variant, line.plane);
    };
    return key(a) < key(b);
  });
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  for (const Line& line : lines) {
    const std::string names = line.recipe->names();
    subjects.push_back({names + (line.plane ? "plane" : "embedding"), line.recipe->protocol});
    fields.push_back({names + line.recipe->protocol_text(), line.recipe->recipe_id, line.recipe->fields});
  }
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const RecordedRecipe& recipe = *line.recipe;
    const Claim* claim = context.claim("silhouette", recipe.dataset, recipe.variant);
    const Cell paper = paper_cell(claim);
    const std::string space = line.plane ? "t-SNE plane" : "embedding";
    if (alone[i]) {
      table.rows.push_back(
          {recipe.dataset, by_person_words, recipe.preset, recipe.variant, space, paper, {}, {}, {}, {}, {}, std::string(verdict({}))});
      ids.emplace_back();
    }
    const auto ours = line.scores.interval();
    table.rows.push_back({recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant, space, paper,
                          ours ? score(ours->mean) : Cell(), ours ? score(ours->low) : Cell(), ours ? score(ours->high) : Cell(),
                          line.scores.folds_and_seeds(), ours && claim != nullptr ? score(ours->mean - claim->value) : Cell(),
                          context.judge(claim, line.scores, ours, space)});
    ids.push_back(recipe.recipe_id);
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {
      "Silhouette (Rousseeuw 1987) of the true activities, Euclidean, over the undisturbed test windows; from -1 to 1. "
      "Intervals over folds as for accuracy, within -1 and 1. One test part has one embedding a run, which gives no interval.",
      "The paper does not say whether its 0.5826 is of the embedding or of its t-SNE plane, nor on which data. The plane is drawn "
      "when asked for (`report --tsne`): scikit-learn's t-SNE, fixed seed, at most 5000 windows of a run, evenly taken."};
  return {titled};
}

} // namespace stdualx
