// Processes by /proc, file systems by statfs.
#include "results/fence.h"

#include <signal.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace stdualx {

namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string pid_namespace() {
  std::array<char, 64> name{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", name.data(), name.size());
  return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : "";
}

// linux/magic.h and the file systems' own sources. virtiofs shows itself as fuse.
constexpr std::pair<std::uint32_t, std::string_view> magics[] = {
    {0xEF53, "ext4"},       {0x58465342, "xfs"},   {0x9123683E, "btrfs"},  {0x01021994, "tmpfs"},    {0x794C7630, "overlay"},
    {0xF2F52010, "f2fs"},   {0x2FC12FC1, "zfs"},   {0x858458F6, "ramfs"},  {0xCA451A4E, "bcachefs"}, {0x6969, "nfs"},
    {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"},  {0x19830326, "beegfs"}, {0x00C36400, "ceph"},     {0x5346414F, "afs"},
    {0xFF534D42, "cifs"},   {0xFE534D42, "smb2"},  {0x65735546, "fuse"},   {0x01021997, "9p"},       {0x786F4256, "vboxsf"},
    {0x013111A8, "ibrix"},  {0x7461636F, "ocfs2"}, {0x01161970, "gfs2"},   {0x73757245, "coda"},
};

// Local disks and memory: here mmap'ed shared memory means the same to all processes that can open the file.
constexpr std::string_view local[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "f2fs", "zfs", "ramfs", "bcachefs"};

} // namespace

std::int64_t process_start_of(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return -1;
  // The second field is the command in parentheses and may hold anything, so count from the last ')'.
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos) return -1;
  std::istringstream rest(line.substr(end + 1));
  std::string word;
  for (int field_number = 3; rest >> word; ++field_number) {
    if (field_number == 3 && (word == "Z" || word == "X")) return -1;
    if (field_number == 22) return std::stoll(word);
  }
  return -1;
}

ProcessIdentity this_process() {
  const auto pid = static_cast<std::int64_t>(::getpid());
  return {host_name(), first_line("/proc/sys/kernel/random/boot_id") + " " + pid_namespace(), pid, process_start_of(pid)};
}

Holder look_at(const ProcessIdentity& holder, const ProcessIdentity& self) {
  if (holder.host != self.host) return Holder::elsewhere;
  // After another boot of this very host nothing of before can live; but hosts may share a name (containers), so the lease decides.
  if (holder.boot_id != self.boot_id) return Holder::elsewhere;
  const std::int64_t start = process_start_of(holder.pid);
  if (start == holder.process_start) return Holder::alive;
  // Where /proc hides other users' processes (hidepid) one can live unseen, so there too the lease decides.
  const bool hidden = start < 0 && ::access(("/proc/" + std::to_string(holder.pid) + "/stat").c_str(), R_OK) != 0 &&
                      (::kill(static_cast<pid_t>(holder.pid), 0) == 0 || errno != ESRCH);
  return hidden ? Holder::elsewhere : Holder::dead;
}

JournalMode journal_mode_for(std::string_view file_system_name) {
  return std::find(std::begin(local), std::end(local), file_system_name) != std::end(local) ? JournalMode::wal : JournalMode::rollback;
}

std::string file_system_name(const std::filesystem::path& path) {
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) return "unknown";
  const auto magic = static_cast<std::uint32_t>(info.f_type);
  for (const auto& [number, name] : magics)
    if (number == magic) return std::string(name);
  return "unknown";
}

} // namespace stdualx
