// See settings.h.
#include "results/settings.h"

#include <algorithm>
#include <utility>

#include "experiments/spec/fields.h"
#include "experiments/spec/human_text.h"
#include "results/config_fields.h"
#include "results/format.h"

namespace stdualx {

namespace {

bool has_column(const std::string& pointer) { return settings_with_columns().contains(pointer) || pointer.starts_with("/protocol/"); }

std::string last_word(const std::string& pointer) { return pointer.substr(pointer.rfind('/') + 1); }

Cell cell_of(const std::string& json_text) {
  const Json value = Json::parse(json_text, nullptr, false);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return Real{value.get<double>()};
  return json_text;
}

} // namespace

Settings settings_of(const RunSpec& run) { return flattened(to_json_all(run)); }

const std::set<std::string>& settings_with_columns() {
  static const std::set<std::string> all{"/fold",   "/seed",       "/dataset",         "/dataset_hash",       "/variant",
                                         "/preset", "/world_size", "/training/epochs", "/windows/null_class", "/code_version"};
  return all;
}

void add_differing_settings(Table& table, const std::vector<std::string>& groups, const std::vector<const Settings*>& settings,
                            const std::string& before) {
  std::map<std::string, std::set<const Settings*>> kinds; // by group; runs of one recipe share their settings
  for (std::size_t row = 0; row < settings.size(); ++row)
    if (settings[row] != nullptr) kinds[groups[row]].insert(settings[row]);
  std::set<std::string> differing;
  for (const auto& [group, members] : kinds) {
    std::map<std::string, std::pair<std::string, std::size_t>> seen; // pointer -> first value, how many have it
    for (const Settings* member : members)
      for (const auto& [pointer, value] : *member) {
        if (has_column(pointer)) continue;
        auto& [first, count] = seen.try_emplace(pointer, value, 0).first->second;
        ++count;
        if (first != value) differing.insert(pointer);
      }
    for (const auto& [pointer, value] : seen)
      if (value.second < members.size()) differing.insert(pointer); // left out where it is neutral
  }
  auto place = std::find(table.columns.begin(), table.columns.end(), before) - table.columns.begin();
  for (const std::string& pointer : differing) {
    const auto alike =
        std::count_if(differing.begin(), differing.end(), [&](const std::string& other) { return last_word(other) == last_word(pointer); });
    std::string name = alike == 1 ? last_word(pointer) : pointer.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    table.columns.insert(table.columns.begin() + place, name);
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      Cell cell;
      if (settings[row] != nullptr)
        if (const auto found = settings[row]->find(pointer); found != settings[row]->end()) cell = cell_of(found->second);
      table.rows[row].insert(table.rows[row].begin() + place, std::move(cell));
    }
    ++place;
  }
}

TitledTable counted_by_group(const TitledTable& titled, const std::set<std::string>& of_one_run) {
  TitledTable counts{titled.title, {{"runs"}, {}}, titled.notes};
  std::vector<std::size_t> kept;
  for (std::size_t c = 0; c < titled.table.columns.size(); ++c) {
    if (of_one_run.contains(titled.table.columns[c])) continue;
    kept.push_back(c);
    counts.table.columns.push_back(titled.table.columns[c]);
  }
  std::map<std::vector<std::string>, std::size_t> places;
  for (const auto& row : titled.table.rows) {
    std::vector<std::string> key;
    for (const std::size_t c : kept) key.push_back(std::to_string(row[c].index()) + cell_value(row[c]));
    const auto [found, is_new] = places.try_emplace(std::move(key), counts.table.rows.size());
    if (is_new) {
      auto& cells = counts.table.rows.emplace_back();
      cells.emplace_back(std::int64_t{0});
      for (const std::size_t c : kept) cells.push_back(row[c]);
    }
    ++std::get<std::int64_t>(counts.table.rows[found->second][0]);
  }
  counts.notes.push_back(counted(static_cast<std::int64_t>(titled.table.rows.size()), "run") + " in " +
                         counted(static_cast<std::int64_t>(counts.table.rows.size()), "group") + "; --all lists each run.");
  return counts;
}

} // namespace stdualx
