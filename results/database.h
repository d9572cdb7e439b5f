// One SQLite connection: cached statements, and SQLite's errors turned into sentences. Inside the room only.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
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

/// Throws StorageError, LockedError, InputError or RefusedError for a failure of SQLite on `path`, saying what to do.
[[noreturn]] void throw_sqlite_error(const std::filesystem::path& path, int code, int extended_code, const std::string& message);

/// "kind" of a number: finite, nan, inf, -inf. A number that is not finite is stored as NULL beside its kind.
std::string_view number_kind(double value);

class Database {
public:
  /// `flags` as SQLite::OPEN_*. `path` may be a "file:" URI when the flags say so.
  Database(const std::filesystem::path& path, int flags, int busy_timeout_ms, const std::string& uri = "");

  const std::filesystem::path& path() const { return path_; }
  SQLite::Database& raw() { return database_; }

  /// Runs one cached statement; `arguments` are bound to ?1, ?2, ... Returns the number of changed rows.
  template <class... Arguments> std::int64_t execute(std::string_view sql, const Arguments&... arguments) {
    return guarded([&] {
      Use use(bound(sql, arguments...));
      return static_cast<std::int64_t>(use.statement.exec());
    });
  }
  /// First column of the first row; none: no row, or NULL.
  template <class... Arguments> std::optional<std::int64_t> integer(std::string_view sql, const Arguments&... arguments) {
    std::optional<std::int64_t> value;
    first(
        sql,
        [&](SQLite::Statement& row) {
          if (!row.getColumn(0).isNull()) value = row.getColumn(0).getInt64();
        },
        arguments...);
    return value;
  }
  template <class... Arguments> std::optional<std::string> text(std::string_view sql, const Arguments&... arguments) {
    std::optional<std::string> value;
    first(
        sql,
        [&](SQLite::Statement& row) {
          if (!row.getColumn(0).isNull()) value = row.getColumn(0).getString();
        },
        arguments...);
    return value;
  }
  /// Calls `use_row(statement)` for the first row; false: there is none.
  template <class Function, class... Arguments> bool first(std::string_view sql, Function&& use_row, const Arguments&... arguments) {
    return guarded([&] {
      Use use(bound(sql, arguments...));
      if (!use.statement.executeStep()) return false;
      use_row(use.statement);
      return true;
    });
  }
  /// Calls `use_row(statement)` for each row.
  template <class Function, class... Arguments> void each(std::string_view sql, Function&& use_row, const Arguments&... arguments) {
    guarded([&] {
      Use use(bound(sql, arguments...));
      while (use.statement.executeStep()) use_row(use.statement);
    });
  }
  /// Statements without arguments or results, parted by semicolons; not cached.
  void script(std::string_view sql);
  /// BEGIN IMMEDIATE. False: another process kept the write lock for the whole busy time.
  bool begin_immediate();
  bool in_transaction();
  /// INTEGER PRIMARY KEY of the last inserted row.
  std::int64_t last_inserted();
  /// Rows changed since the file was opened.
  std::int64_t changes();
  /// Rolls an open transaction back; SQLite may have done so by itself (disk full).
  void rollback() noexcept;

private:
  /// A statement in use: reset, and its arguments let go, whatever happens.
  struct Use {
    explicit Use(SQLite::Statement& used) : statement(used) {}
    ~Use() {
      statement.tryReset();
      clear(statement);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    static void clear(SQLite::Statement& statement);
    SQLite::Statement& statement;
  };

  SQLite::Statement& prepared(std::string_view sql);

  template <class... Arguments> SQLite::Statement& bound(std::string_view sql, const Arguments&... arguments) {
    SQLite::Statement& statement = prepared(sql);
    int index = 0;
    (bind(statement, ++index, arguments), ...);
    return statement;
  }
  template <class Value> static void bind(SQLite::Statement& statement, int index, const Value& value) {
    if constexpr (std::is_same_v<Value, std::string>) {
      statement.bindNoCopy(index, value);
    } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
      statement.bind(index, std::string(std::string_view(value)));
    } else if constexpr (std::is_floating_point_v<Value>) {
      if (std::isfinite(value)) statement.bind(index, static_cast<double>(value));
      else statement.bind(index);
    } else if constexpr (std::is_integral_v<Value>) {
      statement.bind(index, static_cast<std::int64_t>(value));
    } else { // an optional
      if (value) bind(statement, index, *value);
      else statement.bind(index);
    }
  }
  template <class Function> auto guarded(Function&& function) -> decltype(function()) {
    try {
      return function();
    } catch (const SQLite::Exception& error) {
      throw_sqlite_error(path_, error.getErrorCode(), error.getExtendedErrorCode(), error.what());
    }
  }

  std::filesystem::path path_;
  SQLite::Database database_;
  std::map<std::string, SQLite::Statement, std::less<>> statements_; // destroyed before the database
};

} // namespace stdualx
