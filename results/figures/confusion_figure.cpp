// What was taken for what: shares of each activity's test windows, with their counts on hover.
#include "results/figures/figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/spec/shown_text.h"
#include "results/rows.h"

namespace stdualx {

Figure confusion_figure(ReportContext& context) {
  Figure figure{
      "confusion",
      "Confusion matrices",
      {},
      none_by_person,
      {"confusion on the test part", {{"recipe", "activity", "taken for", "windows", "share of the activity"}, {}}, {}},
      "SELECT r.dataset, r.protocol, r.preset, r.variant, c.label, c.predicted, sum(c.windows) AS windows FROM v_confusion c JOIN runs r "
      "USING (run_id) WHERE r.status = 'COMPLETE' AND c.part = 'test' AND c.condition = 'clean' GROUP BY r.recipe_id, 5, 6"};
  const auto recipes = pictured_recipes(context);
  for (std::size_t i = 0; i < std::min(recipes.size(), most_pictures); ++i) {
    const RecordedRecipe& recipe = *recipes[i];
    const Table counts = context.reader.query(
        "SELECT c.label, c.predicted, sum(c.windows), coalesce(d.classes ->> ('$[' || c.label || ']'), 'class ' || c.label), "
        "coalesce(d.classes ->> ('$[' || c.predicted || ']'), 'class ' || c.predicted) FROM v_confusion c JOIN runs r USING (run_id) "
        "LEFT JOIN datasets d USING (dataset_hash) WHERE r.recipe_id = ?1 AND r.status = 'COMPLETE' AND c.part = 'test' AND "
        "c.condition = 'clean' GROUP BY 1, 2 ORDER BY 1, 2",
        {recipe.recipe_id});
    if (counts.rows.empty()) continue;
    std::map<std::int64_t, double> totals;
    std::map<std::int64_t, std::string> names; // of labels and of what was predicted
    for (const auto& row : counts.rows) {
      totals[integer_of(row[0])] += real_of(row[2]);
      names.emplace(integer_of(row[0]), shown_on_one_line(text_of(row[3])));
      names.emplace(integer_of(row[1]), shown_on_one_line(text_of(row[4])));
    }
    const std::string words = recipe_words(recipe);
    Json values = Json::array(), order = Json::array();
    for (const auto& [label, name] : names) order.push_back(name);
    for (const auto& row : counts.rows) {
      const std::int64_t label = integer_of(row[0]);
      const double share = real_of(row[2]) / totals.at(label);
      const std::string &truth = names.at(label), &predicted = names.at(integer_of(row[1]));
      values.push_back({{"truth", truth}, {"predicted", predicted}, {"share", json_number(share)}, {"windows", integer_of(row[2])}});
      figure.numbers.table.rows.push_back({words, truth, predicted, row[2], percent_or_nothing(share)});
    }
    const Json cells{{"mark", {{"type", "rect"}, {"stroke", "#8886"}}},
                     {"encoding",
                      {{"color",
                        {{"field", "share"},
                         {"type", "quantitative"},
                         {"title", "share of the activity"},
                         {"scale", {{"scheme", "viridis"}, {"domain", {0, 1}}}},
                         {"legend", {{"orient", "bottom"}, {"format", ".0%"}}}}},
                       {"tooltip",
                        {{{"field", "truth"}, {"title", "activity"}},
                         {{"field", "predicted"}, {"title", "taken for"}},
                         {{"field", "windows"}, {"type", "quantitative"}, {"title", "windows"}},
                         {{"field", "share"}, {"type", "quantitative"}, {"format", ".2%"}, {"title", "share"}}}}}}};
    Json layers = Json::array({cells});
    if (names.size() <= 8) // more would not fit into their cells
      layers.push_back({{"mark", {{"type", "text"}, {"fontSize", 10}}},
                        {"encoding",
                         {{"text", {{"field", "share"}, {"type", "quantitative"}, {"format", ".0%"}}},
                          {"color", {{"condition", {{"test", "datum.share > 0.6"}, {"value", "#000"}}}, {"value", "#fff"}}}}}});
    const Json axis_names{{"labelLimit", 110}};
    const Json spec{{"data", {{"values", values}}},
                    {"width", "container"},
                    {"height", 26 * names.size()},
                    {"encoding",
                     {{"x",
                       {{"field", "predicted"},
                        {"type", "nominal"},
                        {"sort", order},
                        {"title", "taken for"},
                        {"axis", {{"labelAngle", -60}, {"labelLimit", 110}}}}},
                      {"y", {{"field", "truth"}, {"type", "nominal"}, {"sort", order}, {"title", "activity"}, {"axis", axis_names}}}}},
                    {"layer", layers}};
    figure.pictures.push_back({words,
                               fmt::format("Confusion matrix of {}: {} activities; a row is an activity, a cell the share of its test "
                                           "windows that was taken for the column's.",
                                           words, names.size()),
                               spec});
  }
  if (figure.pictures.empty()) return figure;
  figure.nothing.clear();
  figure.numbers.notes = {"Test windows of all COMPLETE runs of a recipe, folds and seeds together; cells of no window are left out."};
  note_left_out(figure, recipes.size());
  return figure;
}

} // namespace stdualx
