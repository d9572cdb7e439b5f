// Which sensor looks at which, by activity: a heat map for each recipe of a table of the report.
#include "results/figures/figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/spec/shown_text.h"

namespace stdualx {

Figure attention_figure(const std::vector<TitledTable>& tables) {
  Figure figure{"attention",
                "Attention between sensors, by activity",
                {},
                "No COMPLETE run of stdual_x recorded attention between sensors: it takes two sensors at least and an open test part.",
                {"attention by activity", {{"recipe", "activity", "sensor", "looks at", "weight"}, {}}, {}},
                "SELECT * FROM v_attention"};
  constexpr std::string_view begin = "attention by activity: ";
  const std::string not_run = " (by person: NOT RUN)";
  bool two_sensors = false;
  std::size_t recipes = 0;
  for (const TitledTable& made : tables) {
    if (!made.title.starts_with(begin)) continue;
    const Table& table = made.table;
    const std::string dataset = shown_on_one_line(made.title.substr(begin.size()));
    std::vector<std::string> keys; // columns "to SENSOR" lie between these two
    const auto first = std::find(table.columns.begin(), table.columns.end(), "sensor");
    const auto last = std::find(table.columns.begin(), table.columns.end(), "largest deviation over people");
    if (first == table.columns.end() || last == table.columns.end()) continue;
    keys.assign(first + 1, last);
    two_sensors |= keys.size() == 2;
    std::vector<std::pair<std::string, Json>> maps; // by recipe, as the table has them
    std::string missing;                            // a random split's row by person that nobody ran
    for (const auto& row : table.rows) {
      const std::string recipe = fmt::format("{} · {}", dataset, joined_words(table, row, {"protocol", "preset", "differs in"}));
      if (words_at(table, row, "sensor").empty()) {
        missing = not_run;
        continue;
      }
      const std::string unpaired = fmt::format("{}{}", recipe, not_run);
      auto map = std::find_if(maps.begin(), maps.end(), [&](const auto& one) { return one.first == recipe || one.first == unpaired; });
      if (map == maps.end()) {
        map = maps.insert(maps.end(), {recipe + missing, Json::array()});
        missing.clear();
      }
      const std::string activity = words_at(table, row, "activity"), sensor = words_at(table, row, "sensor");
      for (const std::string& key : keys) {
        const Cell weight = cell_at(table, row, key);
        const std::string looked_at = shown_on_one_line(key.substr(3));
        map->second.push_back({{"pair", fmt::format("{} · {}", activity, sensor)},
                               {"activity", activity},
                               {"sensor", sensor},
                               {"key", looked_at},
                               {"weight", number_at(table, row, key)}});
        figure.numbers.table.rows.push_back({map->first, activity, sensor, looked_at, weight});
      }
    }
    for (const auto& [recipe, values] : maps) {
      if (++recipes > most_pictures) continue;
      const Json spec{
          {"data", {{"values", values}}},
          {"width", "container"},
          {"height", 16 * values.size() / keys.size()},
          {"mark", {{"type", "rect"}, {"stroke", "#8886"}}},
          {"encoding",
           {{"x",
             {{"field", "key"},
              {"type", "nominal"},
              {"sort", nullptr},
              {"title", "looks at"},
              {"axis", {{"labelAngle", -40}, {"labelLimit", 110}}}}},
            {"y",
             {{"field", "pair"}, {"type", "nominal"}, {"sort", nullptr}, {"title", "activity · sensor"}, {"axis", {{"labelLimit", 150}}}}},
            {"color",
             {{"field", "weight"},
              {"type", "quantitative"},
              {"title", "weight"},
              {"scale", {{"scheme", "viridis"}, {"domain", {0, 1}}}},
              {"legend", {{"orient", "bottom"}}}}},
            {"tooltip",
             {{{"field", "activity"}, {"title", "activity"}},
              {{"field", "sensor"}, {"title", "sensor"}},
              {{"field", "key"}, {"title", "looks at"}},
              {{"field", "weight"}, {"type", "quantitative"}, {"format", ".3f"}, {"title", "weight"}}}}}}};
      figure.pictures.push_back(
          {recipe, "Heat map of the mean attention weight from each sensor (rows, by activity) to each sensor (columns): " + recipe + ".",
           spec});
    }
  }
  if (figure.pictures.empty()) return figure;
  figure.nothing.clear();
  figure.numbers.notes = {"Mean over test people, heads and undisturbed windows of the true activity; a sensor's weights sum to 1."};
  if (two_sensors)
    figure.numbers.notes.push_back("With two sensors each can look at the other alone: weights are 1 by construction and show no choice.");
  note_left_out(figure, recipes);
  return figure;
}

} // namespace stdualx
