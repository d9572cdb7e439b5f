// See profile.h.
#include "orchestrator/commands/profile.h"

#include "experiments/archive.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/fields.h"
#include "orchestrator/commands/command.h"

#include <boost/any.hpp>

#include <cstdlib>
#include <vector>

namespace stdualx {

namespace {

namespace options = boost::program_options;
using Words = std::vector<std::string>;

/// One of `described` that takes a value, as a person would type it.
Words words_of(const std::string& where, const std::string& key, const Json& value, const options::options_description& described) {
  std::vector<std::string> known;
  bool is_known = false;
  for (const auto& option : described.options()) {
    if (option->long_name() == "profile" || option->semantic()->max_tokens() == 0) continue;
    known.push_back(option->long_name());
    is_known = is_known || option->long_name() == key;
  }
  if (!is_known) {
    const std::string near = nearest_word(key, known);
    throw InputError(where + "/" + key + ": no option of `stdualx submit` that takes a value" +
                     (near.empty() ? "; its --help lists them" : "; did you mean '" + near + "'?"));
  }
  Words words;
  for (const Json& one : value.is_array() ? value : Json::array({value})) {
    if (!one.is_string() && !one.is_number_integer())
      throw InputError(where + "/" + key + ": expected a text, a whole number, or a list of them, found " + one.dump());
    words.push_back("--" + key + "=" + (one.is_string() ? one.get<std::string>() : one.dump()));
  }
  return words;
}

} // namespace

std::filesystem::path profile_file() {
  const char* configuration = std::getenv("XDG_CONFIG_HOME");
  const std::filesystem::path folder =
      configuration != nullptr && *configuration == '/' ? std::filesystem::path(configuration) : home_folder("XDG_CONFIG_HOME") / ".config";
  return folder / "stdualx" / "cluster.json";
}

void add_profile(const std::string& name, const options::options_description& described, options::variables_map& values) {
  const std::filesystem::path file = profile_file();
  if (!std::filesystem::exists(file)) {
    if (name.empty()) return;
    throw InputError("--profile " + name + ": there is no " + file.string() + "; `stdualx submit --help` says what it may hold");
  }
  const Json profiles = Json::parse(read_file(file), nullptr, false);
  if (!profiles.is_object()) throw InputError(file.string() + ": expected a JSON object of profiles by their names");
  const std::string wanted = name.empty() ? "default" : name;
  if (!profiles.contains(wanted)) {
    if (name.empty()) return;
    std::vector<std::string> known;
    for (const auto& [each, profile] : profiles.items()) known.push_back(each);
    const std::string near = nearest_word(name, known);
    throw InputError("--profile " + name + ": " + file.string() + " holds none of that name" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  const std::string where = file.string() + ": /" + wanted;
  if (!profiles[wanted].is_object()) throw InputError(where + ": expected an object of options");
  Words words;
  for (const auto& [key, value] : profiles[wanted].items())
    for (std::string& word : words_of(where, key, value, described)) words.push_back(std::move(word));
  options::variables_map site;
  try {
    options::store(options::command_line_parser(words).options(described).run(), site);
  } catch (const options::error& error) {
    throw InputError(where + ": " + error.what());
  }
  // The command line chooses between GPUs and workers without, whatever the site is used to.
  const bool sized = values.count("gpus-per-node") != 0 || values.count("workers-per-node") != 0;
  for (auto& [key, value] : site) {
    if (value.defaulted() || (sized && (key == "gpus-per-node" || key == "workers-per-node"))) continue;
    auto& mine = static_cast<std::map<std::string, options::variable_value>&>(values)[key];
    if (Words* list = boost::any_cast<Words>(&value.value()); list != nullptr && !mine.empty()) {
      const auto& further = mine.as<Words>();
      list->insert(list->end(), further.begin(), further.end());
      mine.value() = *list;
    } else if (mine.empty() || mine.defaulted()) {
      mine = value;
    }
  }
}

} // namespace stdualx
