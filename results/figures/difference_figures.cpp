// Ablations beside the whole network and networks beside each other: forest plots of paired differences in accuracy.
#include "results/figures/figure.h"

namespace stdualx {

namespace {

/// `subject` begins each row's label, `against` names the column of the other side.
Figure differences(Figure figure, const TitledTable* made, const std::vector<std::string_view>& subject, const std::string& alt) {
  std::vector<ForestRow> rows;
  bool run = false;
  if (made != nullptr) {
    figure.numbers = *made;
    const Table& table = made->table;
    for (const auto& row : table.rows) {
      rows.push_back({joined_words(table, row, subject) + " less " + words_at(table, row, "compared with"),
                      joined_words(table, row, {"data set", "protocol", "preset", "differs in"}), words_at(table, row, "verdict"),
                      number_at(table, row, "difference (mean)"), number_at(table, row, "95 % low"), number_at(table, row, "95 % high"),
                      number_at(table, row, "paper")});
      run |= !rows.back().mean.is_null();
    }
  }
  if (!run) return figure;
  figure.nothing.clear();
  figure.pictures.push_back({"", alt, forest_plot(rows, "difference in accuracy", true)});
  return figure;
}

} // namespace

Figure ablation_figure(const std::vector<TitledTable>& tables) {
  return differences(
      {"ablations",
       "Ablations: without a part, less the network that has it",
       {},
       "No ablation is COMPLETE beside the whole network on the same split, fold and seed: name variants such as without_csa in a sweep.",
       {},
       "SELECT * FROM v_ablation",
       forest_legend},
      table_titled(tables, "ablations"), {"variant"},
      "Forest plot of the accuracy that each ablation gains or loses against the network that has the part, with 95 % "
      "intervals, a dashed line at no difference, and the paper's drop as a diamond where it states one.");
}

Figure baseline_figure(const std::vector<TitledTable>& tables) {
  return differences(
      {"baselines",
       "Baselines: networks beside each other and beside the linear classifier",
       {},
       "No baseline is COMPLETE beside STDual-X on the same split, fold and seed: name variants such as linear or cnn in a sweep.",
       {},
       "SELECT * FROM v_baseline",
       forest_legend},
      table_titled(tables, "baselines"), {"network"},
      "Forest plot of paired differences in accuracy between networks, with 95 % intervals and a dashed line at no "
      "difference. The paper states no such differences.");
}

} // namespace stdualx
