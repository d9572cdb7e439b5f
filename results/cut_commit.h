// A store whose writer died inside a commit, for those who only read it. Inside the room only.
//
// With a rollback journal (network file systems; on any disk while a store is being made) such a death leaves FILE-journal with the old
// pages, while FILE may hold some of the new ones. SQLite rolls that back for the first who opens the file for writing and finds that
// nobody holds its RESERVED lock; who opens it for reading gets SQLITE_READONLY_ROLLBACK, for ever. The same goes for a FILE-wal in a
// folder where SQLite can make no FILE-shm.
//
// A reader therefore copies both files into a folder of its own, has SQLite roll back there, and asks the copy. It changes nothing
// beside the store, holds no lock that the next `run` would wait for, and goes on reading one state while that one rolls back. A copy
// counts only if SQLite called the commit cut short before and after it and neither file changed meanwhile: on a file system whose locks
// do not reach from host to host the journal of a living writer looks like that of a dead one, until it changes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "results/database.h"
#include "results/store_file.h"

namespace stdualx {

/// A private copy of a store, as it was before the commit that was cut short.
class CutCommit {
public:
  /// Nothing: the store can be read where it lies. The copy is made in TMPDIR, or beside the store where there is no room.
  /// StorageError: nowhere is, or the files change all the time.
  static std::optional<CutCommit> found_at(const std::filesystem::path& store, int patience_ms = lock_patience_ms);
  CutCommit(CutCommit&&) noexcept;
  CutCommit& operator=(CutCommit&&) = delete;
  ~CutCommit(); // removes the copy

  /// Opens it, read-only; errors speak of the store. May outlive this.
  Database database() const;
  /// While this lives.
  std::filesystem::path copy() const;
  /// For the person who asked.
  std::string note() const;
  /// The commit still lies there, and nobody has touched it.
  bool is_unchanged() const;

private:
  struct Seen {
    std::string text;
    bool operator==(const Seen&) const = default;
  };
  CutCommit(std::filesystem::path store, std::filesystem::path folder, int patience_ms)
      : store_(std::move(store)), folder_(std::move(folder)), patience_ms_(patience_ms) {}
  static Seen look_at_files(const std::filesystem::path& store);
  bool copy_files();

  std::filesystem::path store_, folder_;
  int patience_ms_; // with the store's locks
  Seen seen_;
};

/// A store opened for reading: itself, or what it held before a commit that was cut short.
struct ReadOnly {
  Database database;
  std::string note; // "": nothing to say
};
/// Errors as of Database. The caller has looked at the path (check_store_path).
ReadOnly open_to_read(const std::filesystem::path& store);

/// The first bytes of a file, and how many it has in all. Not by way of a stream: closing one would drop the locks that SQLite holds on
/// the file elsewhere in this process (POSIX locks belong to processes), and a WAL could be removed under its writer.
struct FileStart {
  std::string bytes;
  std::int64_t size = 0;
};
FileStart start_of(const std::filesystem::path& file, std::size_t count);

} // namespace stdualx
