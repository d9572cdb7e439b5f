// An mpirun whose ranks are gone and that does not end; a shell with children stands in for it.
#include "cluster/lone_mpirun.h"
#include "cluster/process.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace stdualx {
namespace {

using namespace std::chrono_literals;

/// A shell in the place of mpirun, with one rank by turns.
class StandIn {
public:
  explicit StandIn(std::filesystem::path rank) : rank_(std::move(rank)) {
    SpawnOptions spawn;
    spawn.arguments = {"/bin/bash", "-c", "while read line; do '" + rank_.string() + "' 60 & read line; kill $!; wait; done"};
    auto [read_end, write_end] = make_pipe();
    spawn.descriptors = {{read_end.get(), STDIN_FILENO}};
    shell_.emplace(ChildProcess::spawn(spawn));
    input_ = std::move(write_end);
  }
  pid_t pid() const { return shell_->pid(); }
  void start_rank() { turn(true); }
  void end_rank() { turn(false); }

private:
  void turn(bool there) {
    ASSERT_EQ(::write(input_.get(), "\n", 1), 1);
    for (int i = 0; i < 1000; ++i) {
      std::ifstream children("/proc/" + std::to_string(pid()) + "/task/" + std::to_string(pid()) + "/children");
      pid_t child = 0;
      std::error_code error;
      const bool is_there =
          children >> child &&
          std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", error).string().starts_with(rank_.string());
      if (is_there == there) return;
      std::this_thread::sleep_for(10ms);
    }
    FAIL() << "waited in vain";
  }

  std::filesystem::path rank_;
  std::optional<ChildProcess> shell_;
  Descriptor input_;
};

TEST(LoneMpirun, IsOneWhoseRanksWereHereAndHaveBeenGoneForLong) {
  const std::filesystem::path rank = std::filesystem::canonical(find_program("sleep"));
  StandIn mpirun(rank);
  LoneMpirun lone(rank);
  const LoneMpirun::Clock::time_point start = LoneMpirun::Clock::now();
  EXPECT_FALSE(lone.look(mpirun.pid(), start));
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1h)) << "it has not begun its ranks yet";
  mpirun.start_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 2h));
  mpirun.end_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 3h)) << "it may be about to end";
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 3h + 14s));
  EXPECT_TRUE(lone.look(mpirun.pid(), start + 3h + 15s));
}

TEST(LoneMpirun, ThatHasARankAgainIsGivenAllOfThePatienceAnew) {
  const std::filesystem::path rank = std::filesystem::canonical(find_program("sleep"));
  StandIn mpirun(rank);
  LoneMpirun lone(rank);
  const LoneMpirun::Clock::time_point start = LoneMpirun::Clock::now();
  mpirun.start_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start));
  mpirun.end_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1s));
  mpirun.start_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1h));
  mpirun.end_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 2h));
  EXPECT_TRUE(lone.look(mpirun.pid(), start + 2h + 15s));
}

TEST(LoneMpirun, IsNoneWhoseRanksRunOnThoughTheirProgramWasBuiltAnew) {
  std::string name = (std::filesystem::temp_directory_path() / "stdualx-lone-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const std::filesystem::path rank = std::filesystem::canonical(name) / "program";
  std::filesystem::copy_file(find_program("sleep"), rank);
  StandIn mpirun(rank);
  LoneMpirun lone(rank);
  const LoneMpirun::Clock::time_point start = LoneMpirun::Clock::now();
  mpirun.start_rank();
  EXPECT_FALSE(lone.look(mpirun.pid(), start));
  std::filesystem::remove_all(name);
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1s));
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1h));
  mpirun.end_rank();
}

} // namespace
} // namespace stdualx
