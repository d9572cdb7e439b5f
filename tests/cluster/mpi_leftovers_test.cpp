// The leftovers of one dead mpirun go, those of others stay.
#include "cluster/mpi_leftovers.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>

namespace stdualx {
namespace {

namespace fs = std::filesystem;

TEST(MpiLeftovers, OfOneMpirunGoAndThoseOfOthersStay) {
  std::string name = (fs::temp_directory_path() / "stdualx-leftovers-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const fs::path folder = name, shared = folder / "shm";
  const std::string user = std::to_string(::getuid());
  const fs::path sessions = folder / ("ompi.here." + user);
  const auto touch = [](const fs::path& path) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  };
  touch(sessions / "pid.4711/0/debugger_attach_fifo");
  touch(sessions / "pid.4712/contact.txt");
  for (const char* segment : {"2b210001.0", "2b210001.1", "11.0"}) touch(shared / ("vader_segment.here." + user + "." + segment));
  touch(shared / "vader_segment.here.99999.2b210001.0"); // another user's
  touch(shared / "something_else");
  const fs::path job = folder / "job", other = folder / "other";
  fs::create_directories(job);
  fs::create_directories(other);
  ::setenv("PMIX_NAMESPACE", "723582977", 1); // 0x2b210001
  note_mpi_job(job);
  ::setenv("PMIX_NAMESPACE", "prterun-here-1@1", 1); // Open MPI 5 names its jobs otherwise
  note_mpi_job(other);
  ::unsetenv("PMIX_NAMESPACE");
  note_mpi_job(other);
  EXPECT_TRUE(fs::is_empty(other));
  remove_mpi_leftovers(4711, job, folder, shared);
  EXPECT_FALSE(fs::exists(sessions / "pid.4711"));
  EXPECT_TRUE(fs::exists(sessions / "pid.4712"));
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(shared)) left.insert(entry.path().filename().string());
  EXPECT_EQ(left, (std::set<std::string>{"vader_segment.here." + user + ".11.0", "vader_segment.here.99999.2b210001.0", "something_else"}));
  remove_mpi_leftovers(4712, other, folder, shared);
  EXPECT_FALSE(fs::exists(sessions)) << "the folder of all sessions goes with its last one";
  EXPECT_TRUE(fs::exists(shared));
  fs::remove_all(folder);
}

} // namespace
} // namespace stdualx
