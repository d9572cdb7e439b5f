#include "experiments/spec/condition.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace stdualx {

namespace {

struct Kind {
  std::string_view name;
  double least, most; // of the amount
  bool fills, draws, whole;
  std::string_view amount_words;
};

constexpr std::array<Kind, 7> kinds = {{
    {"missing_samples", 0.0001, 0.99, true, true, false, "a share from 0.0001 to 0.99"},
    {"missing_blocks", 0.0001, 0.99, true, true, false, "a share from 0.0001 to 0.99"},
    {"missing_sensor", 0, 1023, true, false, true, "the number of a sensor, from 0"},
    {"noise", -60, 100, false, true, false, "a signal-to-noise ratio from -60 to 100 dB"},
    {"gain", 0.0001, 10, false, true, false, "a standard deviation from 0.0001 to 10"},
    {"rotation", 0.01, 180, false, true, false, "degrees from 0.01 to 180"},
    {"clock_jitter", 0.0001, 100, false, true, false, "sample periods from 0.0001 to 100"},
}};

/// The shortest text that reads back as this number.
std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

template <class Number> bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char letter : name) {
    if (letter == '/') parts.emplace_back();
    else parts.back() += letter;
  }
  return parts;
}

std::string form(const Kind& kind) {
  return std::string(kind.name) + "/AMOUNT" + (kind.fills ? "/FILL" : "") + (kind.draws ? "/SEED" : "");
}

} // namespace

std::string condition_name(const Condition& condition) {
  if (condition.kind == "clean") return condition.kind;
  std::string name = condition.kind + "/" + number_text(condition.amount);
  if (!condition.fill.empty()) name.append("/").append(condition.fill);
  if (condition.seed != 0) name.append("/").append(std::to_string(condition.seed));
  return name;
}

Condition condition_of(const std::string& name) {
  if (name == "clean") return {};
  const std::vector<std::string> parts = parts_of(name);
  const auto* const kind = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& one) { return one.name == parts[0]; });
  if (kind == kinds.end()) {
    std::vector<std::string> known{"clean"};
    std::string list = "clean";
    for (const Kind& one : kinds) {
      known.emplace_back(one.name);
      list.append(", ").append(form(one));
    }
    const std::string near = nearest_word(parts[0], known);
    throw InputError("expected " + list + ", found '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  const auto refuse = [&](std::string_view what) {
    throw InputError("expected " + form(*kind) + " with " + std::string(what) + ", found '" + name + "'");
  };
  if (parts.size() != 2 + std::size_t{kind->fills} + std::size_t{kind->draws}) refuse("that many parts");
  Condition condition{parts[0], 0, "", 0};
  if (!parse(parts[1], condition.amount) || !(condition.amount >= kind->least && condition.amount <= kind->most) ||
      (kind->whole && condition.amount != static_cast<double>(static_cast<std::int64_t>(condition.amount))))
    refuse("as AMOUNT " + std::string(kind->amount_words));
  if (kind->fills) {
    condition.fill = parts[2];
    if (condition.fill != "last" && condition.fill != "zero" && condition.fill != "linear") refuse("as FILL last, zero or linear");
  }
  if (kind->draws && (!parse(parts.back(), condition.seed) || condition.seed < 1 || condition.seed > 1000000))
    refuse("as SEED a whole number from 1 to 1000000");
  if (condition_name(condition) != name) refuse("numbers in their shortest form ('" + condition_name(condition) + "')");
  return condition;
}

} // namespace stdualx
