// Whose fault a failure at the start is: the run's, the host's, one worker's.
#include "coordinator_bench.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Workers 1, 2, ... on hosts of these names.
struct Hosts : Bench {
  Hosts(std::size_t runs, const std::vector<std::string>& hosts, std::int64_t epochs = 2)
      : Bench(plan_of(std::vector<std::int64_t>(runs, 1), epochs), static_cast<int>(hosts.size())) {
    for (std::size_t i = 0; i < hosts.size(); ++i) ready(static_cast<int>(i + 1), hosts[i]);
  }
  std::size_t given(int rank) { return assigned[rank].size(); }
  /// The worker's run records its first epoch and is completed.
  void succeed(int rank) {
    epoch(rank, last(rank).resume_epoch + 1);
    complete(rank);
  }
};

TEST(Blame, AHostIsToBlameForTwoRunsThatFailAtTheirStartThereAndGetOnElsewhere) {
  Hosts bench(6, {"bad", "good"});
  bench.end(1, "trainer_died", "no GPU");
  EXPECT_EQ(bench.given(1), 2u) << "one failure may be an accident";
  bench.end(1, "trainer_died", "no GPU");
  EXPECT_EQ(bench.given(1), 2u) << "two are not: it waits for what becomes of them";
  EXPECT_FALSE(bench.said("is to blame"));
  bench.complete(2);
  bench.epoch(2, 1);
  EXPECT_FALSE(bench.said("is to blame"));
  bench.complete(2);
  bench.epoch(2, 1);
  EXPECT_TRUE(bench.said("host bad is to blame"));
  for (int i = 0; i < 4; ++i) bench.complete(2);
  EXPECT_EQ(bench.given(1), 2u);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 6u);
}

TEST(Blame, ARunThatCompletesElsewhereWithoutAFurtherEpochGotOnToo) {
  Hosts bench(6, {"bad", "good"});
  bench.end(1, "trainer_died", "no GPU");
  bench.end(1, "trainer_died", "no GPU");
  for (int i = 0; i < 3; ++i) bench.complete(2); // its own, then those two
  EXPECT_TRUE(bench.said("host bad is to blame"));
}

TEST(Blame, ARunThatFailsOnTwoHostsIsToBlameItselfAndBothGoOn) {
  Hosts bench(8, {"one", "two", "three"});
  const std::string bad = bench.last(1).run_id;
  bench.end(1, "error", "out of memory");
  bench.succeed(2);
  ASSERT_EQ(bench.last(2).run_id, bad) << "to another host, first of all";
  bench.end(2, "error", "out of memory");
  bench.end(1, "error", "another"); // one run against it, not two
  EXPECT_EQ(bench.given(1), 3u);
  bench.end(2, "error", "another"); // against two there is none before
  EXPECT_NE(bench.at(2), "");
  for (int i = 0; i < 4 && bench.at(3) != bad; ++i) bench.succeed(3);
  EXPECT_EQ(bench.at(3), bad);
  EXPECT_FALSE(bench.said("gets no more"));
}

TEST(Blame, AHostThatRestsWorksAgainWhenItsRunsFailElsewhereToo) {
  Hosts bench(8, {"one", "two", "three"});
  const std::string first = bench.last(1).run_id;
  bench.end(1, "error", "out of memory");
  const std::string second = bench.last(1).run_id;
  bench.end(1, "error", "out of memory");
  EXPECT_EQ(bench.at(1), "") << "it rests";
  bench.succeed(2);
  EXPECT_EQ(bench.last(2).run_id, second);
  bench.end(2, "error", "out of memory");
  EXPECT_NE(bench.at(1), "") << "only one run is left against it";
}

TEST(Blame, ABadRunElsewhereIsTakenForNoProofAgainstThatHost) {
  Hosts bench(9, {"one", "two", "three"});
  for (int i = 0; i < 2; ++i) { // two runs fail on one, then on two
    bench.end(1, "error", "out of memory");
    bench.succeed(2);
    bench.end(2, "error", "out of memory");
  }
  EXPECT_NE(bench.at(1), "");
  EXPECT_NE(bench.at(2), "");
}

TEST(Blame, AFailureAfterTheFirstEpochIsHeldAgainstNoHost) {
  Hosts bench(8, {"one", "two"}, 4);
  for (int i = 0; i < 3; ++i) {
    bench.epoch(1, bench.last(1).resume_epoch + 1);
    bench.end(1, "trainer_died", "killed by signal 9");
  }
  EXPECT_EQ(bench.given(1), 4u);
  EXPECT_NE(bench.at(1), "");

  Hosts two_workers(8, {"one", "one", "two"}, 4); // both had got on, and then both fail
  two_workers.epoch(1, 1);
  two_workers.epoch(2, 1);
  two_workers.end(1, "trainer_died", "killed by signal 9");
  two_workers.end(2, "trainer_died", "killed by signal 9");
  EXPECT_NE(two_workers.at(1), "");
  EXPECT_NE(two_workers.at(2), "");
}

TEST(Blame, AHostIsNotDoubtedForScatteredFailuresBetweenWhichRunsGetOn) {
  Hosts bench(12, {"one", "two"});
  for (int i = 0; i < 4; ++i) {
    bench.end(1, "error", "a run of its own");
    bench.succeed(1);
  }
  EXPECT_EQ(bench.given(1), 9u);
  EXPECT_FALSE(bench.said("gets no more"));
}

TEST(Blame, AfterItsRestAHostIsTriedWithOneRunThatHasNotFailedYet) {
  Hosts bench(40, {"bad", "bad", "good", "good"});
  bench.end(1, "trainer_died", "no GPU");
  bench.end(2, "trainer_died", "no GPU"); // 1 has been given a run meanwhile
  bench.end(1, "trainer_died", "no GPU");
  EXPECT_EQ(bench.at(1) + bench.at(2), "");
  const std::size_t before = bench.given(1) + bench.given(2);
  bench.live(580, {1, 2, 3, 4});
  EXPECT_EQ(bench.given(1) + bench.given(2), before);
  bench.live(40, {1, 2, 3, 4});
  ASSERT_EQ(bench.given(1) + bench.given(2), before + 1) << "one run for the whole host";
  const int tried = bench.at(1).empty() ? 2 : 1;
  EXPECT_EQ(bench.last(tried).attempt, 1);
  bench.end(tried, "trainer_died", "no GPU");
  bench.live(2300, {1, 2, 3, 4});
  EXPECT_EQ(bench.given(1) + bench.given(2), before + 1) << "four times as long";
  bench.live(140, {1, 2, 3, 4});
  ASSERT_EQ(bench.given(1) + bench.given(2), before + 2);
  const int mended = bench.at(1).empty() ? 2 : 1;
  bench.epoch(mended, 1);
  EXPECT_NE(bench.at(1), "");
  EXPECT_NE(bench.at(2), "");
  bench.complete(mended);
  bench.end(mended, "error", "as it goes");
  EXPECT_NE(bench.at(mended), "") << "all is forgiven: one failure is one failure";
  bench.end(3 - mended, "error", "as it goes");
  EXPECT_EQ(bench.at(3 - mended), "") << "and two are two";
  bench.end(mended, "error", "as it goes");
  bench.live(590, {1, 2, 3, 4});
  EXPECT_EQ(bench.at(1) + bench.at(2), "");
  bench.live(12, {1, 2, 3, 4});
  EXPECT_NE(bench.at(1) + bench.at(2), "") << "and the first rest is short again";
}

TEST(Blame, AHostIsTriedAgainAtOnceWhenTheRunItWasTriedWithFailsElsewhereToo) {
  Hosts bench(40, {"bad", "good", "better"});
  bench.end(1, "trainer_died", "no GPU");
  bench.end(1, "trainer_died", "no GPU");
  bench.succeed(2);
  bench.epoch(2, 1);
  bench.complete(2);
  bench.epoch(2, 1); // sure
  bench.live(602, {1, 2, 3});
  const std::string tried = bench.at(1);
  ASSERT_NE(tried, "");
  bench.end(1, "error", "out of memory");
  EXPECT_EQ(bench.at(1), "");
  bench.complete(2);
  ASSERT_EQ(bench.at(2), tried);
  bench.end(2, "error", "out of memory");
  bench.live(4, {1, 2, 3});
  EXPECT_NE(bench.at(1), "");
}

TEST(Blame, TheOnlyHostNeverRests) {
  Hosts bench(8, {"one", "one"});
  for (int i = 0; i < 6; ++i) bench.end(1, "error", "as it goes");
  EXPECT_EQ(bench.given(1), 7u);
  EXPECT_NE(bench.at(1), "");
}

TEST(Blame, TheLastHostWorksAlsoWhenTheOthersRestAndTheyWorkWhenItIsGone) {
  Hosts bench(20, {"one", "two"});
  for (int i = 0; i < 2; ++i) bench.end(1, "error", "as it goes");
  for (int i = 0; i < 4; ++i) bench.end(2, "error", "as it goes");
  EXPECT_NE(bench.at(2), "");
  bench.tell(2, {"starting", Json::object()});
  bench.end(2, "trainer_died", "it is gone");
  bench.tell(2, Message::of("unusable", AttemptEnd{"", 0, "trainer_died", "no such library", ""}));
  EXPECT_NE(bench.at(1), "");
}

TEST(Blame, OneBadWorkerOfAHostRestsAlone) {
  Hosts bench(20, {"one", "one", "two"});
  bench.epoch(2, 1);
  bench.epoch(3, 1);
  bench.end(1, "trainer_died", "its GPU fell off the bus");
  bench.end(1, "trainer_died", "its GPU fell off the bus");
  EXPECT_NE(bench.at(1), "") << "others get on beside it: not the host, and not sure yet";
  bench.complete(3);
  bench.epoch(3, 1);
  bench.complete(3);
  bench.epoch(3, 1);
  EXPECT_TRUE(bench.said("worker 1 on one is to blame"));
  bench.end(1, "trainer_died", "its GPU fell off the bus");
  EXPECT_EQ(bench.at(1), "");
  EXPECT_NE(bench.at(2), "");
  bench.complete(2);
  EXPECT_NE(bench.at(2), "");
}

TEST(Blame, ALastTryGoesWhereRunsGetOn) {
  Hosts bench(12, {"bad", "worse", "good"});
  const std::string unlucky = bench.last(1).run_id;
  bench.end(1, "trainer_died", "no GPU");
  bench.tell(2, {"starting", Json::object()});
  bench.end(2, "trainer_died", "no GPU");
  bench.ready(2, "worse");
  ASSERT_EQ(bench.at(2), unlucky);
  bench.end(2, "trainer_died", "no GPU");
  Hosts other(12, {"bad", "worse", "unknown"}); // without proof that runs get on there
  other.end(1, "trainer_died", "no GPU");
  other.tell(2, {"starting", Json::object()});
  other.end(2, "trainer_died", "no GPU");
  other.ready(2, "worse");
  ASSERT_EQ(other.at(2), unlucky);
  other.end(2, "trainer_died", "no GPU");
  EXPECT_NE(other.at(3), unlucky);
  other.end(3, "error", "as it goes");
  EXPECT_NE(other.at(3), unlucky);
  for (int i = 0; i < 4 && bench.at(3) != unlucky; ++i) bench.succeed(3);
  EXPECT_EQ(bench.at(3), unlucky);
}

TEST(Blame, AWideGroupWaitsForAHostThatRestsOnlyWhileOthersAreAtWork) {
  Bench bench(plan_of({1, 1, 1, 2}), 2);
  bench.ready(1, "bad");
  bench.ready(2, "good");
  const auto fail = [&](int rank) {
    bench.end(1, "trainer_died", "no GPU");
    bench.end(2, "group_broken");
    (void)rank;
  };
  ASSERT_EQ(bench.last(1).ranks.size(), 2u);
  fail(1); // the group; then single runs, or the group again
  while (bench.last(1).ranks.size() > 1 && !bench.finished) fail(1);
  for (int i = 0; i < 20 && !bench.finished; ++i) {
    if (!bench.at(1).empty()) bench.end(1, "trainer_died", "no GPU");
    if (!bench.at(2).empty()) bench.complete(2);
  }
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.count(RunStatus::complete), 3u);
}

TEST(Blame, AWideGroupIsGivenUpOnlyWhenNothingElseIsAtWorkThatCouldClearAHostThatRests) {
  Bench bench(plan_of({2, 1, 1}, 9), 3);
  bench.ready(1, "bad");
  ASSERT_EQ(bench.at(1), bench.run(1)) << "two are left for the group";
  bench.ready(2, "bad");
  bench.end(1, "trainer_died", "no GPU");
  ASSERT_EQ(bench.at(1), bench.run(0));
  bench.end(1, "trainer_died", "no GPU");
  bench.end(2, "group_broken"); // with this the host rests
  EXPECT_EQ(bench.at(1) + bench.at(2), "");
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 0u)
      << "there are runs for the worker that is yet to come, which may clear the host";
  bench.ready(3, "good");
  bench.complete(3);
  bench.tick(1);
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 0u) << "one is still at work";
  bench.complete(3);
  EXPECT_EQ(bench.coordinator.count(RunStatus::waiting), 1u);
  EXPECT_TRUE(bench.finished);
}

TEST(Blame, AHostOnTrialGetsNoPartOfAWideGroup) {
  Bench bench(plan_of({2, 2, 1, 1}, 9), 3);
  bench.ready(1, "bad");
  bench.ready(2, "good");
  bench.ready(3, "good");
  ASSERT_THAT(bench.last(3).ranks, ElementsAre(2, 3));
  bench.end(1, "trainer_died", "no GPU");
  bench.end(1, "trainer_died", "no GPU");
  bench.live(604, {1, 2, 3});
  ASSERT_TRUE(bench.said("host bad is tried again"));
  EXPECT_EQ(bench.at(1), "") << "both single runs failed there already";
  bench.complete(2);
  bench.end(3, "complete");
  EXPECT_THAT(bench.last(3).ranks, ElementsAre(2, 3));
  EXPECT_EQ(bench.last(3).run_id, bench.run(1));
  EXPECT_EQ(bench.at(1), "");
}

TEST(Blame, AHostOnTrialGetsNoRunThatHasFailedElsewhere) {
  Hosts bench(5, {"bad", "good", "good"});
  bench.end(1, "trainer_died", "no GPU");
  bench.end(1, "trainer_died", "no GPU");
  for (const int rank : {2, 3, 2, 3}) bench.complete(rank);
  const std::string last = bench.at(2);
  ASSERT_NE(last, "");
  ASSERT_EQ(bench.at(3), "");
  bench.live(604, {1, 2, 3});
  ASSERT_TRUE(bench.said("host bad is tried again"));
  bench.end(2, "trainer_died", "killed by signal 9");
  EXPECT_EQ(bench.at(1), "") << "a run that failed once is not put at risk";
  EXPECT_EQ(bench.at(3), last);
}

TEST(Blame, WhatGotOnAtAHostBeforeItsRestIsNoProofAfterIt) {
  CoordinatorOptions options = Bench::options(2);
  options.cache_directory = "/scratch/cache";
  Bench bench(plan_of({1, 1, 1, 1, 1, 1}, 9), options);
  bench.ready(1, "sick");
  bench.ready(2, "new");
  bench.epoch(1, 1);
  bench.end(1, "storage", "/scratch/cache/x.windows: the window cache cannot be written: No space left on device");
  bench.live(604, {1, 2});
  const std::string tried = bench.at(1);
  ASSERT_NE(tried, "");
  bench.end(1, "trainer_died", "no GPU");
  bench.end(2, "not_finite", "epoch 1"); // makes room, and says nothing of the host
  ASSERT_EQ(bench.at(2), tried);
  bench.end(2, "trainer_died", "no GPU");
  bench.live(20, {1, 2});
  EXPECT_EQ(bench.at(1), "") << "where nobody got on the run is not known to be at fault";
}

TEST(Blame, RecipesThatDivergeBlameNoHost) {
  Hosts bench(4, {"one", "other"});
  bench.end(1, "not_finite", "epoch 1");
  bench.end(1, "not_finite", "epoch 1");
  EXPECT_EQ(bench.given(1), 3u);
}

// ---- full disks

CoordinatorOptions with_folders(int workers) {
  CoordinatorOptions options = Bench::options(workers);
  options.store_directory = "/shared/results.db.d";
  options.cache_directory = "/scratch/cache";
  return options;
}
const char* const full_cache = "/scratch/cache/x.windows: the window cache cannot be written: No space left on device";

TEST(FullDisk, AFullCacheIsItsHostsTroubleAndCostsTheRunNothing) {
  Bench bench(plan_of({1, 1, 1, 1, 1}), with_folders(3));
  bench.ready(1, "full");
  bench.ready(2, "full");
  bench.ready(3, "good");
  const std::string run = bench.last(1).run_id;
  bench.end(1, "storage", full_cache);
  EXPECT_EQ(bench.ends.back().reason, "stopped");
  EXPECT_EQ(bench.end_statuses.back(), RunStatus::interrupted);
  EXPECT_TRUE(bench.said(std::string("host full: ") + full_cache));
  EXPECT_EQ(bench.at(1), "");
  bench.end(2, "storage", full_cache); // it was at it already
  EXPECT_EQ(bench.coordinator.storage_failure(), "");
  bench.complete(3);
  bench.complete(3);
  EXPECT_EQ(bench.last(3).run_id, run);
  for (int i = 0; i < 3; ++i) bench.complete(3);
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::done);
}

TEST(FullDisk, TheRunThatMetItIsNotTheOneThatTheHostIsTriedWith) {
  Bench bench(plan_of({1, 1, 1, 1, 1}), with_folders(2));
  bench.ready(1, "full");
  bench.ready(2, "good");
  const std::string run = bench.last(1).run_id;
  bench.end(1, "storage", full_cache);
  bench.live(604, {1, 2});
  EXPECT_NE(bench.at(1), "");
  EXPECT_NE(bench.at(1), run);
}

TEST(FullDisk, WhereNoOtherHostIsLeftTheJobDrainsAndNamesTheFile) {
  Bench bench(plan_of({1, 1}), with_folders(2));
  bench.ready(1, "full");
  bench.ready(2, "full");
  bench.end(1, "storage", full_cache);
  EXPECT_EQ(bench.coordinator.storage_failure(), full_cache);
  bench.end(2, "drained");
  EXPECT_TRUE(bench.finished);
  EXPECT_EQ(bench.coordinator.exit_status(), ExitStatus::drained);
}

TEST(FullDisk, TheStoresOwnDiskDrainsTheJobWhereverTheCacheLies) {
  for (const char* cache : {"/scratch/cache", "", "/shared"}) {
    CoordinatorOptions options = with_folders(2);
    options.cache_directory = cache;
    Bench bench(plan_of({1, 1}), options);
    bench.ready(1, "one");
    bench.ready(2, "two");
    const std::string full = "/shared/results.db.d/run/1/epoch-1: cannot be written: No space left on device";
    bench.end(1, "storage", full);
    EXPECT_EQ(bench.coordinator.storage_failure(), full) << cache;
    EXPECT_FALSE(bench.sent(2, "drain").empty()) << cache;
  }
}

} // namespace
} // namespace stdualx
