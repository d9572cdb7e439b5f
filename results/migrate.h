// Schema versions of the store, and the way from one to the next. Inside the room only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace stdualx {

class Database;

/// SQLite's application_id of every store ("STDX"): other SQLite files are told from ours by it.
inline constexpr std::int64_t store_application_id = 0x53544458;

/// SQL of version 1, 2, ... in order.
const std::vector<std::string_view>& embedded_migrations();
/// results/paper_values.json.
std::string_view embedded_paper_values();

/// The schema version of an open file; 0: a new, empty one. Throws InputError when it is a database but no store, RefusedError
/// when its version is above `newest`.
std::int64_t store_version(Database& database, std::int64_t newest);

/// Brings the schema from the version found to the last of `migrations`, all in one transaction together with
/// user_version. An older store is copied to FILE.before-version-N first. Throws StorageError when the copy cannot be written.
void migrate(Database& database, const std::vector<std::string_view>& migrations);

/// Fills the table paper_values anew. Inside a transaction.
void write_paper_values(Database& database, std::string_view json);

} // namespace stdualx
