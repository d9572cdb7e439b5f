// The launcher with a real mpirun, and a script in the place of the ranks.
#include "cluster/launch.h"
#include "cluster/process.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace stdualx {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;
namespace fs = std::filesystem;

class Launch : public ::testing::Test {
protected:
  void SetUp() override {
    for (const char* name : {"SLURM_JOB_ID", "SLURM_JOBID"}) ::unsetenv(name); // or mpirun would start the ranks by Slurm
    std::string name = (fs::temp_directory_path() / "stdualx-launch-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    fs::create_directory(folder / "job");
    options.program = folder / "program";
    options.job = folder / "job" / "job.json";
    options.outcome = folder / "job" / "outcome.json";
    options.first_back_off_seconds = 0.01;
    options.say = [](const std::string&) {};
  }
  void TearDown() override { fs::remove_all(folder); }

  /// What each of two ranks does, in bash, in `folder`; `$rank` and `$outcome` are set.
  void ranks_do(const std::string& body) {
    std::ofstream(options.program) << "#!/bin/bash\ncd '" << folder.string() << "'; rank=$OMPI_COMM_WORLD_RANK outcome='"
                                   << options.outcome.string() << "'\n"
                                   << body << "\n";
    ::chmod(options.program.c_str(), 0700);
  }
  std::vector<std::string> lines(const std::string& name) const {
    std::vector<std::string> found;
    std::ifstream file(folder / name);
    for (std::string line; std::getline(file, line);) found.push_back(line);
    return found;
  }
  /// Whether anything is written into the file within half a minute.
  bool appears(const std::string& name) const {
    for (int i = 0; i < 3000 && lines(name).empty(); ++i) std::this_thread::sleep_for(10ms);
    return !lines(name).empty();
  }

  fs::path folder;
  LaunchOptions options;
};

/// The first rank notes how it was called, and fails; the other waits for its end.
const char* const fails = "[ $rank = 0 ] || sleep 60; echo \"$*\" >>calls; exit 3";

TEST_F(Launch, OfAJobThatDiesIsTriedSoOftenAndTellsTheRanksHowItEnded) {
  ranks_do(fails);
  options.most_restarts = 2;
  EXPECT_EQ(launch(options).how, LaunchHow::died);
  const std::string job = options.job.string(), again = "rank --after-crash mpirun ended with exit status 3 " + job;
  EXPECT_THAT(lines("calls"), ElementsAre("rank " + job, again, again));
}

TEST_F(Launch, CountsTriesFromTheLastProgressOn) {
  ranks_do(fails);
  options.most_restarts = 2;
  int asked = 0;
  options.progress = [&] { return asked++ < 2 ? 0L : 5L; }; // at its start, then after each death
  EXPECT_EQ(launch(options).how, LaunchHow::died);
  EXPECT_THAT(lines("calls"), SizeIs(4)) << "two deaths, progress, two more";
}

TEST_F(Launch, HasASilentHostNoticedSoonUnlessAPersonSaysOtherwise) {
  ranks_do("[ $rank = 0 ] || exit 0; env | grep keepalive | sort >settings; touch \"$outcome\"");
  ::setenv("OMPI_MCA_oob_tcp_keepalive_probes", "77", 1);
  const LaunchEnd end = launch(options);
  ::unsetenv("OMPI_MCA_oob_tcp_keepalive_probes");
  EXPECT_EQ(end.how, LaunchHow::decided);
  EXPECT_THAT(lines("settings"), ElementsAre("OMPI_MCA_oob_tcp_keepalive_intvl=5", "OMPI_MCA_oob_tcp_keepalive_probes=77",
                                             "OMPI_MCA_oob_tcp_keepalive_time=10", "PRTE_MCA_oob_tcp_keepalive_intvl=5",
                                             "PRTE_MCA_oob_tcp_keepalive_probes=4", "PRTE_MCA_oob_tcp_keepalive_time=10"));
}

TEST_F(Launch, WaitsForTheEndOfRanksAfterTheOutcomeButNotWhereTheyHang) {
  ranks_do("[ $rank != 0 ] || touch \"$outcome\"; sleep 6; touch ended");
  EXPECT_EQ(launch(options).how, LaunchHow::decided);
  EXPECT_TRUE(fs::exists(folder / "ended"));
  fs::remove(folder / "ended");
  fs::remove(options.outcome);
  ranks_do("[ $rank != 0 ] || touch \"$outcome" + std::string(lost_suffix) + "\" \"$outcome\"; sleep 12; touch ended");
  EXPECT_EQ(launch(options).how, LaunchHow::decided);
  EXPECT_FALSE(fs::exists(folder / "ended"));
}

TEST_F(Launch, TakesNothingOffTheTimeForADrainWhileTheJobIsStopped) {
  ranks_do("exec 3<&0\n"
           "if [ $rank = 0 ]; then cat >>words <&3 & fi\n" // not of the script's name, or Ctrl-Z would count it for a rank
           "echo >started$rank; until [ -e go ]; do sleep 0.1; done\n"
           "[ $rank != 0 ] || { kill $!; touch \"$outcome\"; }");
  options.drain_seconds = -12; // three seconds with those that the launcher adds
  const pid_t launcher = ::fork();
  if (launcher == 0) ::_exit(launch(options).how == LaunchHow::decided ? 0 : 1);
  ASSERT_TRUE(appears("started0") && appears("started1"));
  ::kill(launcher, SIGINT);
  ASSERT_TRUE(appears("words"));
  ::kill(launcher, SIGTSTP);
  int status = 0;
  for (int i = 0; i < 3000 && ::waitpid(launcher, &status, WUNTRACED | WNOHANG) == 0; ++i) std::this_thread::sleep_for(10ms);
  if (!WIFSTOPPED(status)) {
    ::kill(launcher, SIGKILL); // its mpirun goes with it
    ::waitpid(launcher, nullptr, 0);
    FAIL() << "Ctrl-Z did not stop it";
  }
  std::this_thread::sleep_for(5s);
  ::kill(launcher, SIGCONT);
  std::this_thread::sleep_for(1s); // in which a time that was over would be noticed
  std::ofstream(folder / "go").close();
  ASSERT_EQ(::waitpid(launcher, &status, 0), launcher);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_THAT(lines("words"), ElementsAre("drain"));
}

TEST_F(Launch, TellsWhyWhatTheJobSaidIsCut) {
  ranks_do("echo words; [ $rank != 0 ] || touch \"$outcome\"");
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    ::dup2(full.get(), STDOUT_FILENO);
    ::_exit(launch(options).output_error == ENOSPC ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(launcher, &status, 0), launcher);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(Launch, LeavesWhatALivingMpirunUsesAlone) {
  EXPECT_TRUE(remove_leftovers_of_job(folder / "job")) << "it was killed before it started one";
  std::ofstream(folder / "job" / "mpirun.pid") << ::getpid() << "\n";
  EXPECT_FALSE(remove_leftovers_of_job(folder / "job"));
  std::ofstream(folder / "job" / "mpirun.pid") << (1 << 23) << "\n"; // above the largest that Linux gives
  EXPECT_TRUE(remove_leftovers_of_job(folder / "job"));
}

} // namespace
} // namespace stdualx
