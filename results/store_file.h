// The store as a file: whether a path can be one at all, said in a sentence before SQLite says it in a number; and a copy of one.
// Inside the room only.
#pragma once

#include <filesystem>
#include <string>

namespace stdualx {

class Database;

/// How long a reader waits for a lock: a rollback journal's writer keeps readers out for a commit; a WAL's never does.
constexpr int lock_patience_ms = 20000;

/// `must_exist`: for reading. Throws InputError (a directory, no such file or folder, not SQLite), PermissionError, ReadOnlyError.
void check_store_path(const std::filesystem::path& path, bool must_exist);

/// The store as a URI for ATTACH, read-only; as it lies there, where it is a WAL store at rest and nobody can be writing it.
std::string read_only_uri(const std::filesystem::path& path);
/// Names of backups start so, before a number of 8 digits.
inline constexpr const char* backup_name_start = "before-coordinator-";

/// Writes what the open database holds to `to`: one whole, consistent file that survives a power failure. Errors as of write_durably.
void copy_whole(Database& database, const std::filesystem::path& to);

} // namespace stdualx
