#include "results/recipes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "results/config_fields.h"
#include "results/rows.h"
#include "results/tables.h"

namespace stdualx {

std::string recipe_identity(const RunSpec& run) {
  Json recipe = identity_json(without_labels(run));
  recipe.erase("fold");
  recipe.erase("seed");
  if (run.protocol.kind == "official") recipe["protocol"].erase("validation_people"); // its folds are groups of validation people
  return sha256_hex(recipe.dump()).substr(0, 16);
}

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// One or two people of a publisher's choice are no sample of people. Coverage was simulated from five on.
constexpr std::size_t fewest_test_people = 5;

auto order_of(const RecordedRecipe& recipe) {
  constexpr std::array<std::string_view, 6> protocols{"official",          "challenge", "leave_one_person_out", "leave_one_session_out",
                                                      "leave_persons_out", "random"};
  const auto protocol = std::find(protocols.begin(), protocols.end(), recipe.protocol) - protocols.begin();
  return std::make_tuple(recipe.dataset, recipe.preset, recipe.variant != "stdual_x", recipe.variant, recipe.keeps_null_class(), protocol,
                         recipe.folds, recipe.recipe_id);
}

std::size_t fields_that_differ(const RecordedRecipe& first, const RecordedRecipe& second) {
  std::set<std::string> names;
  for (const auto& [name, value] : first.fields) names.insert(name);
  for (const auto& [name, value] : second.fields) names.insert(name);
  names.erase("/variant");
  return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    const auto one = first.fields.find(name), other = second.fields.find(name);
    return one == first.fields.end() || other == second.fields.end() || one->second != other->second;
  }));
}
} // namespace

bool has_one_test_part(std::string_view protocol) { return protocol == "official" || protocol == "challenge"; }
bool is_by_person(std::string_view protocol) {
  return protocol != "random" && protocol != "challenge" && protocol != "leave_one_session_out";
}
bool has_random_windows(std::string_view protocol) { return protocol == "random"; }

std::string joined(std::initializer_list<std::string> names) {
  std::string text;
  for (const std::string& name : names) text.append(name).append("\n");
  return text;
}

std::int64_t RecordedRecipe::expected_folds() const {
  if (folds > 0 && !has_one_test_part(protocol)) return folds;
  std::set<Fold> all; // a sweep may number groups of validation people as the folds of one test part
  for (const RecipeRun& run : runs) all.insert(run.fold);
  return static_cast<std::int64_t>(all.size());
}

bool RecordedRecipe::keeps_null_class() const {
  const auto found = fields.find("/windows/null_class");
  return found != fields.end() && found->second == "true";
}

std::string RecordedRecipe::protocol_text() const { return protocol_words(protocol, folds, keeps_null_class()); }

std::string RecordedRecipe::names() const { return joined({dataset, keeps_null_class() ? "null" : "", preset, variant}); }

std::int64_t RecordedRecipe::seeds() const {
  std::set<std::int64_t> all;
  for (const RecipeRun& run : runs) all.insert(run.seed);
  return static_cast<std::int64_t>(all.size());
}

std::vector<RecordedRecipe> recipes_of(Reader& reader, bool open_test) {
  const std::string part = open_test ? "test" : "validation";
  const Table found =
      reader.query("SELECT r.recipe_id, r.dataset, r.protocol, r.folds, r.preset, r.variant, r.fold, r.seed, r.status, p.overlap_share, "
                   "p.windows, (SELECT max(e.windows) FROM epochs e WHERE e.run_id = r.run_id), r.run_id, c.config, r.split_id, "
                   "c.config ->> '$.model.architecture' "
                   "FROM runs r JOIN configs c USING (config_id) LEFT JOIN evaluation_parts p ON p.run_id = r.run_id AND p.condition = "
                   "'clean' AND p.part = ?2 "
                   "WHERE r.open_test = ?1 ORDER BY r.recipe_id, r.fold, r.seed",
                   {std::int64_t{open_test}, part});
  std::vector<RecordedRecipe> recipes;
  for (const auto& row : found.rows) {
    if (recipes.empty() || recipes.back().recipe_id != text_of(row[0])) {
      RecordedRecipe& recipe = recipes.emplace_back();
      recipe.recipe_id = text_of(row[0]);
      recipe.dataset = text_of(row[1]);
      recipe.protocol = text_of(row[2]);
      recipe.folds = integer_of(row[3]);
      recipe.preset = text_of(row[4]);
      recipe.variant = text_of(row[5]);
      recipe.architecture = text_of(row[15]);
      recipe.part = part;
      recipe.fields = flattened(Json::parse(text_of(row[13])));
      if (has_one_test_part(recipe.protocol)) recipe.fields.erase("/protocol/validation_people");
    }
    recipes.back().runs.push_back({text_of(row[12]),
                                   {text_of(row[14]), has_one_test_part(text_of(row[2])) ? 0 : integer_of(row[6])},
                                   integer_of(row[7]),
                                   text_of(row[8]) == "COMPLETE",
                                   real_of(row[9]),
                                   real_of(row[10]),
                                   real_of(row[11])});
  }
  std::sort(recipes.begin(), recipes.end(), [](const RecordedRecipe& a, const RecordedRecipe& b) { return order_of(a) < order_of(b); });
  return recipes;
}

void Scores::add(const RecipeRun& run, double value) {
  values[run.fold][run.seed] = value;
  ++runs;
  overlap_sum += run.overlap_share;
  test_windows += run.test_windows;
  train_windows += run.train_windows;
}

void Scores::add_person(const RecipeRun& run, std::int64_t person, Cluster counts) {
  Cluster& sum = people[person][run.seed];
  sum.hits += counts.hits;
  sum.windows += counts.windows;
}

std::vector<double> Scores::fold_means() const {
  std::vector<double> means;
  for (const auto& [fold, of_seeds] : values) {
    double sum = 0;
    for (const auto& [seed, value] : of_seeds) sum += value;
    means.push_back(sum / static_cast<double>(of_seeds.size()));
  }
  return means;
}

bool Scores::has_all_folds() const { return static_cast<std::int64_t>(values.size()) >= recipe->expected_folds(); }

std::int64_t Scores::seeds_of_every_fold() const {
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (const auto& [fold, of_seeds] : values) fewest = std::min(fewest, of_seeds.size());
  return values.empty() ? 0 : static_cast<std::int64_t>(fewest);
}

bool Scores::is_underpowered() const {
  return !has_all_folds() || (quantity == Quantity::difference && seeds_of_every_fold() < fewest_seeds);
}

std::string Scores::folds_and_seeds() const {
  const std::int64_t folds = recipe->expected_folds();
  const auto have = static_cast<std::int64_t>(values.size()), planned = static_cast<std::int64_t>(recipe->runs.size());
  std::string text = have == folds ? std::to_string(folds) : std::to_string(have) + " of " + std::to_string(folds);
  text += " x " + std::to_string(recipe->seeds());
  if (runs < planned) text += ", " + std::to_string(runs) + " of " + std::to_string(planned) + " runs";
  return text;
}

Spread Scores::spread() const {
  const bool over_people = has_one_test_part(recipe->protocol);
  std::set<std::int64_t> seeds;
  const auto note = [&](const auto& units) {
    for (const auto& [unit, of_seeds] : units)
      for (const auto& [seed, value] : of_seeds) seeds.insert(seed);
  };
  if (over_people) {
    if (people.size() < fewest_test_people) return {nan, 0};
    note(people);
    std::vector<std::vector<Cluster>> table;
    for (const auto& [person, of_seeds] : people) {
      auto& row = table.emplace_back();
      for (const std::int64_t seed : seeds) row.push_back(of_seeds.contains(seed) ? of_seeds.at(seed) : Cluster{});
    }
    return crossed_spread(ratio_contributions(table));
  }
  note(values);
  CrossedScores table;
  for (const auto& [fold, of_seeds] : values) {
    auto& row = table.emplace_back();
    for (const std::int64_t seed : seeds) row.push_back(of_seeds.contains(seed) ? of_seeds.at(seed) : nan);
  }
  // Training windows are known from the epochs; 1 / (k - 1) is what k folds without a validation part would give.
  const double ratio = train_windows > 0 && test_windows > 0
                           ? test_windows / train_windows
                           : 1.0 / static_cast<double>(std::max<std::int64_t>(recipe->expected_folds() - 1, 1));
  return crossed_spread(table, ratio);
}

std::optional<PairedResult> Scores::result() const {
  if (empty()) return std::nullopt;
  const double center = mean(fold_means());
  const Spread known = spread();
  if (quantity == Quantity::share) return PairedResult{logit_interval(center, known), nan};
  if (quantity == Quantity::silhouette) return PairedResult{logit_interval(center, known, -1, 1), nan};
  PairedResult result{difference_interval(center, known), difference_test(center, known).p};
  if (quantity == Quantity::difference && seeds_of_every_fold() < fewest_seeds) {
    result.p = nan;
    if (has_one_test_part(recipe->protocol)) result.difference = {center, nan, nan};
  }
  return result;
}

std::optional<Interval> Scores::interval() const {
  const auto both = result();
  return both ? std::optional<Interval>(both->difference) : std::nullopt;
}

std::map<std::string, double> values_of(Reader& reader, const std::string& part, const std::string& metric) {
  std::map<std::string, double> values;
  for (const auto& row :
       reader
           .query("SELECT run_id, value FROM evaluations WHERE condition = 'clean' AND part = ?1 AND metric = ?2 AND kind "
                  "= 'finite'",
                  {part, metric})
           .rows)
    values[text_of(row[0])] = real_of(row[1]);
  return values;
}

std::map<std::int64_t, Cluster> people_of(Reader& reader, const std::string& run_id, const std::string& condition,
                                          const std::string& part) {
  std::map<std::int64_t, Cluster> people;
  for (const auto& row : reader
                             .query("SELECT person, sum(label = predicted), count(*) FROM v_predictions WHERE run_id = ?1 AND condition = "
                                    "?2 AND part = ?3 GROUP BY person",
                                    {run_id, condition, part})
                             .rows)
    people[integer_of(row[0])] = {real_of(row[1]), real_of(row[2])};
  return people;
}

Scores accuracies_of(Reader& reader, const RecordedRecipe& recipe, const std::map<std::string, double>& values) {
  Scores scores;
  scores.recipe = &recipe;
  for (const RecipeRun& run : recipe.runs) {
    const auto value = values.find(run.run_id);
    if (!run.complete || value == values.end()) continue;
    scores.add(run, value->second);
    if (!has_one_test_part(recipe.protocol)) continue;
    for (const auto& [person, cluster] : people_of(reader, run.run_id, "clean", recipe.part)) scores.add_person(run, person, cluster);
  }
  return scores;
}

std::vector<RecipePair> nearest_pairs(const std::vector<const RecordedRecipe*>& first, const std::vector<const RecordedRecipe*>& second) {
  std::vector<RecipePair> pairs;
  for (const RecordedRecipe* one : first) {
    std::map<std::pair<Fold, std::int64_t>, const RecipeRun*> runs; // by fold and seed
    for (const RecipeRun& run : one->runs)
      if (run.complete) runs[{run.fold, run.seed}] = &run;
    std::size_t nearest = std::numeric_limits<std::size_t>::max();
    std::vector<RecipePair> found;
    for (const RecordedRecipe* other : second) {
      if (other->recipe_id == one->recipe_id || other->part != one->part) continue;
      RecipePair pair{one, other, {}};
      for (const RecipeRun& run : other->runs)
        if (const auto same = runs.find({run.fold, run.seed}); run.complete && same != runs.end())
          pair.runs.emplace_back(same->second, &run);
      if (pair.runs.empty()) continue;
      const std::size_t distance = fields_that_differ(*one, *other);
      if (distance < nearest) found.clear();
      nearest = std::min(nearest, distance);
      if (distance == nearest) found.push_back(std::move(pair));
    }
    pairs.insert(pairs.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  return pairs;
}

std::map<std::int64_t, PairedPerson> paired_people(Reader& reader, const std::string& first, const std::string& second,
                                                   const std::string& part) {
  std::map<std::int64_t, PairedPerson> people;
  for (const auto& row :
       reader
           .query(
               "SELECT a.person, sum(a.label = a.predicted AND b.label <> b.predicted), sum(a.label <> a.predicted AND b.label = "
               "b.predicted), count(*) FROM predictions a JOIN predictions b ON b.window = a.window "
               "WHERE a.evaluation_id = (SELECT evaluation_id FROM evaluation_parts WHERE run_id = ?1 AND condition = 'clean' AND part = "
               "?3) AND b.evaluation_id = (SELECT evaluation_id FROM evaluation_parts WHERE run_id = ?2 AND condition = 'clean' AND part "
               "= ?3) GROUP BY a.person",
               {first, second, part})
           .rows)
    people[integer_of(row[0])] = {real_of(row[1]), real_of(row[2]), real_of(row[3])};
  return people;
}

PairedScores paired_accuracies(Reader& reader, const RecipePair& pair, const std::map<std::string, double>& values) {
  PairedScores scores;
  scores.first.recipe = scores.difference.recipe = pair.first;
  scores.difference.quantity = Quantity::difference;
  scores.second.recipe = pair.second;
  for (const auto& runs : pair.runs) {
    const auto one = values.find(runs.first->run_id), other = values.find(runs.second->run_id);
    if (one == values.end() || other == values.end()) continue;
    scores.first.add(*runs.first, one->second);
    scores.second.add(*runs.second, other->second);
    RecipeRun both = *runs.first;
    if (std::isnan(both.train_windows)) both.train_windows = runs.second->train_windows; // what is fitted in one go has no epochs
    scores.difference.add(both, one->second - other->second);
    if (!has_one_test_part(pair.first->protocol)) continue;
    for (const auto& [person, counts] : paired_people(reader, runs.first->run_id, runs.second->run_id, pair.first->part))
      scores.difference.add_person(*runs.first, person, {counts.only_first - counts.only_second, counts.windows});
  }
  return scores;
}

std::vector<bool> lacks_row_by_person(const std::vector<RowSubject>& rows) {
  std::set<std::string> by_person;
  for (const auto& [what, protocol] : rows)
    if (is_by_person(protocol)) by_person.insert(what);
  std::vector<bool> lacks;
  lacks.reserve(rows.size());
  for (const auto& [what, protocol] : rows) lacks.push_back(has_random_windows(protocol) && by_person.insert(what).second);
  return lacks;
}

std::map<std::string, std::string> differing_fields(const std::vector<NamedFields>& rows) {
  std::map<std::string, std::map<std::string, const NamedFields*>> alike; // by `what`, then by id
  for (const NamedFields& row : rows) alike[row.what][row.id] = &row;
  std::map<std::string, std::string> words;
  for (const auto& [what, group] : alike) {
    if (group.size() < 2) continue;
    std::map<std::string, std::set<std::string>> values; // of each field
    for (const auto& [id, row] : group)
      for (const auto& [pointer, value] : row->fields) values[pointer].insert(value);
    for (const auto& [pointer, different] : values) {
      if (different.size() == 1) continue;
      std::string name = pointer.substr(1);
      std::replace(name.begin(), name.end(), '/', '.');
      for (const auto& [id, row] : group) {
        const auto value = row->fields.find(pointer);
        if (value == row->fields.end()) continue; // written before there was such a field
        std::string& text = words[id];
        text.append(text.empty() ? "" : ", ").append(name).append("=").append(value->second);
      }
    }
  }
  return words;
}

void add_differences(Table& table, const std::vector<std::string>& ids, const std::map<std::string, std::string>& differences) {
  if (std::none_of(ids.begin(), ids.end(), [&](const std::string& id) { return differences.contains(id); })) return;
  table.columns.emplace_back("differs in");
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    table.rows[i].push_back(differences.contains(ids[i]) ? Cell(differences.at(ids[i])) : Cell());
}

} // namespace stdualx
