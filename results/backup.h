// Copies of a store, taken while it is in use.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

class Store;

/// Writes what the store holds at one moment, whole and consistent, to `to`, one file without a journal, so that it survives a power
/// failure. A sweep may be writing meanwhile: it is not kept waiting in WAL mode, and for the time of the copy with a rollback journal.
/// A commit that was cut short is not in it. InputError, StorageError as Reader, of `to` as well: a file that is no store, or beside which
/// a journal lies, is not written over. StorageError when `to` cannot be written, which then holds what it held before.
void backup_store(const std::filesystem::path& store, const std::filesystem::path& to);

/// Where a coordinator keeps backups of its store, made beside its work from its start on: STORE.d/backups.
std::filesystem::path backup_folder(const std::filesystem::path& store_directory);
/// The backups in that folder, newest first.
std::vector<std::filesystem::path> backups(const std::filesystem::path& store_directory);
/// Of a larger store no backup is made by itself; `db backup` makes one at any time.
inline constexpr std::int64_t most_bytes_backed_up = std::int64_t{4} << 30;

/// A backup that the store's own writer makes in pieces beside its work, named after the coordinator that makes it. It holds what the store
/// holds when its last piece is copied. No lock is held between two pieces, nobody waits for it, and the syncing of the file has a thread
/// of its own. One that is not finished is dropped with this.
class RunningBackup {
public:
  /// Nothing is copied when nothing changed since the newest backup, or the store is new. StorageError: why there can be none (too large
  /// a store, no room, a folder that cannot be made). `store` outlives this, and is not released before.
  RunningBackup(Store& store, const std::filesystem::path& store_directory, std::size_t keep = 3);
  ~RunningBackup();
  RunningBackup(const RunningBackup&) = delete;
  RunningBackup& operator=(const RunningBackup&) = delete;

  /// Copies on for about as long, not inside a transaction. True: the backup stands, and the older ones beyond `keep` are removed.
  /// StorageError: it could not be written; there is none then.
  bool step(std::chrono::microseconds at_most);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_; // null: nothing (more) to do
};

/// What SQLite finds wrong with the file itself (pages, indices, references between rows), or why it cannot be opened; nothing: it is
/// whole. Reads all of it.
std::optional<std::string> damage_of(const std::filesystem::path& store);

} // namespace stdualx
