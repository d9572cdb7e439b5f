// See reader_copy.h.
#include "results/reader_copy.h"

namespace stdualx {

HoldLimit::HoldLimit(sqlite3* handle, std::chrono::steady_clock::time_point until) : handle_(handle), until_(until) {
  constexpr int instructions = 10000; // some tenths of a millisecond
  sqlite3_progress_handler(
      handle_, instructions, [](void* self) { return std::chrono::steady_clock::now() > static_cast<HoldLimit*>(self)->until_ ? 1 : 0; },
      this);
}
HoldLimit::~HoldLimit() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }

bool reads_keep_writers_waiting(Database& database) {
  return sqlite3_uri_boolean(sqlite3_db_filename(database.handle(), "main"), "immutable", 0) == 0 &&
         database.text("PRAGMA journal_mode").value_or("") != "wal";
}

std::int64_t bytes_of(Database& database) {
  return database.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").value_or(0);
}

std::optional<Database> copy_of(Database& database) {
  // "file:" without a name: SQLite's own kind of temporary database.
  std::optional<Database> copy;
  copy.emplace(database.path(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, 0, "file:");
  copy->script("PRAGMA cache_size = -65536");
  sqlite3_backup* backup = sqlite3_backup_init(copy->handle(), "main", database.handle(), "main");
  if (backup == nullptr) return std::nullopt;
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return copy;
  if (code == SQLITE_FULL || code == SQLITE_CANTOPEN || code == SQLITE_NOMEM || (code & 0xFF) == SQLITE_IOERR) return std::nullopt;
  throw_sqlite_error(database.path(), code & 0xFF, code, sqlite3_errstr(code));
}

} // namespace stdualx
