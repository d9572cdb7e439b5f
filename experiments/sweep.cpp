// From a sweep file's JSON to a Sweep. Inside, an error is an InputError "<pointer>: <what>"; load_sweep adds file and line.
#include "experiments/sweep.h"

#include "experiments/spec/condition.h"
#include "experiments/spec/model_shape.h"
#include "experiments/sweep_settings.h"
#include "experiments/variants.h"

#include <algorithm>
#include <set>

namespace stdualx {

namespace {

const std::vector<std::string>& part_keys() {
  static const std::vector<std::string> keys = {"dataset",  "preset",    "windows", "fixed", "grid",       "zip",      "random",
                                                "variants", "protocols", "folds",   "seeds", "conditions", "resources"};
  return keys;
}

/// Of a file: a sweep is one part, or a list of parts.
const std::vector<std::string>& top_level_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> all{"name", "parts", "$schema", "description", places_key};
    all.insert(all.end(), part_keys().begin(), part_keys().end());
    return all;
  }();
  return keys;
}

void refuse_unknown_keys(const Json& json, const std::vector<std::string>& known) {
  if (!json.is_object()) throw_wrong_type("", "an object", json);
  for (const auto& [key, value] : json.items())
    if (std::find(known.begin(), known.end(), key) == known.end()) throw_unknown_key("", key, known);
}

[[noreturn]] void refuse(const std::string& pointer, const std::string& what) { throw InputError(pointer + ": " + what); }

std::string item(const std::string& pointer, std::size_t index) { return pointer + "/" + std::to_string(index); }

/// `names` as throw_not_a_choice wants them.
std::vector<std::string_view> choices(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

std::string read_text(const Json& json, const std::string& pointer) {
  auto text = value_from_json<std::string>(json, pointer);
  if (text.empty()) refuse(pointer, "expected a name, found an empty string");
  return text;
}

std::string read_choice(const Json& json, const std::string& pointer, const std::vector<std::string>& names) {
  auto text = value_from_json<std::string>(json, pointer);
  if (std::find(names.begin(), names.end(), text) == names.end()) throw_not_a_choice(pointer, choices(names), json);
  return text;
}

/// A list with something in it.
const Json& read_list(const Json& json, const std::string& pointer) {
  if (!json.is_array()) throw_wrong_type(pointer, "a list", json);
  if (json.empty()) refuse(pointer, "expected at least one item, found an empty list; leave the key out for its default");
  return json;
}

/// Whole numbers of at least 0, none twice, not none.
std::vector<std::int64_t> read_distinct(const Json& json, const std::string& pointer) {
  read_list(json, pointer);
  auto values = value_from_json<std::vector<std::int64_t>>(json, pointer);
  for (std::size_t i = 0; i < values.size(); ++i) {
    constexpr std::int64_t largest = 9007199254740991; // 2^53 - 1: what every JSON reader keeps
    if (values[i] < 0 || values[i] > largest) throw_out_of_range(item(pointer, i), 0, static_cast<double>(largest), json[i]);
    for (std::size_t j = 0; j < i; ++j)
      if (values[i] == values[j]) refuse(item(pointer, i), std::to_string(values[i]) + " stands twice; remove one");
  }
  return values;
}

SweepVariant read_variant(const Json& json, const std::string& pointer) {
  SweepVariant variant;
  if (json.is_string()) {
    variant.name = variant.base = read_choice(json, pointer, variant_names());
    return variant;
  }
  if (!json.is_object()) throw_wrong_type(pointer, "the name of a variant or an object", json);
  static const std::vector<std::string> keys = {"name", "base", "set", "ranks", "folds"};
  for (const auto& [key, value] : json.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) throw_unknown_key(pointer, key, keys);
  if (!json.contains("name")) refuse(pointer, "'name' is missing");
  variant.name = read_text(json["name"], pointer + "/name");
  const auto& known = variant_names();
  if (std::find(known.begin(), known.end(), variant.name) != known.end()) {
    for (const char* key : {"base", "set"})
      if (json.contains(key))
        refuse(pointer + "/" + key, "would change what '" + variant.name + "' means everywhere else; give this variant a name of its own");
    variant.base = variant.name;
  } else if (json.contains("base")) {
    variant.base = read_choice(json["base"], pointer + "/base", known);
  }
  if (json.contains("set")) {
    if (!json["set"].is_object()) throw_wrong_type(pointer + "/set", "an object of settings by path", json["set"]);
    Recipe scratch;
    const std::string set = pointer + "/set";
    for (const auto& [path, value] : json["set"].items()) {
      std::string here = set;
      here.append("/").append(path);
      variant.set.emplace_back(path, set_recipe_value(scratch, path, value, here));
    }
  }
  if (json.contains("ranks")) {
    variant.ranks = value_from_json<std::int64_t>(json["ranks"], pointer + "/ranks");
    if (variant.ranks < 1 || variant.ranks > 4096) throw_out_of_range(pointer + "/ranks", 1, 4096, json["ranks"]);
  }
  if (json.contains("folds")) variant.folds = read_distinct(json["folds"], pointer + "/folds");
  return variant;
}

/// Parts of a protocol that decide nothing are set to 0, so that two ways to say one protocol have one identity.
SweepProtocol read_protocol(const Json& json, const std::string& pointer) {
  if (!json.is_object()) throw_wrong_type(pointer, "an object", json);
  if (!json.contains("kind"))
    refuse(pointer,
           "'kind' is missing; expected official, challenge, leave_one_person_out, leave_one_session_out, leave_persons_out or random");
  SweepProtocol protocol;
  ProtocolSpec& spec = protocol.spec;
  Json fields = json;
  fields.erase("validation_groups");
  for (const auto& [key, value] : fields.items()) {
    auto known = field_names<ProtocolSpec>();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    known.emplace_back("validation_groups");
    throw_unknown_key(pointer, key, known);
  }
  update_from_json(spec, fields, pointer);

  if (is_single_split(spec.kind) && spec.folds != 0) refuse(pointer + "/folds", "the publisher's split has no folds; leave the key out");
  const bool by_session = spec.kind == "leave_one_session_out", one_each = spec.kind == "leave_one_person_out" || by_session;
  if (one_each && spec.folds != 0)
    refuse(pointer + "/folds", spec.kind + " has a fold a " + (by_session ? "session" : "person") + "; leave the key out");
  if (!is_single_split(spec.kind) && !one_each && spec.folds < 2)
    refuse(fields.contains("folds") ? pointer + "/folds" : pointer, "'folds' must be at least 2 for " + spec.kind);
  if (!spec.validation && !spec.open_test) refuse(pointer, "neither validation nor test is open, so nothing would be measured");

  const bool has_groups = json.contains("validation_groups");
  const bool has_people = fields.contains("validation_people");
  for (const char* key : {"validation_groups", "validation_people"}) {
    if (!json.contains(key)) continue;
    if (!spec.validation) refuse(pointer + "/" + key, "names validation people, but validation is false");
    if (spec.kind == "random" || by_session)
      refuse(pointer + "/" + key, spec.kind + " parts " + (by_session ? "sessions" : "windows") + ", not people; use validation_share");
  }
  if (spec.kind == "challenge")
    for (const char* key : {"validation_groups", "validation_people", "validation_share", "split_seed"})
      if (json.contains(key)) refuse(pointer + "/" + key, "the challenge names its validation sessions itself; leave the key out");
  if (has_people) {
    spec.validation_people = read_distinct(fields["validation_people"], pointer + "/validation_people");
    std::sort(spec.validation_people.begin(), spec.validation_people.end());
  }
  if (has_groups) {
    const std::string here = pointer + "/validation_groups";
    if (has_people) refuse(here, "stands beside validation_people; keep one of them");
    if (spec.kind != "official") refuse(here, "only the official split can name its validation people for each fold");
    const Json& groups = read_list(json["validation_groups"], here);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      auto group = read_distinct(groups[g], item(here, g));
      std::sort(group.begin(), group.end());
      const auto& known = protocol.validation_groups;
      if (const auto same = std::find(known.begin(), known.end(), group); same != known.end())
        refuse(item(here, g), "the same people as " + item(here, static_cast<std::size_t>(same - known.begin())));
      protocol.validation_groups.push_back(std::move(group));
    }
  }
  const bool drawn = spec.validation && !has_people && !has_groups && spec.kind != "challenge";
  if (drawn && spec.validation_share == 0)
    refuse(pointer + "/validation_share", "0 leaves no validation part; say \"validation\": false instead");
  if (!drawn) spec.validation_share = 0;
  if (!drawn && (is_single_split(spec.kind) || one_each)) spec.split_seed = 0; // nothing is drawn
  protocol.usual_validation = drawn && spec.kind == "official" && !json.contains("validation_share") && !json.contains("split_seed");
  return protocol;
}

/// The conditions that an object {"kind", "amounts", "fills", "seeds"} names: each amount with each fill and seed.
std::vector<Condition> expand_conditions(const Json& json, const std::string& pointer) {
  static const std::vector<std::string> keys = {"kind", "amounts", "fills", "seeds"};
  for (const auto& [key, value] : json.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) throw_unknown_key(pointer, key, keys);
  if (!json.contains("kind")) refuse(pointer, "'kind' is missing");
  if (!json.contains("amounts")) refuse(pointer, "'amounts' is missing");
  Condition kind;
  update_from_json(kind, {{"kind", json["kind"]}}, pointer);
  read_list(json["amounts"], pointer + "/amounts");
  const auto amounts = value_from_json<std::vector<double>>(json["amounts"], pointer + "/amounts");
  // What a kind does not have stays away; a fill or seed given to it is refused by its name's grammar.
  const bool fills = kind.kind.starts_with("missing"), draws = kind.kind != "missing_sensor";
  std::vector<std::string> all_fills{fills ? "last" : ""};
  std::vector<std::int64_t> all_seeds{draws ? 1 : 0};
  if (json.contains("fills")) {
    read_list(json["fills"], pointer + "/fills");
    all_fills = value_from_json<std::vector<std::string>>(json["fills"], pointer + "/fills");
  }
  if (json.contains("seeds")) all_seeds = read_distinct(json["seeds"], pointer + "/seeds");
  std::vector<Condition> conditions;
  for (const double amount : amounts)
    for (const std::string& fill : all_fills)
      for (const std::int64_t seed : all_seeds) conditions.push_back({kind.kind, amount, fill, seed});
  return conditions;
}

/// `clean` is always among them and comes first: every other number stands beside it.
std::vector<EvaluationSpec> read_conditions(const Json& json, const std::string& pointer) {
  std::vector<std::string> names;
  read_list(json, pointer);
  for (std::size_t i = 0; i < json.size(); ++i) {
    std::vector<std::string> named;
    if (json[i].is_object())
      for (const Condition& condition : expand_conditions(json[i], item(pointer, i))) named.push_back(condition_name(condition));
    else if (json[i].is_string()) named.push_back(json[i].get<std::string>());
    else throw_wrong_type(item(pointer, i), "the name of a condition or an object", json[i]);
    for (const std::string& name : named) {
      try {
        condition_of(name);
      } catch (const InputError& error) {
        refuse(item(pointer, i), error.what());
      }
      if (std::find(names.begin(), names.end(), name) != names.end()) refuse(item(pointer, i), "stands twice ('" + name + "'); remove one");
      names.push_back(name);
    }
  }
  std::vector<EvaluationSpec> conditions{{}};
  for (const std::string& name : names)
    if (name != "clean") conditions.push_back({name});
  return conditions;
}

/// Variants that train the same under every setting would be reported as a finding.
void refuse_equal_variants(const SweepPart& sweep) {
  for (std::size_t i = 0; i < sweep.variants.size(); ++i) {
    const SweepVariant& one = sweep.variants[i];
    for (std::size_t j = 0; j < i; ++j) {
      const SweepVariant& other = sweep.variants[j];
      if (one.name == other.name) refuse(item("/variants", i), "'" + one.name + "' stands twice; remove one or rename it");
      const auto ranks = [&](const SweepVariant& variant) { return variant.ranks > 0 ? variant.ranks : sweep.resources.ranks_per_run; };
      if (ranks(one) != ranks(other)) continue;
      const bool equal = std::all_of(sweep.settings.begin(), sweep.settings.end(), [&](const RecipeChanges& setting) {
        return recipe_of(sweep, setting, one) == recipe_of(sweep, setting, other);
      });
      if (equal) refuse(item("/variants", i), "'" + one.name + "' trains exactly what '" + other.name + "' trains here; remove one");
    }
  }
}

/// One part, its pointers from its own root.
SweepPart read_part(const Json& json) {
  refuse_unknown_keys(json, part_keys());
  for (const char* key : {"dataset", "protocols"})
    if (!json.contains(key)) refuse("/", std::string("'") + key + "' is missing");

  SweepPart sweep;
  sweep.dataset = read_text(json["dataset"], "/dataset");
  if (json.contains("preset")) sweep.preset = read_choice(json["preset"], "/preset", preset_names());
  if (json.contains("windows")) update_from_json(sweep.windows, json["windows"], "/windows");
  if (json.contains("resources")) update_from_json(sweep.resources, json["resources"], "/resources");
  sweep.fixed = preset(sweep.preset);
  if (json.contains("fixed")) {
    update_from_json(sweep.fixed, json["fixed"], "/fixed");
    sweep.fixed_paths = paths_in(json["fixed"]);
  }
  sweep.settings = read_settings(json);

  const Json& variants = json.contains("variants") ? read_list(json["variants"], "/variants") : Json::array({"stdual_x"});
  for (std::size_t i = 0; i < variants.size(); ++i) sweep.variants.push_back(read_variant(variants[i], item("/variants", i)));
  refuse_equal_variants(sweep);

  const Json& protocols = read_list(json["protocols"], "/protocols");
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    SweepProtocol protocol = read_protocol(protocols[i], item("/protocols", i));
    for (std::size_t j = 0; j < i; ++j)
      if (const SweepProtocol& other = sweep.protocols[j]; other.spec == protocol.spec &&
                                                           other.validation_groups == protocol.validation_groups &&
                                                           other.usual_validation == protocol.usual_validation)
        refuse(item("/protocols", i), "says the same as " + item("/protocols", j) + "; remove one");
    sweep.protocols.push_back(std::move(protocol));
  }
  if (json.contains("folds")) sweep.folds = read_distinct(json["folds"], "/folds");
  sweep.seeds = json.contains("seeds") ? read_distinct(json["seeds"], "/seeds") : std::vector<std::int64_t>{1};
  sweep.conditions = json.contains("conditions") ? read_conditions(json["conditions"], "/conditions") : std::vector<EvaluationSpec>{{}};
  return sweep;
}

/// The sweep of a document; `id`, `text` and `source` are not set.
Sweep read_sweep(const Json& json) {
  refuse_unknown_keys(json, top_level_keys());
  Sweep sweep;
  if (!json.contains("name")) refuse("/", "'name' is missing");
  sweep.name = read_text(json["name"], "/name");
  for (const char* key : {"$schema", "description"})
    if (json.contains(key)) value_from_json<std::string>(json[key], std::string("/") + key);
  const std::string places = std::string("/") + places_key;
  if (json.contains(places_key)) {
    if (!json[places_key].is_object()) throw_wrong_type(places, "an object of paths by manifest", json[places_key]);
    for (const auto& [manifest, path] : json[places_key].items()) read_text(path, places + "/" + manifest);
  }
  Json rest = json;
  for (const char* key : {"name", "$schema", "description", places_key}) rest.erase(key);
  if (!json.contains("parts")) {
    sweep.parts.push_back(read_part(rest));
    return sweep;
  }
  for (const auto& [key, value] : rest.items())
    if (key != "parts") refuse("/" + key, "stands beside 'parts'; put it into the parts that it is meant for");
  const Json& parts = read_list(json["parts"], "/parts");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string pointer = item("/parts", i);
    try {
      sweep.parts.push_back(read_part(parts[i]));
    } catch (const InputError& error) {
      // "/protocols: ..." of the part, said of the file; "/: ..." is of the part itself.
      const std::string what = error.what();
      throw InputError(pointer + (what.starts_with("/: ") ? what.substr(1) : what));
    }
    sweep.parts.back().pointer = pointer;
  }
  return sweep;
}

/// The keys from the document's root to what an override's path names.
std::vector<std::string> override_keys(const std::string& path, const std::string& text) {
  const auto split = [](const std::string& dotted) {
    std::vector<std::string> keys(1);
    for (const char letter : dotted) {
      if (letter == '.') keys.emplace_back();
      else keys.back() += letter;
    }
    return keys;
  };
  std::vector<std::string> known = part_keys();
  known.emplace_back("name");
  if (std::find(known.begin(), known.end(), path) != known.end()) return {path};
  for (const auto& name : field_names<WindowSpec>()) known.push_back("windows." + name);
  for (const auto& name : field_names<SweepResources>()) known.push_back("resources." + name);
  if (std::find(known.begin(), known.end(), path) != known.end()) return split(path);

  const auto& recipe = recipe_paths();
  const auto dot = path.find('.');
  const std::string head = path.substr(0, dot), rest = dot == std::string::npos ? "" : path.substr(dot + 1);
  const bool rest_is_setting = std::find(recipe.begin(), recipe.end(), rest) != recipe.end();
  if (head == "random" && (rest == "count" || rest == "seed")) return {head, rest};
  if ((head == "grid" || head == "zip" || head == "random") && rest_is_setting) return {head, rest}; // there the path is one key
  if (head == "fixed" && rest_is_setting) return split(path);
  if (std::find(recipe.begin(), recipe.end(), path) != recipe.end()) return split("fixed." + path);

  known.insert(known.end(), recipe.begin(), recipe.end());
  std::string near = nearest_word(path, known);
  for (const auto& name : known)
    if (name.ends_with("." + path)) near = name; // the last word alone
  throw InputError("--set " + text + ": no such setting '" + path + "'" +
                   (near.empty() ? "; expected a path such as training.learning_rate, name or seeds" : "; did you mean '" + near + "'?"));
}

[[noreturn]] void refuse_below(const std::string& text, const std::string& pointer, const Json& place, const std::string& key) {
  throw InputError("--set " + text + ": " + (pointer.empty() ? "/" : pointer) + " is " + place.dump() + ", which has no " + key);
}

void apply_override(JsonFile& file, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError("--set " + text + ": expected PATH=VALUE, such as training.learning_rate=1e-3");
  const std::string value_text = text.substr(equals + 1);
  Json value = Json::parse(value_text, nullptr, false);
  if (value.is_discarded()) value = value_text; // name=second needs no quotes
  const std::vector<std::string> keys = override_keys(text.substr(0, equals), text);
  const auto apply = [&](Json* place, std::string pointer) {
    for (const auto& key : keys) {
      if (!place->is_null() && !place->is_object()) refuse_below(text, pointer, *place, key);
      place = &(*place)[key];
      pointer.append("/").append(key);
    }
    *place = value;
    // Of two overrides of one place, or of a part and then the whole, the later one speaks.
    const auto inside = [&](const auto& entry) { return entry.first.starts_with(pointer + "/"); };
    std::erase_if(file.source.overrides, inside);
    std::erase_if(file.source.lines, inside); // what stood there in the file is gone
    file.source.overrides[pointer] = text;
  };
  if (!file.value.contains("parts") || keys.front() == "name") return apply(&file.value, "");
  Json& parts = file.value["parts"];
  for (std::size_t i = 0; i < parts.size(); ++i) apply(&parts[i], item("/parts", i));
}

/// Finds manifests that a sweep names by a relative path: at the place that `places_key` gives, then beside the sweep's file, then where
/// the program runs. The document keeps what it says, so that one sweep has one identity wherever it lies. One in an override is looked for
/// where the program runs alone.
void find_manifests(const std::filesystem::path& folder, const JsonFile& file, const Json& places, Sweep& sweep) {
  for (SweepPart& part : sweep.parts) {
    const std::string pointer = part.pointer + "/dataset";
    if (!is_relative_manifest(part.dataset) || file.source.overrides.contains(pointer)) continue;
    if (places.contains(part.dataset)) {
      part.dataset = places[part.dataset].get<std::string>();
      continue;
    }
    const auto beside = std::filesystem::absolute(folder / part.dataset).lexically_normal();
    std::error_code none;
    if (std::filesystem::is_regular_file(beside, none)) {
      if (!std::filesystem::equivalent(beside, part.dataset, none)) part.dataset = beside.string();
    } else if (const auto here = std::filesystem::absolute(part.dataset).lexically_normal();
               !std::filesystem::is_regular_file(here, none)) {
      refuse(pointer, "there is no manifest '" + part.dataset + "'; looked at " + beside.string() + " (beside the sweep file)" +
                          (here == beside ? "" : " and " + here.string() + " (where the command runs)"));
    }
  }
}

/// `folder`: of the sweep's file; nullptr where it has none.
Sweep sweep_of(JsonFile file, const std::vector<std::string>& overrides, const std::filesystem::path* folder) {
  try {
    Sweep sweep = read_sweep(file.value);
    if (!overrides.empty()) {
      for (const auto& text : overrides) apply_override(file, text);
      sweep = read_sweep(file.value);
    }
    if (folder != nullptr) find_manifests(*folder, file, file.value.value(places_key, Json::object()), sweep);
    for (const char* key : {"$schema", "description", places_key}) file.value.erase(key);
    sweep.text = canonical_json(file.value);
    sweep.id = sha256_hex(sweep.text);
    sweep.source = std::move(file.source);
    return sweep;
  } catch (const InputError& error) {
    if (std::string_view(error.what()).starts_with("--set ")) throw;
    file.source.fail(error);
  }
}

} // namespace

Recipe recipe_of(const SweepPart& part, const RecipeChanges& setting, const SweepVariant& variant) {
  Recipe recipe = part.fixed;
  for (const auto& [path, value] : setting) set_recipe_value(recipe, path, value, path);
  apply_variant(variant.base, recipe);
  for (const auto& [path, value] : variant.set) set_recipe_value(recipe, path, value, path);
  clear_unused(recipe.model);
  if (recipe.training.triplet_weight == 0) recipe.training.triplet_margin = 0, recipe.training.triplet_positives = "any";
  if (recipe.training.augmentation.rotation_degrees == 0) recipe.training.augmentation.rotation_by_sensor = false;
  return recipe;
}

Sweep load_sweep(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const std::filesystem::path folder = path.parent_path();
  return sweep_of(read_json_file(path), overrides, &folder);
}

Sweep load_sweep_text(std::string_view text, const std::string& name, const std::vector<std::string>& overrides) {
  return sweep_of(parse_json(text, name), overrides, nullptr);
}

} // namespace stdualx
