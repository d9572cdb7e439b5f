// One SQLite connection: cached statements, and SQLite's errors turned into sentences. Inside the room only.
#pragma once

#include <sqlite3.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "experiments/spec/errors.h"

namespace stdualx {

/// Another process kept a lock of the file for longer than we waited.
class LockedError : public StorageError {
public:
  using StorageError::StorageError;
};

/// A row that our tables refuse: wrong in itself, not for want of a disk.
class WrongRow : public StorageError {
public:
  using StorageError::StorageError;
};

/// A writer died inside a commit; only who may write can roll it back where the file lies (results/cut_commit.h).
class CutShortError : public StorageError {
public:
  using StorageError::StorageError;
};

/// Throws StorageError, LockedError, WrongRow, CutShortError, InputError or RefusedError for a failure of SQLite on `path`, saying what to
/// do.
/// `system_error`: the errno behind it, or 0.
[[noreturn]] void throw_sqlite_error(const std::filesystem::path& path, int code, int extended_code, const std::string& message,
                                     int system_error = 0);

/// Bytes of a text or blob. The longest that is written, what a submission froze, has 64 for each of its runs.
constexpr int longest_value = 256 << 20;

/// "kind" of a number: finite, nan, inf, -inf. A number that is not finite is stored as NULL beside its kind.
std::string_view number_kind(double value);

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// The row on which a statement stands; columns count from 0.
class Row {
public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); } // NULL: 0
  std::string text(int column) const {                                                        // NULL: ""
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

private:
  sqlite3_stmt* statement_;
};

class Database {
public:
  /// `flags` as SQLITE_OPEN_*. `path` may be a "file:" URI when the flags say so.
  Database(const std::filesystem::path& path, int flags, int busy_timeout_ms, const std::string& uri = "");

  /// Closes the file and opens it anew, as it was opened first. Nothing of it may be in use.
  void reopen();

  const std::filesystem::path& path() const { return path_; }
  sqlite3* handle() { return handle_.get(); }

  /// Runs one cached statement; `arguments` are bound to ?1, ?2, ... Returns the number of changed rows.
  template <class... Arguments> std::int64_t execute(std::string_view sql, const Arguments&... arguments) {
    const Use use(bound(sql, arguments...));
    while (step(use.statement)) {
    }
    return sqlite3_changes(handle());
  }
  /// First column of the first row; none: no row, or NULL.
  template <class... Arguments> std::optional<std::int64_t> integer(std::string_view sql, const Arguments&... arguments) {
    std::optional<std::int64_t> value;
    first(
        sql,
        [&](const Row& row) {
          if (!row.is_null(0)) value = row.integer(0);
        },
        arguments...);
    return value;
  }
  template <class... Arguments> std::optional<std::string> text(std::string_view sql, const Arguments&... arguments) {
    std::optional<std::string> value;
    first(
        sql,
        [&](const Row& row) {
          if (!row.is_null(0)) value = row.text(0);
        },
        arguments...);
    return value;
  }
  /// Calls `use_row(row)` for the first row; false: there is none.
  template <class Function, class... Arguments> bool first(std::string_view sql, Function&& use_row, const Arguments&... arguments) {
    const Use use(bound(sql, arguments...));
    if (!step(use.statement)) return false;
    use_row(Row(use.statement));
    return true;
  }
  /// Calls `use_row(row)` for each row.
  template <class Function, class... Arguments> void each(std::string_view sql, Function&& use_row, const Arguments&... arguments) {
    const Use use(bound(sql, arguments...));
    while (step(use.statement)) use_row(Row(use.statement));
  }
  /// Statements without arguments or results, parted by semicolons; not cached.
  void script(std::string_view sql);
  /// BEGIN IMMEDIATE. False: another process kept the write lock for the whole busy time.
  bool begin_immediate();
  /// COMMIT. False: readers of a rollback journal hold the file; the transaction stays open, and this may be tried again. SQLite keeps new
  /// readers out until it succeeded, so that the writer is not starved by many short reads.
  bool commit();
  bool in_transaction();
  /// Whether the transaction holds the write lock.
  bool writing();
  /// INTEGER PRIMARY KEY of the last inserted row.
  std::int64_t last_inserted();
  /// Rows changed since the file was opened.
  std::int64_t changes();
  /// Rolls an open transaction back; SQLite may have done so by itself (disk full).
  void rollback() noexcept;

private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  /// A statement in use: reset, and its arguments let go, whatever happens.
  struct Use {
    explicit Use(sqlite3_stmt* used) : statement(used) {}
    ~Use() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    sqlite3_stmt* statement;
  };

  sqlite3_stmt* prepared(std::string_view sql);
  /// True: the statement stands on a row; false: it is done.
  bool step(sqlite3_stmt* statement);
  void check(int code);
  /// The file may be another's: its schema calls no function that could do harm, its pages cannot be written past SQLite, and no value of
  /// it fills the memory.
  void distrust();

  template <class... Arguments> sqlite3_stmt* bound(std::string_view sql, const Arguments&... arguments) {
    sqlite3_stmt* statement = prepared(sql);
    int index = 0;
    (check(bind(statement, ++index, arguments)), ...);
    return statement;
  }
  /// Text is not copied: arguments outlive the use of their statement.
  template <class Value> static int bind(sqlite3_stmt* statement, int index, const Value& value) {
    if constexpr (std::is_convertible_v<Value, std::string_view>) {
      const std::string_view text = value;
      return sqlite3_bind_text64(statement, index, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    } else if constexpr (std::is_floating_point_v<Value>) {
      return std::isfinite(value) ? sqlite3_bind_double(statement, index, static_cast<double>(value)) : sqlite3_bind_null(statement, index);
    } else if constexpr (std::is_integral_v<Value>) {
      return sqlite3_bind_int64(statement, index, static_cast<std::int64_t>(value));
    } else { // an optional
      return value ? bind(statement, index, *value) : sqlite3_bind_null(statement, index);
    }
  }

  std::filesystem::path path_;
  std::string name_; // what SQLite is told to open
  int flags_, busy_timeout_ms_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::map<std::string, StatementHandle, std::less<>> statements_; // destroyed before the handle
};

} // namespace stdualx
