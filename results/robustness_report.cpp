// What disturbances of the test part cost: accuracy under each, beside the undisturbed one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

/// A condition without its draw.
struct Disturbance {
  std::string kind;
  double amount = 0;
  std::string fill;
  bool operator<(const Disturbance& other) const {
    // Signal-to-noise ratios get worse as they fall; all else as it grows.
    const auto key = [](const Disturbance& one) {
      return std::make_tuple(one.kind, one.fill, one.kind == "noise" ? -one.amount : one.amount);
    };
    return key(*this) < key(other);
  }
};

struct Draw {
  std::string condition;
  double accuracy = 0, clean = 0;
};

/// By disturbance, then by run: what its draws gave.
using Draws = std::map<Disturbance, std::map<std::string, std::vector<Draw>>>;

/// By recipe.
std::map<std::string, Draws> all_draws(Reader& reader) {
  std::map<std::string, Draws> draws;
  for (const auto& row :
       reader
           .query("SELECT recipe_id, condition_kind, amount, fill, run_id, condition, value, clean_value FROM v_robustness "
                  "WHERE metric = 'accuracy' AND kind = 'finite' AND condition_kind IS NOT NULL ORDER BY condition_seed")
           .rows)
    draws[text_of(row[0])][{text_of(row[1]), real_of(row[2]), text_of(row[3])}][text_of(row[4])].push_back(
        {text_of(row[5]), real_of(row[6]), real_of(row[7])});
  return draws;
}

std::string words_of(const Disturbance& disturbance, const std::vector<std::string>& sensors) {
  const double amount = disturbance.amount;
  if (disturbance.kind == "missing_samples") return fmt::format("{:g} % of the samples", 100 * amount);
  if (disturbance.kind == "missing_blocks") return fmt::format("{:g} % of the seconds", 100 * amount);
  if (disturbance.kind == "missing_sensor") {
    const auto sensor = static_cast<std::size_t>(amount);
    return sensor < sensors.size() ? sensors[sensor] : fmt::format("sensor {}", sensor);
  }
  if (disturbance.kind == "noise") return fmt::format("{:g} dB", amount);
  if (disturbance.kind == "gain") return fmt::format("deviation {:g}", amount);
  if (disturbance.kind == "rotation") return fmt::format("{:g} degrees", amount);
  if (disturbance.kind == "clock_jitter") return fmt::format("{:g} sample periods", amount);
  return fmt::format("{:g}", amount);
}

std::string kind_words(std::string kind) {
  std::replace(kind.begin(), kind.end(), '_', ' ');
  return kind;
}

/// Of one recipe under one disturbance. Draws are averaged within a run.
struct Robustness {
  Scores accuracy, clean, difference;
  std::size_t fewest_draws = 0, most_draws = 0;
};

Robustness robustness_of(Reader& reader, const RecordedRecipe& recipe, const std::map<std::string, std::vector<Draw>>& runs) {
  Robustness result;
  result.accuracy.recipe = result.clean.recipe = result.difference.recipe = &recipe;
  result.difference.quantity = Quantity::change;
  for (const RecipeRun& run : recipe.runs) {
    const auto found = runs.find(run.run_id);
    if (found == runs.end()) continue;
    const std::vector<Draw>& draws = found->second;
    result.fewest_draws = result.most_draws == 0 ? draws.size() : std::min(result.fewest_draws, draws.size());
    result.most_draws = std::max(result.most_draws, draws.size());
    double sum = 0;
    for (const Draw& draw : draws) sum += draw.accuracy;
    const double accuracy = sum / static_cast<double>(draws.size());
    result.accuracy.add(run, accuracy);
    result.clean.add(run, draws.front().clean);
    result.difference.add(run, accuracy - draws.front().clean);
    if (!has_one_test_part(recipe.protocol)) continue;
    const auto clean = people_of(reader, run.run_id, "clean", "test");
    for (const Draw& draw : draws)
      for (const auto& [person, cluster] : people_of(reader, run.run_id, draw.condition, "test")) {
        if (!clean.contains(person)) continue;
        const double share = 1 / static_cast<double>(draws.size());
        result.accuracy.add_person(run, person, {cluster.hits * share, cluster.windows * share});
        result.difference.add_person(run, person, {(cluster.hits - clean.at(person).hits) * share, cluster.windows * share});
      }
  }
  return result;
}

std::map<std::string, std::vector<std::string>> sensor_names(Reader& reader) {
  std::map<std::string, std::vector<std::string>> names; // by recipe
  for (const auto& row : reader.query("SELECT DISTINCT r.recipe_id, d.sensors FROM runs r JOIN datasets d USING (dataset_hash)").rows)
    names[text_of(row[0])] = Json::parse(text_of(row[1])).get<std::vector<std::string>>();
  return names;
}

} // namespace

std::vector<TitledTable> robustness_tables(ReportContext& context) {
  const auto draws = all_draws(context.reader);
  if (draws.empty()) return {};
  const auto sensors = sensor_names(context.reader);
  struct Line {
    const RecordedRecipe* recipe;
    Disturbance disturbance;
    const std::map<std::string, std::vector<Draw>>* runs;
  };
  std::vector<Line> lines;
  for (const RecordedRecipe& recipe : context.recipes)
    if (const auto found = draws.find(recipe.recipe_id); found != draws.end())
      for (const auto& [disturbance, runs] : found->second) lines.push_back({&recipe, disturbance, &runs});
  // A random split stands under the row by person of the same disturbance.
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    const auto key = [](const Line& line) {
      const RecordedRecipe& recipe = *line.recipe;
      return std::make_tuple(recipe.dataset, recipe.preset, recipe.variant != "stdual_x", recipe.variant, line.disturbance);
    };
    return key(a) < key(b);
  });

  TitledTable titled{"robustness: accuracy on a disturbed test part", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",       "protocol",        "preset",        "variant",  "disturbance", "amount",      "filled by",
                   "draws",          "paper",           "ours (mean)",   "95 % low", "95 % high",   "undisturbed", "difference (mean)",
                   "difference low", "difference high", "folds x seeds", "verdict"};
  std::vector<RowSubject> subjects;
  std::vector<NamedFields> fields;
  for (const Line& line : lines) {
    const RecordedRecipe& recipe = *line.recipe;
    const std::string names = recipe.names();
    subjects.push_back(
        {names + joined({line.disturbance.kind, fmt::format("{}", line.disturbance.amount), line.disturbance.fill}), recipe.protocol});
    fields.push_back({names + recipe.protocol_text(), recipe.recipe_id, recipe.fields});
  }
  const std::vector<bool> alone = lacks_row_by_person(subjects);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& [recipe_pointer, disturbance, runs] = lines[i];
    const RecordedRecipe& recipe = *recipe_pointer;
    const auto named = sensors.find(recipe.recipe_id);
    const std::vector<std::string> none;
    const std::string amount = words_of(disturbance, named == sensors.end() ? none : named->second);
    const bool as_claimed = disturbance.kind == "missing_samples" && std::abs(disturbance.amount - 0.1) < 1e-9;
    const Claim* claim = as_claimed ? context.claim("accuracy", recipe.dataset, recipe.variant, "10 % missing") : nullptr;
    const Cell paper = paper_cell(claim);
    const Cell fill = disturbance.fill.empty() ? Cell() : Cell(disturbance.fill);
    if (alone[i]) {
      std::vector<Cell> row{recipe.dataset, by_person_words, recipe.preset, recipe.variant, kind_words(disturbance.kind), amount, fill, {},
                            paper};
      row.resize(table.columns.size());
      row.back() = std::string(verdict({}));
      table.rows.push_back(std::move(row));
      ids.emplace_back();
    }
    const Robustness found = robustness_of(context.reader, recipe, *runs);
    const auto ours = found.accuracy.interval(), difference = found.difference.interval();
    std::vector<Cell> row{
        recipe.dataset, recipe.protocol_text(), recipe.preset, recipe.variant, kind_words(disturbance.kind), amount, fill};
    row.emplace_back(found.fewest_draws == found.most_draws ? fmt::format("{}", found.most_draws)
                                                            : fmt::format("{} to {}", found.fewest_draws, found.most_draws));
    row.push_back(paper);
    push_interval(row, ours);
    row.push_back(found.clean.empty() ? Cell() : percent_or_nothing(mean(found.clean.fold_means())));
    push_interval(row, difference, true);
    row.emplace_back(found.accuracy.folds_and_seeds());
    row.emplace_back(context.judge(claim, found.accuracy, ours, amount + ", filled by " + disturbance.fill));
    table.rows.push_back(std::move(row));
    ids.push_back(recipe.recipe_id);
  }
  add_differences(table, ids, differing_fields(fields));
  titled.notes = {
      "The same draws disturb the test windows of every network. Draws are averaged within a run, seeds within a fold; intervals "
      "as for accuracy, of the difference in points, paired with the undisturbed test part of the same trained network. Training knows "
      "of no disturbance.",
      interval_words,
      "Missing samples are lost to a sensor with all its channels and filled by its last valid ones, between neighbours (linear), "
      "or the training mean (zero). The paper does not say on which data, how samples go missing, or what fills them."};
  return {titled};
}

} // namespace stdualx
