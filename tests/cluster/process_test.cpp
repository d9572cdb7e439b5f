// A short program, run to its end.
#include "cluster/process.h"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <system_error>

namespace stdualx {
namespace {

TEST(RunToEnd, KeepsBothStreamsWhole) {
  // More than a pipe holds (64 KiB) on each, written by turns: a reader of one after the other would wait for ever.
  const Finished finished = run_to_end({"/bin/bash", "-c", "for i in {1..2000}; do printf '%099d\\n' $i; printf '%099d\\n' $i >&2; done"});
  EXPECT_EQ(finished.output.size(), 200'000u);
  EXPECT_EQ(finished.errors, finished.output);
  EXPECT_TRUE(WIFEXITED(finished.status));
  EXPECT_EQ(WEXITSTATUS(finished.status), 0);
}

TEST(RunToEnd, TellsHowItEndedAndGivesNothingToRead) {
  EXPECT_EQ(WEXITSTATUS(run_to_end({"/bin/sh", "-c", "exit 3"}).status), 3);
  EXPECT_EQ(WTERMSIG(run_to_end({"/bin/sh", "-c", "kill -TERM $$"}).status), SIGTERM);
  EXPECT_EQ(run_to_end({"cat"}).output, "");
}

TEST(RunToEnd, ThrowsWhereThereIsNoSuchProgram) {
  try {
    run_to_end({"/no-such-program-of-stdualx"}); // found by a name, it may also be a folder of PATH that is shut
    FAIL() << "it was started";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
  }
}

TEST(RunToEnd, EndsWhatTakesTooLongAndWhatHoldsItsPipesOpen) {
  using namespace std::chrono_literals;
  const Finished slow = run_to_end({"/bin/sh", "-c", "echo begun; sleep 600"}, 100ms);
  EXPECT_TRUE(slow.timed_out);
  EXPECT_FALSE(slow.went_well());
  EXPECT_EQ(slow.output, "begun\n");
  const Finished silent = run_to_end({"/bin/sh", "-c", "exec >/dev/null 2>&1; sleep 600"}, 100ms);
  EXPECT_TRUE(silent.timed_out);
  const Finished deaf = run_to_end({"/bin/sh", "-c", "trap '' TERM; echo begun; while true; do sleep 0.01; done"}, 100ms);
  EXPECT_TRUE(deaf.timed_out);
  EXPECT_EQ(WTERMSIG(deaf.status), SIGKILL);
}

TEST(RunToEnd, DoesNotWaitForWhatWasLeftBehindWithItsOutput) {
  using namespace std::chrono_literals;
  const auto began = std::chrono::steady_clock::now();
  const Finished quick = run_to_end({"/bin/sh", "-c", "sleep 20 & echo said; exit 3"}, 300s);
  EXPECT_EQ(quick.output, "said\n");
  EXPECT_EQ(WEXITSTATUS(quick.status), 3);
  EXPECT_FALSE(quick.timed_out);
  const Finished slow = run_to_end({"/bin/sh", "-c", "setsid sleep 20 & echo said; sleep 20"}, 100ms);
  EXPECT_EQ(slow.output, "said\n");
  EXPECT_TRUE(slow.timed_out);
  const Finished chatty = run_to_end({"/bin/bash", "-c", "(for i in {1..400}; do echo more; sleep 0.05; done) & exit 4"}, 300s);
  EXPECT_EQ(WEXITSTATUS(chatty.status), 4);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s) << "it waited for the sleep";
}

TEST(RunIfThere, NothingIsThereOrItMayNotBeRun) {
  using namespace std::chrono_literals;
  EXPECT_EQ(run_if_there({"no-such-program-of-stdualx"}, 10s), std::nullopt);
  EXPECT_EQ(run_if_there({"/etc/passwd"}, 10s), std::nullopt);
  EXPECT_EQ(run_if_there({"/bin/echo", "here"}, 10s)->output, "here\n");
  EXPECT_EQ(find_program("no-such-program-of-stdualx"), "");
  EXPECT_EQ(find_program("sh").filename(), "sh");
}

} // namespace
} // namespace stdualx
