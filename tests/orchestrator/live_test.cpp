// What a coordinator tells of itself beside the store, and who believes it.
#include "orchestrator/live.h"
#include "coordinator_bench.h"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <fstream>
#include <limits>

namespace stdualx {
namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "stdualx-live-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

Live live_at(const Coordinator& coordinator, std::int64_t now_ms, const std::deque<LiveFailure>& failures = {}) {
  return live_of(coordinator, failures, 10, now_ms, this_process());
}

EpochReport first_epoch(Bench& bench, int rank, double accuracy) {
  EpochReport report;
  report.run_id = bench.last(rank).run_id;
  report.attempt = bench.last(rank).attempt;
  report.epoch = 1;
  report.train_loss = 0.25;
  report.validation_accuracy = accuracy;
  report.windows = 600;
  report.wall_seconds = 3;
  return report;
}

TEST(Live, TellsWhichWorkerTrainsWhatAndHowLongItTakesYet) {
  Bench bench(plan_of({1, 1, 1}, 5), 3);
  bench.ready(1, "left");
  bench.ready(2, "right");
  bench.tell(2, Message::of("epoch", first_epoch(bench, 2, 0.875)));
  const Live live = live_at(bench.coordinator, 50'000);
  EXPECT_EQ(live.sweep, "test");
  EXPECT_EQ(live.began_ms, 40'000);
  EXPECT_EQ(live.runs, 3);
  EXPECT_EQ(live.running, 2);
  EXPECT_EQ(live.epochs_done, 1);
  EXPECT_EQ(live.epochs_planned, 15);
  EXPECT_DOUBLE_EQ(live.seconds_left, 140); // one epoch took the job's ten seconds
  EXPECT_DOUBLE_EQ(live.windows_per_second, 200);
  ASSERT_EQ(live.workers.size(), 3u);
  EXPECT_EQ(live.workers[0].host, "left");
  EXPECT_EQ(live.workers[0].epoch, 0);
  EXPECT_EQ(live.workers[0].train_loss, unknown_number);
  EXPECT_EQ(live.workers[1].host, "right");
  EXPECT_EQ(live.workers[1].run_id, bench.last(2).run_id);
  EXPECT_EQ(live.workers[1].seed, 1);
  EXPECT_DOUBLE_EQ(live.workers[1].train_loss, 0.25);
  EXPECT_DOUBLE_EQ(live.workers[1].validation_accuracy, 0.875);
  EXPECT_DOUBLE_EQ(live.workers[1].seconds_left, 12); // four epochs of three seconds
  EXPECT_EQ(live.workers[2].state, "starting");
}

TEST(Live, AGroupsRateIsCountedOnceAndANumberThatIsNoneIsUnknown) {
  Bench bench(plan_of({2}, 5), 2);
  bench.ready(1);
  bench.ready(2);
  bench.tell(1, Message::of("epoch", first_epoch(bench, 1, std::numeric_limits<double>::quiet_NaN())));
  const Live live = live_at(bench.coordinator, 0);
  EXPECT_DOUBLE_EQ(live.windows_per_second, 200);
  for (const LiveWorker& worker : live.workers) EXPECT_EQ(worker.validation_accuracy, unknown_number);
  EXPECT_NO_THROW(from_json<Live>(Json::parse(to_json_all(live).dump())));
}

TEST(Live, AFileIsReadBackWhileItIsFreshAndItsProcessLives) {
  const Folder folder;
  Bench bench(plan_of({1}), 1);
  bench.ready(1, "host \xff");
  Live live = live_at(bench.coordinator, 1'000'000, {{7, bench.run(0), "stdual_x", "error", "no <b>space</b>", "PLANNED"}});
  EXPECT_FALSE(read_live(folder.path, 1'000'000, this_process())) << "there is no file yet";
  write_live(folder.path, live);
  const auto read = read_live(folder.path, 1'000'000 + longest_live_ms, this_process());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->workers.at(0).run_id, bench.run(0));
  EXPECT_EQ(read->workers.at(0).host, "host \xef\xbf\xbd");
  EXPECT_EQ(read->failures.at(0).detail, "no <b>space</b>");
  EXPECT_FALSE(read_live(folder.path, 1'000'001 + longest_live_ms, this_process())) << "it is too old";
  EXPECT_FALSE(read_live(folder.path, 999'999 - longest_live_ms, this_process())) << "it is of a clock far ahead";
  live.process_start -= 1; // another process had our number before
  write_live(folder.path, live);
  EXPECT_FALSE(read_live(folder.path, 1'000'000, this_process())) << "its process is dead";
}

TEST(Live, AFileThatIsDamagedOrOfAnotherVersionIsLeftAlone) {
  const Folder folder;
  for (const char* text : {"", "{", "[]", "{\"colour\": 1}", "{\"workers\": 3}"}) {
    std::ofstream(live_file(folder.path)) << text;
    EXPECT_FALSE(read_live(folder.path, 0, this_process())) << text;
  }
}

TEST(Live, InAnothersStoreNoLinkIsFollowedAndNoPipeIsWaitedFor) {
  const Folder folder;
  Bench bench(plan_of({1}), 1);
  const std::filesystem::path other = folder.path / "other";
  std::ofstream(other) << "mine";
  std::filesystem::create_symlink(other, live_file(folder.path).string() + ".new");
  write_live(folder.path, live_at(bench.coordinator, 0));
  std::string text;
  std::ifstream(other) >> text;
  EXPECT_EQ(text, "mine");
  EXPECT_TRUE(read_live(folder.path, 0, this_process()));
  std::filesystem::rename(live_file(folder.path), folder.path / "kept");
  std::filesystem::create_symlink(folder.path / "kept", live_file(folder.path));
  EXPECT_FALSE(read_live(folder.path, 0, this_process()));
  std::filesystem::remove(live_file(folder.path));
  ASSERT_EQ(::mkfifo(live_file(folder.path).c_str(), 0600), 0);
  EXPECT_FALSE(read_live(folder.path, 0, this_process()));
}

TEST(Live, AFolderThatIsGoneEndsNoJob) {
  Bench bench(plan_of({1}), 1);
  write_live("/nowhere/at/all", live_at(bench.coordinator, 0));
  EXPECT_FALSE(read_live("/nowhere/at/all", 0, this_process()));
}

TEST(Live, PeopleSeeRunsAtWorkAndTheLastFailures) {
  Bench bench(plan_of({1, 1}, 5), 2);
  bench.ready(1);
  bench.tell(1, Message::of("epoch", first_epoch(bench, 1, 0.5)));
  const auto tables = live_tables(live_at(bench.coordinator, 0, {{7, bench.run(1), "linear", "error", "disk", "PLANNED"}}));
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_THAT(tables[1].table.rows.at(0), ::testing::Contains(Cell(std::string("1 of 5"))));
  EXPECT_THAT(tables[1].table.rows.at(0), ::testing::Contains(Cell(Percent{0.5})));
  EXPECT_THAT(tables[1].table.rows.at(1), ::testing::Contains(Cell(std::string("starting"))));
  EXPECT_THAT(tables[2].table.rows.at(0), ::testing::Contains(Cell(std::string("disk"))));
  EXPECT_EQ(live_tables(live_at(bench.coordinator, 0)).size(), 2u);
}

TEST(Live, AFileOfThousandsOfWorkersListsThoseAtWorkFirstAndSaysHowManyMore) {
  Bench bench(plan_of({1}), 600);
  bench.ready(600);
  const Live live = live_at(bench.coordinator, 0);
  ASSERT_EQ(live.workers.size(), most_live_workers);
  EXPECT_EQ(live.workers[0].rank, 600);
  EXPECT_EQ(live_tables(live)[1].notes, std::vector<std::string>{"And 100 more workers."});
}

} // namespace
} // namespace stdualx
