// See mpi_leftovers.h. The names were read off Open MPI 4.1.4.
#include "cluster/mpi_leftovers.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace stdualx {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view note_prefix = "mpi-job-";
} // namespace

void note_mpi_job(const fs::path& folder) {
  const char* text = std::getenv("PMIX_NAMESPACE"); // 723582977: the job's number, which segments bear in hexadecimal digits
  if (text == nullptr) return;
  std::uint32_t number = 0;
  const char* const end = text + std::char_traits<char>::length(text);
  if (const auto [stop, error] = std::from_chars(text, end, number); error == std::errc() && stop == end)
    std::ofstream(folder / (std::string(note_prefix) + text));
}

void remove_mpi_leftovers(pid_t process, const fs::path& folder, const fs::path& temporary, const fs::path& shared_memory) {
  const std::string user = std::to_string(::getuid());
  std::error_code error;
  std::vector<std::string> middles; // of names like vader_segment.HOST.UID.JOB.RANK
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::uint32_t number = 0;
    if (!name.starts_with(note_prefix) ||
        std::from_chars(name.data() + note_prefix.size(), name.data() + name.size(), number).ec != std::errc())
      continue;
    char job[16];
    std::snprintf(job, sizeof job, "%x", number);
    middles.push_back("." + user + "." + job + ".");
  }
  std::vector<fs::path> old;
  for (const auto& segment : fs::directory_iterator(shared_memory, error)) {
    const std::string name = segment.path().filename().string();
    if (name.starts_with("vader_segment.") &&
        std::any_of(middles.begin(), middles.end(), [&](const std::string& middle) { return name.find(middle) != std::string::npos; }))
      old.push_back(segment.path());
  }
  for (const auto& entry : fs::directory_iterator(temporary.empty() ? fs::temp_directory_path(error) : temporary, error)) {
    const std::string name = entry.path().filename().string();
    const fs::path session = entry.path() / ("pid." + std::to_string(process));
    if (name.starts_with("ompi.") && name.ends_with("." + user) && fs::is_directory(session, error)) old.push_back(session);
  }
  for (const fs::path& path : old) fs::remove_all(path, error);
  for (const fs::path& path : old)
    if (path.parent_path() != shared_memory) fs::remove(path.parent_path(), error); // the folder of all sessions, when it is empty now
}

} // namespace stdualx
