// A writer killed inside a commit: who only reads sees what was recorded before it, who writes rolls it back, under the fence.
#include "fixture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <thread>

#include "experiments/spec/fault.h"
#include "results/backup.h"
#include "results/cut_commit.h"
#include "results/database.h"
#include "results/ledger.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The status with which a child that does this ends: what waitpid says.
int in_a_child(const std::function<void()>& work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
      ::_exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}
bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

/// Every file of a folder with its bytes.
std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

/// Where a commit is cut: nothing of the file is written yet; all of it; one page, and half of the next.
const std::vector<Fault> moments = {{FaultPoint::store_file_sync, 2, FaultAction::kill},
                                    {FaultPoint::store_file_sync, 3, FaultAction::kill},
                                    {FaultPoint::store_file_write, 0, FaultAction::torn}};

class CutCommitTest : public ::testing::Test {
protected:
  TemporaryFolder folder, other, temporary;
  std::filesystem::path file = folder / "results.db";
  RunSpec first = a_run(0), second = a_run(1);
  std::string first_id = run_identity(first), second_id = run_identity(second);

  void SetUp() override { ::setenv("TMPDIR", temporary.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("TMPDIR"); }

  static StoreOptions with_rollback_journal() {
    StoreOptions options;
    options.journal = JournalMode::rollback;
    return options;
  }

  /// A store that holds `first` whole; its writer died in the commit of all of `second`.
  void cut(const Fault& fault, const std::optional<ProcessIdentity>& holder = std::nullopt) {
    long writes = 0;
    const auto work = [&](const Fault& at) {
      set_fault(Fault{at.point, 1000000, at.action}); // lays the faults under SQLite
      StoreOptions options = with_rollback_journal();
      if (holder) options.identity = *holder;
      Store store = Store::open_for_writing(file, options);
      store.register_sweep(a_plan({first, second}));
      complete(store, first);
      store.begin();
      complete(store, second, 9, 2000);
      set_fault(at);
      store.commit();
      std::ofstream(folder / "count") << fault_count();
    };
    Fault at = fault;
    if (fault.nth == 0) { // the last but one write of the commit: of a page of the file
      ASSERT_EQ(in_a_child([&] { work({fault.point, 1000000, FaultAction::kill}); }), 0);
      std::ifstream(folder / "count") >> writes;
      for (const char* name : {"count", "results.db"}) std::filesystem::remove(folder / name);
      at.nth = writes - 1;
    }
    ASSERT_TRUE(was_killed(in_a_child([&] { work(at); }))) << fault_text(at);
    ASSERT_GT(std::filesystem::file_size(file.string() + "-journal"), 0u);
  }

  /// What was recorded before the cut commit, and nothing of it.
  void expect_the_first_alone(Reader& reader) {
    EXPECT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(text_at(reader, "SELECT group_concat(status, ' ') FROM (SELECT status FROM runs ORDER BY fold)"), "COMPLETE PLANNED");
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs"), 2);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM predictions"), 10);
  }
};

TEST_F(CutCommitTest, AReaderSeesWhatWasRecordedBeforeItAndTouchesNothing) {
  for (const Fault& fault : moments) {
    SCOPED_TRACE(fault_text(fault));
    std::filesystem::remove(file.string() + "-journal");
    std::filesystem::remove(file);
    cut(fault);
    const auto before = contents(folder.path());
    for (int times = 0; times < 2; ++times) {
      Reader reader(file);
      expect_the_first_alone(reader);
      EXPECT_THAT(reader.note(), HasSubstr(file.string() + ": its last writer died inside a commit"));
      EXPECT_TRUE(Reader::open_if_there(file).has_value());
    }
    EXPECT_EQ(contents(folder.path()), before);
    EXPECT_THAT(contents(temporary.path()), IsEmpty());
  }
}

TEST_F(CutCommitTest, TheNextWriterRollsItBackAndSaysSo) {
  for (const Fault& fault : moments) {
    SCOPED_TRACE(fault_text(fault));
    std::filesystem::remove(file);
    cut(fault);
    {
      Store store = Store::open_for_writing(file, with_rollback_journal());
      EXPECT_TRUE(store.take_over().happened);
      complete(store, second, 9, 2000);
    }
    EXPECT_FALSE(std::filesystem::exists(file.string() + "-journal"));
    Reader reader(file);
    EXPECT_EQ(reader.note(), "");
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE status = 'COMPLETE'"), 2);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'rolled_back'"), 1);
    EXPECT_THAT(ledger_findings(reader), IsEmpty());
    EXPECT_EQ(damage_of(file), std::nullopt);
  }
}

TEST_F(CutCommitTest, NothingIsRolledBackUnderACoordinatorThatLives) {
  cut(moments[1], this_process()); // its locks are gone, as those of another host may be
  const auto before = contents(folder.path());
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file); }), HasSubstr("holds the store (it runs)"));
  EXPECT_EQ(contents(folder.path()), before);
}

TEST_F(CutCommitTest, ACoordinatorElsewhereIsWatchedForOneLeaseBeforeItsCommitIsRolledBack) {
  cut(moments[1], ProcessIdentity{"another-host", "another boot", 7, 7});
  const auto before = contents(folder.path());
  int slept = 0;
  StoreOptions options = with_rollback_journal();
  options.sleep = [&](std::chrono::milliseconds) {
    EXPECT_EQ(contents(folder.path()), before) << "rolled back before the lease was over";
    ++slept;
  };
  Store store = Store::open_for_writing(file, options);
  EXPECT_EQ(slept, 20) << "a twentieth of a lease each, and never a second lease";
  EXPECT_EQ(store.take_over().previous_host, "another-host");
}

TEST_F(CutCommitTest, ACoordinatorElsewhereThatMovesIsLeftAlone) {
  cut(moments[1], ProcessIdentity{"another-host", "another boot", 7, 7});
  int slept = 0;
  StoreOptions options = with_rollback_journal();
  options.sleep = [&](std::chrono::milliseconds) { // it was in the middle of a commit, and goes on
    if (++slept == 3) std::filesystem::remove(file.string() + "-journal");
    if (slept == 5) Database(file, SQLITE_OPEN_READWRITE, 0).script("UPDATE coordinators SET heartbeat = heartbeat + 1");
  };
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file, options); }), HasSubstr("its heartbeat goes on"));
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE status = 'COMPLETE'"), 2) << "its commit stands";
}

TEST_F(CutCommitTest, ACoordinatorElsewhereThatBeatsAfterItWasJudgedIsWatchedAnew) {
  cut(moments[1], ProcessIdentity{"another-host", "another boot", 7, 7});
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    int looks = 0;
    StoreOptions options = with_rollback_journal();
    options.sleep = [&](std::chrono::milliseconds) {
      if (++looks > 20) ::_exit(7); // a second lease
    };
    set_fault(Fault{FaultPoint::coordinator_before_claim, 1, FaultAction::hang});
    try {
      Store::open_for_writing(file, options);
    } catch (const std::exception&) {
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  Database(file, SQLITE_OPEN_READWRITE, 1000).script("UPDATE coordinators SET heartbeat = heartbeat + 1");
  ::kill(child, SIGCONT);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << "it was replaced though it lives";
}

TEST_F(CutCommitTest, AChangeOfTheStoreOrOfItsJournalIsOne) {
  for (const char* suffix : {"", "-journal"}) {
    for (const char* name : {"results.db", "results.db-journal"}) std::filesystem::remove(folder / name);
    cut(moments[1]);
    const auto found = CutCommit::found_at(file);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->is_unchanged());
    const std::filesystem::path changed = file.string() + suffix;
    std::filesystem::last_write_time(changed, std::filesystem::last_write_time(changed) + std::chrono::seconds(1));
    EXPECT_FALSE(found->is_unchanged()) << changed;
  }
}

TEST_F(CutCommitTest, NoCopyCountsWhoseFilesChangeMeanwhile) {
  cut(moments[1]);
  std::filesystem::resize_file(file, 64 << 20); // so that the other thread gets its turn during a copy
  std::atomic<bool> done{false};
  std::thread writer([&] { // on a file system whose locks do not tell of it
    const std::filesystem::path journal = file.string() + "-journal";
    for (auto time = std::filesystem::last_write_time(journal); !done; std::this_thread::yield())
      std::filesystem::last_write_time(journal, time += std::chrono::seconds(1));
  });
  EXPECT_THAT(message_of<StorageError>([&] { CutCommit::found_at(file); }), HasSubstr("it is being written"));
  done = true;
  writer.join();
  EXPECT_THAT(contents(temporary.path()), IsEmpty());
}

TEST_F(CutCommitTest, CopiesChecksAndMergesTakeWhatWasRecordedBefore) {
  cut(moments[1]);
  const auto before = contents(folder.path());
  EXPECT_EQ(damage_of(file), std::nullopt);
  backup_store(file, other / "copy.db");
  Reader copy(other / "copy.db");
  expect_the_first_alone(copy);
  {
    Store merged = Store::open_for_writing(other / "merged.db");
    const Merged brought = merged.merge(file, [](const std::string&, const std::string&, const std::string&) { return ""; });
    EXPECT_EQ(brought.runs, 2);
    EXPECT_THAT(brought.completed, SizeIs(1));
  }
  EXPECT_EQ(contents(folder.path()), before) << "the other store is not ours to roll back";
  EXPECT_THAT(contents(temporary.path()), IsEmpty());
  EXPECT_THAT(message_of<InputError>([&] { backup_store(other / "merged.db", file); }), HasSubstr("would lay this over the copy"));
}

TEST_F(CutCommitTest, AStoreThatWasBeingMadeHoldsNothingYetAndIsMade) {
  int cut_short = 0;
  for (long nth = 1; nth <= 12; ++nth) {
    SCOPED_TRACE(nth);
    for (const char* name : {"results.db", "results.db-journal", "results.db-wal", "results.db-shm"})
      std::filesystem::remove(folder / name);
    const bool killed = was_killed(in_a_child([&] {
      set_fault(Fault{FaultPoint::store_file_sync, nth, FaultAction::kill});
      Store store = Store::open_for_writing(file);
      store.register_sweep(a_plan({first, second}));
    }));
    if (!killed) break;
    cut_short += std::filesystem::exists(file.string() + "-journal");
    EXPECT_NO_THROW(Reader::open_if_there(file));
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({first, second}));
    store.release();
    Reader reader(file);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs"), 2);
  }
  EXPECT_GE(cut_short, 3);
}

TEST_F(CutCommitTest, WithoutRoomInTmpdirTheCopyLiesBesideTheStoreAndElseItIsSaid) {
  cut(moments[1]);
  ::setenv("TMPDIR", (temporary / "none").c_str(), 1);
  const auto before = contents(folder.path());
  {
    Reader reader(file);
    expect_the_first_alone(reader);
  }
  EXPECT_EQ(contents(folder.path()), before);
}

/// What a process of another user is told, who may read the folder and not write it; "": nothing, it did its work.
std::string as_another_user(const std::filesystem::path& folder, const std::function<void()>& work) {
  const std::filesystem::path said = std::filesystem::temp_directory_path() / "said";
  std::ofstream(said).close();
  ::chmod(said.c_str(), 0666);
  ::chmod(said.parent_path().c_str(), 0777);
  ::chmod(folder.c_str(), 0555);
  in_a_child([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) throw std::runtime_error("no other user to be");
    try {
      work();
    } catch (const std::exception& error) {
      std::ofstream(said) << error.what();
    }
  });
  ::chmod(folder.c_str(), 0755);
  std::ifstream file(said);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  file.close();
  std::filesystem::remove(said);
  return text;
}

TEST_F(CutCommitTest, AReaderWhoMayNotWriteTheFolderSeesIt) {
  cut(moments[1]);
  EXPECT_EQ(as_another_user(folder.path(),
                            [&] {
                              Reader reader(file);
                              if (integer_at(reader, "SELECT count(*) FROM epochs") != 2) throw std::runtime_error("other epochs");
                            }),
            "");
}

TEST_F(CutCommitTest, AWalThatWasLeftInAFolderThatCannotBeWrittenIsRead) {
  ASSERT_TRUE(was_killed(in_a_child([&] {
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({first, second}));
    complete(store, first);
    ::kill(::getpid(), SIGKILL);
  })));
  if (!std::filesystem::exists(file.string() + "-wal")) GTEST_SKIP() << "the file system here asks for a rollback journal";
  for (const bool shared_memory : {true, false}) {
    SCOPED_TRACE(shared_memory);
    if (!shared_memory) std::filesystem::remove(file.string() + "-shm"); // as in a copy of the two files
    EXPECT_EQ(as_another_user(folder.path(),
                              [&] {
                                Reader reader(file);
                                if (integer_at(reader, "SELECT count(*) FROM epochs") != 2) throw std::runtime_error("other epochs");
                              }),
              "");
  }
}

TEST_F(CutCommitTest, LookingAtAStoreLeavesTheLocksThatThisProcessHoldsOnIt) {
  StoreOptions options;
  options.journal = JournalMode::wal;
  Store store = Store::open_for_writing(file, options);
  store.register_sweep(a_plan({first}));
  const auto locked = [&] { // seen from outside: SQLite's SHARED lock, which keeps others from removing the WAL
    return in_a_child([&] {
      const int seen = ::open(file.c_str(), O_RDWR);
      struct flock range {};
      range.l_type = F_WRLCK, range.l_whence = SEEK_SET, range.l_start = 0x40000002, range.l_len = 510;
      if (::fcntl(seen, F_GETLK, &range) != 0 || range.l_type == F_UNLCK) throw std::runtime_error("nobody holds it");
    });
  };
  ASSERT_EQ(locked(), 0);
  backup_store(file, folder / "copy.db");
  EXPECT_EQ(locked(), 0) << "after a copy";
  { Reader reader(file); }
  Reader::open_if_there(file);
  EXPECT_EQ(locked(), 0) << "after a reader";
}

} // namespace
} // namespace stdualx
