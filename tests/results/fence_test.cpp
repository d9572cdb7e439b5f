// One writer at a time, proved with real processes; and which journal each file system gets.
#include "fixture.h"
#include "results/database.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A child that runs `work`, tells so by a byte, and waits to be killed.
class Child {
public:
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      char word = 'e';
      try {
        work();
        word = 'r';
      } catch (const std::exception&) {
      }
      [[maybe_unused]] const auto written = ::write(ends[1], &word, 1);
      while (true) ::pause();
    }
    ::close(ends[1]);
    char word = 0;
    ready_ = ::read(ends[0], &word, 1) == 1 && word == 'r';
    ::close(ends[0]);
  }
  ~Child() { reap(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  bool ready() const { return ready_; }
  pid_t pid() const { return pid_; }
  void kill() { ::kill(pid_, SIGKILL); }
  /// Waits until it is dead, but leaves it a zombie.
  void wait_dead() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ <= 0) return;
    kill();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

ProcessIdentity elsewhere() {
  ProcessIdentity identity = this_process();
  identity.host = "another-host";
  return identity;
}

TEST(Fence, ALivingCoordinatorOnThisHostIsNotDisturbed) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  Child holder([&] { new Store(Store::open_for_writing(file)); }); // held until the process dies
  ASSERT_TRUE(holder.ready());
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file); }),
              AllOf(HasSubstr("process " + std::to_string(holder.pid()) + " on host " + this_process().host), HasSubstr("holds the store"),
                    HasSubstr("--store")));
}

TEST(Fence, ACoordinatorKilledIsReplacedAtOnceAndItsRunsAreInterrupted) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  const std::string run_id = run_identity(a_run());
  Child holder([&] {
    auto* store = new Store(Store::open_for_writing(file));
    store->register_sweep(a_plan({a_run(), a_run(1)}));
    store->begin_attempt(run_id, a_place(), 1);
    store->record_epoch(an_epoch(run_id, 1, 1));
  });
  ASSERT_TRUE(holder.ready());
  holder.kill();
  holder.wait_dead(); // a zombie counts as dead: it may have no parent that reaps it
  StoreOptions options;
  options.sleep = [](std::chrono::milliseconds) { FAIL() << "there is nothing to wait for"; };
  Store store = Store::open_for_writing(file, options);
  EXPECT_TRUE(store.take_over().happened);
  EXPECT_EQ(store.take_over().previous_pid, holder.pid());
  EXPECT_EQ(store.take_over().interrupted_runs, 1);
  const RunState state = store.run_states(std::vector{run_id}).at(0);
  EXPECT_EQ(state.status, RunStatus::interrupted);
  EXPECT_EQ(state.epochs_recorded, 1);
  EXPECT_EQ(state.failures, 0) << "the run did nothing wrong";
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT end_reason FROM attempts"), "interrupted");
  EXPECT_THAT(text_at(reader, "SELECT end_detail FROM attempts"), HasSubstr(std::to_string(holder.pid())));
  EXPECT_EQ(store.begin_attempt(run_id, a_place(), 1, 1), 2);
}

/// Coordinators that die one after the other with a run at work; the crash of each is told to the next, or not ("": killed from outside).
RunState after_deaths(const TemporaryFolder& folder, const std::vector<std::string>& crashes, const std::set<std::size_t>& records_epoch) {
  const auto file = folder / "results.db";
  const std::string run_id = run_identity(a_run());
  std::int64_t epochs = 0;
  for (std::size_t i = 0; i <= crashes.size(); ++i) {
    const bool last = i == crashes.size(), records = records_epoch.contains(i);
    if (records) ++epochs;
    Child holder([&] {
      StoreOptions options;
      if (i > 0) options.crash = crashes[i - 1];
      auto* store = new Store(Store::open_for_writing(file, options));
      store->register_sweep(a_plan({a_run(), a_run(1)}));
      if (last) return;
      const std::int64_t attempt = store->begin_attempt(run_id, a_place("host " + std::to_string(i)), 1, records ? epochs - 1 : epochs);
      if (records) store->record_epoch(an_epoch(run_id, attempt, epochs));
    });
    EXPECT_TRUE(holder.ready());
    holder.kill();
    holder.wait_dead();
  }
  Reader reader(file);
  return reader.run_states(std::vector{run_id}).at(0);
}

TEST(Crashes, OfTheJobAreCountedAgainstTheRunsAtWorkUntilOneRecordsAnEpoch) {
  const TemporaryFolder folder, epoch_before, epoch_between;
  const std::string crash = "mpirun ended with exit status 137";
  const RunState state = after_deaths(folder, {crash, crash, crash}, {});
  EXPECT_EQ(state.crashes, 3);
  EXPECT_EQ(state.failures, 0);
  EXPECT_EQ(state.crash_hosts, (std::vector<std::string>{"host 0", "host 1", "host 2"}));
  Reader reader(folder / "results.db");
  EXPECT_THAT(text_at(reader, "SELECT end_detail FROM attempts WHERE attempt = 1"), HasSubstr("the job crashed: " + crash));
  EXPECT_EQ(after_deaths(epoch_before, {crash, crash, crash}, {0}).crashes, 3) << "it crashes in its second epoch";
  EXPECT_EQ(after_deaths(epoch_between, {crash, crash, crash}, {1}).crashes, 2) << "the first crash was none of its doing";
}

TEST(Crashes, AJobThatIsKilledWholeIsNoCrash) {
  const TemporaryFolder folder, mixed;
  EXPECT_EQ(after_deaths(folder, {"", "", "", ""}, {}).crashes, 0);
  EXPECT_EQ(after_deaths(mixed, {"mpirun ended", "", "mpirun ended"}, {}).crashes, 2);
}

TEST(Crashes, AreForgivenByRetry) {
  const TemporaryFolder folder;
  after_deaths(folder, {"mpirun ended", "mpirun ended"}, {});
  Store store = Store::open_for_writing(folder / "results.db");
  const std::string run_id = run_identity(a_run());
  EXPECT_TRUE(store.retry(run_id));
  EXPECT_EQ(store.run_states(std::vector{run_id}).at(0).crashes, 0);
}

TEST(Fence, OfTwoThatStartTogetherOneIsRefused) {
  for (int round = 0; round < 5; ++round) {
    TemporaryFolder folder;
    const auto file = folder / "results.db";
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    const auto race = [&] {
      char word = 0;
      ::close(go[1]);
      [[maybe_unused]] const auto none = ::read(go[0], &word, 1); // until the parent closes its end
      new Store(Store::open_for_writing(file));
    };
    // The children wait for the starting shot inside a grandchild-free process each, so fork them before the shot.
    pid_t pids[2];
    int results[2][2];
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(::pipe(results[i]), 0);
      pids[i] = ::fork();
      if (pids[i] == 0) {
        char word = 'e';
        try {
          race();
          word = 'w';
        } catch (const RefusedError&) {
          word = 'r';
        } catch (const std::exception&) {
        }
        [[maybe_unused]] const auto written = ::write(results[i][1], &word, 1);
        while (true) ::pause();
      }
    }
    ::close(go[0]);
    ::close(go[1]);
    std::string words;
    for (auto& ends : results) {
      char word = 0;
      ASSERT_EQ(::read(ends[0], &word, 1), 1);
      words += word;
    }
    for (const pid_t pid : pids) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    for (auto& ends : results) {
      ::close(ends[0]);
      ::close(ends[1]);
    }
    EXPECT_TRUE(words == "wr" || words == "rw") << words;
  }
}

TEST(Fence, AHolderElsewhereIsWatchedForOneLeaseAndReplacedWhenItStandsStill) {
  TemporaryFolder folder;
  StoreOptions theirs;
  theirs.identity = elsewhere();
  Store old = Store::open_for_writing(folder / "results.db", theirs);
  std::chrono::milliseconds watched{0};
  StoreOptions ours;
  ours.lease = std::chrono::milliseconds(60000);
  ours.sleep = [&](std::chrono::milliseconds time) { watched += time; };
  Store store = Store::open_for_writing(folder / "results.db", ours);
  EXPECT_EQ(watched.count(), 60000);
  EXPECT_TRUE(store.take_over().happened);
  EXPECT_THAT(message_of<RefusedError>([&] { old.heartbeat(); }), HasSubstr("has taken the store over"));
  EXPECT_THAT(message_of<RefusedError>([&] { old.register_sweep(a_plan({a_run()})); }), HasSubstr(std::to_string(::getpid())));
  EXPECT_THROW(old.release(), RefusedError);
  EXPECT_EQ(store.register_sweep(a_plan({a_run()})), 1) << "the new one writes";
}

TEST(Fence, AHolderElsewhereWhoseHeartbeatGoesOnIsLeftAlone) {
  TemporaryFolder folder;
  StoreOptions theirs;
  theirs.identity = elsewhere();
  theirs.job = "4242";
  Store old = Store::open_for_writing(folder / "results.db", theirs);
  int looks = 0;
  StoreOptions ours;
  ours.sleep = [&](std::chrono::milliseconds) {
    if (++looks == 3) old.heartbeat();
  };
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(folder / "results.db", ours); }),
              AllOf(HasSubstr("another-host"), HasSubstr("job 4242"), HasSubstr("heartbeat goes on")));
  EXPECT_EQ(looks, 3);
  old.heartbeat(); // still the holder
}

TEST(Fence, AHolderElsewhereThatEndsWhileWatchedIsReplaced) {
  TemporaryFolder folder;
  StoreOptions theirs;
  theirs.identity = elsewhere();
  Store old = Store::open_for_writing(folder / "results.db", theirs);
  int looks = 0;
  StoreOptions ours;
  ours.sleep = [&](std::chrono::milliseconds) {
    if (++looks == 2) old.release();
  };
  Store store = Store::open_for_writing(folder / "results.db", ours);
  EXPECT_EQ(looks, 2);
  EXPECT_FALSE(store.take_over().happened);
}

TEST(Fence, AStoreGivenBackIsTakenWithoutAWord) {
  TemporaryFolder folder;
  { Store store = Store::open_for_writing(folder / "results.db"); }
  Store store = Store::open_for_writing(folder / "results.db");
  EXPECT_FALSE(store.take_over().happened);
  EXPECT_EQ(store.coordinator_id(), 2);
}

TEST(Fence, APidUsedAgainIsAnotherProcess) {
  ProcessIdentity self = this_process(), other = self;
  EXPECT_EQ(look_at(self, self), Holder::alive);
  other.process_start -= 1;
  EXPECT_EQ(look_at(other, self), Holder::dead);
  other.pid = 1 << 23; // above the largest that Linux gives: nobody, hidden or not
  EXPECT_EQ(look_at(other, self), Holder::dead);
  other = self;
  other.boot_id = "before the power failed";
  EXPECT_EQ(look_at(other, self), Holder::elsewhere);
  EXPECT_EQ(process_start_of(-5), -1);
}

TEST(Journal, OnlyFileSystemsKnownToBeLocalGetAWal) {
  for (const char* name : {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "f2fs"})
    EXPECT_EQ(journal_mode_for(name), JournalMode::wal) << name;
  for (const char* name : {"nfs", "lustre", "gpfs", "beegfs", "ceph", "weka", "afs", "cifs", "smb2", "fuse", "9p", "virtiofs", "unknown",
                           "", "ext4 ", "newfs"})
    EXPECT_EQ(journal_mode_for(name), JournalMode::rollback) << name;
}

TEST(Journal, TheStoreIsInTheModeThatItsFileSystemAsksForAndOneFileAtRest) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  const auto journal_of = [&] {
    Database raw(file, SQLITE_OPEN_READONLY, 0);
    return raw.text("PRAGMA journal_mode");
  };
  {
    Store store = Store::open_for_writing(file);
    const JournalMode wanted = journal_mode_for(file_system_name(folder.path()));
    EXPECT_EQ(store.journal_mode(), wanted);
    EXPECT_EQ(journal_of(), wanted == JournalMode::wal ? "wal" : "delete");
  }
  EXPECT_EQ(journal_of(), "delete");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "no -wal, -shm or -journal is left";
  EXPECT_EQ(file_system_name("/proc"), "unknown") << "what has no name here gets no WAL";
}

TEST(Journal, NobodyWaitsForAWalThatIsThere) {
  TemporaryFolder folder;
  int asked = 0;
  StoreOptions options;
  options.journal = JournalMode::wal;
  options.keep_waiting = [&](std::chrono::milliseconds) { return ++asked < 10; };
  Store store = Store::open_for_writing(folder / "results.db", options);
  EXPECT_EQ(store.journal_mode(), JournalMode::wal);
  EXPECT_EQ(asked, 0);
}

} // namespace
} // namespace stdualx
