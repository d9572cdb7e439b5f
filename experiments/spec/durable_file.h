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
/// The StorageError of a write that failed: the file, the reason, the free bytes, and what to do about `error` (an errno; 0: none).
[[noreturn]] void throw_write_error(const std::filesystem::path& file, const std::string& reason, int error);

} // namespace stdualx
