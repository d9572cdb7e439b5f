// What the figures of the HTML report share: a figure is one or several Vega-Lite pictures, its numbers as a table, and the query that
// gives them. Numbers come from the tables of the report or from the functions that make those. Inside the room only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/spec/fields.h"
#include "results/report.h"

namespace stdualx {

struct Picture {
  std::string caption; // "" where the figure has one picture alone
  std::string alt;     // what it shows, for whoever does not see it
  Json spec;           // Vega-Lite 5 or 6, without "$schema"; colours of text come from the page
};

struct Figure {
  std::string id, heading;
  std::vector<Picture> pictures; // none: `nothing` says why
  std::string nothing;
  TitledTable numbers;     // what the pictures draw; its notes stand under the figure
  std::string query;       // SQL that gives the numbers, or those that they are made of; "" for none
  std::string legend = {}; // what the marks mean, in a sentence under the pictures; "" where they say it themselves
};

/// A store may hold hundreds of recipes; a page of that many pictures helps nobody.
inline constexpr std::size_t most_pictures = 12;

/// Why there is no picture of people.
inline constexpr const char* none_by_person =
    "No run of a split by person is COMPLETE with its test part open; a random split, where there is one, says nothing of people.";

// Each draws one figure; where there is nothing to draw, `nothing` says why. `tables` are those of `report`, all of them.
Figure accuracy_figure(const std::vector<TitledTable>& tables);
Figure ablation_figure(const std::vector<TitledTable>& tables);
Figure baseline_figure(const std::vector<TitledTable>& tables);
Figure robustness_figure(const std::vector<TitledTable>& tables);
Figure attention_figure(const std::vector<TitledTable>& tables);
/// Of STDual-X with splits by person alone: a random split says nothing of people.
Figure confusion_figure(ReportContext& context);
Figure people_figure(ReportContext& context);
Figure training_figure(ReportContext& context);
/// Programs, platforms and data behind the numbers, a table each.
std::vector<TitledTable> provenance_tables(Reader& reader);

/// The first table whose title begins so; nullptr: the report has none.
const TitledTable* table_titled(const std::vector<TitledTable>& tables, std::string_view begin);
/// A row's cell by its column's name; nothing where the table has no such column.
Cell cell_at(const Table& table, const std::vector<Cell>& row, std::string_view column);
/// As people read it, on one line and in valid UTF-8, whatever a store holds; "" for nothing.
std::string words_at(const Table& table, const std::vector<Cell>& row, std::string_view column);
/// A share or a real as JSON; null for nothing or what is not finite.
Json number_at(const Table& table, const std::vector<Cell>& row, std::string_view column);
/// Words of these columns that are not empty, with " · " between.
std::string joined_words(const Table& table, const std::vector<Cell>& row, const std::vector<std::string_view>& columns);
/// Whether any of these has "low" and "high": Vega-Lite warns of a layer that draws nothing.
bool has_intervals(const Json& values);
/// JSON's number; null where it is not finite.
Json json_number(double value);

/// What the marks of a forest plot are.
inline constexpr const char* forest_legend =
    "Dot and line: ours with its 95 % interval, where there is one. Diamond: the paper's value, where it states one.";
/// Means with their intervals, a row each under its two lines of label; the paper's value as a diamond. Where the mean is missing the row
/// says NOT RUN. `zero_line`: differences, of which 0 means none.
struct ForestRow {
  std::string label, second_label, verdict;
  Json mean, low, high, paper; // shares or null
};
Json forest_plot(const std::vector<ForestRow>& rows, const std::string& axis_title, bool zero_line);

/// The recipes of STDual-X by person with COMPLETE runs; where there are none, other networks' by person.
std::vector<const RecordedRecipe*> pictured_recipes(const ReportContext& context);
/// "watch · leave persons out, 5 folds · default · stdual_x".
std::string recipe_words(const RecordedRecipe& recipe);
/// Adds the sentence for recipes beyond `most_pictures`, where there are any.
void note_left_out(Figure& figure, std::size_t recipes);

// Colour-blind safe (Okabe and Ito 2008), and seen on white as on black.
inline constexpr const char* ours_colour = "#3a8fd0";
inline constexpr const char* paper_colour = "#d55e00";
inline constexpr const char* other_colour = "#e69f00";
/// Of series, in this order.
Json series_colours();

} // namespace stdualx
