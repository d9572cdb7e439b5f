// One description of a struct's fields serves its JSON, its identity, its checks and its schema.
//
// A noun of this folder declares `static const auto& fields()`, a tuple of Field. From it follow
//   to_json_all(value)    every field, for the store and files
//   difference_json(value, base)  the fields in which two differ, for messages; update_from_json(base, ...) is the way back
//   identity_json(value)  the fields that differ from their neutral value, for the SHA-256 of a run: a field added later,
//                         at its neutral value, changes no old identity; a changed default does
//   from_identity_json<T>(json)  the way back
//   from_json(json, ...)  strict: an unknown key, a wrong type or a value out of range is an InputError that names the
//                         JSON pointer and the nearest known key
//   schema<Struct>()      JSON Schema (draft 2020-12) for editors
// Values are typed by their field: 1, 1.0 and 1e0 are one number.
#pragma once

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "experiments/spec/errors.h"

namespace stdualx {

using Json = nlohmann::json;

/// One field: its JSON name, where it lies, the value at which its feature is absent, a sentence, and what is allowed.
template <class Struct, class Value> struct Field {
  std::string_view name;
  Value Struct::*member;
  Value neutral;
  std::string_view help;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};
};

/// A field without limits.
template <class Struct, class Value>
Field<Struct, Value> field(std::string_view name, Value Struct::*member, std::type_identity_t<Value> neutral, std::string_view help) {
  return {name, member, std::move(neutral), help};
}
/// A number between `minimum` and `maximum`, both allowed.
template <class Struct, class Value> Field<Struct, Value> number(std::string_view name, Value Struct::*member,
                                                                 std::type_identity_t<Value> neutral, double minimum, double maximum,
                                                                 std::string_view help) {
  return {name, member, neutral, help, minimum, maximum};
}
/// A string out of `choices`.
template <class Struct> Field<Struct, std::string> choice(std::string_view name, std::string Struct::*member, std::string neutral,
                                                          const std::vector<std::string_view>& choices, std::string_view help) {
  Field<Struct, std::string> field{name, member, std::move(neutral), help};
  field.choices = choices;
  return field;
}

template <class Value>
concept HasFields = requires {
  Value::fields();
};

namespace detail {
template <class Value> struct IsVector : std::false_type {};
template <class Value> struct IsVector<std::vector<Value>> : std::true_type {};
} // namespace detail

/// The known word nearest to `word` by edit distance, or "" when none is near (over a third of its letters differ).
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

/// "/training/learning_rat: unknown key; did you mean 'learning_rate'?" Keys of a struct, in order.
[[noreturn]] void throw_unknown_key(const std::string& pointer, std::string_view key, const std::vector<std::string>& known);
[[noreturn]] void throw_wrong_type(const std::string& pointer, std::string_view expected, const Json& found);
[[noreturn]] void throw_out_of_range(const std::string& pointer, double minimum, double maximum, const Json& found);
[[noreturn]] void throw_not_a_choice(const std::string& pointer, const std::vector<std::string_view>& choices, const Json& found);

template <class Value> Json value_to_json(const Value& value);
template <HasFields Struct> Json to_json_all(const Struct& value);
template <HasFields Struct> void update_from_json(Struct& target, const Json& json, const std::string& pointer);

template <class Value> Json value_to_json(const Value& value) {
  if constexpr (HasFields<Value>) {
    return to_json_all(value);
  } else if constexpr (detail::IsVector<Value>::value) {
    Json array = Json::array();
    for (const auto& item : value) array.push_back(value_to_json<typename Value::value_type>(item));
    return array;
  } else {
    return value;
  }
}

/// Every field, also those at their neutral value.
template <HasFields Struct> Json to_json_all(const Struct& value) {
  Json json = Json::object();
  std::apply([&](const auto&... field) { ((json[std::string(field.name)] = value_to_json(value.*(field.member))), ...); },
             Struct::fields());
  return json;
}

/// The fields in which `value` differs from `base`; nested structs are left out when nothing in them differs. NaN differs from itself.
template <HasFields Struct> Json difference_json(const Struct& value, const Struct& base) {
  Json json = Json::object();
  const auto add = [&](const auto& field) {
    const auto& member = value.*(field.member);
    if constexpr (HasFields<std::remove_cvref_t<decltype(member)>>) {
      Json nested = difference_json(member, base.*(field.member));
      if (!nested.empty()) json[std::string(field.name)] = std::move(nested);
    } else if (!(member == base.*(field.member))) {
      json[std::string(field.name)] = value_to_json(member);
    }
  };
  std::apply([&](const auto&... field) { (add(field), ...); }, Struct::fields());
  return json;
}

/// Puts every field at its neutral value.
template <HasFields Struct> void make_neutral(Struct& target) {
  const auto set = [&](const auto& field) {
    auto& member = target.*(field.member);
    if constexpr (HasFields<std::remove_cvref_t<decltype(member)>>) make_neutral(member);
    else member = field.neutral;
  };
  std::apply([&](const auto&... field) { (set(field), ...); }, Struct::fields());
}

/// The fields that are not neutral.
template <HasFields Struct> Json identity_json(const Struct& value) {
  static const Struct neutral = [] {
    Struct made{};
    make_neutral(made);
    return made;
  }();
  return difference_json(value, neutral);
}

template <class Value> Value value_from_json(const Json& json, const std::string& pointer);

/// Reads one value of the field's type; `pointer` is its JSON pointer, for messages.
template <class Value> Value value_from_json(const Json& json, const std::string& pointer) {
  if constexpr (HasFields<Value>) {
    Value value{};
    update_from_json(value, json, pointer);
    return value;
  } else if constexpr (detail::IsVector<Value>::value) {
    if (!json.is_array()) throw_wrong_type(pointer, "a list", json);
    Value values;
    for (std::size_t i = 0; i < json.size(); ++i)
      values.push_back(value_from_json<typename Value::value_type>(json[i], pointer + "/" + std::to_string(i)));
    return values;
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (!json.is_boolean()) throw_wrong_type(pointer, "true or false", json);
    return json.get<bool>();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    if (!json.is_string()) throw_wrong_type(pointer, "a string", json);
    return json.get<std::string>();
  } else if constexpr (std::is_integral_v<Value>) {
    if (json.is_number_float()) {
      const double number = json.get<double>();
      if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) throw_wrong_type(pointer, "a whole number", json);
      return static_cast<Value>(number);
    }
    if (!json.is_number_integer()) throw_wrong_type(pointer, "a whole number", json);
    return json.get<Value>();
  } else {
    static_assert(std::is_same_v<Value, double>, "a field's type has no JSON form");
    if (json.is_null()) return std::numeric_limits<double>::quiet_NaN(); // JSON has no NaN; a missing measure is one
    if (!json.is_number()) throw_wrong_type(pointer, "a number", json);
    return json.get<double>();
  }
}

template <HasFields Struct> std::vector<std::string> field_names() {
  std::vector<std::string> names;
  std::apply([&](const auto&... field) { (names.emplace_back(field.name), ...); }, Struct::fields());
  return names;
}

/// Sets the fields that `json` (an object) names and leaves the others. Throws InputError for unknown keys, types, ranges.
template <HasFields Struct> void update_from_json(Struct& target, const Json& json, const std::string& pointer) {
  if (!json.is_object()) throw_wrong_type(pointer, "an object", json);
  for (const auto& entry : json.items()) {
    const std::string& key = entry.key();
    const Json& item = entry.value();
    std::string here = pointer;
    here.append("/").append(key);
    bool known = false;
    const auto try_field = [&](const auto& field) {
      if (field.name != key) return;
      known = true;
      auto& member = target.*(field.member);
      using Value = std::remove_cvref_t<decltype(member)>;
      if constexpr (HasFields<Value>) {
        update_from_json(member, item, here);
      } else {
        Value value = value_from_json<Value>(item, here);
        if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
          const double number = static_cast<double>(value);
          const bool limited = std::isfinite(field.minimum) || std::isfinite(field.maximum);
          if ((std::isnan(number) && limited) || number < field.minimum || number > field.maximum)
            throw_out_of_range(here, field.minimum, field.maximum, item);
        }
        if constexpr (std::is_same_v<Value, std::string>) {
          bool allowed = field.choices.empty();
          for (const auto& choice : field.choices) allowed = allowed || choice == value;
          if (!allowed) throw_not_a_choice(here, field.choices, item);
        }
        member = std::move(value);
      }
    };
    std::apply([&](const auto&... field) { (try_field(field), ...); }, Struct::fields());
    if (!known) throw_unknown_key(pointer, key, field_names<Struct>());
  }
}

/// A whole struct from an object; fields that are not named keep their defaults.
template <HasFields Struct> Struct from_json(const Json& json, const std::string& pointer = "") {
  Struct value{};
  update_from_json(value, json, pointer);
  return value;
}

/// What identity_json(value) was made of: fields that are not named are neutral.
template <HasFields Struct> Struct from_identity_json(const Json& json) {
  Struct value{};
  make_neutral(value);
  update_from_json(value, json, "");
  return value;
}

/// JSON Schema of one struct: types, ranges, choices, the help sentence, no further keys.
template <HasFields Struct> Json schema() {
  Json properties = Json::object();
  const auto add = [&](const auto& field) {
    using Value = std::remove_cvref_t<decltype(std::declval<Struct>().*(field.member))>;
    Json property;
    if constexpr (HasFields<Value>) {
      property = schema<Value>();
    } else if constexpr (detail::IsVector<Value>::value) {
      using Item = typename Value::value_type;
      property["type"] = "array";
      if constexpr (HasFields<Item>) property["items"] = schema<Item>();
    } else {
      property["type"] = std::is_same_v<Value, bool>          ? "boolean"
                         : std::is_same_v<Value, std::string> ? "string"
                         : std::is_integral_v<Value>          ? "integer"
                                                              : "number";
      if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
        if (std::isfinite(field.minimum)) property["minimum"] = field.minimum;
        if (std::isfinite(field.maximum)) property["maximum"] = field.maximum;
      }
      for (const auto& choice : field.choices) property["enum"].push_back(choice);
    }
    property["description"] = field.help;
    properties[std::string(field.name)] = std::move(property);
  };
  std::apply([&](const auto&... field) { (add(field), ...); }, Struct::fields());
  return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

} // namespace stdualx
