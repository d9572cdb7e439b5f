// Whether a path can be a store at all, said in a sentence before SQLite says it in a number. Inside the room only.
#pragma once

#include <filesystem>

namespace stdualx {

/// `must_exist`: for reading. Throws InputError (a directory, no such file or folder, not SQLite), StorageError (permissions).
void check_store_path(const std::filesystem::path& path, bool must_exist);

} // namespace stdualx
