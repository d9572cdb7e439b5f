// See command.h.
#include "orchestrator/commands/command.h"

#include "experiments/plan.h"
#include "experiments/sweep.h"

#include <cstdlib>
#include <iostream>

namespace stdualx {

bool parse_options(const Command& command, const std::vector<std::string>& arguments, const options::options_description& described,
                   const std::vector<std::string>& positional, options::variables_map& values) {
  options::options_description all("options");
  all.add(described);
  all.add_options()("help,h", "this text");
  options::positional_options_description places;
  const auto is_optional = [](const std::string& name) { return name.starts_with('['); };
  const auto bare = [&](const std::string& name) { return is_optional(name) ? name.substr(1, name.find(']') - 1) : name; };
  for (const auto& name : positional) places.add(bare(name).c_str(), name.ends_with("...") ? -1 : 1);
  try {
    options::store(options::command_line_parser(arguments)
                       .options(all)
                       .positional(places)
                       .style(options::command_line_style::unix_style & ~options::command_line_style::allow_guessing)
                       .run(),
                   values);
    if (values.count("help") != 0) {
      std::cout << "stdualx " << command.name << " " << command.usage << "\n\n"
                << command.summary << "\n\n"
                << all << "\nexample\n  " << command.example << "\n";
      return false;
    }
    options::notify(values);
  } catch (const options::unknown_option& error) {
    std::vector<std::string> known;
    for (const auto& option : all.options()) known.push_back("--" + option->long_name());
    const std::string near = nearest_word(error.get_option_name(), known);
    throw InputError("stdualx " + command.name + ": unknown option '" + error.get_option_name() + "'" +
                     (near.empty() ? "; `stdualx " + command.name + " --help` lists them" : "; did you mean '" + near + "'?"));
  } catch (const options::error& error) {
    throw InputError("stdualx " + command.name + ": " + error.what() + "; usage: stdualx " + command.name + " " + command.usage);
  }
  for (const auto& name : positional)
    if (!is_optional(name) && values.count(name) == 0)
      throw InputError("stdualx " + command.name + ": " + name + " is missing; usage: stdualx " + command.name + " " + command.usage);
  return true;
}

void add_store_option(options::options_description& described) {
  described.add_options()("store", options::value<std::string>()->default_value("results.db")->value_name("FILE"), "the SQLite file");
}
std::filesystem::path store_path(const options::variables_map& values) {
  return std::filesystem::absolute(values["store"].as<std::string>());
}
std::filesystem::path store_directory(const std::filesystem::path& store) { return store.string() + ".d"; }

void add_format_option(options::options_description& described) {
  described.add_options()("format", options::value<std::string>()->default_value("table")->value_name("F"),
                          "table, csv, json, markdown or latex");
}
Format output_format(const options::variables_map& values) { return format_named(values["format"].as<std::string>()); }

void add_data_options(options::options_description& described) {
  described.add_options()("data", options::value<std::string>()->value_name("DIR"),
                          "where data sets are looked for (default: $STDUALX_DATA, ../shared/data, data)")(
      "cache", options::value<std::string>()->value_name("DIR"),
      "where window caches are kept (default: $STDUALX_CACHE, ~/.cache/stdualx)");
}

DataPaths data_paths(const options::variables_map& values) {
  DataPaths paths;
  const char* data = std::getenv("STDUALX_DATA");
  if (values.count("data") != 0) paths.data_directory = values["data"].as<std::string>();
  else if (data != nullptr && *data != '\0') paths.data_directory = data;
  else paths.data_directory = std::filesystem::is_directory("../shared/data") ? "../shared/data" : "data";
  const char* cache = std::getenv("STDUALX_CACHE");
  const char* home = std::getenv("HOME");
  if (values.count("cache") != 0) paths.cache_directory = values["cache"].as<std::string>();
  else if (cache != nullptr && *cache != '\0') paths.cache_directory = cache;
  else paths.cache_directory = std::filesystem::path(home != nullptr ? home : ".") / ".cache" / "stdualx";
  paths.data_directory = std::filesystem::absolute(paths.data_directory);
  paths.cache_directory = std::filesystem::absolute(paths.cache_directory);
  return paths;
}

void add_sweep_options(options::options_description& described) {
  described.add_options()("SPEC", options::value<std::string>(), "the sweep file")(
      "set", options::value<std::vector<std::string>>()->composing()->value_name("PATH=VALUE"),
      "override, e.g. training.learning_rate=1e-3")("skip-missing-data",
                                                    "leave out the parts of the sweep whose recordings are not there, instead of an error");
}

Plan plan_from(const options::variables_map& values) {
  const std::vector<std::string> overrides =
      values.count("set") != 0 ? values["set"].as<std::vector<std::string>>() : std::vector<std::string>{};
  const Sweep sweep = load_sweep(values["SPEC"].as<std::string>(), overrides);
  if (values.count("skip-missing-data") == 0) return make_plan(sweep, data_paths(values));
  std::vector<std::string> skipped;
  Plan plan = make_plan(sweep, data_paths(values), &skipped);
  for (const std::string& part : skipped) std::cerr << "stdualx: left out: " << part << "\n";
  return plan;
}

} // namespace stdualx
