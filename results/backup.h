// Copies of a store, taken while it is in use.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// Writes what the store holds at one moment, whole and consistent, to `to`, one file without a journal, so that it survives a power
/// failure. A sweep may be writing meanwhile: it is not kept waiting in WAL mode, and for the time of the copy with a rollback journal.
/// A commit that was cut short is not in it. InputError, StorageError as Reader, of `to` as well: a file that is no store, or beside which
/// a journal lies, is not written over. StorageError when `to` cannot be written, which then holds what it held before.
void backup_store(const std::filesystem::path& store, const std::filesystem::path& to);

/// Where a coordinator keeps backups of its store, made when it starts: STORE.d/backups.
std::filesystem::path backup_folder(const std::filesystem::path& store_directory);
/// The backups in that folder, newest first.
std::vector<std::filesystem::path> backups(const std::filesystem::path& store_directory);
/// Makes one, named after the coordinator whose start it precedes, and removes all but the newest `keep`.
void keep_backup(const std::filesystem::path& store, const std::filesystem::path& store_directory, std::int64_t coordinator_id,
                 std::size_t keep = 3);

/// What SQLite finds wrong with the file itself (pages, indices, references between rows), or why it cannot be opened; nothing: it is
/// whole. Reads all of it.
std::optional<std::string> damage_of(const std::filesystem::path& store);

} // namespace stdualx
