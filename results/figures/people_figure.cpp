// Accuracy of each person of the test parts, the hardest first.
#include <fmt/format.h>

#include <algorithm>

#include "results/figures/figure.h"
#include "results/rows.h"

namespace stdualx {

Figure people_figure(ReportContext& context) {
  Figure figure{
      "people",
      "Accuracy by person",
      {},
      none_by_person,
      {"accuracy by person", {{"recipe", "person", "accuracy", "windows", "runs"}, {}}, {}},
      "SELECT r.dataset, r.protocol, r.preset, r.variant, p.person, avg(p.label = p.predicted) AS accuracy, count(*) AS windows FROM "
      "v_predictions p JOIN runs r USING (run_id) WHERE r.status = 'COMPLETE' AND p.part = 'test' AND p.condition = 'clean' GROUP BY "
      "r.recipe_id, p.person"};
  struct Person {
    Cluster counts;
    std::int64_t runs = 0;
  };
  const auto recipes = pictured_recipes(context);
  for (std::size_t i = 0; i < std::min(recipes.size(), most_pictures); ++i) {
    std::map<std::int64_t, Person> people;
    for (const RecipeRun& run : recipes[i]->runs) {
      if (!run.complete) continue;
      for (const auto& [person, cluster] : people_of(context.reader, run.run_id, "clean", "test")) {
        Person& one = people[person];
        one.counts.hits += cluster.hits;
        one.counts.windows += cluster.windows;
        ++one.runs;
      }
    }
    if (people.empty()) continue;
    const std::string words = recipe_words(*recipes[i]);
    Json values = Json::array();
    for (const auto& [person, one] : people) {
      const double accuracy = one.counts.hits / one.counts.windows;
      values.push_back({{"person", fmt::format("person {}", person)},
                        {"accuracy", json_number(accuracy)},
                        {"windows", one.counts.windows},
                        {"runs", one.runs}});
      figure.numbers.table.rows.push_back(
          {words, person, percent_or_nothing(accuracy), static_cast<std::int64_t>(one.counts.windows), one.runs});
    }
    const Json spec{{"data", {{"values", values}}},
                    {"width", "container"},
                    {"height", 20 * people.size()},
                    {"mark", {{"type", "point"}, {"filled", true}, {"size", 80}, {"opacity", 1}, {"color", ours_colour}}},
                    {"encoding",
                     {{"y",
                       {{"field", "person"},
                        {"type", "nominal"},
                        {"sort", {{"field", "accuracy"}, {"order", "ascending"}}},
                        {"title", nullptr},
                        {"axis", {{"grid", true}}}}},
                      {"x",
                       {{"field", "accuracy"},
                        {"type", "quantitative"},
                        {"scale", {{"zero", false}}},
                        {"title", "accuracy"},
                        {"axis", {{"format", ".0%"}, {"labelOverlap", true}, {"tickCount", 6}}}}},
                      {"tooltip",
                       {{{"field", "person"}, {"title", "person"}},
                        {{"field", "accuracy"}, {"type", "quantitative"}, {"format", ".2%"}, {"title", "accuracy"}},
                        {{"field", "windows"}, {"type", "quantitative"}, {"title", "windows"}},
                        {{"field", "runs"}, {"type", "quantitative"}, {"title", "runs"}}}}}}};
    figure.pictures.push_back(
        {words, fmt::format("Dot plot of the test accuracy of each of {} people in {}, the hardest person first.", people.size(), words),
         spec});
  }
  if (figure.pictures.empty()) return figure;
  figure.nothing.clear();
  figure.numbers.notes = {"Windows of a person in the test parts of all COMPLETE runs of a recipe, by stored predictions."};
  note_left_out(figure, recipes.size());
  return figure;
}

} // namespace stdualx
