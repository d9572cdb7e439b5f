// A status that does not lie: also after the coordinator's death, though reading writes nothing.
#include "fixture.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "results/format.h"
#include "results/tables.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;

class StatusTest : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  std::int64_t now = 1'000'000;

  StoreOptions options(const std::string& host = "") {
    StoreOptions made;
    if (!host.empty()) made.identity.host = host;
    made.now_ms = [this] { return now; };
    return made;
  }
  /// Four runs: COMPLETE, FAILED, RUNNING, WAITING for two ranks.
  void fill(Store& store) {
    RunSpec wide = a_run(1, 7);
    wide.world_size = 2;
    store.register_sweep(a_plan({a_run(0), a_run(1), a_run(2), wide}));
    complete(store, a_run(0));
    const std::string failed = run_identity(a_run(1));
    store.begin_attempt(failed, a_place("node7"), 1);
    store.end_attempt({failed, 1, "not_finite", "the loss was NaN in epoch 1", "last lines", {}}, RunStatus::failed);
    store.begin_attempt(run_identity(a_run(2)), a_place(), 1);
    store.record_epoch(an_epoch(run_identity(a_run(2)), 1, 1));
    store.set_status(run_identity(wide), RunStatus::waiting);
  }
  /// `watched` counts the time that a coordinator elsewhere is watched for, and calls `meanwhile`.
  Moment moment() {
    return {now, 60000, {}, [this](std::chrono::milliseconds time) {
              watched += time;
              if (meanwhile) meanwhile();
            }};
  }
  std::string status() {
    Reader reader(file);
    return format_tables(status_tables(reader, moment()), Format::csv);
  }
  std::string notes() {
    Reader reader(file);
    return status_tables(reader, moment()).at(0).notes.at(0);
  }
  std::string runs(const RunsFilter& filter = {}) {
    Reader reader(file);
    return format_tables({runs_table(reader, moment(), filter)}, Format::csv);
  }
  std::chrono::milliseconds watched{0};
  std::function<void()> meanwhile;
};

TEST_F(StatusTest, CountsRunsAndEpochsAndNamesWhatFailedOrWaits) {
  Store store = Store::open_for_writing(file, options());
  fill(store);
  const std::string text = status();
  EXPECT_THAT(
      text,
      HasSubstr("sweep,identity,runs,PLANNED,WAITING,RUNNING,INTERRUPTED,COMPLETE,FAILED,QUARANTINED,epochs done,epochs planned,time\r\n"));
  EXPECT_THAT(text, HasSubstr(",4,0,1,1,0,1,1,0,3,8,9\r\n"));
  EXPECT_THAT(text, HasSubstr("FAILED,uci-har,stdual_x,1,1,1,not_finite,the loss was NaN in epoch 1,node7\r\n"));
  EXPECT_THAT(text, HasSubstr("WAITING,uci-har,stdual_x,1,7,0,needs 2 ranks,,\r\n"));
  EXPECT_THAT(notes(), HasSubstr("Held by process " + std::to_string(this_process().pid)));
}

TEST_F(StatusTest, ARunWhoseCoordinatorIsSilentElsewhereCountsAsInterrupted) {
  Store store = Store::open_for_writing(file, options("another-host"));
  fill(store);
  now += 50'000;
  EXPECT_THAT(status(), HasSubstr(",4,0,1,1,0,1,1,0,")) << "within its lease";
  EXPECT_THAT(notes(), HasSubstr("last heartbeat 50.0 s ago"));
  EXPECT_EQ(watched.count(), 0) << "a look is quick while the clocks agree";
  now += 20'000;
  EXPECT_THAT(status(), HasSubstr(",4,0,1,0,1,1,1,0,"));
  EXPECT_THAT(notes(), HasSubstr("counts as dead"));
  EXPECT_EQ(watched.count(), 2 * 11000);
  EXPECT_THAT(runs({"interrupted", ""}), HasSubstr("INTERRUPTED,uci-har"));
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE status = 'RUNNING'"), 1) << "reading wrote nothing";
}

TEST_F(StatusTest, ACoordinatorWhoseClockIsHoursOrYearsOffIsNotCalledDead) {
  for (const std::int64_t off : {std::int64_t{7'200'000}, std::int64_t{-7'200'000}, std::int64_t{94'600'000'000}, std::int64_t{-61'000}}) {
    file = folder / ("results" + std::to_string(off) + ".db");
    StoreOptions theirs = options("another-host");
    theirs.now_ms = [=, this] { return now + off; };
    Store store = Store::open_for_writing(file, theirs);
    fill(store);
    int looks = 0;
    meanwhile = [&] {
      if (++looks % 3 == 0) store.heartbeat();
    };
    EXPECT_THAT(status(), HasSubstr(",4,0,1,1,0,1,1,0,")) << off;
    EXPECT_THAT(notes(), HasSubstr("whose heartbeat goes on; its clock and ours differ by")) << off;
  }
}

TEST_F(StatusTest, ADeadCoordinatorWhoseClockWasAheadIsFoundDead) {
  Store store = Store::open_for_writing(file, options("another-host"));
  fill(store);
  now -= 3'600'000;
  EXPECT_THAT(status(), HasSubstr(",4,0,1,0,1,1,1,0,"));
  EXPECT_THAT(notes(), HasSubstr("counts as dead"));
}

TEST_F(StatusTest, WhereNobodyMayWaitACoordinatorElsewhereIsNotJudged) {
  Store store = Store::open_for_writing(file, options("another-host"));
  fill(store);
  Reader reader(file);
  Moment quick{now + 3'600'000};
  EXPECT_FALSE(coordinator_gone(reader, quick));
  EXPECT_THAT(status_tables(reader, quick).at(0).notes.at(0), HasSubstr("cannot be told from here"));
}

TEST_F(StatusTest, AnAttemptThatWasCutShortLastedUntilItsCoordinatorWasLastHeardByItsOwnClock) {
  StoreOptions dead = options();
  dead.identity.process_start -= 1;
  now = 94'600'000'000'000; // a host in the year 4967
  Store left = Store::open_for_writing(file, dead);
  fill(left);
  now += 5000;
  left.heartbeat();
  now = 1'000'000; // the next one's is in 1970
  const Store store = Store::open_for_writing(file, options());
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT ended_ms - started_ms FROM attempts WHERE end_reason = 'interrupted'"), 5000);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts WHERE ended_ms < started_ms"), 0);
}

TEST_F(StatusTest, ARunWhoseCoordinatorIsDeadOnThisHostCountsAsInterruptedAtOnce) {
  StoreOptions dead = options();
  dead.identity.process_start -= 1; // the pid was used again
  Store store = Store::open_for_writing(file, dead);
  fill(store);
  EXPECT_THAT(status(), HasSubstr(",4,0,1,0,1,1,1,0,"));
  EXPECT_THAT(notes(), HasSubstr("died. To resume, repeat the same `run`"));
}

TEST_F(StatusTest, RunsAreListedInTheOrderOfTheirSweepsAndFiltered) {
  {
    Store store = Store::open_for_writing(file, options());
    fill(store);
    store.register_sweep(a_plan({a_run(2), a_run(0, 9)}, "second"));
  }
  const std::string all = runs();
  const auto place = [&](const RunSpec& run) { return all.find(run_identity(run).substr(0, 10)); };
  EXPECT_LT(place(a_run(0)), place(a_run(1)));
  EXPECT_LT(place(a_run(1)), place(a_run(2)));
  EXPECT_LT(place(a_run(2)), place(a_run(0, 9)));
  EXPECT_NE(place(a_run(0, 9)), std::string::npos);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 6) << "a run of two sweeps is one row";
  EXPECT_THAT(runs({"Complete", ""}),
              HasSubstr("COMPLETE,uci-har,\"leave persons out, 3 folds\",0,1,default,stdual_x,2 of 2,1,6,,0.9,0.9\r\n"));
  const std::string second = runs({"", "second"});
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 3);
  EXPECT_THAT(message_of<InputError>([&] { runs({"done", ""}); }), HasSubstr("'done' is no status"));
  EXPECT_THAT(message_of<InputError>([&] { runs({"", "third"}); }), HasSubstr("holds no sweep with the name 'third'"));
}

TEST_F(StatusTest, ARetiredSweepsOpenRunsCountNoLongerUntilItIsRunAgain) {
  Store store = Store::open_for_writing(file, options());
  fill(store);
  const Plan other = a_plan({a_run(1), a_run(0, 9)}, "other"); // shares the FAILED run
  store.register_sweep(other);
  Reader reader(file);
  const auto given_up = [&] { return integer_at(reader, "SELECT count(*) FROM v_given_up"); };
  EXPECT_EQ(given_up(), 0);
  const std::string small = a_plan({}).sweep_id;
  const std::int64_t runs = integer_at(reader, "SELECT count(*) FROM runs");
  store.end_attempt({run_identity(a_run(2)), 1, "drained", "", "", {}}, RunStatus::interrupted);
  EXPECT_EQ(store.retire(small, "small"), 2) << "INTERRUPTED and WAITING; one is done, and the FAILED one is asked for by another sweep";
  EXPECT_EQ(given_up(), 2);
  const auto shown = [&](const std::optional<std::vector<std::string>>& sweeps) {
    return format_tables(status_tables(reader, {now}, sweeps), Format::csv);
  };
  EXPECT_THAT(shown(std::nullopt), ::testing::Not(HasSubstr("small,")));
  EXPECT_THAT(shown(std::nullopt), HasSubstr("other,"));
  EXPECT_THAT(shown(std::nullopt), ::testing::Not(HasSubstr("WAITING,uci-har"))) << "nobody waits for it any more";
  EXPECT_THAT(shown(std::nullopt), HasSubstr("FAILED,uci-har"));
  EXPECT_THAT(shown(std::vector{small}), HasSubstr("small,"));
  EXPECT_THAT(shown(std::vector{small}), HasSubstr("WAITING,uci-har"));
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs"), runs);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'retired'"), 1);
  store.register_sweep(a_plan({a_run(0)}));
  EXPECT_EQ(given_up(), 0);
  EXPECT_THAT(shown(std::nullopt), HasSubstr("small,"));
}

TEST_F(StatusTest, WhatIsDoneAtCompleteRunsIsShown) {
  Store store = Store::open_for_writing(file, options());
  fill(store);
  const std::string run_id = run_identity(a_run(0));
  EXPECT_THAT(status(), ::testing::Not(HasSubstr("train again")));
  store.begin_attempt(run_id, a_place("node3"), 1, 0, AttemptKind::train_again);
  EXPECT_THAT(status(), HasSubstr("train again,at work,,node3"));
  store.end_attempt({run_id, 2, "trainer_died", "killed by signal 9", "", {}}, RunStatus::complete);
  EXPECT_THAT(status(), HasSubstr("train again,trainer_died,killed by signal 9,node3"));
  store.begin_attempt(run_id, a_place("node3"), 1, 0, AttemptKind::train_again);
  store.end_attempt({run_id, 3, "complete", "", "", {}}, RunStatus::complete);
  EXPECT_THAT(status(), ::testing::Not(HasSubstr("train again")));
}

TEST_F(StatusTest, TheCostOfARunIsTheMedianOfItsLike) {
  Store store = Store::open_for_writing(file, options());
  const auto run_of = [&](std::int64_t seed, double seconds, std::int64_t threads) {
    RunSpec run = a_run(0, seed);
    run.threads = threads;
    store.register_sweep(a_plan({run}, "cost " + std::to_string(seed)));
    const std::string run_id = run_identity(run);
    store.begin_attempt(run_id, a_place(), 1);
    EpochReport epoch = an_epoch(run_id, 1, 1);
    epoch.wall_seconds = seconds;
    store.record_epoch(epoch);
    store.record_evaluation(an_evaluation(run_id, 1));
    store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete);
  };
  Reader reader(file);
  EXPECT_FALSE(cost_of(reader, a_run(), DeviceKind::cpu).seconds);
  run_of(1, 10, 4);
  EXPECT_EQ(cost_of(reader, a_run(), DeviceKind::cpu).seconds, 10) << "of other threads, where there is nothing better";
  run_of(2, 20, 1);
  run_of(3, 22, 1);
  run_of(4, 60, 1);
  EXPECT_EQ(cost_of(reader, a_run(), DeviceKind::cpu).seconds, 22);
  EXPECT_EQ(cost_of(reader, a_run(), DeviceKind::cpu).runs, 3);
  RunSpec longer = a_run();
  longer.training.epochs = 50;
  EXPECT_FALSE(cost_of(reader, longer, DeviceKind::cpu).seconds);
}

TEST_F(StatusTest, TimesOfOneKindOfDeviceOrOfAnotherRecipeSayNothing) {
  Store store = Store::open_for_writing(file, options());
  const auto trained = [&](RunSpec run, double seconds, const std::string& device) {
    store.register_sweep(a_plan({run}, "cost " + run_identity(run)));
    const std::string run_id = run_identity(run);
    Placement place = a_place();
    place.device = device;
    store.begin_attempt(run_id, place, 1);
    EpochReport epoch = an_epoch(run_id, 1, 1);
    epoch.wall_seconds = seconds;
    store.record_epoch(epoch);
    store.record_evaluation(an_evaluation(run_id, 1));
    store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete);
  };
  RunSpec smaller = a_run(0, 1);
  smaller.training.batch_size /= 2;
  trained(a_run(0, 1), 500, "cpu");
  trained(a_run(0, 2), 7, "NVIDIA H100");
  trained(smaller, 900, "NVIDIA H100");
  Reader reader(file);
  EXPECT_EQ(cost_of(reader, a_run(), DeviceKind::cpu).seconds, 500);
  EXPECT_EQ(cost_of(reader, a_run(), DeviceKind::gpu).seconds, 7);
  EXPECT_EQ(epoch_seconds_of(reader, a_run(), DeviceKind::cpu), 500);
  EXPECT_EQ(epoch_seconds_of(reader, a_run(1), DeviceKind::gpu), 7);
  EXPECT_EQ(epoch_seconds_of(reader, smaller, DeviceKind::cpu), std::nullopt);
  EXPECT_FALSE(cost_of(reader, smaller, DeviceKind::cpu).seconds);
}

} // namespace
} // namespace stdualx
