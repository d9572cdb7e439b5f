// See place.h.
#include "cluster/place.h"

#include "cluster/process.h"
#include "cluster/words.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t probe_bytes = 8 << 20;            // about a checkpoint: a user's quota shows at writing alone, not in df
constexpr std::int64_t least_free_bytes = 1'000'000'000; // below this `plan` should be asked what a sweep takes
constexpr std::int64_t least_free_files = 10'000;

/// "\040" in mountinfo is a blank.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

bool has_option(const std::string& options, const std::string& wanted) {
  return ("," + options + ",").find("," + wanted + ",") != std::string::npos;
}

/// Takes a lock by one descriptor and asks for it by another. The first is of the kind that SQLite takes (fcntl), the second belongs to the
/// open file, or the process would be granted its own.
void probe_locks(int first, int second, ProbeFacts& facts) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  facts.fcntl_error = ::fcntl(first, F_SETLK, &lock) == 0 ? 0 : errno;
  if (facts.fcntl_error == 0) {
    struct flock again = lock;
    again.l_pid = 0;
    facts.fcntl_holds = ::fcntl(second, F_OFD_SETLK, &again) != 0 && (errno == EAGAIN || errno == EACCES);
    lock.l_type = F_UNLCK;
    ::fcntl(first, F_SETLK, &lock);
    again.l_type = F_UNLCK;
    ::fcntl(second, F_OFD_SETLK, &again);
  }
  facts.flock_error = ::flock(first, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (facts.flock_error == 0) facts.flock_holds = ::flock(second, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace

fs::path nearest_folder(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path;
}

std::string mount_options_of(const std::string& mountinfo, const fs::path& path) {
  // 36 35 98:0 /root /mount/point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue; the last line of a mount point covers others.
  std::string options;
  std::size_t longest = 0;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, point, of_mount, type, source, of_file_system;
    for (int i = 0; i < 5; ++i) words >> point;
    words >> of_mount;
    while (words >> word && word != "-") continue;
    words >> type >> source >> of_file_system;
    point = unescaped(point);
    if (point.size() < longest || !is_below(path, point)) continue;
    longest = point.size();
    options = of_file_system.empty() ? of_mount : fmt::format("{},{}", of_mount, of_file_system);
  }
  return options;
}

PlaceFacts look_at_place(const std::string& role, const fs::path& path, const std::string& file_system) {
  PlaceFacts facts;
  facts.role = role;
  facts.path = path;
  std::error_code error;
  facts.exists = fs::exists(path, error);
  facts.nearest = nearest_folder(path);
  facts.file_system = file_system;
  facts.writable = ::access(facts.nearest.c_str(), W_OK) == 0;
  std::ifstream mounts("/proc/self/mountinfo");
  const fs::path real = fs::canonical(facts.nearest, error);
  facts.mount_options = mount_options_of({std::istreambuf_iterator<char>(mounts), {}}, error ? facts.nearest : real);
  struct statvfs info {};
  if (::statvfs(facts.nearest.c_str(), &info) == 0) {
    facts.free_bytes = static_cast<std::int64_t>(info.f_bavail * info.f_frsize);
    if (info.f_files > 0) facts.free_files = static_cast<std::int64_t>(info.f_favail);
  }
  return facts;
}

ProbeFacts probe(const fs::path& folder) {
  ProbeFacts facts;
  const fs::path file = folder / ("doctor-" + host_name() + "-" + std::to_string(::getpid()));
  const auto fail = [&](const char* step) {
    if (facts.failed.empty()) {
      facts.failed = step;
      facts.error = errno;
    }
  };
  Descriptor first(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!first) {
    fail("creating");
    return facts;
  }
  const std::string block(1 << 16, '\x5a'); // no zeros: those some file systems keep for nothing
  while (facts.bytes < probe_bytes) {
    const ssize_t count = ::write(first.get(), block.data(), block.size());
    if (count <= 0) {
      if (count < 0 && errno == EINTR) continue;
      fail("writing");
      break;
    }
    facts.bytes += count;
  }
  if (facts.failed.empty() && ::fsync(first.get()) != 0) fail("syncing");
  if (const Descriptor second(::open(file.c_str(), O_RDWR | O_CLOEXEC)); second) probe_locks(first.get(), second.get(), facts);
  if (::unlink(file.c_str()) != 0) fail("removing");
  return facts;
}

std::vector<Finding> judge_place(const PlaceFacts& facts, bool wal, bool shared) {
  std::vector<Finding> findings;
  const bool is_store = facts.role == "store", kept = is_store || facts.role == "checkpoints";
  const std::string where = facts.path.string(), check = facts.role + ": file system";
  if (facts.role == "data" && !facts.exists)
    return {note("data", where + " is not there",
                 "`stdualx data list` says which recordings are looked for and where to get them; --data names another folder")};
  if (has_option(facts.mount_options, "ro") && facts.role != "data")
    findings.push_back(wrong(facts.role + ": writing", facts.nearest.string() + " is mounted read-only",
                             "name another place (--store, --cache), or have it mounted for writing"));
  else if (!facts.writable && facts.role != "data")
    findings.push_back(wrong(facts.role + ": writing", facts.nearest.string() + " cannot be written by this user",
                             "check its permissions, or name another place (--store, --cache)"));

  if (facts.file_system == "tmpfs" || facts.file_system == "ramfs")
    findings.push_back(note(check,
                            fmt::format("{} is {}: it takes memory, and is gone when this host starts again", where, facts.file_system),
                            kept ? "--store names a file on a disk" : "nothing, as long as that is known"));
  else if (!wal)
    findings.push_back(
        note(check,
             fmt::format("{} is {}, of a network or of a kind not known to be local{}", where, facts.file_system,
                         is_store ? ": the store keeps a rollback journal, and a commit takes longer than on a local disk" : ""),
             is_store ? "nothing; it is safe. All nodes of a job can share it" : ""));
  else if (shared)
    findings.push_back(note(check, fmt::format("{} is {}, a disk of this host: other nodes hardly see it", where, facts.file_system),
                            facts.role == "cache" ? "nothing: each node makes its own" : "put it on a file system that all nodes share"));
  else
    findings.push_back(
        right(check, fmt::format("{} is {}, local{}", where, facts.file_system, is_store ? ": the store uses a write-ahead log" : "")));

  if (kept && !wal) {
    for (const char* option : {"nolock", "local_lock=all", "local_lock=posix", "localflock", "noflock"})
      if (has_option(facts.mount_options, option))
        findings.push_back(wrong(facts.role + ": locks",
                                 fmt::format("{} is mounted with {}: locks do not reach other hosts", facts.nearest.string(), option),
                                 "have it mounted with locks for all hosts, and until then use the store from one host at a time"));
  }
  if (facts.role == "data") return findings;
  if (facts.free_bytes < least_free_bytes)
    findings.push_back(wrong(facts.role + ": room", fmt::format("{} free at {}", bytes_text(facts.free_bytes), facts.nearest.string()),
                             "`stdualx plan SWEEP` says what a sweep takes; make room, or name another place"));
  else if (facts.free_files >= 0 && facts.free_files < least_free_files)
    findings.push_back(wrong(facts.role + ": room",
                             fmt::format("{} more files can be made at {}", facts.free_files, facts.nearest.string()),
                             "remove small files there, or name another place"));
  else
    findings.push_back(right(facts.role + ": room", fmt::format("{} free at {}, by the file system's word", bytes_text(facts.free_bytes),
                                                                facts.nearest.string())));
  return findings;
}

std::vector<Finding> judge_probe(const ProbeFacts& facts, const fs::path& folder) {
  const std::string check = "checkpoints: a file";
  if (!facts.failed.empty()) {
    std::string next = "check the permissions of " + folder.string() + ", or name another store with --store";
    if (facts.error == EDQUOT)
      next = "your quota is used up there, whatever df says: make room (`quota -s`, on Lustre `lfs quota`), or name another place";
    if (facts.error == ENOSPC) next = "the disk is full: make room, or name another place";
    if (facts.error == EROFS) next = "it is mounted read-only: have it mounted for writing, or name another place";
    return {wrong(check,
                  fmt::format("{} a file in {} failed after {}: {}", facts.failed, folder.string(), bytes_text(facts.bytes),
                              std::strerror(facts.error)),
                  next)};
  }
  std::vector<Finding> findings = {
      right(check, fmt::format("{} were written, synced and removed in {}", bytes_text(facts.bytes), folder.string()))};
  const std::string locks = "checkpoints: locks";
  if (facts.fcntl_error != 0)
    findings.push_back(wrong(
        locks,
        fmt::format("{} takes no locks (fcntl: {}): SQLite cannot keep a store there", folder.string(), std::strerror(facts.fcntl_error)),
        "name a store on another file system, or have this one mounted with locks"));
  else if (!facts.fcntl_holds)
    findings.push_back(wrong(locks, folder.string() + " grants one lock twice (fcntl): two writers would not see each other",
                             "name a store on another file system, or have this one mounted with locks"));
  else if (facts.flock_error != 0 || !facts.flock_holds)
    findings.push_back(note(locks, "fcntl's, which the store uses, hold; flock's do not", "nothing: the store has no need of them"));
  else findings.push_back(right(locks, "fcntl's and flock's hold on this host"));
  return findings;
}

} // namespace stdualx
