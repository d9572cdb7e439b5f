// Listing and pruning. See cache_files.h.
#include "experiments/cache_files.h"

#include "experiments/spec/errors.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace stdualx {
namespace {

/// A file that is open for writing and locked, while this lives: nobody has it open.
class Unused {
public:
  explicit Unused(const std::filesystem::path& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    locked_ = descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    busy_ = descriptor_ >= 0 && !locked_ && errno == EWOULDBLOCK;
  }
  Unused(const Unused&) = delete;
  Unused& operator=(const Unused&) = delete;
  ~Unused() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool locked() const { return locked_; }
  bool busy() const { return busy_; }

private:
  int descriptor_;
  bool locked_ = false, busy_ = false;
};

double seconds_of(const timespec& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9; }

} // namespace

std::vector<CacheFile> cache_files(const std::filesystem::path& directory) {
  std::vector<CacheFile> files;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::error_code none;
  for (std::filesystem::directory_iterator entry(directory, none), end; !none && entry != end; entry.increment(none)) {
    struct stat status {};
    if (entry->path().extension() != ".windows" || ::stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    // WindowCache::open sets the time of access; a file system that keeps none still has that of writing.
    const double used = std::max(seconds_of(status.st_atim), seconds_of(status.st_mtim));
    files.push_back(
        {entry->path(), static_cast<std::uint64_t>(status.st_size), std::max(0.0, seconds_of(now) - used), Unused(entry->path()).busy()});
  }
  std::sort(files.begin(), files.end(), [](const CacheFile& a, const CacheFile& b) {
    return a.idle_seconds != b.idle_seconds ? a.idle_seconds > b.idle_seconds : a.path < b.path;
  });
  return files;
}

std::uint64_t cache_limit(const std::filesystem::path& directory) {
  constexpr double gigabyte = 1e9, usual = 20;
  if (const char* said = std::getenv("STDUALX_CACHE_LIMIT")) {
    double limit = -1;
    const char* const end = said + std::strlen(said);
    if (const auto read = std::from_chars(said, end, limit); read.ec != std::errc{} || read.ptr != end || !(limit >= 0 && limit < 1e9))
      throw InputError(std::string("STDUALX_CACHE_LIMIT: expected a number of GB, such as 20, found '") + said + "'");
    return static_cast<std::uint64_t>(limit * gigabyte);
  }
  std::error_code none;
  const auto space = std::filesystem::space(directory, none);
  const double tenth = none ? usual * gigabyte : static_cast<double>(space.capacity) / 10;
  return static_cast<std::uint64_t>(std::min(usual * gigabyte, tenth));
}

std::vector<CacheFile> prune_cache(const std::filesystem::path& directory, std::uint64_t most_bytes, std::optional<double> idle_seconds,
                                   const std::filesystem::path& keep) {
  std::vector<CacheFile> files = cache_files(directory), removed;
  std::uint64_t total = 0;
  for (const CacheFile& file : files) total += file.bytes;
  for (CacheFile& file : files) {
    if (total <= most_bytes && !(idle_seconds && file.idle_seconds > *idle_seconds)) continue;
    if (file.path == keep) continue;
    const Unused unused(file.path); // locked until it is gone, so that nobody begins to use it meanwhile
    if (!unused.locked() || ::unlink(file.path.c_str()) != 0) continue;
    total -= file.bytes;
    removed.push_back(std::move(file));
  }
  return removed;
}

} // namespace stdualx
