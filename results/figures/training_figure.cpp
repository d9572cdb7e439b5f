// How training went: losses by epoch, each seed thin, their mean thick.
#include "results/figures/figure.h"

#include <algorithm>

#include "results/rows.h"

namespace stdualx {

Figure training_figure(ReportContext& context) {
  Figure figure{
      "training",
      "Training curves",
      {},
      "No run is COMPLETE yet, so there is no whole curve to draw: `stdualx watch` shows those that train.",
      {"losses by epoch", {{"recipe", "loss", "seed", "epoch", "mean over folds"}, {}}, {}},
      "SELECT r.dataset, r.protocol, r.preset, r.variant, r.seed, e.epoch, avg(e.train_loss) AS train_loss, avg(e.validation_loss) AS "
      "validation_loss FROM epochs e JOIN runs r USING (run_id) WHERE r.status = 'COMPLETE' GROUP BY r.recipe_id, r.seed, e.epoch"};
  std::vector<RecordedRecipe> all = recipes_of(context.reader, false); // losses open no test part
  all.insert(all.begin(), context.recipes.begin(), context.recipes.end());
  // Of a store that has STDual-X, its curves alone: ablations and baselines are judged by what came out.
  const bool has_whole = std::any_of(all.begin(), all.end(), [](const RecordedRecipe& recipe) { return recipe.variant == "stdual_x"; });
  std::size_t recipes = 0;
  for (const RecordedRecipe& recipe : all) {
    if (has_whole && recipe.variant != "stdual_x") continue;
    const Table curves = context.reader.query(
        "SELECT r.seed, e.epoch, avg(e.train_loss), avg(e.validation_loss) FROM epochs e JOIN runs r USING (run_id) WHERE r.recipe_id = ?1 "
        "AND r.open_test = ?2 AND r.status = 'COMPLETE' AND e.kind = 'finite' GROUP BY 1, 2 ORDER BY 1, 2",
        {recipe.recipe_id, std::int64_t{recipe.part == "test" ? 1 : 0}});
    if (curves.rows.empty() || ++recipes > most_pictures) continue;
    const std::string words = recipe_words(recipe);
    Json values = Json::array();
    for (const auto& row : curves.rows)
      for (const auto& [column, name] : {std::pair{std::size_t{2}, "training"}, std::pair{std::size_t{3}, "validation"}}) {
        if (is_null(row[column])) continue; // no validation part
        values.push_back(
            {{"seed", integer_of(row[0])}, {"epoch", integer_of(row[1])}, {"loss", json_number(real_of(row[column]))}, {"part", name}});
        figure.numbers.table.rows.push_back({words, std::string(name), row[0], row[1], row[column]});
      }
    const Json x{{"field", "epoch"},
                 {"type", "quantitative"},
                 {"title", "epoch"},
                 {"axis", {{"tickMinStep", 1}, {"labelOverlap", true}}},
                 {"scale", {{"zero", false}, {"nice", false}}}};
    const Json color{{"field", "part"},
                     {"type", "nominal"},
                     {"title", "loss"},
                     {"scale", {{"domain", {"training", "validation"}}, {"range", {ours_colour, other_colour}}}},
                     {"legend", {{"orient", "bottom"}, {"symbolOpacity", 1}, {"symbolStrokeWidth", 3}}}};
    const Json thin{{"mark", {{"type", "line"}, {"strokeWidth", 1}, {"opacity", 0.45}}},
                    {"encoding",
                     {{"x", x},
                      {"y", {{"field", "loss"}, {"type", "quantitative"}, {"title", "loss"}}},
                      {"color", color},
                      {"detail", {{"field", "seed"}, {"type", "nominal"}}}}}};
    const Json thick{
        {"mark", {{"type", "line"}, {"strokeWidth", 3}, {"point", curves.rows.size() < 4}}},
        {"encoding",
         {{"x", x},
          {"y", {{"field", "loss"}, {"type", "quantitative"}, {"aggregate", "mean"}, {"title", "loss"}}},
          {"color", color},
          {"strokeDash", {{"field", "part"}, {"type", "nominal"}, {"legend", nullptr}}},
          {"tooltip",
           {{{"field", "part"}, {"title", "loss of"}},
            {{"field", "epoch"}, {"type", "quantitative"}, {"title", "epoch"}},
            {{"field", "loss"}, {"type", "quantitative"}, {"aggregate", "mean"}, {"format", ".4f"}, {"title", "mean over seeds"}}}}}}};
    figure.pictures.push_back(
        {words,
         "Line plot of training and validation loss by epoch in " + words + ": a thin line for each seed, a thick one for their mean.",
         {{"data", {{"values", values}}}, {"width", "container"}, {"height", 220}, {"layer", {thin, thick}}}});
  }
  if (figure.pictures.empty()) return figure;
  figure.nothing.clear();
  figure.numbers.notes = {"Losses of COMPLETE runs, averaged over the folds of a seed. Losses are no results: no test part is in them."};
  note_left_out(figure, recipes);
  return figure;
}

} // namespace stdualx
