// Which sensor looks at which, by activity; and whether attention chooses at all.
#include <algorithm>
#include <cmath>
#include <limits>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

std::vector<std::string> names_of(const Cell& json, std::size_t count, const std::string& otherwise) {
  std::vector<std::string> names;
  if (!is_null(json)) names = Json::parse(text_of(json)).get<std::vector<std::string>>();
  for (std::size_t i = names.size(); i < count; ++i) names.push_back(otherwise + std::to_string(i));
  return names;
}

/// One activity's map over the people of a recipe: runs are averaged within a person first.
struct ActivityMap {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<double>> weights; // by query and key: of each person
  std::int64_t people = 0;
};

/// By label.
std::map<std::int64_t, ActivityMap> maps_of(Reader& reader, const RecordedRecipe& recipe) {
  std::map<std::int64_t, ActivityMap> maps;
  for (const auto& row :
       reader
           .query(
               "SELECT a.label, a.query, a.key, avg(a.weight) FROM attention a JOIN evaluation_parts e USING (evaluation_id) JOIN runs r "
               "ON r.run_id = e.run_id WHERE r.recipe_id = ?1 AND r.status = 'COMPLETE' AND e.part = 'test' AND e.condition = 'clean' "
               "GROUP BY a.label, a.query, a.key, a.person ORDER BY a.person",
               {recipe.recipe_id})
           .rows) {
    std::vector<double>& people = maps[integer_of(row[0])].weights[{integer_of(row[1]), integer_of(row[2])}];
    people.push_back(real_of(row[3]));
    ActivityMap& map = maps[integer_of(row[0])];
    map.people = std::max(map.people, static_cast<std::int64_t>(people.size()));
  }
  return maps;
}

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / (static_cast<double>(values.size()) - 1));
}

Cell number(double value) { return std::isnan(value) ? Cell() : Cell(Real{value, 3}); }

std::optional<TitledTable> entropy_table(ReportContext& context) {
  const auto entropies = values_of(context.reader, "test", "attention_entropy");
  TitledTable titled{"attention: entropy against uniform", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set", "protocol", "preset", "variant", "entropy (uniform = 1)", "95 % low", "95 % high", "folds x seeds"};
  std::vector<Scores> lines;
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  for (const RecordedRecipe& recipe : context.recipes) {
    Scores scores;
    scores.recipe = &recipe;
    for (const RecipeRun& run : recipe.runs)
      if (const auto value = entropies.find(run.run_id); run.complete && value != entropies.end()) scores.add(run, value->second);
    if (scores.empty()) continue;
    lines.push_back(std::move(scores));
    const std::string names = recipe.names();
    subjects.push_back({names, recipe.protocol});
    fields.push_back({names + recipe.protocol_text(), recipe.recipe_id, recipe.fields});
  }
  if (lines.empty()) return std::nullopt;
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const RecordedRecipe& recipe = *lines[i].recipe;
    if (alone[i]) {
      table.rows.push_back({recipe.dataset, by_person_words, recipe.preset, recipe.variant, {}, {}, {}, std::string(verdict({}))});
      ids.emplace_back();
    }
    const Interval ours = *lines[i].interval();
    table.rows.push_back({recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant, number(ours.mean), number(ours.low),
                          number(ours.high), lines[i].folds_and_seeds()});
    ids.push_back(recipe.recipe_id);
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {"Mean entropy of cross-sensor attention over the undisturbed test windows, as a share of the entropy of looking at all "
                  "alike. At 1 attention chooses nothing. Intervals over folds as for accuracy. The paper gives no number."};
  return titled;
}

} // namespace

std::vector<TitledTable> attention_tables(ReportContext& context) {
  std::vector<TitledTable> tables;
  if (auto entropies = entropy_table(context)) tables.push_back(std::move(*entropies));
  if (auto limbs = limbs_table(context)) tables.push_back(std::move(*limbs));
  std::map<std::string, std::vector<const RecordedRecipe*>> by_dataset;
  for (const auto& row :
       context.reader
           .query("SELECT DISTINCT r.recipe_id FROM attention a JOIN evaluation_parts e USING (evaluation_id) JOIN runs r "
                  "ON r.run_id = e.run_id WHERE r.status = 'COMPLETE' AND r.variant = 'stdual_x'")
           .rows)
    for (const RecordedRecipe& recipe : context.recipes)
      if (recipe.recipe_id == text_of(row[0])) by_dataset[recipe.dataset].push_back(&recipe);
  for (auto& [dataset, recipes] : by_dataset) {
    std::sort(recipes.begin(), recipes.end()); // as they lie
    std::vector<RowSubject> subjects;
    std::vector<NamedFields> fields;
    for (const RecordedRecipe* recipe : recipes) {
      subjects.push_back({recipe->names(), recipe->protocol});
      fields.push_back({recipe->names() + recipe->protocol_text(), recipe->recipe_id, recipe->fields});
    }
    const std::vector<bool> alone = lacks_row_by_person(subjects);
    TitledTable titled{"attention by activity: " + dataset, {}, {}};
    Table& table = titled.table;
    std::vector<std::string> ids;
    std::vector<std::string> sensors;
    for (std::size_t i = 0; i < recipes.size(); ++i) {
      const RecordedRecipe& recipe = *recipes[i];
      const auto maps = maps_of(context.reader, recipe);
      std::int64_t last_sensor = 0, last_label = 0;
      for (const auto& [label, map] : maps) {
        last_label = std::max(last_label, label);
        for (const auto& [pair, weights] : map.weights) last_sensor = std::max(last_sensor, pair.first);
      }
      const auto card = context.reader.query(
          "SELECT d.sensors, d.classes FROM runs r JOIN datasets d USING (dataset_hash) WHERE r.run_id = ?1", {recipe.runs.front().run_id});
      const Cell nothing;
      const auto here = names_of(card.rows.empty() ? nothing : card.rows[0][0], static_cast<std::size_t>(last_sensor) + 1, "sensor ");
      const auto classes = names_of(card.rows.empty() ? nothing : card.rows[0][1], static_cast<std::size_t>(last_label) + 1, "class ");
      if (sensors.empty()) {
        sensors = here;
        table.columns = {"protocol", "preset", "activity", "sensor"};
        for (const std::string& sensor : sensors) table.columns.push_back("to " + sensor);
        table.columns.insert(table.columns.end(), {"largest deviation over people", "people"});
      }
      if (here != sensors) continue; // recordings of that name with other sensors: v_attention has them
      if (alone[i]) {
        std::vector<Cell> row{by_person_words, recipe.preset, std::string(verdict({}))};
        row.resize(table.columns.size());
        table.rows.push_back(std::move(row));
        ids.emplace_back();
      }
      for (const auto& [label, map] : maps)
        for (std::size_t query = 0; query < sensors.size(); ++query) {
          std::vector<Cell> row{recipe.protocol_text(), recipe.preset, classes[static_cast<std::size_t>(label)], sensors[query]};
          double largest = std::numeric_limits<double>::quiet_NaN();
          for (std::size_t key = 0; key < sensors.size(); ++key) {
            const auto found = map.weights.find({static_cast<std::int64_t>(query), static_cast<std::int64_t>(key)});
            row.push_back(found == map.weights.end() ? Cell() : number(mean(found->second)));
            if (found != map.weights.end()) largest = std::fmax(largest, deviation_of(found->second));
          }
          row.push_back(number(largest));
          row.emplace_back(map.people);
          table.rows.push_back(std::move(row));
          ids.push_back(recipe.recipe_id);
        }
    }
    add_differences(table, ids, differing_fields(fields));
    titled.notes = {
        "Mean over test people of the weight that a sensor's query gives to each sensor, over heads and undisturbed windows of the "
        "true activity; runs are averaged within a person. Rows sum to 1. Variant stdual_x; v_attention has all."};
    tables.push_back(std::move(titled));
  }
  return tables;
}

} // namespace stdualx
