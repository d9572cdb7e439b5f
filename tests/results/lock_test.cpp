// Other processes' locks: a reader of a rollback journal keeps commits waiting, and never more than that.
#include "fixture.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "results/database.h"
#include "results/lock_holders.h"
#include "results/reader_copy.h"

namespace stdualx {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A program that holds a read open.
class HeldRead {
public:
  explicit HeldRead(const std::filesystem::path& file) : database_(file, SQLITE_OPEN_READONLY, 0) {
    database_.script("BEGIN");
    database_.integer("SELECT count(*) FROM sqlite_schema");
  }

private:
  Database database_;
};

class Locks : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  std::string run_id = run_identity(a_run());

  StoreOptions options() {
    StoreOptions made;
    made.journal = JournalMode::rollback;
    made.patience = 50ms;
    return made;
  }
  std::int64_t epochs() {
    Reader reader(file);
    return integer_at(reader, "SELECT count(*) FROM epochs");
  }
};

TEST_F(Locks, AReaderKeepsACommitWaitingAndNothingIsLost) {
  Store store = Store::open_for_writing(file, options());
  store.register_sweep(a_plan({a_run()}));
  store.begin_attempt(run_id, a_place(), 1);
  store.wait_for_locks(false);
  std::optional<HeldRead> reader(file);
  ASSERT_TRUE(store.try_begin());
  store.record_epoch(an_epoch(run_id, 1, 1));
  EXPECT_FALSE(store.try_commit());
  EXPECT_FALSE(store.try_commit());
  store.record_epoch(an_epoch(run_id, 1, 2)); // more joins it
  store.heartbeat();
  EXPECT_FALSE(store.try_commit());
  EXPECT_GT(store.unwritten_bytes(), 0);
  EXPECT_THROW(HeldRead second(file), LockedError) << "who comes later waits, or the writer would starve";
  reader.reset();
  EXPECT_TRUE(store.try_commit());
  EXPECT_EQ(epochs(), 2);
}

TEST_F(Locks, AWriterKeepsABeginWaiting) {
  Store store = Store::open_for_writing(file, options());
  store.wait_for_locks(false);
  std::optional<Database> other(std::in_place, file, SQLITE_OPEN_READWRITE, 0);
  other->script("BEGIN IMMEDIATE");
  EXPECT_FALSE(store.try_begin());
  EXPECT_THROW(store.heartbeat(), HeldUpError);
  other.reset();
  EXPECT_TRUE(store.try_begin());
  EXPECT_TRUE(store.try_commit());
}

TEST_F(Locks, OneThatMayWaitIsAskedAndACommitThatIsGivenUpIsDropped) {
  std::optional<HeldRead> reader;
  int asked = 0;
  StoreOptions waiting = options();
  waiting.keep_waiting = [&](std::chrono::milliseconds) {
    if (++asked == 3) reader.reset();
    return asked < 100;
  };
  Store store = Store::open_for_writing(file, waiting);
  reader.emplace(file);
  EXPECT_EQ(store.register_sweep(a_plan({a_run()})), 1);
  EXPECT_EQ(asked, 3);
  store.begin_attempt(run_id, a_place(), 1);
  asked = 97;
  reader.emplace(file);
  EXPECT_THAT(message_of<HeldUpError>([&] { store.record_epoch(an_epoch(run_id, 1, 1)); }), HasSubstr("was kept waiting for too long"));
  reader.reset();
  EXPECT_EQ(epochs(), 0);
  asked = 0;
  store.record_epoch(an_epoch(run_id, 1, 1));
  EXPECT_EQ(epochs(), 1);
}

TEST_F(Locks, OneThatMayWaitIsAskedWhenItsWriteCannotBeginToo) {
  std::optional<Database> other;
  int asked = 0;
  StoreOptions waiting = options();
  waiting.keep_waiting = [&](std::chrono::milliseconds) {
    if (++asked == 10) other.reset(); // longer than the patience of one who is not asked
    return asked < 1000;
  };
  Store store = Store::open_for_writing(file, waiting);
  other.emplace(file, SQLITE_OPEN_READWRITE, 0);
  other->script("BEGIN IMMEDIATE");
  EXPECT_EQ(store.register_sweep(a_plan({a_run()})), 1);
  EXPECT_GE(asked, 10);
}

TEST_F(Locks, AStartWaitsForAReader) {
  { Store store = Store::open_for_writing(file, options()); }
  std::optional<HeldRead> reader(file);
  int asked = 0;
  StoreOptions waiting = options();
  waiting.keep_waiting = [&](std::chrono::milliseconds) {
    if (++asked == 5) reader.reset();
    return true;
  };
  Store store = Store::open_for_writing(file, waiting);
  EXPECT_GE(asked, 5);
  EXPECT_EQ(store.coordinator_id(), 2);
}

TEST_F(Locks, AStoreThatCannotBeGivenBackForAReaderIsTakenOverByTheNext) {
  StoreOptions dead = options();
  dead.identity.process_start -= 1;
  Store store = Store::open_for_writing(file, dead);
  {
    HeldRead reader(file);
    EXPECT_FALSE(store.release());
  }
  Store next = Store::open_for_writing(file, options());
  EXPECT_TRUE(next.take_over().happened);
  EXPECT_EQ(next.take_over().interrupted_runs, 0);
}

TEST_F(Locks, ACoordinatorThatIsOnlyKeptWaitingIsNotTakenOver) {
  StoreOptions theirs = options();
  theirs.identity.host = "another-host";
  Store store = Store::open_for_writing(file, theirs);
  store.wait_for_locks(false);
  std::optional<HeldRead> reader(file);
  ASSERT_TRUE(store.try_begin());
  store.heartbeat();
  StoreOptions ours = options();
  ours.patience = 400ms; // were these seconds, ctest would end this
  ours.sleep = [](std::chrono::milliseconds) {};
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file, ours); }), HasSubstr("its write lock was not given back"));
  EXPECT_FALSE(store.try_commit());
  EXPECT_THROW(Store::open_for_writing(file, ours), RefusedError);
  reader.reset();
  EXPECT_TRUE(store.try_commit());
  reader.emplace(file);
  ASSERT_TRUE(store.try_begin());
  store.heartbeat();
  int looks = 0;
  ours.sleep = [&](std::chrono::milliseconds) {
    if (++looks != 3) return;
    reader.reset();
    EXPECT_TRUE(store.try_commit());
  };
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file, ours); }), HasSubstr("its heartbeat goes on"));
}

TEST_F(Locks, AHolderWhoMayHaveBeenKeptFromItsHeartbeatByWhatKeptUsWaitingIsWatchedAnew) {
  StoreOptions theirs = options();
  theirs.identity.host = "another-host";
  Store store = Store::open_for_writing(file, theirs);
  std::optional<Database> third(std::in_place, file, SQLITE_OPEN_READWRITE, 0);
  third->script("BEGIN IMMEDIATE"); // neither of them can write now
  StoreOptions ours = options();
  ours.patience = 20s;
  int looks = 0;
  std::thread ends;
  ours.sleep = [&](std::chrono::milliseconds) {
    if (++looks == 20) // of the first lease the last
      ends = std::thread([&] {
        std::this_thread::sleep_for(1s); // meanwhile ours waits for the lock
        third.reset();
      });
    if (looks == 22) store.heartbeat();
  };
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file, ours); }), HasSubstr("its heartbeat goes on"));
  EXPECT_EQ(looks, 22);
  ends.join();
  store.heartbeat(); // still the holder
}

TEST_F(Locks, WhoIsInTheWayIsNamed) {
  { Store store = Store::open_for_writing(file, options()); }
  EXPECT_THAT(who_holds(file), HasSubstr("a process on another host"));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto child_that = [&](const auto& holds) {
    const pid_t child = ::fork();
    if (child == 0) {
      holds();
      ::_exit(0);
    }
    char word = 0;
    EXPECT_EQ(::read(ends[0], &word, 1), 1);
    return child;
  };
  const auto tell_and_stay = [&] {
    if (::write(ends[1], "r", 1) == 1) ::pause();
  };
  const pid_t reads = child_that([&] {
    const HeldRead read(file);
    tell_and_stay();
  });
  const pid_t has_it_open = child_that([&] {
    const Database database(file, SQLITE_OPEN_READONLY, 0);
    tell_and_stay();
  });
  EXPECT_THAT(who_holds(file), HasSubstr("process " + std::to_string(reads) + " ("));
  EXPECT_THAT(who_holds(file), HasSubstr("on this host"));
  EXPECT_THAT(who_holds(file), ::testing::Not(HasSubstr(std::to_string(has_it_open)))) << "it holds no lock";
  for (const pid_t child : {reads, has_it_open}) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

TEST_F(Locks, ASnapshotOfOurOwnKeepsNobodyWaitingAndSeesOneState) {
  Store store = Store::open_for_writing(file, options());
  store.register_sweep(a_plan({a_run()}));
  store.begin_attempt(run_id, a_place(), 1);
  Reader reader(file);
  {
    const Reader::Snapshot snapshot(reader);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs"), 0);
    store.wait_for_locks(false);
    store.record_epoch(an_epoch(run_id, 1, 1)); // would throw
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs"), 0);
    EXPECT_EQ(reader.run_states(std::vector{run_id}).at(0).epochs_recorded, 0);
    EXPECT_THAT(message_of<InputError>([&] { reader.query("DELETE FROM epochs"); }), HasSubstr("only statements that read"));
  }
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs"), 1);
}

TEST_F(Locks, AQuestionThatLastsGoesOnInACopy) {
  Store store = Store::open_for_writing(file, options());
  store.register_sweep(a_plan({a_run()}));
  store.begin_attempt(run_id, a_place(), 1);
  store.wait_for_locks(false);
  std::atomic<bool> done{false}, begun{false};
  std::int64_t counted = 0;
  std::thread question([&] {
    Reader reader(file);
    begun = true;
    // Some seconds, all the time in the table's file.
    counted = integer_at(reader, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000000) "
                                 "SELECT max(i) + (SELECT count(*) FROM runs) FROM n");
    done = true;
  });
  while (!begun) std::this_thread::yield();
  bool kept_waiting = false, committed = false;
  while (!done && !kept_waiting) {
    if (!store.try_begin()) continue;
    store.heartbeat();
    kept_waiting = !store.try_commit();
  }
  while (!done && !committed) {
    std::this_thread::sleep_for(5ms);
    committed = kept_waiting && store.try_commit();
  }
  store.rollback();
  question.join();
  EXPECT_TRUE(kept_waiting);
  EXPECT_TRUE(committed) << "it was asked to its end of the store itself";
  EXPECT_EQ(counted, 12000001);
}

} // namespace
} // namespace stdualx
