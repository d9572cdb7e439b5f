#include "experiments/sweep_settings.h"

#include "experiments/spec/random.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace stdualx {

namespace {

constexpr std::size_t most_settings = 100000; // a slip of the pen (a grid of seven lists) would fill the memory
constexpr std::int64_t most_draws = 100000;

[[noreturn]] void refuse(const std::string& pointer, const std::string& what) { throw InputError(pointer + ": " + what); }

/// The values that are listed for one path, in the field's own type.
std::vector<Json> read_values(const std::string& path, const Json& json, const std::string& pointer) {
  if (!json.is_array()) throw_wrong_type(pointer, "a list of values", json);
  if (json.empty()) refuse(pointer, "expected at least one value, found an empty list");
  Recipe scratch;
  std::vector<Json> values;
  for (std::size_t i = 0; i < json.size(); ++i)
    values.push_back(set_recipe_value(scratch, path, json[i], pointer + "/" + std::to_string(i)));
  return values;
}

void refuse_equal(const std::vector<Json>& values, const std::string& pointer) {
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (values[i] == values[j]) refuse(pointer + "/" + std::to_string(i), values[i].dump() + " stands twice; remove one");
}

/// Every setting of `settings` followed by every one of `further`.
std::vector<RecipeChanges> times(const std::vector<RecipeChanges>& settings, const std::vector<RecipeChanges>& further,
                                 const std::string& pointer) {
  if (settings.size() > most_settings / further.size())
    refuse(pointer, "leads to more than " + std::to_string(most_settings) + " settings; name fewer values");
  std::vector<RecipeChanges> result;
  for (const auto& setting : settings) {
    for (const auto& changes : further) {
      result.push_back(setting);
      result.back().insert(result.back().end(), changes.begin(), changes.end());
    }
  }
  return result;
}

std::vector<RecipeChanges> read_grid(const Json& grid) {
  if (!grid.is_object()) throw_wrong_type("/grid", "an object of lists by path", grid);
  std::vector<RecipeChanges> settings(1);
  for (const auto& [path, list] : grid.items()) {
    const std::string pointer = "/grid/" + path;
    check_recipe_path(path, pointer);
    const auto values = read_values(path, list, pointer);
    refuse_equal(values, pointer);
    std::vector<RecipeChanges> changes;
    changes.reserve(values.size());
    for (const auto& value : values) changes.push_back({{path, value}});
    settings = times(settings, changes, pointer);
  }
  return settings;
}

std::vector<RecipeChanges> read_zip(const Json& zip) {
  if (!zip.is_object()) throw_wrong_type("/zip", "an object of lists by path", zip);
  if (zip.empty()) return {{}};
  std::vector<RecipeChanges> rows;
  std::string first;
  for (const auto& [path, list] : zip.items()) {
    const std::string pointer = "/zip/" + path;
    check_recipe_path(path, pointer);
    const auto values = read_values(path, list, pointer);
    if (first.empty()) {
      first = path;
      rows.resize(values.size());
    }
    if (values.size() != rows.size())
      refuse(pointer, "has " + std::to_string(values.size()) + " values, but '" + first + "' has " + std::to_string(rows.size()) +
                          "; zipped lists are equally long");
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].emplace_back(path, values[i]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (rows[i] == rows[j]) refuse("/zip/" + first + "/" + std::to_string(i), "its row of all lists stands twice; remove one");
  return rows;
}

/// One path of a random search: how its values are drawn.
struct Distribution {
  enum class Kind { choice, uniform, log_uniform } kind = Kind::choice;
  std::vector<Json> values; // of choice; of the others the two ends, both possible
  bool whole = false;       // whole numbers only
};

const std::map<std::string, Distribution::Kind>& distribution_kinds() {
  static const std::map<std::string, Distribution::Kind> kinds = {
      {"choice", Distribution::Kind::choice}, {"uniform", Distribution::Kind::uniform}, {"log_uniform", Distribution::Kind::log_uniform}};
  return kinds;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& [name, kind] : distribution_kinds()) names.push_back(name);
  return names;
}

Distribution read_distribution(const std::string& path, const Json& json, const std::string& pointer) {
  if (!json.is_object()) throw_wrong_type(pointer, "{\"uniform\": [a, b]}, {\"log_uniform\": [a, b]} or {\"choice\": [...]}", json);
  for (const auto& [key, value] : json.items())
    if (!distribution_kinds().contains(key)) throw_unknown_key(pointer, key, kind_names());
  if (json.size() != 1)
    refuse(pointer, "expected one of uniform, log_uniform and choice, found " + std::to_string(json.size()) + " of them");
  const std::string name = json.begin().key();
  const std::string here = pointer + "/" + name;
  Distribution distribution{.kind = distribution_kinds().at(name), .values = read_values(path, json.begin().value(), here)};
  if (distribution.kind == Distribution::Kind::choice) {
    refuse_equal(distribution.values, here);
    return distribution;
  }
  const std::string type = recipe_path_schema(path).at("type");
  if (type != "integer" && type != "number") refuse(here, "'" + path + "' is a " + type + "; use choice");
  distribution.whole = type == "integer";
  if (distribution.values.size() != 2)
    refuse(here, "expected the two ends [a, b], found " + std::to_string(distribution.values.size()) + " values");
  const double low = distribution.values[0].get<double>(), high = distribution.values[1].get<double>();
  if (!(low < high)) refuse(here, "expected [a, b] with a below b");
  if (distribution.kind == Distribution::Kind::log_uniform && low <= 0) refuse(here + "/0", "a logarithm needs a value above 0");
  return distribution;
}

Json draw(const Distribution& distribution, double uniform) { // uniform in [0, 1)
  const auto& values = distribution.values;
  if (distribution.kind == Distribution::Kind::choice)
    return values[static_cast<std::size_t>(uniform * static_cast<double>(values.size()))];
  const double low = values[0].get<double>(), high = values[1].get<double>();
  const bool logarithmic = distribution.kind == Distribution::Kind::log_uniform;
  if (distribution.whole) {
    const double value =
        logarithmic ? std::round(low * std::exp(uniform * std::log(high / low))) : low + std::floor(uniform * (high - low + 1));
    return static_cast<std::int64_t>(std::clamp(value, low, high));
  }
  const double value = logarithmic ? low * std::exp(uniform * std::log(high / low)) : low + uniform * (high - low);
  char digits[32];
  const auto written = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 6);
  double rounded = value;
  std::from_chars(digits, written.ptr, rounded);
  return std::clamp(rounded, low, high);
}

std::vector<RecipeChanges> read_random(const Json& random) {
  if (!random.is_object()) throw_wrong_type("/random", "an object", random);
  for (const char* key : {"count", "seed"})
    if (!random.contains(key)) refuse("/random", std::string("'") + key + "' is missing");
  const auto count = value_from_json<std::int64_t>(random["count"], "/random/count");
  if (count < 1 || count > most_draws) throw_out_of_range("/random/count", 1, static_cast<double>(most_draws), random["count"]);
  const auto seed = value_from_json<std::int64_t>(random["seed"], "/random/seed");

  std::vector<RecipeChanges> draws(static_cast<std::size_t>(count));
  for (const auto& [path, json] : random.items()) {
    if (path == "count" || path == "seed") continue;
    const std::string pointer = "/random/" + path;
    check_recipe_path(path, pointer);
    const Distribution distribution = read_distribution(path, json, pointer);
    const RandomStream stream(seed, "random search", path);
    for (std::uint32_t i = 0; i < draws.size(); ++i) {
      const auto words = stream.words(0, 0, i, 0);
      draws[i].emplace_back(path, draw(distribution, uniform_double(words[0], words[1])));
    }
  }
  if (draws[0].empty()) refuse("/random", "names nothing to draw; add a path such as training.learning_rate");
  // Draws of whole numbers and choices meet again; the first one stays.
  std::vector<RecipeChanges> distinct;
  for (auto& setting : draws)
    if (std::find(distinct.begin(), distinct.end(), setting) == distinct.end()) distinct.push_back(std::move(setting));
  return distinct;
}

/// Which part of the sweep sets which path: no path in two, or one would silently overrule the other.
void refuse_paths_set_twice(const Json& sweep) {
  std::map<std::string, std::string> owners;
  if (sweep.contains("fixed"))
    for (const std::string& path : paths_in(sweep["fixed"])) owners[path] = "fixed";
  for (const char* part : {"grid", "zip", "random"}) {
    if (!sweep.contains(part)) continue;
    for (const auto& [path, value] : sweep[part].items()) {
      const auto [owner, is_new] = owners.emplace(path, part);
      if (is_new) continue;
      if (owner->second != "fixed")
        refuse(std::string("/") + part + "/" + path, "is in '" + owner->second + "' too; keep it in one of them");
      std::string pointer = "/fixed/" + path;
      std::replace(pointer.begin(), pointer.end(), '.', '/');
      refuse(pointer, "is in '" + std::string(part) + "' too, which would overrule it; keep one of them (with --set: " + part + "." + path +
                          "=...)");
    }
  }
}

} // namespace

std::vector<std::string> paths_in(const Json& fixed) {
  std::vector<std::string> paths;
  for (const auto& path : recipe_paths()) {
    const Json* value = &fixed;
    for (std::size_t start = 0; value != nullptr && start <= path.size();) {
      const std::size_t dot = std::min(path.find('.', start), path.size());
      const std::string key = path.substr(start, dot - start);
      value = value->is_object() && value->contains(key) ? &(*value)[key] : nullptr;
      start = dot + 1;
    }
    if (value != nullptr) paths.push_back(path);
  }
  return paths;
}

std::vector<RecipeChanges> read_settings(const Json& sweep) {
  std::vector<RecipeChanges> settings(1);
  if (sweep.contains("grid")) settings = read_grid(sweep["grid"]);
  if (sweep.contains("zip")) settings = times(settings, read_zip(sweep["zip"]), "/zip");
  if (sweep.contains("random")) settings = times(settings, read_random(sweep["random"]), "/random");
  refuse_paths_set_twice(sweep);
  return settings;
}

Json settings_schema() {
  const auto list_of = [](const Json& item, int least) {
    return Json{{"type", "array"}, {"items", item}, {"minItems", least}, {"uniqueItems", true}};
  };
  Json lists = Json::object(), distributions = Json::object();
  for (const auto& path : recipe_paths()) {
    const Json& value = recipe_path_schema(path);
    const Json reference = {{"$ref", "#/$defs/" + path}}; // sweep_schema() defines each path once
    lists[path] = list_of(reference, 1);
    Json kinds = {{"choice", list_of(reference, 1)}};
    if (value["type"] == "integer" || value["type"] == "number") {
      Json ends = list_of(reference, 2);
      ends["maxItems"] = 2;
      kinds["uniform"] = kinds["log_uniform"] = ends;
    }
    distributions[path] = {
        {"type", "object"}, {"properties", std::move(kinds)}, {"additionalProperties", false}, {"minProperties", 1}, {"maxProperties", 1}};
  }
  distributions["count"] = {{"type", "integer"}, {"minimum", 1}, {"maximum", most_draws}, {"description", "how many settings are drawn"}};
  distributions["seed"] = {{"type", "integer"}, {"description", "of the draws"}};
  Json zipped = lists;
  for (auto& list : zipped) list.erase("uniqueItems"); // rows differ, not columns
  return {{"grid",
           {{"type", "object"},
            {"description", "every combination of these values, by path"},
            {"properties", lists},
            {"additionalProperties", false}}},
          {"zip",
           {{"type", "object"},
            {"description", "lists of one length, taken together"},
            {"properties", zipped},
            {"additionalProperties", false}}},
          {"random",
           {{"type", "object"},
            {"description", "settings drawn at random"},
            {"properties", distributions},
            {"required", {"count", "seed"}},
            {"minProperties", 3},
            {"additionalProperties", false}}}};
}

} // namespace stdualx
