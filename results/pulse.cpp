// See pulse.h.
#include "results/pulse.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace stdualx {

std::optional<std::string> store_pulse(const std::filesystem::path& store) {
  std::string pulse;
  for (const char* const suffix : {"", "-wal", "-journal"}) {
    // Opened, and not only looked at: that is when a network file system asks its server again. Closed without a lock of ours on it, and
    // in a process that has no SQLite at work on this file, whose locks would go with our descriptor.
    const int file = ::open((store.string() + suffix).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
      if (errno != ENOENT) return std::nullopt;
      pulse += "none ";
      continue;
    }
    struct stat seen {};
    std::array<char, 100> header{}; // of the store it holds the change counter, of the WAL its salts
    const bool told = ::fstat(file, &seen) == 0 && ::pread(file, header.data(), header.size(), 0) >= 0;
    ::close(file);
    if (!told) return std::nullopt;
    pulse += std::to_string(seen.st_ino) + " " + std::to_string(seen.st_size) + " " + std::to_string(seen.st_mtim.tv_sec) + "." +
             std::to_string(seen.st_mtim.tv_nsec) + " " + std::string(header.data(), header.size()) + " ";
  }
  return pulse;
}

} // namespace stdualx
