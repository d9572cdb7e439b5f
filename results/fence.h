// Who may write: one coordinator at a time. What tells processes apart, and which journal a file system can bear.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace stdualx {

/// A process, told apart from every other one that ever ran.
struct ProcessIdentity {
  std::string host;
  std::string boot_id; // the kernel's boot and the pid namespace: a pid means something only inside both
  std::int64_t pid = 0;
  std::int64_t process_start = 0; // clock ticks after boot (proc(5), stat, field 22)
  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity this_process();
/// Start of a living process in clock ticks; -1: there is none (a zombie is none: it holds nothing any more).
std::int64_t process_start_of(std::int64_t pid);

enum class Holder { alive, dead, elsewhere };
/// Whether `holder` lives, as far as `self` can see: `elsewhere` on another host, after another boot, in another pid namespace, or
/// where /proc hides it.
Holder look_at(const ProcessIdentity& holder, const ProcessIdentity& self);

enum class JournalMode { wal, rollback };
/// WAL only on file systems known to be local, since its shared memory does not work over a network, and a WAL there corrupts
/// even with one writer. Every other kind, known or unknown: rollback.
JournalMode journal_mode_for(std::string_view file_system_name);
/// Kind of the file system that holds `path`, from statfs: "ext4", "nfs", ...; "unknown" for one without a name here.
std::string file_system_name(const std::filesystem::path& path);

} // namespace stdualx
