// When the guard of a batch script's node has its job requeued.
#include "orchestrator/lost_node.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

namespace stdualx {
namespace {

/// Looks every three seconds for `seconds`, as the guard does; whether the node counted as lost at one of them.
bool is_lost(LostNode& node, double& now, double seconds, std::optional<bool> answers,
             const std::function<std::optional<std::string>()>& pulse) {
  bool lost = false;
  for (const double end = now + seconds; now < end; now += 3) lost = node.look(answers, pulse(), now) || lost;
  return lost;
}

TEST(LostNode, ASlurmdThatIsAwayForLongWhileTheCoordinatorWritesIsNoLostNode) {
  LostNode node;
  double now = 1000;
  int commits = 0;
  EXPECT_FALSE(is_lost(node, now, 3600, false, [&] { return std::to_string(++commits / 2); }));
  EXPECT_TRUE(is_lost(node, now, 40, false, [&] { return std::to_string(commits); }));
}

TEST(LostNode, AStoreThatStandsStillWhileSlurmdAnswersIsNoLostNode) {
  LostNode node;
  double now = 0;
  EXPECT_FALSE(is_lost(node, now, 3600, true, [] { return "still"; }));
  EXPECT_FALSE(is_lost(node, now, 27, false, [] { return "still"; })) << "the stillness before slurmd fell silent does not count";
}

TEST(LostNode, BothSilentForThirtySecondsIsALostNode) {
  LostNode node;
  double now = 0;
  EXPECT_FALSE(is_lost(node, now, 30, false, [] { return "still"; }));
  EXPECT_TRUE(node.look(false, "still", 30));
}

TEST(LostNode, WhatCannotBeReadOrAskedCountsNeitherWay) {
  LostNode node;
  double now = 0;
  EXPECT_FALSE(is_lost(node, now, 3600, false, [] { return std::nullopt; })) << "a store that cannot be read";
  EXPECT_FALSE(is_lost(node, now, 3600, std::nullopt, [] { return std::nullopt; })) << "a controller that is away";
  EXPECT_FALSE(node.look(false, "still", now));
  EXPECT_FALSE(node.look(false, std::nullopt, now + 60));
  EXPECT_TRUE(node.look(false, "still", now + 63)) << "nobody committed in all that time";
}

TEST(LostNode, AControllerThatIsAwayWhileTheStoreStandsStillIsNoLostNode) {
  LostNode node;
  double now = 0;
  EXPECT_FALSE(is_lost(node, now, 3600, std::nullopt, [] { return "still"; }));
  EXPECT_FALSE(node.is_suspected());
  EXPECT_FALSE(is_lost(node, now, 12, false, [] { return "still"; }));
  EXPECT_FALSE(is_lost(node, now, 15, std::nullopt, [] { return "still"; }));
  EXPECT_FALSE(node.look(false, "still", now)) << "misses before and after it are five, but not yet thirty seconds old";
  EXPECT_TRUE(node.look(false, "still", now + 3));
}

TEST(LostNode, TheLastOfFiveMissesIsEnoughWhereTheStoreStoodStillMeanwhile) {
  LostNode node;
  for (int look = 0; look < 4; ++look) EXPECT_FALSE(node.look(false, "still", 10.0 * look));
  EXPECT_TRUE(node.look(false, "still", 40));
}

TEST(LostNode, AnAnswerOfSlurmdBeginsTheStillnessAnewToo) {
  LostNode node;
  EXPECT_FALSE(node.look(false, "still", 0));
  EXPECT_FALSE(node.look(true, std::nullopt, 100));
  double now = 103;
  EXPECT_FALSE(is_lost(node, now, 30, false, [] { return "still"; })) << "nobody looked whether it committed while slurmd answered";
  EXPECT_TRUE(node.look(false, "still", now));
}

TEST(LostNode, FewMissesAreNoLostNodeHoweverLongTheyLast) {
  LostNode node;
  for (int look = 0; look < LostNode::most_misses - 1; ++look) EXPECT_FALSE(node.look(false, "still", 100.0 * look));
  EXPECT_FALSE(node.look(true, "still", 1000));
  EXPECT_FALSE(node.is_suspected());
  EXPECT_FALSE(node.look(false, "still", 1100));
}

} // namespace
} // namespace stdualx
