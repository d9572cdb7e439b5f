// Every fault point x every action that makes sense there, against a whole job in one process: killed, hung, failed, resumed to the
// end; then the store is that of an undisturbed sweep. What was tried goes into promises.csv, from which docs/promises.md is made.
#include "one_process_job.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/fault.h"
#include "results/format.h"
#include "results/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace stdualx {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class Folder {
public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "stdualx-faults-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder " + name);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

/// A job's start in a process of its own, which a fault may end.
class Start {
public:
  Start(const Job& job, OneProcessOptions options, const std::optional<Fault>& fault) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      int status = 1; // an exception that nobody expects, as std::terminate would end it
      std::string message;
      try {
        set_fault(fault);
        options.store.identity = this_process();
        status = run_in_one_process(job, options, message);
      } catch (const std::exception& error) {
        message = error.what();
      }
      message += "\n" + std::to_string(fault_count());
      if (::write(ends[1], message.data(), message.size()) < 0) ::_exit(99);
      ::_exit(status);
    }
    ::close(ends[1]);
    words_ = ends[0];
  }
  ~Start() {
    if (!over_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(words_);
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;

  /// Waits until it stopped itself (true) or ended.
  bool stopped() {
    ::waitpid(pid_, &status_, WUNTRACED);
    if (WIFSTOPPED(status_)) return true;
    over_ = true;
    char chunk[4096];
    for (ssize_t count; (count = ::read(words_, chunk, sizeof chunk)) > 0;) message_.append(chunk, static_cast<std::size_t>(count));
    const std::size_t line = message_.rfind('\n');
    if (line != std::string::npos) {
      reached_ = std::stol(message_.substr(line + 1));
      message_.resize(line);
    }
    return false;
  }
  void signal(int number) const { ::kill(pid_, number); }
  bool killed() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  int exit_status() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }
  const std::string& message() const { return message_; }
  long reached() const { return reached_; } // how often it came to the fault's point

private:
  pid_t pid_ = 0;
  int words_ = -1, status_ = 0;
  bool over_ = false;
  std::string message_;
  long reached_ = 0;
};

/// Starts the job again until it is done, as a person would.
void resume(const Job& job) {
  for (int start = 1; start <= 3; ++start) {
    Start again(job, {}, std::nullopt);
    ASSERT_FALSE(again.stopped());
    if (again.exit_status() == 0) return;
    ASSERT_EQ(again.exit_status(), 75) << again.message();
  }
  FAIL() << "three starts did not finish the sweep";
}

using EpochRow = std::vector<Cell>;
/// Epochs and evaluations that the store holds: once there, they stay as they are.
std::vector<EpochRow> recorded(const Job& job) {
  if (!fs::exists(job.store) || fs::file_size(job.store) == 0) return {};
  try {
    Reader reader(job.store);
    std::vector<EpochRow> rows = reader.query("SELECT run_id, epoch, attempt, state_hash_after, recorded_ms FROM epochs").rows;
    for (auto& row : reader.query("SELECT run_id, condition, part, attempt, recorded_ms FROM evaluation_parts").rows)
      rows.push_back(std::move(row));
    return rows;
  } catch (const InputError&) { // it was never opened for long enough to become a store
    return {};
  } catch (const StorageError&) { // a hot journal, which only the next writer may put right
    return {};
  }
}

/// Of the store and its journal, as they lie there; asking SQLite would wait for the lock of one that hangs.
std::string bytes_of(const Job& job) {
  std::string bytes;
  for (const char* suffix : {"", "-wal", "-journal"}) {
    std::ifstream file(job.store + suffix, std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {}).append("|");
  }
  return bytes;
}

struct Tried {
  int times = 0, lost = 0, twice = 0, other_bits = 0;
};

class FaultMatrix : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    for (const std::int64_t drain_after : {-1, 14}) {
      const Folder folder;
      const Job job = small_job(folder.path);
      OneProcessOptions options;
      options.drain_after = drain_after;
      Start start(job, options, std::nullopt);
      ASSERT_FALSE(start.stopped());
      ASSERT_EQ(start.exit_status(), drain_after < 0 ? 0 : 75) << start.message();
      if (drain_after >= 0) resume(job);
      if (drain_after < 0) undisturbed = what_must_be_equal(job);
      else ASSERT_EQ(what_must_be_equal(job), undisturbed) << "a drain alone";
    }
  }
  static void TearDownTestSuite() {
    std::ofstream file(fs::path(STDUALX_BUILD_DIR) / "promises.csv");
    file << "point,action,tried,lost,twice,other_bits\n";
    for (const auto& [key, tried] : tried_by)
      file << key.first << "," << key.second << "," << tried.times << "," << tried.lost << "," << tried.twice << "," << tried.other_bits
           << "\n";
  }

  /// One fault in the first start of a job, and what follows from it. Where the job ends before it comes to the point that often (a commit
  /// takes what is there: a slow machine makes fewer), `fault.nth` becomes how often it did, and nothing was tried.
  void disturb(Fault& fault, std::int64_t drain_after) {
    SCOPED_TRACE("STDUALX_FAULT=" + fault_text(fault) + (drain_after < 0 ? "" : ", drained after " + std::to_string(drain_after)));
    const Folder folder;
    const Job job = small_job(folder.path);
    OneProcessOptions options;
    options.drain_after = drain_after;
    Start start(job, options, fault);
    if (start.stopped()) {
      ASSERT_EQ(fault.action, FaultAction::hang);
      look_at_hung(job, start);
    }
    if (!start.killed() && start.reached() < fault.nth) {
      ASSERT_THAT(start.exit_status(), AnyOf(0, 75)) << start.message();
      fault.nth = start.reached();
      return;
    }
    switch (fault.action) {
    case FaultAction::kill:
    case FaultAction::torn: ASSERT_TRUE(start.killed()) << start.exit_status() << " " << start.message(); break;
    case FaultAction::hang: ASSERT_THAT(start.exit_status(), AnyOf(0, 75)) << start.message(); break;
    case FaultAction::error: ASSERT_THAT(start.exit_status(), AnyOf(0, 1, 75)) << start.message(); break;
    case FaultAction::no_space:
    case FaultAction::quota:
    case FaultAction::io_error:
      // Giving the store back may fail: then all is done already.
      if (start.message().empty() && fault_text(fault).starts_with("store_file")) break;
      ASSERT_EQ(start.exit_status(), 75) << start.message();
      EXPECT_THAT(start.message(), HasSubstr(folder.path.string())) << "names the file";
      EXPECT_THAT(start.message(), HasSubstr("bytes free")) << "says how much is free";
      EXPECT_THAT(start.message(), AnyOf(HasSubstr("run again"), HasSubstr("start the same command again"), HasSubstr("name a cache")))
          << "says what to do";
      break;
    }
    Tried& tried = tried_by[{fault_text(fault).substr(0, fault_text(fault).find(':')), std::string(fault_action_name(fault.action))}];
    ++tried.times;
    const std::vector<EpochRow> before = recorded(job);
    resume(job);
    const std::vector<EpochRow> after = recorded(job);
    for (const EpochRow& row : before)
      if (std::find(after.begin(), after.end(), row) == after.end()) {
        ++tried.lost;
        ADD_FAILURE() << "lost: " << cell_text(row[0]) << " " << cell_text(row[1]);
      }
    Reader reader(job.store);
    const auto count = [&](const std::string& sql) { return std::get<std::int64_t>(reader.query(sql).rows.at(0).at(0)); };
    // Per run at most one epoch a death is computed again: a trainer is at most one unacknowledged epoch ahead.
    EXPECT_LE(count("SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM replays GROUP BY run_id)"), 1);
    const std::int64_t twice =
        count("SELECT count(*) FROM (SELECT run_id FROM attempts WHERE end_reason = 'complete' GROUP BY run_id HAVING count(*) > 1)");
    const std::int64_t bits = count("SELECT count(*) FROM events WHERE kind IN ('hash_mismatch', 'evaluation_differs')");
    EXPECT_EQ(twice, 0);
    EXPECT_EQ(bits, 0);
    const std::string now = what_must_be_equal(job);
    EXPECT_EQ(first_difference(now), "");
    tried.twice += static_cast<int>(twice);
    tried.other_bits += static_cast<int>(bits) + (now == undisturbed ? 0 : 1);
    EXPECT_EQ(count("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), 0);
    EXPECT_EQ(reader.query("PRAGMA integrity_check").rows.at(0).at(0), Cell{std::string("ok")});
  }

  /// The first line that an undisturbed sweep has otherwise; "": none.
  static std::string first_difference(const std::string& text) {
    std::istringstream ours(text), theirs(undisturbed);
    std::string our_line, their_line;
    while (true) {
      const bool more = static_cast<bool>(std::getline(ours, our_line)), theirs_more = static_cast<bool>(std::getline(theirs, their_line));
      if (!more && !theirs_more) return "";
      if (!more || !theirs_more || our_line != their_line) return our_line + " | undisturbed: " + their_line;
    }
  }

  /// A second coordinator must find the first one's store taken; then the first wakes and goes on.
  static void look_at_hung(const Job& job, Start& start) {
    const std::string before = bytes_of(job);
    OneProcessOptions options;
    options.store.patience = std::chrono::milliseconds(50);
    Start second(job, options, std::nullopt);
    ASSERT_FALSE(second.stopped());
    const bool claimed = second.exit_status() == 0; // the first had not taken the store yet: it is the one that is refused then
    if (!claimed) {
      EXPECT_EQ(second.exit_status(), 4) << second.message();
      EXPECT_TRUE(bytes_of(job) == before) << "one that is refused writes nothing";
    }
    start.signal(SIGCONT);
    ASSERT_FALSE(start.stopped());
  }

  static inline std::string undisturbed;
  static inline std::map<std::pair<std::string, std::string>, Tried> tried_by;
};

/// Points that only separate processes have; tests/end_to_end/test_faults.py kills there.
const std::set<FaultPoint> of_processes = {
    FaultPoint::coordinator_before_outcome, FaultPoint::launcher_before_spawn, FaultPoint::launcher_after_spawn, FaultPoint::agent_starts,
    FaultPoint::agent_before_send,          FaultPoint::agent_collective,      FaultPoint::trainer_collective};

bool makes_sense(const FaultPointFacts& facts, FaultAction action) {
  if (of_processes.contains(facts.point)) return false;
  // SQLite is C: no exception passes through it.
  if (facts.name.starts_with("store_file")) return action != FaultAction::error;
  return action < FaultAction::torn || facts.writes;
}

/// The first, second, middle and last time that the point is reached.
std::set<long> moments(FaultPoint point, std::int64_t drain_after) {
  const Folder folder;
  const Job job = small_job(folder.path);
  OneProcessOptions options;
  options.drain_after = drain_after;
  Start start(job, options, Fault{point, 1'000'000'000, FaultAction::kill});
  EXPECT_FALSE(start.stopped());
  const long count = start.reached();
  std::set<long> chosen = {1, std::min(2L, count), (count + 1) / 2, count};
  chosen.erase(0);
  if (count == 0) chosen.clear();
  return chosen;
}

TEST_F(FaultMatrix, EveryPointAndActionEndsInTheStoreOfAnUndisturbedSweep) {
  for (const FaultPointFacts& facts : fault_points()) {
    if (of_processes.contains(facts.point)) continue;
    int reached = 0;
    for (const std::int64_t drain_after : {-1, 14})
      for (const long nth : moments(facts.point, drain_after))
        for (const FaultAction action : fault_actions()) {
          if (!makes_sense(facts, action)) continue;
          Fault fault{facts.point, nth, action};
          long asked = 0;
          do {
            asked = fault.nth;
            disturb(fault, drain_after);
            if (HasFatalFailure()) return;
          } while (fault.nth > 0 && fault.nth < asked);
          reached += fault.nth > 0;
        }
    EXPECT_GT(reached, 0) << facts.name << " was never reached: the test disturbs nothing there";
  }
}

} // namespace
} // namespace stdualx
