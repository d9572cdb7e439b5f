// A store seen from outside: every heartbeat changes its pulse, and nothing else does.
#include "results/pulse.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "fixture.h"
#include "results/database.h"

namespace stdualx {
namespace {

TEST(StorePulse, EachHeartbeatChangesItWithEitherJournalAndAReaderDoesNot) {
  for (const JournalMode journal : {JournalMode::wal, JournalMode::rollback}) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "results.db";
    const auto none = store_pulse(file);
    ASSERT_TRUE(none.has_value()) << "a store that nobody made yet stands still";
    StoreOptions options;
    options.journal = journal;
    Store store = Store::open_for_writing(file, options);
    auto before = store_pulse(file);
    EXPECT_NE(before, none);
    for (int beat = 0; beat < 3; ++beat) {
      store.heartbeat();
      const auto after = store_pulse(file);
      ASSERT_TRUE(after.has_value());
      EXPECT_NE(after, before);
      before = after;
    }
    Reader(file).query("SELECT count(*) FROM coordinators", {});
    EXPECT_EQ(store_pulse(file), before);
  }
}

TEST(StorePulse, ACommitThatLeavesSizeAndTimeOfChangeAsTheyWereIsSeenByItsCounter) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "results.db";
  StoreOptions options;
  options.journal = JournalMode::rollback;
  Store store = Store::open_for_writing(file, options);
  const auto size = std::filesystem::file_size(file);
  const auto time = std::filesystem::last_write_time(file);
  const auto before = store_pulse(file);
  store.heartbeat();
  std::filesystem::last_write_time(file, time); // as coarse as some servers' are
  ASSERT_EQ(std::filesystem::file_size(file), size);
  EXPECT_NE(store_pulse(file), before);
}

TEST(StorePulse, ACommitIntoTheMiddleOfAWalIsSeenByItsTime) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "results.db", wal = file.string() + "-wal";
  StoreOptions options;
  options.journal = JournalMode::wal;
  Store store = Store::open_for_writing(file, options);
  for (int beat = 0; beat < 10; ++beat) store.heartbeat();
  const auto size = std::filesystem::file_size(wal);
  Database(file, SQLITE_OPEN_READWRITE, 1000).text("PRAGMA wal_checkpoint(RESTART)"); // from here on it is written from its start again
  store.heartbeat();
  const auto before = store_pulse(file);
  const auto time = std::filesystem::last_write_time(wal);
  do { // the kernel's clock of files goes in steps
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    store.heartbeat();
  } while (std::filesystem::last_write_time(wal) == time);
  ASSERT_EQ(std::filesystem::file_size(wal), size);
  EXPECT_NE(store_pulse(file), before);
}

TEST(StorePulse, WhatCannotBeReadIsUnknownAndNotStill) {
  const TemporaryFolder folder;
  std::ofstream(folder / "no-folder") << "a file";
  EXPECT_EQ(store_pulse(folder / "no-folder" / "results.db"), std::nullopt);
}

} // namespace
} // namespace stdualx
