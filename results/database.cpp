// Statements are prepared once; what SQLite says is translated once.
#include "results/database.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cmath>
#include <stdexcept>

#include "experiments/spec/damage.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "results/fault_vfs.h"
#include "results/lock_holders.h"

namespace stdualx {

namespace {
bool is_read_only(const std::filesystem::path& folder) {
  struct statvfs info {};
  return ::statvfs(folder.empty() ? "." : folder.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}
} // namespace

void throw_sqlite_error(const std::filesystem::path& path, int code, int extended_code, const std::string& message, int system_error) {
  const std::string where = path.string() + ": ";
  const std::string said = " (SQLite: " + message + ")";
  const auto space = [&] { // df may show more: a quota of this user
    const std::int64_t bytes = free_bytes(path.parent_path());
    return bytes < 0 ? std::string("free space unknown") : std::to_string(bytes) + " bytes free to us on its file system";
  };
  const auto throw_cut_short = [&] {
    throw CutShortError(where +
                        "its writer died in the middle of a commit; ask again: shown is then what was recorded before it, and "
                        "`stdualx run` goes on from there" +
                        said);
  };
  switch (code) {
  case SQLITE_FULL:
    throw DiskError(where + "the disk or the quota is full (" + space() +
                    "); nothing already recorded is lost: make room, then start the same command again" + said);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    throw LockedError(where + who_holds(path) +
                      " keeps the store locked; end what it reads or writes there, and start the same command again" + said);
  case SQLITE_NOTADB: throw InputError(where + "this file is not an SQLite database; name a store, or a new file" + said);
  case SQLITE_CORRUPT:
    throw DamagedError(where +
                       "the store is damaged; `stdualx db check` says what it lacks, `stdualx db rebuild` sets it aside and "
                       "makes another of its newest backup and its checkpoints" +
                       said);
  case SQLITE_READONLY:
    if (extended_code == SQLITE_READONLY_ROLLBACK || extended_code == SQLITE_READONLY_RECOVERY || extended_code == SQLITE_READONLY_CANTINIT)
      throw_cut_short();
    if (is_read_only(path.parent_path())) throw ReadOnlyError(where + "the store cannot be written: its file system is read-only" + said);
    throw PermissionError(where + "this user may not write the store; check the permissions of the file and of its folder" + said);
  case SQLITE_CANTOPEN: {
    if (std::filesystem::exists(path.string() + "-wal")) throw_cut_short(); // and SQLite can make no -shm
    const std::string what =
        where + "the store or a file beside it (-wal, -shm, -journal) cannot be opened; check the permissions of its folder" + said;
    if (system_error == EROFS) throw ReadOnlyError(what);
    if (system_error == EACCES || system_error == EPERM) throw PermissionError(what);
    throw StorageError(what);
  }
  case SQLITE_IOERR:
    if (system_error == EDQUOT)
      throw DiskError(where + "the quota of this user or project is used up (df does not show it; " + space() +
                      "): make room, then start the same command again; nothing already recorded is lost" + said);
    throw DiskError(where + "reading or writing the store failed (" + space() +
                    "); check the disk and the quota, then start the same command again; nothing already recorded is lost" + said);
  case SQLITE_TOOBIG:
    throw StorageError(where + "it holds a value of more than " + std::to_string(longest_value >> 20) +
                       " MiB, which no stdualx wrote; name another store with --store");
  case SQLITE_NOMEM: throw StorageError(where + "there was not enough memory to read it" + said);
  case SQLITE_CONSTRAINT: throw WrongRow(where + "a row that cannot be was refused: " + message);
  case SQLITE_MISMATCH: throw WrongRow(where + "a value of a wrong type was refused: " + message);
  default: throw StorageError(where + "the store refused a statement" + said);
  }
}

std::string_view number_kind(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return "finite";
}

namespace {
/// What must be said before SQLite's first use. Each savepoint, and each statement with a trigger, keeps the pages as they were in a
/// journal of its own, in memory up to this size and in pieces of it. The default, 64 KiB, costs more to allocate than the statement.
void set_up_sqlite() {
  static const int code = sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, 16 << 10);
  if (code != SQLITE_OK) throw std::logic_error("SQLite was in use before the first Database was made");
  put_faults_under_sqlite();
}
} // namespace

Database::Database(const std::filesystem::path& path, int flags, int busy_timeout_ms, const std::string& uri)
    : path_(path), name_(uri.empty() ? path.string() : uri), flags_(flags), busy_timeout_ms_(busy_timeout_ms) {
  set_up_sqlite();
  reopen();
}

void Database::reopen() {
  statements_.clear();
  handle_.reset();
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name_.c_str(), &handle, flags_, nullptr);
  handle_.reset(handle); // a failed one says why, and wants closing
  if (handle == nullptr) throw std::bad_alloc();
  check(code);
  check(sqlite3_busy_timeout(handle, busy_timeout_ms_));
  distrust();
}

void Database::distrust() {
  check(sqlite3_db_config(handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr));
  check(sqlite3_db_config(handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr));
  sqlite3_limit(handle(), SQLITE_LIMIT_LENGTH, longest_value);
}

void Database::check(int code) {
  if (code != SQLITE_OK)
    throw_sqlite_error(path_, code & 0xFF, sqlite3_extended_errcode(handle()), sqlite3_errmsg(handle()), sqlite3_system_errno(handle()));
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  return statements_.emplace(sql, statement).first->second.get();
}

bool Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code);
  return false;
}

void Database::script(std::string_view sql) { check(sqlite3_exec(handle(), std::string(sql).c_str(), nullptr, nullptr, nullptr)); }

bool Database::begin_immediate() {
  const int code = sqlite3_exec(handle(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  if (code == SQLITE_BUSY) return false;
  check(code);
  return true;
}

bool Database::commit() {
  const Use use(prepared("COMMIT"));
  const int code = sqlite3_step(use.statement);
  if ((code & 0xFF) == SQLITE_BUSY && in_transaction()) return false;
  if (code != SQLITE_DONE) check(code);
  return true;
}

bool Database::writing() { return sqlite3_txn_state(handle(), nullptr) == SQLITE_TXN_WRITE; }

bool Database::in_transaction() { return sqlite3_get_autocommit(handle()) == 0; }

std::int64_t Database::last_inserted() { return sqlite3_last_insert_rowid(handle()); }

std::int64_t Database::changes() { return sqlite3_total_changes(handle()); }

void Database::rollback() noexcept {
  if (in_transaction()) sqlite3_exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

} // namespace stdualx
