// Cells of a table, found by its columns' names.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "results/format.h"

namespace stdualx {

struct Row {
  const Table* table;
  const std::vector<Cell>* cells;
  const Cell& operator[](const std::string& column) const {
    const auto found = std::find(table->columns.begin(), table->columns.end(), column);
    if (found == table->columns.end()) throw std::runtime_error("no column " + column);
    return (*cells)[static_cast<std::size_t>(found - table->columns.begin())];
  }
  std::string text(const std::string& column) const { return cell_text((*this)[column]); }
  double share(const std::string& column) const { return std::get<Percent>((*this)[column]).share; }
  double real(const std::string& column) const { return std::get<Real>((*this)[column]).value; }
};

/// The rows in which each named column reads so; they point into the table.
using Wanted = std::vector<std::pair<std::string, std::string>>;
std::vector<Row> rows_of(const TitledTable&&, const Wanted&) = delete;
inline std::vector<Row> rows_of(const TitledTable& titled, const Wanted& wanted) {
  std::vector<Row> rows;
  for (const auto& cells : titled.table.rows) {
    const Row row{&titled.table, &cells};
    if (std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) { return row.text(one.first) == one.second; })) rows.push_back(row);
  }
  return rows;
}
/// The rows of a data set.
std::vector<Row> rows_of(const TitledTable&&, const std::string&) = delete;
inline std::vector<Row> rows_of(const TitledTable& titled, const std::string& dataset) {
  return rows_of(titled, Wanted{{"data set", dataset}});
}

/// The one row that is so.
Row row_of(const TitledTable&&, const Wanted&) = delete;
inline Row row_of(const TitledTable& titled, const Wanted& wanted) {
  const std::vector<Row> rows = rows_of(titled, wanted);
  if (rows.size() != 1) throw std::runtime_error(std::to_string(rows.size()) + " rows in:\n" + format_table(titled.table, Format::table));
  return rows.front();
}

} // namespace stdualx
