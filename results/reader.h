// Questions to a store. Never writes to it, never keeps its writer waiting for long. Under a rollback journal a snapshot of a store of up
// to 64 MiB is asked of a copy in memory; a question, or a larger snapshot, that lasts longer than 2 s goes on in a temporary copy of the
// store, which needs as much room in the folder of temporary files (SQLITE_TMPDIR, TMPDIR, /var/tmp, /tmp) beyond 64 MiB. Where the last
// writer died inside a commit, what was recorded before it is read from a private copy (results/cut_commit.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "results/run_state.h"
#include "results/table.h"

namespace stdualx {

using Parameter = std::variant<std::monostate, std::int64_t, double, std::string>;

class Reader {
public:
  /// InputError: no file, not a store, a directory. RefusedError: a newer schema, or an older one that only a writer may migrate.
  explicit Reader(const std::filesystem::path& path);
  /// Nothing where no store stands yet: no file, one that a start cut short left empty, or an older schema that the next `run` brings
  /// up to date. Throws as the constructor for all else.
  static std::optional<Reader> open_if_there(const std::filesystem::path& path);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  const std::filesystem::path& path() const;
  /// What the person who asks is to know of the store, such as that its last commit was cut short; "": nothing.
  const std::string& note() const;

  /// One read-only statement; `parameters` are bound to ?1, ?2, ... Reals come as Real, blobs as hex text. InputError with
  /// SQLite's own message and the names of the views when the statement is wrong, writes, or is not a single one.
  Table query(const std::string& sql, const std::vector<Parameter>& parameters = {});

  /// In the order of `run_ids`; runs that the store does not hold come with known = false.
  std::vector<RunState> run_states(std::span<const std::string> run_ids);

  /// All queries while it lives see one state of the store.
  class Snapshot {
  public:
    explicit Snapshot(Reader& reader);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

  private:
    Reader& reader_;
    bool outermost_;
  };

private:
  /// Where a message says that a column is not there: the columns of the views and tables that the statement names.
  std::string columns_beside(const std::string& message, const std::string& sql);
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace stdualx
