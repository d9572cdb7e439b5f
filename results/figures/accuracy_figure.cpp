// Accuracy of each recipe with its interval, beside the paper's: a forest plot of the report's own rows.
#include "results/figures/figure.h"

namespace stdualx {

Figure accuracy_figure(const std::vector<TitledTable>& tables) {
  Figure figure{"accuracy", "Accuracy on the test part, by recipe", {}, "", {}, "SELECT * FROM v_accuracy", forest_legend};
  const TitledTable* made = table_titled(tables, "accuracy on the test part");
  std::vector<ForestRow> rows;
  std::size_t run = 0;
  if (made != nullptr) {
    figure.numbers = *made;
    const Table& table = made->table;
    for (const auto& row : table.rows) {
      rows.push_back({joined_words(table, row, {"data set", "variant", "preset", "differs in"}), words_at(table, row, "protocol"),
                      words_at(table, row, "verdict"), number_at(table, row, "ours (mean)"), number_at(table, row, "95 % low"),
                      number_at(table, row, "95 % high"), number_at(table, row, "paper")});
      run += rows.back().mean.is_null() ? 0 : 1;
    }
  }
  if (run == 0) {
    figure.nothing = "No run is COMPLETE with its test part open: `stdualx run SWEEP` trains, `stdualx status` tells how far it is.";
    return figure;
  }
  figure.pictures.push_back({"",
                             "Forest plot of test accuracy: a dot with its 95 % interval for each of " + std::to_string(run) +
                                 " recipes, the paper's value as a diamond where it states one. Rows of random splits stand under "
                                 "the row by person, which says NOT RUN where it is missing.",
                             forest_plot(rows, "accuracy on the test part", false)});
  return figure;
}

} // namespace stdualx
