// Who says that the kernel ended a process for want of memory: made-up cgroups and logs, and, where root may make one, a real cgroup.
#include "cluster/out_of_memory.h"

#include <gmock/gmock.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace stdualx {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class OutOfMemory : public ::testing::Test {
protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "stdualx-memory-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  void add(const std::string& path, const std::string& text) { std::ofstream(root / path, std::ios::app) << text; }
  void in_first_namespace(const std::string& name = "pid:[4026531836]") {
    fs::create_directories(root / "proc/self/ns");
    fs::create_symlink(name, root / "proc/self/ns/pid");
  }
  fs::path root;
};

TEST_F(OutOfMemory, IsSaidByACgroupOfVersion2WithItsLimit) {
  write("proc/77/cgroup", "0::/slurm/job_5\n");
  write("sys/fs/cgroup/slurm/job_5/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n");
  write("sys/fs/cgroup/slurm/job_5/memory.max", "536870912\n");
  OutOfMemoryWatch watch(77, root);
  EXPECT_EQ(watch.words(false), "") << "that one ended another process";
  write("sys/fs/cgroup/slurm/job_5/memory.events", "low 0\noom 2\noom_kill 2\n");
  EXPECT_EQ(watch.words(false),
            ": the host was out of memory (the kernel ended a process of the memory cgroup /slurm/job_5, whose limit is 537 MB)");
  const auto now = std::chrono::steady_clock::now();
  watch.look(now + OutOfMemoryWatch::dying);
  EXPECT_THAT(watch.words(false), HasSubstr("out of memory")) << "it may have been dying";
  watch.look(now + 2 * OutOfMemoryWatch::dying);
  EXPECT_EQ(watch.words(false), "") << "a kill that it lived to see was another's";
}

TEST_F(OutOfMemory, IsSaidByACgroupOfVersion1) {
  write("proc/77/cgroup", "5:devices:/x\n4:cpu,memory:/slurm/uid_0\n0::/\n");
  write("sys/fs/cgroup/memory/slurm/uid_0/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  write("sys/fs/cgroup/memory/slurm/uid_0/memory.limit_in_bytes", "9223372036854771712\n");
  OutOfMemoryWatch watch(77, root);
  write("sys/fs/cgroup/memory/slurm/uid_0/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  EXPECT_EQ(watch.words(false), ": the host was out of memory (the kernel ended a process of the memory cgroup /slurm/uid_0)");
}

TEST_F(OutOfMemory, IsCountedInTheGroupAboveOneWithoutTheController) {
  write("proc/77/cgroup", "0::/user.slice/session-3.scope\n");
  write("sys/fs/cgroup/user.slice/memory.events", "oom_kill 0\n");
  OutOfMemoryWatch watch(77, root);
  write("sys/fs/cgroup/user.slice/memory.events", "oom_kill 1\n");
  EXPECT_THAT(watch.words(false), HasSubstr("the memory cgroup /user.slice"));
}

TEST_F(OutOfMemory, IsSaidByTheKernelsLogSinceTheProcessBegan) {
  write("dev/kmsg", "3,1,5,-;Out of memory: Killed process 77 (stdualx-trainer) total-vm:1kB\n");
  in_first_namespace();
  OutOfMemoryWatch watch(77, root);
  EXPECT_EQ(watch.words(false), "") << "that was an earlier process of this number";
  add("dev/kmsg", "3,2,6,-;Memory cgroup out of memory: Killed process 778 (other) total-vm:1kB\n"
                  "3,3,7,-;Out of memory: Killed process 77 (stdualx-trainer) total-vm:9kB\n");
  EXPECT_EQ(watch.words(false),
            ": the host was out of memory (the kernel's log: Out of memory: Killed process 77 (stdualx-trainer) total-vm:9kB)");
}

TEST_F(OutOfMemory, IsOnlyPerhapsWhereNobodyCanBeAskedAndNotWhereWeSentTheSignal) {
  write("dev/kmsg", "");
  in_first_namespace("pid:[4026532299]"); // of a container: the log's numbers are others
  OutOfMemoryWatch watch(77, root);
  add("dev/kmsg", "3,3,7,-;Out of memory: Killed process 77 (of another namespace) total-vm:9kB\n");
  EXPECT_THAT(watch.words(false), StartsWith("; perhaps the host was out of memory"));
  EXPECT_EQ(watch.words(true), "");
}

/// A child that waits for a byte, then either fills memory or sleeps.
pid_t fork_waiting(int& go, bool fills) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child != 0) {
    ::close(ends[0]);
    go = ends[1];
    return child;
  }
  char byte = 0;
  if (::read(ends[0], &byte, 1) != 1) ::_exit(1);
  while (fills) {
    constexpr std::size_t piece = std::size_t{1} << 20;
    auto* memory = static_cast<volatile char*>(::malloc(piece));
    for (std::size_t i = 0; memory != nullptr && i < piece; i += 4096) memory[i] = 1;
  }
  ::pause();
  ::_exit(0);
}

TEST_F(OutOfMemory, OfARealCgroupWithALimit) {
  const bool version_1 = fs::exists("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  const fs::path group = fs::path(version_1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") / ("stdualx-test-" + std::to_string(::getpid()));
  std::error_code error;
  if (!fs::create_directory(group, error)) GTEST_SKIP() << "no cgroup can be made here: " << error.message();
  const auto remove = [&] { ::rmdir(group.c_str()); };
  std::ofstream limit(group / (version_1 ? "memory.limit_in_bytes" : "memory.max"));
  if (!(limit << "33554432" << std::flush)) {
    remove();
    GTEST_SKIP() << "no memory limit can be set here";
  }
  std::ofstream(group / (version_1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max")) << (version_1 ? "33554432" : "0") << std::flush;
  for (const bool fills : {true, false}) {
    int go = -1;
    const pid_t child = fork_waiting(go, fills);
    ASSERT_GT(child, 0);
    std::ofstream(group / "cgroup.procs") << child << std::flush;
    OutOfMemoryWatch watch(child);
    ASSERT_EQ(::write(go, "x", 1), 1);
    if (!fills) ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(go);
    EXPECT_EQ(describe_wait_status(status), "killed by signal 9 (Killed)");
    if (fills) EXPECT_THAT(watch.words(false), StartsWith(": the host was out of memory ("));
    else EXPECT_EQ(watch.words(false), "");
  }
  remove();
}

} // namespace
} // namespace stdualx
