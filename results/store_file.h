// The store as a file: whether a path can be one at all, said in a sentence before SQLite says it in a number; and a copy of one.
// Inside the room only.
#pragma once

#include <filesystem>

namespace stdualx {

class Database;

/// `must_exist`: for reading. Throws InputError (a directory, no such file or folder, not SQLite), StorageError (permissions).
void check_store_path(const std::filesystem::path& path, bool must_exist);

/// Writes what the open database holds to `to`: one whole, consistent file that survives a power failure. Errors as of write_durably.
void copy_whole(Database& database, const std::filesystem::path& to);

} // namespace stdualx
