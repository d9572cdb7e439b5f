// What disturbances cost: accuracy against their amount, with 95 % bands, a picture for each data set and kind.
#include "results/figures/figure.h"

#include <algorithm>

namespace stdualx {

namespace {

/// Of one data set, kind and fill: its amounts in the order of the table, mild ones first, and its series.
struct Curves {
  std::string caption, kind;
  Json values = Json::array();
  std::vector<std::string> amounts{"none"}, series;
};

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

Json spec_of(const Curves& curves) {
  const Json x{{"field", "amount"}, {"type", "ordinal"}, {"sort", curves.amounts}, {"title", curves.kind}, {"axis", {{"labelAngle", -40}}}};
  const Json color{{"field", "series"},
                   {"type", "nominal"},
                   {"title", nullptr},
                   {"scale", {{"domain", curves.series}, {"range", series_colours()}}},
                   {"legend", {{"orient", "bottom"}, {"columns", 1}, {"labelLimit", 300}, {"symbolOpacity", 1}}}};
  const auto y = [](const char* field) {
    return Json{
        {"field", field}, {"type", "quantitative"}, {"scale", {{"zero", false}}}, {"title", "accuracy"}, {"axis", {{"format", ".0%"}}}};
  };
  const Json tooltip = Json::array({{{"field", "series"}, {"title", "of"}},
                                    {{"field", "amount"}, {"title", "amount"}},
                                    {{"field", "mean"}, {"type", "quantitative"}, {"format", ".2%"}, {"title", "mean"}},
                                    {{"field", "low"}, {"type", "quantitative"}, {"format", ".2%"}, {"title", "95 % low"}},
                                    {{"field", "high"}, {"type", "quantitative"}, {"format", ".2%"}, {"title", "95 % high"}}});
  Json layers = Json::array();
  const bool is_ordered = curves.kind != "missing sensor"; // sensors are names: no line leads from one to the next
  const Json with_interval = Json::array({{{"filter", "isValid(datum.low) && isValid(datum.high)"}}});
  if (has_intervals(curves.values))
    layers.push_back({{"transform", with_interval},
                      {"mark", is_ordered ? Json{{"type", "area"}, {"opacity", 0.2}} : Json{{"type", "rule"}}},
                      {"encoding", {{"x", x}, {"y", y("low")}, {"y2", {{"field", "high"}}}, {"color", color}}}});
  if (is_ordered)
    layers.push_back({{"mark", {{"type", "line"}, {"strokeWidth", 2}}}, {"encoding", {{"x", x}, {"y", y("mean")}, {"color", color}}}});
  layers.push_back({{"mark", {{"type", "point"}, {"filled", true}, {"size", 60}, {"opacity", 1}}},
                    {"encoding", {{"x", x}, {"y", y("mean")}, {"color", color}, {"tooltip", tooltip}}}});
  return {{"data", {{"values", curves.values}}}, {"width", "container"}, {"height", 220}, {"layer", layers}};
}

} // namespace

Figure robustness_figure(const std::vector<TitledTable>& tables) {
  Figure figure{"robustness",
                "Robustness: accuracy on a disturbed test part",
                {},
                "No COMPLETE run was evaluated under a disturbance: name `conditions` in the sweep and run it again; trained runs are only "
                "evaluated.",
                {},
                "SELECT * FROM v_robustness WHERE metric = 'accuracy'"};
  const TitledTable* made = table_titled(tables, "robustness");
  if (made == nullptr) return figure;
  figure.numbers = *made;
  const Table& table = made->table;
  std::vector<Curves> all;
  for (const auto& row : table.rows) {
    const std::string kind = words_at(table, row, "disturbance");
    if (kind.empty()) continue; // asked for by name and not run
    const std::string fill = words_at(table, row, "filled by");
    const std::string caption = words_at(table, row, "data set") + " · " + kind + (fill.empty() ? "" : ", filled by " + fill);
    auto curves = std::find_if(all.begin(), all.end(), [&](const Curves& one) { return one.caption == caption; });
    if (curves == all.end()) {
      curves = all.insert(all.end(), Curves{});
      curves->caption = caption;
      curves->kind = kind;
    }
    const Json ours = number_at(table, row, "ours (mean)");
    const std::string series =
        joined_words(table, row, {"variant", "protocol", "preset", "differs in"}) + (ours.is_null() ? " (NOT RUN)" : "");
    if (std::find(curves->series.begin(), curves->series.end(), series) == curves->series.end())
      curves->values.push_back(
          {{"series", series}, {"amount", "none"}, {"mean", number_at(table, row, "undisturbed")}, {"low", nullptr}, {"high", nullptr}});
    add_once(curves->series, series);
    const std::string amount = words_at(table, row, "amount");
    add_once(curves->amounts, amount);
    curves->values.push_back({{"series", series},
                              {"amount", amount},
                              {"mean", ours},
                              {"low", number_at(table, row, "95 % low")},
                              {"high", number_at(table, row, "95 % high")}});
  }
  for (const Curves& curves : all) {
    if (figure.pictures.size() == most_pictures) break;
    figure.pictures.push_back({curves.caption,
                               "Accuracy against the amount of disturbance, undisturbed first, with 95 % bands: " + curves.caption + ".",
                               spec_of(curves)});
  }
  if (figure.pictures.empty()) return figure;
  figure.nothing.clear();
  if (all.size() > most_pictures)
    figure.numbers.notes.push_back("The first " + std::to_string(most_pictures) + " of " + std::to_string(all.size()) +
                                   " disturbances are drawn; the table has all.");
  return figure;
}

} // namespace stdualx
