// A store seen from outside: every heartbeat changes its pulse, and nothing else does.
#include "results/pulse.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "fixture.h"

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

TEST(StorePulse, WhatCannotBeReadIsUnknownAndNotStill) {
  const TemporaryFolder folder;
  std::ofstream(folder / "no-folder") << "a file";
  EXPECT_EQ(store_pulse(folder / "no-folder" / "results.db"), std::nullopt);
}

} // namespace
} // namespace stdualx
