// See lock_holders.h.
#include "results/lock_holders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

// https://www.sqlite.org/src/file/src/os.h: pending, reserved, and the range of which readers lock a part.
constexpr std::uint64_t first_lock_byte = 0x40000000, last_lock_byte = first_lock_byte + 2 + 509;

/// A line is "1: POSIX  ADVISORY  READ 4711 fd:01:5678 1073741826 1073742335"; "->" stands before the kind of one that waits. Device
/// numbers are not compared: layered file systems show another one.
std::set<std::int64_t> lock_owners(std::uint64_t inode) {
  std::set<std::int64_t> owners;
  std::ifstream file("/proc/locks");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, place, end;
    std::int64_t owner = 0;
    std::uint64_t begin = 0;
    if (!(words >> number >> kind) || kind == "->" || !(words >> advisory >> access >> owner >> place >> begin >> end)) continue;
    if (place.substr(place.rfind(':') + 1) != std::to_string(inode) || begin > last_lock_byte) continue;
    if (end != "EOF" && std::strtoull(end.c_str(), nullptr, 10) < first_lock_byte) continue;
    owners.insert(owner);
  }
  return owners;
}

std::set<std::int64_t> openers(const fs::path& database) {
  std::set<std::int64_t> found;
  std::error_code error;
  const fs::path real = fs::canonical(database, error);
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string name = process.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code not_ours; // another user's, or gone
    for (const auto& entry : fs::directory_iterator(process.path() / "fd", not_ours))
      if (fs::read_symlink(entry.path(), not_ours) == real) found.insert(std::stoll(name));
  }
  return found;
}

std::string program_of(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

} // namespace

std::string who_holds(const fs::path& database) {
  struct stat info {};
  std::set<std::int64_t> owners;
  if (::stat(database.c_str(), &info) == 0) owners = lock_owners(info.st_ino);
  const auto self = static_cast<std::int64_t>(::getpid());
  owners.erase(self);
  if (owners.empty()) owners = openers(database);
  owners.erase(self);
  std::string words;
  for (const std::int64_t pid : owners) {
    const std::string program = program_of(pid);
    words += (words.empty() ? "" : ", ") + std::string("process ") + std::to_string(pid) + (program.empty() ? "" : " (" + program + ")");
  }
  return words.empty() ? "a process on another host, or one that cannot be seen from here" : words + " on this host";
}

} // namespace stdualx
