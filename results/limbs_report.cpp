// What the abstract says of attention between limbs, as tests over people: in walking and running arms and legs look at each other more
// than at the trunk or at the other arm, and in sitting, standing and lying every sensor looks at all alike.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <ranges>

#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t fewest_people = 5; // as for intervals over the people of one test part

bool names_one_of(std::string name, std::initializer_list<std::string_view> words) {
  std::ranges::transform(name, name.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return std::ranges::any_of(words, [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

enum class Limb { arm, leg, trunk, unknown };
Limb limb_of(const std::string& sensor) {
  if (names_one_of(sensor, {"arm", "wrist", "hand"})) return Limb::arm; // "forearm" and "upper arm" too
  if (names_one_of(sensor, {"leg", "ankle", "thigh", "shin", "shank", "calf", "knee", "shoe", "foot"})) return Limb::leg;
  if (names_one_of(sensor, {"torso", "trunk", "chest", "back", "waist", "belt", "hip", "pelvis"})) return Limb::trunk;
  return Limb::unknown;
}

enum class Motion { gait, still, other };
Motion motion_of(const std::string& activity) {
  if (names_one_of(activity, {"elevator", "lift"})) return Motion::other; // stands in a thing that moves
  if (names_one_of(activity, {"walk", "run"})) return Motion::gait;
  return names_one_of(activity, {"sit", "stand", "lying", "lie"}) ? Motion::still : Motion::other;
}

/// One map, [query][key], of a person in a run.
using Map = std::map<std::int64_t, std::map<std::int64_t, double>>;

/// Mean weight of arm-leg pairs, less that of arm-arm pairs and of pairs with the trunk. NaN where there are none of either.
double arm_leg_excess(const Map& map, const std::vector<Limb>& limbs) {
  std::array<double, 2> sums{};
  std::array<int, 2> counts{};
  for (const auto& [query, keys] : map)
    for (const auto& [key, weight] : keys) {
      if (query == key) continue;
      const Limb from = limbs.at(static_cast<std::size_t>(query)), to = limbs.at(static_cast<std::size_t>(key));
      const bool crosses = (from == Limb::arm && to == Limb::leg) || (from == Limb::leg && to == Limb::arm);
      const bool beside = from == Limb::trunk || to == Limb::trunk || (from == Limb::arm && to == Limb::arm);
      if (!crosses && !beside) continue;
      sums[crosses ? 0 : 1] += weight;
      ++counts[crosses ? 0 : 1];
    }
  return counts[0] == 0 || counts[1] == 0 ? nothing : sums[0] / counts[0] - sums[1] / counts[1];
}

/// Mean over queries of the entropy of the weights to other sensors, as a share of the entropy of looking at all alike.
double entropy_of(const Map& map) {
  double sum = 0;
  for (const auto& [query, keys] : map) {
    double total = 0, entropy = 0;
    int others = 0;
    for (const auto& [key, weight] : keys)
      if (key != query) {
        total += weight;
        ++others;
      }
    for (const auto& [key, weight] : keys)
      if (key != query && weight > 0) entropy -= weight / total * std::log(weight / total);
    sum += entropy / std::log(others);
  }
  return sum / static_cast<double>(map.size());
}

/// What a sentence claims, a number a person and seed: above 0 where it holds.
struct Sentence {
  std::string words, activities;
  std::map<std::int64_t, std::map<std::int64_t, double>> values; // by person, then by seed
};

/// Means over activities of one kind of motion, a person and seed.
class Means {
public:
  void add(std::int64_t person, std::int64_t seed, Motion motion, double value) {
    if (std::isnan(value)) return;
    auto& [sum, count] = sums_[{person, seed, motion}];
    sum += value;
    ++count;
  }
  double of(std::int64_t person, std::int64_t seed, Motion motion) const {
    const auto found = sums_.find({person, seed, motion});
    return found == sums_.end() ? nothing : found->second.first / static_cast<double>(found->second.second);
  }

private:
  std::map<std::tuple<std::int64_t, std::int64_t, Motion>, std::pair<double, std::int64_t>> sums_;
};

std::vector<std::string> names_in(const Cell& json) {
  return is_null(json) ? std::vector<std::string>() : Json::parse(text_of(json)).get<std::vector<std::string>>();
}

std::vector<Sentence> sentences_of(Reader& reader, const RecordedRecipe& recipe) {
  const auto card = reader.query("SELECT d.sensors, d.classes FROM runs r JOIN datasets d USING (dataset_hash) WHERE r.run_id = ?1",
                                 {recipe.runs.front().run_id});
  if (card.rows.empty()) return {};
  const std::vector<std::string> sensors = names_in(card.rows[0][0]), classes = names_in(card.rows[0][1]);
  std::vector<Limb> limbs;
  for (const std::string& sensor : sensors) limbs.push_back(limb_of(sensor));
  const auto has = [&](Limb limb) { return std::ranges::find(limbs, limb) != limbs.end(); };
  if (sensors.size() < 3 || !has(Limb::arm) || !has(Limb::leg)) return {}; // of two sensors each looks at the other alone

  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, Map> maps; // by person, seed and label
  for (const auto& row :
       reader
           .query("SELECT a.person, r.seed, a.label, a.query, a.key, avg(a.weight) FROM attention a JOIN evaluation_parts e USING "
                  "(evaluation_id) JOIN runs r ON r.run_id = e.run_id WHERE r.recipe_id = ?1 AND r.status = 'COMPLETE' AND e.part = "
                  "'test' AND e.condition = 'clean' GROUP BY 1, 2, 3, 4, 5",
                  {recipe.recipe_id})
           .rows) {
    const std::int64_t label = integer_of(row[2]), query = integer_of(row[3]), key = integer_of(row[4]);
    if (label >= std::ssize(classes) || query >= std::ssize(sensors) || key >= std::ssize(sensors)) return {};
    maps[{integer_of(row[0]), integer_of(row[1]), label}][query][key] = real_of(row[5]);
  }
  Means excess, entropy;
  std::map<Motion, std::string> activities;
  std::map<std::int64_t, std::set<std::int64_t>> people;
  std::set<std::int64_t> named;
  for (const auto& [place, map] : maps) {
    const auto [person, seed, label] = place;
    const std::string& name = classes[static_cast<std::size_t>(label)];
    const Motion motion = motion_of(name);
    if (motion == Motion::other) continue;
    if (named.insert(label).second) activities[motion] += (activities[motion].empty() ? "" : ", ") + name;
    people[person].insert(seed);
    excess.add(person, seed, motion, arm_leg_excess(map, limbs));
    entropy.add(person, seed, motion, entropy_of(map));
  }
  Sentence limbs_in_gait{"arms and legs look at each other more than at the trunk or the other arm", activities[Motion::gait], {}};
  Sentence uniform_at_rest{"every sensor looks at all more alike than in " + activities[Motion::gait], activities[Motion::still], {}};
  for (const auto& [person, seeds] : people)
    for (const std::int64_t seed : seeds) {
      if (const double value = excess.of(person, seed, Motion::gait); !std::isnan(value)) limbs_in_gait.values[person][seed] = value;
      const double value = entropy.of(person, seed, Motion::still) - entropy.of(person, seed, Motion::gait);
      if (!std::isnan(value)) uniform_at_rest.values[person][seed] = value;
    }
  std::vector<Sentence> sentences;
  for (Sentence* one : {&limbs_in_gait, &uniform_at_rest})
    if (!one->values.empty()) sentences.push_back(std::move(*one));
  return sentences;
}

CrossedScores crossed(const Sentence& sentence) {
  std::set<std::int64_t> seeds;
  for (const auto& [person, of_seeds] : sentence.values)
    for (const auto& [seed, value] : of_seeds) seeds.insert(seed);
  CrossedScores scores;
  for (const auto& [person, of_seeds] : sentence.values) {
    auto& row = scores.emplace_back();
    for (const std::int64_t seed : seeds) row.push_back(of_seeds.contains(seed) ? of_seeds.at(seed) : nothing);
  }
  return scores;
}

/// Of training data that folds share: how many windows test for each that trains (Nadeau and Bengio 2003).
double test_train_ratio(const RecordedRecipe& recipe) {
  if (has_one_test_part(recipe.protocol)) return 0;
  double test = 0, train = 0;
  for (const RecipeRun& run : recipe.runs)
    if (run.complete && !std::isnan(run.test_windows) && !std::isnan(run.train_windows)) {
      test += run.test_windows;
      train += run.train_windows;
    }
  return train > 0 ? test / train : 0;
}

Cell number(double value) { return std::isnan(value) ? Cell() : Cell(Real{value, 3}); }

std::string judged(double center, double adjusted_p, std::size_t people) {
  const std::string_view word = difference_verdict(center, adjusted_p, people < fewest_people);
  return word == "ABOVE" ? "HOLDS" : word == "BELOW" ? "THE OPPOSITE HOLDS" : word == "UNDERPOWERED" ? std::string(word) : "NOT SHOWN";
}

} // namespace

std::optional<TitledTable> limbs_table(ReportContext& context) {
  struct Line {
    const RecordedRecipe* recipe;
    Sentence sentence;
    double center;
    Spread spread;
    double p;
  };
  std::vector<Line> lines;
  std::vector<double> p_values;
  for (const RecordedRecipe& recipe : context.recipes) {
    if (recipe.variant != "stdual_x" || !is_by_person(recipe.protocol)) continue;
    for (Sentence& sentence : sentences_of(context.reader, recipe)) {
      const CrossedScores scores = crossed(sentence);
      double sum = 0;
      for (const auto& [person, of_seeds] : sentence.values) {
        double of_person = 0;
        for (const auto& [seed, value] : of_seeds) of_person += value;
        sum += of_person / static_cast<double>(of_seeds.size());
      }
      const double center = sum / static_cast<double>(sentence.values.size());
      const Spread spread = crossed_spread(scores, test_train_ratio(recipe));
      const double p = sentence.values.size() < fewest_people ? nothing : difference_test(center, spread).p;
      lines.push_back({&recipe, std::move(sentence), center, spread, p});
      p_values.push_back(p);
    }
  }
  if (lines.empty()) return std::nullopt;
  const std::vector<double> adjusted = holm(p_values);
  TitledTable titled{"attention between limbs: what the abstract says", {}, {}};
  titled.table.columns = {"data set", "protocol",  "preset", "in",       "sentence", "difference",
                          "95 % low", "95 % high", "p",      "p (Holm)", "people",   "verdict"};
  std::vector<NamedFields> fields;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& [recipe, sentence, center, spread, p] = lines[i];
    const bool enough = sentence.values.size() >= fewest_people;
    const Interval interval = enough ? difference_interval(center, spread) : Interval{center, nothing, nothing};
    titled.table.rows.push_back({recipe->dataset, recipe->protocol_text(), recipe->preset, sentence.activities, sentence.words,
                                 number(center), number(interval.low), number(interval.high), p_cell(p), p_cell(adjusted[i]),
                                 static_cast<std::int64_t>(sentence.values.size()), judged(center, adjusted[i], sentence.values.size())});
    fields.push_back({recipe->names() + recipe->protocol_text(), recipe->recipe_id, recipe->fields});
    ids.push_back(recipe->recipe_id);
  }
  add_differences(titled.table, ids, differing_fields(fields));
  titled.notes = {
      "First sentence: mean weight of arm-leg pairs less that of arm-arm pairs and of pairs with the trunk. Second: entropy of the weights "
      "to "
      "the other sensors (uniform = 1) at rest less that in walking and running. Limbs and activities are told by their names; an elevator "
      "counts as neither.",
      "One number a person and seed, from the mean map of an activity; Student's t over people and seeds, variance corrected for training "
      "data that folds share. At least five people. Holm over the rows. By person only, variant stdual_x."};
  return titled;
}

} // namespace stdualx
