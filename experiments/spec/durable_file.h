// Files that survive a power failure, and what to say where they cannot be written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace stdualx {

/// Ends the names of files that are being written.
inline constexpr const char* temporary_suffix = ".writing";

/// After the return `file` survives a power failure; after a failure the name holds what it held before. `write` fills the temporary
/// file it is given. Folders that are missing are made. StorageError names the file, the system's reason, the free bytes and what to do;
/// what `write` throws passes through.
void write_durably(const std::filesystem::path& file, const std::function<void(const std::filesystem::path&)>& write);

/// Syncs a folder, so that names made or changed in it survive. StorageError.
void sync_folder(const std::filesystem::path& folder);

/// Bytes that this user may still write beside `path`; -1: not known.
std::int64_t free_bytes(const std::filesystem::path& path);
/// The StorageError of a write that failed, of the kind that `error` (an errno; 0: none) is: the file, the reason, the free bytes, and what
/// to do. `instead` names what else could be written to; `what` begins the sentence in place of "cannot write FILE".
[[noreturn]] void throw_write_error(const std::filesystem::path& file, const std::string& reason, int error,
                                    const std::string& instead = "name another place with --store", const std::string& what = "");
/// Makes an empty file, with the mode that the umask gives (SQLite and mkstemp give others less). False: there is one. Throws as
/// throw_write_error.
bool make_empty_file(const std::filesystem::path& file);

} // namespace stdualx
