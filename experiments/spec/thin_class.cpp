// See thin_class.h.
#include "experiments/spec/thin_class.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace stdualx {

namespace {

/// "3", "0, 1 and 2".
std::string listed(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    text += (i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ") + std::to_string(numbers[i]);
  return text;
}
std::string folds(const std::vector<std::int64_t>& numbers) { return (numbers.size() == 1 ? "fold " : "folds ") + listed(numbers); }
std::string people(const std::vector<std::int64_t>& numbers) { return (numbers.size() == 1 ? "person " : "people ") + listed(numbers); }

} // namespace

std::vector<std::string> thin_class_words(const std::vector<ThinClass>& thin) {
  // By data set, protocol, class; then what is said of it, with the folds of which it is.
  struct Said {
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> folds;
  };
  std::vector<std::pair<std::tuple<std::string, std::string, std::string>, Said>> classes;
  for (const ThinClass& one : thin) {
    const std::tuple key{one.dataset, one.protocol, one.name};
    auto place = std::find_if(classes.begin(), classes.end(), [&](const auto& entry) { return entry.first == key; });
    if (place == classes.end()) place = classes.insert(classes.end(), {key, {}});
    const std::string what = one.nobody ? "nobody did" + (one.tested.empty() ? "" : " (" + people(one.tested) + " tested with it)")
                                        : people({one.person}) + " alone did";
    auto& said = place->second.folds;
    auto known = std::find_if(said.begin(), said.end(), [&](const auto& entry) { return entry.first == what; });
    if (known == said.end()) known = said.insert(said.end(), {what, {}});
    if (std::find(known->second.begin(), known->second.end(), one.fold) == known->second.end()) known->second.push_back(one.fold);
  }
  std::vector<std::string> sentences;
  for (const auto& [key, said] : classes) {
    const auto& [dataset, protocol, name] = key;
    std::string text;
    for (const auto& [what, numbers] : said.folds) text += (text.empty() ? " " : "; ") + what + " in " + folds(numbers);
    sentences.push_back(dataset + ", " + protocol + ": of the people trained on, class '" + name + "':" + text);
  }
  return sentences;
}

} // namespace stdualx
