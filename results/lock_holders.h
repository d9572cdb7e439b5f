// Who keeps a store from being written: SQLite says only that somebody does.
#pragma once

#include <filesystem>
#include <string>

namespace stdualx {

/// Names the other processes that hold a lock of this SQLite file, or at least have it open, as far as this host's kernel tells
/// (/proc/locks, then /proc/PID/fd): "process 4711 (sqlite3) on this host". Where it tells of none: "a process on another host, or one that
/// cannot be seen from here".
std::string who_holds(const std::filesystem::path& database);

} // namespace stdualx
