// The report's first table: our accuracy beside the paper's, with the interval that the protocol allows.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "results/config_fields.h"
#include "results/rows.h"
#include "results/tables.h"

namespace stdualx {

namespace {

/// The runs that differ in fold and seed alone.
struct Recipe {
  std::string dataset, protocol, preset, variant, recipe_id, config;
  std::int64_t folds = 0;
  bool null_class = false;
  std::int64_t runs = 0, complete = 0;
  using Fold = std::pair<std::string, std::int64_t>; // split and number: two sweeps may number other validation groups alike
  std::set<std::int64_t> seeds;                      // of all runs
  std::set<Fold> all_folds;                          // of all runs
  /// A publisher's split has one test part; a sweep may number groups of validation people as its folds.
  std::int64_t expected_folds() const { return is_single_split(protocol) ? static_cast<std::int64_t>(all_folds.size()) : folds; }
  std::map<Fold, std::vector<double>> accuracies; // of COMPLETE runs
  std::vector<std::string> complete_runs;
  double overlap_sum = 0, test_windows = 0, train_windows = 0; // over COMPLETE runs
};

constexpr std::array<std::string_view, 5> protocol_order = {"official", "challenge", "leave_one_person_out", "leave_persons_out", "random"};

// Sorted so that a random split stands right under the person-wise rows of the same network.
auto order_of(const Recipe& recipe) {
  const auto& order = protocol_order;
  const auto protocol = std::find(order.begin(), order.end(), recipe.protocol) - order.begin();
  return std::make_tuple(recipe.dataset, recipe.preset, recipe.variant != "stdual_x", recipe.variant, protocol, recipe.folds,
                         recipe.recipe_id);
}

std::vector<Recipe> recipes_of(Reader& reader, bool open_test) {
  const std::string part = open_test ? "test" : "validation";
  const Table runs =
      reader.query("SELECT r.recipe_id, r.dataset, r.protocol, r.folds, r.preset, r.variant, r.fold, r.seed, r.status, v.value, "
                   "p.overlap_share, p.windows, "
                   "(SELECT max(e.windows) FROM epochs e WHERE e.run_id = r.run_id), r.run_id, r.config, r.split_id "
                   "FROM runs r LEFT JOIN evaluation_parts p ON p.run_id = r.run_id AND p.condition = 'clean' AND p.part = ?2 "
                   "LEFT JOIN evaluations v ON v.run_id = r.run_id AND v.condition = 'clean' AND v.part = ?2 AND v.metric = 'accuracy' "
                   "WHERE r.open_test = ?1 ORDER BY r.recipe_id, r.fold, r.seed",
                   {std::int64_t{open_test}, part});
  std::vector<Recipe> recipes;
  for (const auto& row : runs.rows) {
    if (recipes.empty() || recipes.back().recipe_id != text_of(row[0])) {
      Recipe recipe;
      recipe.recipe_id = text_of(row[0]);
      recipe.dataset = text_of(row[1]);
      recipe.protocol = text_of(row[2]);
      recipe.folds = integer_of(row[3]);
      recipe.preset = text_of(row[4]);
      recipe.variant = text_of(row[5]);
      recipe.config = text_of(row[14]);
      recipe.null_class = Json::parse(recipe.config).value(Json::json_pointer("/windows/null_class"), false);
      recipes.push_back(std::move(recipe));
    }
    Recipe& recipe = recipes.back();
    ++recipe.runs;
    recipe.seeds.insert(integer_of(row[7]));
    const Recipe::Fold fold{text_of(row[15]), integer_of(row[6])};
    recipe.all_folds.insert(fold);
    if (text_of(row[8]) != "COMPLETE") continue;
    ++recipe.complete;
    recipe.accuracies[fold].push_back(real_of(row[9]));
    recipe.overlap_sum += real_of(row[10]);
    recipe.test_windows += real_of(row[11]);
    recipe.train_windows += real_of(row[12]);
    recipe.complete_runs.push_back(text_of(row[13]));
  }
  std::sort(recipes.begin(), recipes.end(), [](const Recipe& a, const Recipe& b) { return order_of(a) < order_of(b); });
  return recipes;
}

/// One score a fold: seeds of one fold share their split, so they are averaged, not counted as further folds.
std::vector<double> fold_scores(const Recipe& recipe) {
  std::vector<double> scores;
  for (const auto& [fold, accuracies] : recipe.accuracies) scores.push_back(mean(accuracies));
  return scores;
}

std::optional<Interval> interval_of(Reader& reader, const Recipe& recipe) {
  if (recipe.complete == 0) return std::nullopt;
  const std::vector<double> scores = fold_scores(recipe);
  if (!is_single_split(recipe.protocol)) {
    // Training windows are known from the epochs; 1 / (k - 1) is what k folds without a validation part would give.
    const double ratio = recipe.train_windows > 0 && recipe.test_windows > 0
                             ? recipe.test_windows / recipe.train_windows
                             : 1.0 / static_cast<double>(std::max<std::int64_t>(recipe.folds - 1, 1));
    return corrected_resampled_interval(scores, ratio);
  }
  std::map<std::int64_t, Cluster> people;
  for (const auto& run_id : recipe.complete_runs)
    for (const auto& row : reader
                               .query("SELECT person, sum(label = predicted), count(*) FROM v_predictions WHERE run_id = ?1 AND condition "
                                      "= 'clean' AND part = 'test' GROUP BY person",
                                      {run_id})
                               .rows) {
      people[integer_of(row[0])].hits += real_of(row[1]);
      people[integer_of(row[0])].windows += real_of(row[2]);
    }
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (people.empty()) return Interval{mean(scores), nan, nan};
  std::vector<Cluster> clusters;
  clusters.reserve(people.size());
  for (const auto& [person, cluster] : people) clusters.push_back(cluster);
  Interval interval = cluster_bootstrap(clusters);
  interval.mean = mean(scores);
  return interval;
}

std::string folds_and_seeds(const Recipe& recipe) {
  const std::int64_t folds = recipe.expected_folds();
  const auto have = static_cast<std::int64_t>(recipe.accuracies.size());
  std::string text = (have == folds ? std::to_string(folds) : std::to_string(have) + " of " + std::to_string(folds)) + " x " +
                     std::to_string(recipe.seeds.size());
  if (recipe.complete < recipe.runs) text += ", " + std::to_string(recipe.complete) + " of " + std::to_string(recipe.runs) + " runs";
  return text;
}

/// For recipes that share data set, protocol, preset and variant: where their fields differ, by recipe.
std::map<std::string, std::string> differing_fields(const std::vector<Recipe>& recipes) {
  std::map<std::tuple<std::string, std::string, std::int64_t, std::string, std::string>, std::vector<const Recipe*>> alike;
  for (const auto& recipe : recipes)
    alike[{recipe.dataset, recipe.protocol, recipe.folds, recipe.preset, recipe.variant}].push_back(&recipe);
  std::map<std::string, std::string> words;
  for (const auto& [key, group] : alike) {
    if (group.size() < 2) continue;
    std::vector<std::map<std::string, std::string>> configs;
    std::map<std::string, std::set<std::string>> values; // of each field
    for (const Recipe* recipe : group) {
      configs.push_back(flattened(Json::parse(recipe->config)));
      for (const auto& [pointer, value] : configs.back()) values[pointer].insert(value);
    }
    for (const auto& [pointer, different] : values) {
      const bool of_fold = pointer == "/fold" || pointer == "/seed" ||
                           pointer == "/windows/null_class" || // the last stands in the protocol's words
                           (pointer == "/protocol/validation_people" && group[0]->protocol == "official");
      if (of_fold || different.size() == 1) continue;
      std::string name = pointer.substr(1);
      std::replace(name.begin(), name.end(), '/', '.');
      for (std::size_t i = 0; i < group.size(); ++i) {
        const auto value = configs[i].find(pointer);
        if (value == configs[i].end()) continue; // written before there was such a field
        std::string& text = words[group[i]->recipe_id];
        text.append(text.empty() ? "" : ", ").append(name).append("=").append(value->second);
      }
    }
  }
  return words;
}

using PaperValues = std::map<std::pair<std::string, std::string>, double>; // by data set and variant

PaperValues paper_accuracies(Reader& reader) {
  PaperValues values;
  for (const auto& row :
       reader
           .query(
               "SELECT dataset, variant, value FROM paper_values WHERE metric = 'accuracy' AND condition IS NULL AND dataset IS NOT NULL")
           .rows)
    values[{text_of(row[0]), text_of(row[1])}] = real_of(row[2]);
  return values;
}

constexpr const char* by_person_words = "by person (official, or persons left out)";

/// The first random-split recipe of each network that has no row by person: it gets one above it that says NOT RUN.
std::set<const Recipe*> without_a_row_by_person(const std::vector<Recipe>& recipes) {
  std::set<std::tuple<std::string, std::string, std::string>> by_person;
  for (const auto& recipe : recipes)
    if (recipe.protocol != "random" && recipe.protocol != "challenge") by_person.insert({recipe.dataset, recipe.preset, recipe.variant});
  std::set<const Recipe*> alone;
  for (const auto& recipe : recipes)
    if (recipe.protocol == "random" && by_person.insert({recipe.dataset, recipe.preset, recipe.variant}).second) alone.insert(&recipe);
  return alone;
}

TitledTable test_table(Reader& reader, const std::vector<Recipe>& recipes) {
  const PaperValues paper_values = paper_accuracies(reader);
  const auto differences = differing_fields(recipes);
  const auto alone = without_a_row_by_person(recipes);
  TitledTable titled{"accuracy on the test part", {}, {}};
  Table& table = titled.table;
  table.columns = {"data set",    "protocol", "preset",    "variant",       "paper",
                   "ours (mean)", "95 % low", "95 % high", "folds x seeds", "test windows overlapping training",
                   "difference",  "verdict"};
  if (!differences.empty()) table.columns.push_back("differs in");
  const auto add = [&](std::vector<Cell> row, const std::string& recipe_id) {
    if (!differences.empty()) row.push_back(differences.contains(recipe_id) ? Cell(differences.at(recipe_id)) : Cell());
    table.rows.push_back(std::move(row));
  };
  const auto add_not_run = [&](const std::string& dataset, const std::string& protocol, const Cell& preset, const std::string& variant) {
    const auto paper = paper_values.find({dataset, variant});
    add({dataset,
         protocol,
         preset,
         variant,
         paper == paper_values.end() ? Cell() : Cell(Percent{paper->second}),
         {},
         {},
         {},
         {},
         {},
         {},
         std::string(verdict({}))},
        "");
  };
  std::set<std::pair<std::string, std::string>> shown; // data sets and variants
  for (const auto& recipe : recipes) {
    if (alone.contains(&recipe)) add_not_run(recipe.dataset, by_person_words, recipe.preset, recipe.variant);
    shown.insert({recipe.dataset, recipe.variant});
    const auto paper = paper_values.find({recipe.dataset, recipe.variant});
    const auto ours = interval_of(reader, recipe);
    std::vector<Cell> row{recipe.dataset, protocol_words(recipe.protocol, recipe.folds, recipe.null_class), recipe.preset, recipe.variant};
    row.push_back(paper == paper_values.end() ? Cell() : Cell(Percent{paper->second}));
    row.push_back(ours ? Cell(Percent{ours->mean}) : Cell());
    row.push_back(ours ? percent_or_nothing(ours->low) : Cell());
    row.push_back(ours ? percent_or_nothing(ours->high) : Cell());
    row.push_back(folds_and_seeds(recipe));
    row.push_back(ours ? percent_or_nothing(recipe.overlap_sum / static_cast<double>(recipe.complete)) : Cell());
    row.push_back(ours && paper != paper_values.end() ? Cell(Percent{ours->mean - paper->second, 2, true}) : Cell());
    const bool all_folds = static_cast<std::int64_t>(recipe.accuracies.size()) >= recipe.expected_folds();
    if (!ours) row.push_back("NOT RUN");
    else if (paper == paper_values.end()) row.push_back("no paper value");
    else row.push_back(all_folds ? std::string(verdict({paper->second, ours})) : "UNDERPOWERED");
    add(std::move(row), recipe.recipe_id);
  }
  for (const auto& [key, value] : paper_values)
    if (!shown.contains(key)) add_not_run(key.first, "not stated by the paper", {}, key.second);
  titled.notes = {"k folds: seeds averaged within a fold, then Nadeau and Bengio's corrected resampled t over folds. Official and "
                  "challenge split: bootstrap over the test people (10,000 draws).",
                  "UNDERPOWERED also where folds of the protocol are missing. The paper does not state its protocols; a random split of "
                  "overlapping windows leaks."};
  return titled;
}

TitledTable validation_table(const std::vector<Recipe>& recipes) {
  const auto differences = differing_fields(recipes);
  TitledTable titled{"validation (choices are made here)", {}, {"The test part of these runs stays closed; their numbers are no results."}};
  titled.table.columns = {"data set",
                          "protocol",
                          "preset",
                          "variant",
                          "validation accuracy (mean)",
                          "lowest",
                          "highest",
                          "folds x seeds",
                          "validation windows overlapping training"};
  if (!differences.empty()) titled.table.columns.push_back("differs in");
  const auto alone = without_a_row_by_person(recipes);
  for (const auto& recipe : recipes) {
    if (alone.contains(&recipe)) {
      std::vector<Cell> row{recipe.dataset, by_person_words, recipe.preset, recipe.variant, {}, {}, {}, "not run", {}};
      row.resize(titled.table.columns.size());
      titled.table.rows.push_back(std::move(row));
    }
    std::vector<Cell> row{recipe.dataset, protocol_words(recipe.protocol, recipe.folds, recipe.null_class), recipe.preset, recipe.variant};
    std::vector<double> all;
    for (const auto& [fold, accuracies] : recipe.accuracies) all.insert(all.end(), accuracies.begin(), accuracies.end());
    row.push_back(all.empty() ? Cell() : percent_or_nothing(mean(all)));
    row.push_back(all.empty() ? Cell() : percent_or_nothing(*std::min_element(all.begin(), all.end())));
    row.push_back(all.empty() ? Cell() : percent_or_nothing(*std::max_element(all.begin(), all.end())));
    row.push_back(folds_and_seeds(recipe));
    row.push_back(all.empty() ? Cell() : percent_or_nothing(recipe.overlap_sum / static_cast<double>(recipe.complete)));
    if (!differences.empty()) row.push_back(differences.contains(recipe.recipe_id) ? Cell(differences.at(recipe.recipe_id)) : Cell());
    titled.table.rows.push_back(std::move(row));
  }
  return titled;
}

} // namespace

std::vector<TitledTable> accuracy_report(Reader& reader) {
  const Reader::Snapshot snapshot(reader);
  std::vector<TitledTable> tables{test_table(reader, recipes_of(reader, true))};
  const std::vector<Recipe> closed = recipes_of(reader, false);
  if (!closed.empty()) tables.push_back(validation_table(closed));
  return tables;
}

} // namespace stdualx
