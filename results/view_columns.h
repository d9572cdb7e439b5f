// What the views of a store and their columns mean, in words with units, beside the columns that they have. The interface for questions:
// `stdualx reference views` prints it. A new column gets its words here.
#pragma once

#include <string>
#include <vector>

namespace stdualx {

struct ViewWords {
  std::string view, sentence;
};
/// One sentence a view, in the order in which they are printed.
const std::vector<ViewWords>& view_words();

/// `view` "": in every view that says nothing else of this column.
struct ColumnWords {
  std::string view, column, sentence;
};
const std::vector<ColumnWords>& column_words();
/// Null: there are none.
const ColumnWords* words_of_column(const std::string& view, const std::string& column);

struct DescribedView {
  struct Column {
    std::string name, sentence; // "": it has no words
  };
  std::string name, sentence;
  std::vector<Column> columns;
};
/// Every view (v_...) of a new store with its columns, as SQLite tells them.
std::vector<DescribedView> described_views();

} // namespace stdualx
