// A writer killed at any moment: what it had committed is there, once, and the file is sound.
#include "fixture.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "experiments/spec/random.h"

namespace stdualx {
namespace {

/// Trains runs for ever, two epochs and an evaluation each, a commit every third message, and says each committed run.
[[noreturn]] void write_for_ever(const std::filesystem::path& file, const std::vector<RunSpec>& runs, int words) {
  Store store = Store::open_for_writing(file);
  store.register_sweep(a_plan(runs));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::string run_id = run_identity(runs[i]);
    if (store.run_states(std::vector{run_id}).at(0).status == RunStatus::complete) continue;
    const std::int64_t attempt = store.begin_attempt(run_id, a_place(), 1);
    {
      Store::Transaction transaction(store);
      store.record_epoch(an_epoch(run_id, attempt, 1));
      store.record_epoch(an_epoch(run_id, attempt, 2));
      transaction.commit();
    }
    Store::Transaction transaction(store);
    store.record_evaluation(an_evaluation(run_id, attempt, "test", 150, 200));
    store.end_attempt({run_id, attempt, "complete", "", "", {}}, RunStatus::complete);
    transaction.commit();
    const auto index = static_cast<std::uint32_t>(i);
    if (::write(words, &index, sizeof index) != sizeof index) ::_exit(1);
  }
  while (true) ::pause();
}

TEST(StoreCrash, AWriterKilledTwentyTimesLosesNothingThatItCommitted) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  std::vector<RunSpec> runs;
  for (std::int64_t seed = 1; seed <= 2000; ++seed) runs.push_back(a_run(seed % 3, seed));
  const RandomStream random(20, "kill");
  std::vector<std::uint32_t> committed;
  for (std::uint32_t round = 0; round < 20; ++round) {
    int words[2];
    ASSERT_EQ(::pipe(words), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(words[0]);
      try {
        write_for_ever(file, runs, words[1]);
      } catch (const std::exception& error) {
        std::fputs(error.what(), stderr);
      }
      ::_exit(1);
    }
    ::close(words[1]);
    // Killed after a number of messages and a few milliseconds at most, both drawn: any place of a transaction can be hit.
    const auto draw = random.words(0, 0, round, 0);
    std::uint32_t index = 0;
    for (std::uint32_t i = 0; i < 1 + draw[0] % 20 && ::read(words[0], &index, sizeof index) == sizeof index; ++i)
      committed.push_back(index);
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(draw[1] % 3000);
    while (std::chrono::steady_clock::now() < moment) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, with status " << WEXITSTATUS(status);
    while (::read(words[0], &index, sizeof index) == sizeof index) committed.push_back(index);
    ::close(words[0]);

    Reader reader(file); // while the WAL of the dead lies there
    ASSERT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
    ASSERT_EQ(reader.query("PRAGMA foreign_key_check").rows.size(), 0u);
  }
  ASSERT_GE(committed.size(), 20u);
  Store store = Store::open_for_writing(file);
  Reader reader(file);
  for (const std::uint32_t i : committed)
    EXPECT_EQ(store.run_states(std::vector{run_identity(runs[i])}).at(0).status, RunStatus::complete) << i;
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs"), 2000);
  // Half a transaction would show as a run with one epoch, or as an evaluation without its predictions or its end.
  EXPECT_EQ(reader.query("SELECT run_id FROM epochs GROUP BY run_id HAVING count(*) <> 2").rows.size(), 0u);
  EXPECT_EQ(reader.query("SELECT run_id FROM v_predictions GROUP BY run_id HAVING count(*) <> 200").rows.size(), 0u);
  EXPECT_EQ(reader.query("SELECT run_id FROM runs WHERE (status = 'COMPLETE') <> (run_id IN (SELECT run_id FROM evaluations))").rows.size(),
            0u);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), 0) << "what the dead left open is closed";
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE status = 'RUNNING'"), 0);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'take_over'"), 20);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'hash_mismatch'"), 0);
}

} // namespace
} // namespace stdualx
