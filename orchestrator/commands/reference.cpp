// `stdualx reference`: commands, views and the keys of files as Markdown, out of what the program itself reads with.
#include "orchestrator/commands/reference.h"

#include "experiments/datasets/manifest.h"
#include "experiments/sweep.h"
#include "orchestrator/exit_statuses.h"
#include "orchestrator/terminal.h"
#include "results/view_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <map>
#include <set>

namespace stdualx {

bool CommandOptions::is_place(const std::string& name) const {
  return std::any_of(positional.begin(), positional.end(), [&](const std::string& place) {
    const std::string bare = place.starts_with('[') ? place.substr(1, place.find(']') - 1) : place;
    return bare == name;
  });
}

std::vector<std::string> first_words(const Command& command) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= command.usage.size();) {
    const std::size_t end = std::min(command.usage.find('|', begin), command.usage.size());
    const std::string choice = command.usage.substr(begin, end - begin);
    const std::size_t first = choice.find_first_not_of(' ');
    const std::string word = first == std::string::npos ? "" : choice.substr(first, choice.find(' ', first) - first);
    if (!word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos) words.push_back(word);
    begin = end + 1;
  }
  return words;
}

std::vector<std::string> listed_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char letter : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_') word += letter;
    else if (!word.empty()) {
      if (word != "or") words.push_back(word);
      word.clear();
    }
  }
  return words;
}

namespace {

/// A text inside a cell of a table.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char letter : text) escaped += letter == '|' ? std::string("\\|") : letter == '\n' ? std::string(" ") : std::string(1, letter);
  return escaped;
}
std::string code(const std::string& text) { return "`" + cell(text) + "`"; }

std::string table(const std::vector<std::string>& titles, const std::vector<std::vector<std::string>>& rows) {
  const auto line = [](const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); };
  std::string text = line(titles) + line(std::vector<std::string>(titles.size(), "---"));
  for (const auto& row : rows) text += line(row);
  return text;
}

std::string options_table(const CommandOptions& known) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& option : known.described) {
    const std::string& name = option->long_name();
    const bool place = known.is_place(name);
    const std::string value = place ? "" : option->format_parameter(); // "FILE (=results.db)"
    std::string typed = place ? name : name == "help" ? "--help, -h" : "--" + name;
    if (!value.empty()) typed += " " + value;
    rows.push_back({code(typed), cell(option->description())});
  }
  return table({"option", "meaning"}, rows);
}

std::string command_section(const Command& command) {
  std::string text = fmt::format("## {}\n\n{}\n\n    stdualx {} {}\n\nFor example:\n\n    {}\n\n", command.name, command.summary,
                                 command.name, command.usage, command.example);
  text += options_table(options_of(command));
  if (command.name == "bench") // its other form takes options of its own
    text += "\n### bench scheduler\n\n" + options_table(options_of(command, {"scheduler"}));
  return text + "\n";
}

std::string commands_page() {
  std::string text = "# Commands\n\n";
  for (const auto& command : commands())
    if (!command.hidden) text += fmt::format("- [{0}](#{0}): {1}\n", command.name, command.summary);
  text += "\n";
  for (const auto& command : commands())
    if (!command.hidden) text += command_section(command);
  std::vector<std::vector<std::string>> rows;
  for (const auto& known : exit_statuses()) rows.push_back({std::to_string(known.status), known.words, cell(known.advice)});
  return text + "## Exit status\n\n" + table({"status", "words", "when, and what to do"}, rows);
}

std::string views_page() {
  std::string text = "# Views\n\nWhat `stdualx query` asks. Columns may be added to a view, never renamed.\n";
  for (const DescribedView& view : described_views()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& column : view.columns) rows.push_back({code(column.name), cell(column.sentence)});
    text += fmt::format("\n## {}\n\n{}\n\n{}", view.name, view.sentence, table({"column", "meaning"}, rows));
  }
  return text;
}

/// The keys of a file out of its JSON Schema, one row each.
class SchemaKeys {
public:
  explicit SchemaKeys(const Json& root) : root_(root) { add_object(root, ""); }
  std::string text() const { return table({"key", "value", "meaning"}, rows_); }

private:
  const Json& resolved(const Json& schema) const {
    if (!schema.contains("$ref")) return schema;
    const auto name = schema["$ref"].get<std::string>();
    return root_["$defs"].at(name.substr(name.rfind('/') + 1)); // names hold dots, no slashes
  }

  static std::string number_words(const Json& schema) {
    std::string words = schema["type"] == "integer" ? "whole number" : "number";
    if (schema.contains("minimum")) words += fmt::format(" from {:.16g}", schema["minimum"].get<double>());
    if (schema.contains("maximum")) words += fmt::format(" to {:.16g}", schema["maximum"].get<double>());
    return words;
  }

  /// What a value may be, in words.
  std::string value_words(const Json& given) const {
    const Json& schema = resolved(given);
    if (schema.contains("enum")) {
      std::vector<std::string> names;
      for (const Json& name : schema["enum"]) names.push_back("`" + name.get<std::string>() + "`");
      return fmt::format("{}", fmt::join(names, ", "));
    }
    if (schema.contains("oneOf")) {
      std::vector<std::string> kinds;
      for (const Json& kind : schema["oneOf"]) kinds.push_back(value_words(kind));
      return fmt::format("{}", fmt::join(kinds, "; or "));
    }
    const std::string type = schema.value("type", "any value");
    if (type == "array") return schema.contains("items") ? "list of: " + value_words(schema["items"]) : "list";
    if (type == "integer" || type == "number") return number_words(schema);
    if (type == "boolean") return "true or false";
    if (type == "object" && given.contains("$ref")) {
      std::vector<std::string> keys;
      for (const auto& [key, value] : schema["properties"].items()) keys.push_back("`" + key + "`");
      return "object of " + fmt::format("{}", fmt::join(keys, ", ")) + ", as here";
    }
    return type;
  }

  /// Keys with a dot are paths of settings, which are listed once under `fixed`.
  static bool is_path(const std::string& key) { return key.find('.') != std::string::npos; }

  void add_paths(const Json& properties, const std::string& prefix) {
    std::set<std::string> kinds; // of the values, over all paths
    bool objects = false;
    for (const auto& [key, value] : properties.items()) {
      if (!is_path(key)) continue;
      objects = value.value("type", "") == "object";
      if (objects)
        for (const auto& [kind, ignored] : value["properties"].items()) kinds.insert("`{\"" + kind + "\": [...]}`");
      else kinds.insert(value.value("type", "") == "array" ? "list of values" : "value");
    }
    if (kinds.empty()) return;
    rows_.push_back({code(prefix + "PATH"), (objects ? "one of " : "") + fmt::format("{}", fmt::join(kinds, ", ")),
                     "PATH: a key below `fixed`, with dots, such as `training.learning_rate`"});
  }

  void add_nested(const Json& schema, const std::string& path) {
    if (schema.contains("$ref")) return;
    if (schema.contains("oneOf"))
      for (const Json& kind : schema["oneOf"]) add_nested(kind, path);
    else if (schema.contains("properties")) add_object(schema, path + ".");
    else if (schema.contains("items")) add_nested(schema["items"], path + "[]");
  }

  void add_object(const Json& schema, const std::string& prefix) {
    const Json required = schema.value("required", Json::array());
    for (const auto& [key, value] : schema["properties"].items()) {
      if (is_path(key)) continue;
      std::string meaning = value.value("description", "");
      if (std::find(required.begin(), required.end(), Json(key)) != required.end()) meaning += meaning.empty() ? "required" : " (required)";
      rows_.push_back({code(prefix + key), cell(value_words(value)), cell(meaning)});
      add_nested(value, prefix + key);
    }
    add_paths(schema["properties"], prefix);
  }

  const Json& root_;
  std::vector<std::vector<std::string>> rows_;
};

std::string sweep_page() {
  const Json schema = sweep_schema();
  return "# Sweep file\n\nA sweep file is strict JSON; an unknown key is an error. A dot is a key inside an object, `[]` each item of a "
         "list. "
         "`experiments/sweep.schema.json` says the same to editors.\n\n" +
         schema["description"].get<std::string>() + "\n\n" + SchemaKeys(schema).text();
}

std::string manifest_page() {
  return "# Manifest\n\nA manifest is strict JSON beside CSV files of your own; an unknown key is an error. A dot is a key inside an "
         "object, "
         "`[]` each item of a list. `stdualx data verify MANIFEST` checks one.\n\n" +
         SchemaKeys(schema<Manifest>()).text();
}

} // namespace

int reference_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  described.add_options()("PAGE", options::value<std::string>(),
                          "commands: these and their options; views: columns that `query` asks for; sweep_file, manifest: keys of these "
                          "files; man: the commands as a manual page");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"PAGE"}, values)) return 0;
  const auto page = values["PAGE"].as<std::string>();
  const std::map<std::string, std::string (*)()> pages = {
      {"commands", commands_page}, {"views", views_page}, {"sweep_file", sweep_page}, {"manifest", manifest_page}};
  if (page == "man") {
    const std::string text = man_page();
    carry_data(std::cout);
    std::cout << text;
    return 0;
  }
  const auto chosen = pages.find(page);
  if (chosen == pages.end()) {
    const std::string near = nearest_word(page, first_words(command));
    throw InputError("reference: expected commands, views, sweep_file, manifest or man, found '" + page + "'" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  const std::string text = chosen->second();
  carry_data(std::cout);
  std::cout << "Printed by `stdualx reference " << page << "`; `make docs` writes it anew.\n\n" << text;
  return 0;
}

} // namespace stdualx
