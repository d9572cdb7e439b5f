// Backups. See backup.h.
#include "results/backup.h"

#include <algorithm>

#include "experiments/spec/durable_file.h"
#include "results/cut_commit.h"
#include "results/database.h"
#include "results/migrate.h"
#include "results/store.h"
#include "results/store_file.h"

namespace stdualx {

namespace {
Database opened(const std::filesystem::path& store) {
  check_store_path(store, true);
  return open_to_read(store).database;
}
} // namespace

void copy_whole(Database& database, const std::filesystem::path& to) {
  write_durably(to, [&](const std::filesystem::path& temporary) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored); // left by a death; SQLite wants to fill an empty one
    make_empty_file(temporary);                  // with the umask's mode
    database.execute("VACUUM INTO ?1", temporary.string());
  });
}

void backup_store(const std::filesystem::path& store, const std::filesystem::path& to) {
  std::error_code error;
  if (std::filesystem::equivalent(store, to, error))
    throw InputError(to.string() + ": this is the store itself; name another file for its copy");
  Database database = opened(store);
  store_version(database, schema_version());
  for (const char* suffix : {"-journal", "-wal"})
    if (std::filesystem::exists(to.string() + suffix, error))
      throw InputError(to.string() + suffix + ": " + to.filename().string() +
                       " is in use, or was not closed, and SQLite would lay this over the copy; name another file for it");
  if (std::filesystem::exists(to, error)) { // an older copy may be written over, but nothing else
    Database older = opened(to);
    store_version(older, schema_version());
  }
  copy_whole(database, to);
}

std::filesystem::path backup_folder(const std::filesystem::path& store_directory) { return store_directory / "backups"; }

std::vector<std::filesystem::path> backups(const std::filesystem::path& store_directory) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(backup_folder(store_directory), ignored))
    if (const auto name = entry.path().filename().string(); name.starts_with(backup_name_start) && name.ends_with(".db"))
      found.push_back(entry.path());
  std::sort(found.rbegin(), found.rend()); // their numbers are of equal length
  return found;
}

std::optional<std::string> damage_of(const std::filesystem::path& store) {
  try {
    Database database = opened(store);
    store_version(database, schema_version());
    std::string found;
    database.each("PRAGMA integrity_check(1)", [&](const Row& row) { found = row.text(0); });
    if (found != "ok") return store.string() + ": " + found;
    std::string broken;
    database.each("PRAGMA foreign_key_check", [&](const Row& row) {
      if (broken.empty()) broken = "a row of table " + row.text(0) + " belongs to a row of " + row.text(2) + " that is not there";
    });
    if (!broken.empty()) return store.string() + ": " + broken;
    return std::nullopt;
  } catch (const RefusedError&) {
    throw;
  } catch (const LockedError&) {
    throw;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

} // namespace stdualx
