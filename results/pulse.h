// Whether somebody writes a store, seen from outside: without SQLite, its locks, and the rollback that only a writer may do.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace stdualx {

/// What every commit to the store changes, a coordinator's heartbeat among them: size, time of change and first bytes of the store, its
/// WAL and its rollback journal. To be compared with another one only; equal for as long as nobody commits. A file that is not there is a
/// part of it. std::nullopt where the file system does not tell, which says nothing of the writer.
std::optional<std::string> store_pulse(const std::filesystem::path& store);

} // namespace stdualx
