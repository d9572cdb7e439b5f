// An mpirun whose ranks are gone and that does not end; a shell with children stands in for it.
#include "cluster/lone_mpirun.h"
#include "cluster/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace stdualx {
namespace {

using namespace std::chrono_literals;

TEST(LoneMpirun, IsOneWhoseRanksWereHereAndHaveBeenGoneForLong) {
  const std::filesystem::path rank = std::filesystem::canonical(find_program("sleep"));
  auto [read_end, write_end] = make_pipe();
  SpawnOptions spawn;
  spawn.arguments = {"/bin/bash", "-c", "read line; " + rank.string() + " 60 & read line; kill $!; wait; read line"};
  spawn.descriptors = {{read_end.get(), STDIN_FILENO}};
  ChildProcess mpirun = ChildProcess::spawn(spawn);
  LoneMpirun lone(rank);
  const LoneMpirun::Clock::time_point start = LoneMpirun::Clock::now();
  EXPECT_FALSE(lone.look(mpirun.pid(), start));
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 1h)) << "it has not begun its ranks yet";
  const auto until_ranks_are = [&](bool there) {
    for (int i = 0; i < 1000; ++i) {
      std::ifstream children("/proc/" + std::to_string(mpirun.pid()) + "/task/" + std::to_string(mpirun.pid()) + "/children");
      pid_t child = 0;
      std::error_code error;
      const bool is_there = children >> child && std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", error) == rank;
      if (is_there == there) return;
      std::this_thread::sleep_for(10ms);
    }
    FAIL() << "waited in vain";
  };
  ASSERT_EQ(::write(write_end.get(), "\n", 1), 1);
  until_ranks_are(true);
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 2h));
  ASSERT_EQ(::write(write_end.get(), "\n", 1), 1);
  until_ranks_are(false);
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 3h)) << "it may be about to end";
  EXPECT_FALSE(lone.look(mpirun.pid(), start + 3h + 14s));
  EXPECT_TRUE(lone.look(mpirun.pid(), start + 3h + 15s));
}

} // namespace
} // namespace stdualx
