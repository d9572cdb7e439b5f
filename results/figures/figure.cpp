// Cells of the report's tables as JSON for pictures, and the forest plot that several figures are.
#include "results/figures/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/spec/shown_text.h"
#include "results/format.h"
#include "results/rows.h"

namespace stdualx {

const TitledTable* table_titled(const std::vector<TitledTable>& tables, std::string_view begin) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TitledTable& one) { return one.title.starts_with(begin); });
  return found == tables.end() ? nullptr : &*found;
}

Cell cell_at(const Table& table, const std::vector<Cell>& row, std::string_view column) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), column);
  if (found == table.columns.end()) return {};
  return row.at(static_cast<std::size_t>(found - table.columns.begin()));
}

std::string words_at(const Table& table, const std::vector<Cell>& row, std::string_view column) {
  const Cell cell = cell_at(table, row, column);
  return is_null(cell) ? "" : shown_on_one_line(cell_text(cell));
}

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json number_at(const Table& table, const std::vector<Cell>& row, std::string_view column) {
  const Cell cell = cell_at(table, row, column);
  if (const auto* percent = std::get_if<Percent>(&cell)) return json_number(percent->share);
  return json_number(real_of(cell));
}

std::string joined_words(const Table& table, const std::vector<Cell>& row, const std::vector<std::string_view>& columns) {
  std::string words;
  for (const std::string_view column : columns)
    if (const std::string one = words_at(table, row, column); !one.empty()) words += (words.empty() ? "" : " · ") + one;
  return words;
}

bool has_intervals(const Json& values) {
  return std::any_of(values.begin(), values.end(), [](const Json& row) { return !row.at("low").is_null() && !row.at("high").is_null(); });
}

Json series_colours() { return {"#3a8fd0", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9a6a3a", "#8a8a8a"}; }

Json forest_plot(const std::vector<ForestRow>& rows, const std::string& axis_title, bool zero_line) {
  Json values = Json::array();
  bool any_paper = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ForestRow& row = rows[i];
    any_paper |= !row.paper.is_null();
    values.push_back({{"row", i},
                      {"label", row.label},
                      {"second", row.second_label + (row.mean.is_null() ? ": NOT RUN" : "")},
                      {"verdict", row.verdict},
                      {"mean", row.mean},
                      {"low", row.low},
                      {"high", row.high},
                      {"paper", row.paper}});
  }
  const Json scale{{"zero", false}, {"nice", true}};
  const char* format = zero_line ? "+.2%" : ".2%";
  const Json x{{"field", "mean"},
               {"type", "quantitative"},
               {"scale", scale},
               {"title", axis_title},
               {"axis", {{"format", zero_line ? "+.1%" : ".0%"}, {"labelOverlap", true}, {"tickCount", 6}}}};
  const auto quantity = [](const char* field) { return Json{{"field", field}, {"type", "quantitative"}}; };
  const Json tooltip = Json::array({{{"field", "label"}, {"title", "of"}},
                                    {{"field", "second"}, {"title", "protocol"}},
                                    {{"field", "mean"}, {"type", "quantitative"}, {"format", format}, {"title", "mean"}},
                                    {{"field", "low"}, {"type", "quantitative"}, {"format", format}, {"title", "95 % low"}},
                                    {{"field", "high"}, {"type", "quantitative"}, {"format", format}, {"title", "95 % high"}},
                                    {{"field", "paper"}, {"type", "quantitative"}, {"format", format}, {"title", "paper"}},
                                    {{"field", "verdict"}, {"title", "verdict"}}});
  // Labels stand above their row, not beside the axis: so they have the whole width of a telephone.
  const auto label = [](const char* field, int offset, const char* weight) {
    return Json{{"mark", {{"type", "text"}, {"align", "left"}, {"dy", offset}, {"fontWeight", weight}, {"limit", {{"expr", "width"}}}}},
                {"encoding", {{"x", {{"value", 0}}}, {"text", {{"field", field}, {"type", "nominal"}}}}}};
  };
  Json layers = Json::array();
  if (zero_line)
    layers.push_back({{"data", {{"values", Json::array({{{"zero", 0}}})}}},
                      {"mark", {{"type", "rule"}, {"strokeDash", {4, 4}}, {"color", "currentColor"}, {"opacity", 0.6}}},
                      {"encoding", {{"x", quantity("zero")}}}});
  if (has_intervals(values)) {
    layers.push_back({{"transform", Json::array({{{"filter", "isValid(datum.low) && isValid(datum.high)"}}})},
                      {"mark", {{"type", "rule"}, {"strokeWidth", 3}, {"color", ours_colour}}},
                      {"encoding", {{"x", x}, {"x2", {{"field", "high"}}}, {"tooltip", tooltip}}}});
    layers.back()["encoding"]["x"]["field"] = "low";
  }
  layers.push_back({{"transform", Json::array({{{"filter", "isValid(datum.mean)"}}})},
                    {"mark", {{"type", "point"}, {"filled", true}, {"size", 90}, {"opacity", 1}, {"color", ours_colour}}},
                    {"encoding", {{"x", x}, {"tooltip", tooltip}}}});
  if (any_paper)
    layers.push_back(
        {{"transform", Json::array({{{"filter", "isValid(datum.paper)"}}})},
         {"mark", {{"type", "point"}, {"shape", "diamond"}, {"size", 110}, {"strokeWidth", 2}, {"opacity", 1}, {"color", paper_colour}}},
         {"encoding", {{"x", quantity("paper")}, {"tooltip", tooltip}}}});
  layers.push_back(label("label", -29, "bold"));
  layers.push_back(label("second", -16, "normal"));
  // The zero line has no row: it alone is without y.
  const Json y{{"field", "row"}, {"type", "ordinal"}, {"axis", nullptr}};
  for (Json& layer : layers)
    if (!layer.contains("data")) layer["encoding"]["y"] = y;
  // A height in numbers: Vega-Lite fits no width to the page beside a height in steps without a warning.
  return {{"data", {{"values", values}}}, {"width", "container"}, {"height", 56 * rows.size()}, {"layer", layers}};
}

std::string recipe_words(const RecordedRecipe& recipe) {
  return shown_on_one_line(recipe.dataset + " · " + recipe.protocol_text() + " · " + recipe.preset + " · " + recipe.variant);
}

std::vector<const RecordedRecipe*> pictured_recipes(const ReportContext& context) {
  std::vector<const RecordedRecipe*> whole, others;
  for (const RecordedRecipe& recipe : context.recipes) {
    if (!is_by_person(recipe.protocol)) continue;
    if (std::none_of(recipe.runs.begin(), recipe.runs.end(), [](const RecipeRun& run) { return run.complete; })) continue;
    (recipe.variant == "stdual_x" ? whole : others).push_back(&recipe);
  }
  return whole.empty() ? others : whole;
}

void note_left_out(Figure& figure, std::size_t recipes) {
  if (recipes <= most_pictures) return;
  figure.numbers.notes.push_back(fmt::format("The first {} of {} recipes are drawn; the query has all.", most_pictures, recipes));
}

} // namespace stdualx
