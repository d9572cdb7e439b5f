// The words on views and columns, against the views that a new store has.
#include "results/view_columns.h"

#include <gtest/gtest.h>

#include <set>

namespace stdualx {
namespace {

TEST(ViewColumns, EveryViewAndColumnHasWords) {
  const auto views = described_views();
  ASSERT_FALSE(views.empty());
  for (const auto& view : views) {
    EXPECT_FALSE(view.sentence.empty()) << view.name << ": say in view_words() what it is";
    EXPECT_FALSE(view.columns.empty()) << view.name;
    for (const auto& column : view.columns)
      EXPECT_FALSE(column.sentence.empty()) << view.name << "." << column.name << ": say in column_words() what it is";
  }
}

TEST(ViewColumns, NoWordIsLeftOver) {
  std::set<const ColumnWords*> used;
  std::set<std::string> names;
  for (const auto& view : described_views()) {
    names.insert(view.name);
    for (const auto& column : view.columns) used.insert(words_of_column(view.name, column.name));
  }
  for (const auto& words : view_words()) EXPECT_TRUE(names.contains(words.view)) << words.view << " is no view";
  for (const auto& words : column_words()) EXPECT_TRUE(used.contains(&words)) << words.view << "." << words.column << " is no column";
}

TEST(ViewColumns, AViewsOwnWordsGoBeforeTheCommonOnes) {
  ASSERT_NE(words_of_column("v_ablation", "part"), nullptr);
  EXPECT_EQ(words_of_column("v_ablation", "part")->view, "v_ablation");
  EXPECT_EQ(words_of_column("v_confusion", "part")->view, "");
  EXPECT_EQ(words_of_column("v_confusion", "colour"), nullptr);
}

} // namespace
} // namespace stdualx
