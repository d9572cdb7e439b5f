// See mpi_leftovers.h. The names were read off Open MPI 4.1.4.
#include "cluster/mpi_leftovers.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

namespace stdualx {

namespace fs = std::filesystem;

namespace {
/// PMIx names its segments by the job's number: smseg-723582977-0.
std::set<std::uint32_t> job_numbers(const fs::path& session) {
  std::set<std::uint32_t> numbers;
  constexpr std::string_view start = "smseg-";
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(session, error); !error && entry != fs::recursive_directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::uint32_t number = 0;
    if (name.starts_with(start) && std::from_chars(name.data() + start.size(), name.data() + name.size(), number).ec == std::errc())
      numbers.insert(number);
  }
  return numbers;
}
} // namespace

void remove_mpi_leftovers(pid_t process, const fs::path& temporary, const fs::path& shared_memory) {
  const std::string user = std::to_string(::getuid());
  std::error_code error;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(temporary, error)) {
    const std::string name = entry.path().filename().string();
    const fs::path session = entry.path() / ("pid." + std::to_string(process));
    if (!name.starts_with("ompi.") || !name.ends_with("." + user) || !fs::is_directory(session, error)) continue;
    for (const std::uint32_t number : job_numbers(session)) {
      char job[16];
      std::snprintf(job, sizeof job, "%08x", number);
      // vader_segment.HOST.UID.JOB.RANK
      const std::string middle = "." + user + "." + job + ".";
      for (const auto& segment : fs::directory_iterator(shared_memory, error)) {
        const std::string segment_name = segment.path().filename().string();
        if (segment_name.starts_with("vader_segment.") && segment_name.find(middle) != std::string::npos) old.push_back(segment.path());
      }
    }
    old.push_back(session);
  }
  for (const fs::path& path : old) fs::remove_all(path, error);
  for (const fs::path& path : old)
    if (path.parent_path() != shared_memory) fs::remove(path.parent_path(), error); // the folder of all sessions, when it is empty now
}

} // namespace stdualx
