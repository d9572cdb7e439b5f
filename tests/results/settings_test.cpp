// What differs between runs, and counts of those that are alike.
#include "results/settings.h"

#include <gtest/gtest.h>

#include "results/format.h"

namespace stdualx {
namespace {

TEST(Settings, OnlyWhatDiffersWithinAVariantGetsAColumn) {
  const Settings slow{{"/training/learning_rate", "0.001"}, {"/training/batch_size", "32"}, {"/seed", "1"}},
      fast{{"/training/learning_rate", "0.01"}, {"/training/batch_size", "32"}, {"/seed", "2"}},
      other{{"/training/batch_size", "64"}, {"/model/width", "8"}};
  Table table{{"run", "status"},
              {{std::string("a"), std::string("new")}, {std::string("b"), std::string("new")}, {std::string("c"), std::string("new")}}};
  add_differing_settings(table, {"stdual_x", "stdual_x", "without_csa"}, {&slow, &fast, &other}, "status");
  EXPECT_EQ(format_table(table, Format::csv), "run,learning_rate,status\r\na,0.001,new\r\nb,0.01,new\r\nc,,new\r\n");
}

TEST(Settings, ASettingThatIsNeutralInOneRunDiffersAndEqualLastWordsAreTold) {
  const Settings plain{{"/model/stem/width", "8"}}, more{{"/model/stem/width", "16"}, {"/model/head/width", "4"}, {"/model/name", "\"x\""}};
  Table table{{"run"}, {{std::string("a")}, {std::string("b")}}};
  add_differing_settings(table, {"v", "v"}, {&plain, &more}, "none");
  EXPECT_EQ(format_table(table, Format::csv), "run,model.head.width,name,model.stem.width\r\na,,,8\r\nb,4,x,16\r\n");
}

TEST(Settings, RunsThatAreAlikeAreCountedInTheirOrder) {
  TitledTable runs{"runs", {{"run", "variant", "seed"}, {}}, {"a note"}};
  for (int i = 0; i < 5; ++i) runs.table.rows.push_back({"id" + std::to_string(i), std::string(i < 2 ? "z" : "a"), std::int64_t{i}});
  const TitledTable counts = counted_by_group(runs, {"run", "seed"});
  EXPECT_EQ(format_table(counts.table, Format::csv), "runs,variant\r\n2,z\r\n3,a\r\n");
  EXPECT_EQ(counts.notes, (std::vector<std::string>{"a note", "5 runs in 2 groups; --all lists each run."}));
}

} // namespace
} // namespace stdualx
