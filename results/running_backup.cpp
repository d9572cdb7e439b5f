// The backup that a coordinator makes beside its work. See backup.h.
#include <algorithm>
#include <cstdio>
#include <future>

#include "experiments/spec/durable_file.h"
#include "results/backup.h"
#include "results/store_file.h"
#include "results/store_impl.h"

namespace stdualx {

namespace {

namespace fs = std::filesystem;

constexpr int pages_a_step = 32; // 128 KiB: some tenths of a millisecond from memory

/// All that a backup is kept for, in a few numbers: equal ones say that nothing of it changed. What coordinators write of themselves is
/// left out.
std::string fingerprint(Database& database) {
  std::string all;
  for (const char* sql :
       {"SELECT count(*) || ' ' || coalesce(max(status_ms), 0) FROM runs", "SELECT count(*) || ' ' || count(ended_ms) FROM attempts",
        "SELECT count(*) FROM epochs", "SELECT count(*) FROM evaluation_parts", "SELECT count(*) FROM artifacts",
        "SELECT count(*) || ' ' || coalesce(max(measured_ms), 0) FROM efficiency", "SELECT count(*) FROM sweep_runs"})
    all += database.text(sql).value_or("") + ", ";
  return all;
}

bool holds_all(const fs::path& backup, const std::string& wanted) {
  try {
    Database database(backup, SQLITE_OPEN_READONLY, 0);
    return fingerprint(database) == wanted;
  } catch (const std::exception&) { // damaged, or of an older schema
    return false;
  }
}

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

} // namespace

struct RunningBackup::Impl {
  Impl(Database& source, fs::path to, fs::path directory, std::size_t kept)
      : file(std::move(to)), partial(file.string() + temporary_suffix), store_directory(std::move(directory)), keep(kept) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) throw_write_error(file, error.message(), error.value());
    fs::remove(partial, error); // left by a death
    make_empty_file(partial);   // with the umask's mode
    copy.emplace(partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, 0);
    copy->script("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"); // it counts for nothing before it is whole
    backup.reset(sqlite3_backup_init(copy->handle(), "main", source.handle(), "main"));
    if (!backup) fail(sqlite3_errcode(copy->handle()));
  }
  ~Impl() {
    if (syncing.valid()) syncing.wait();
    backup.reset();
    copy.reset();
    std::error_code ignored;
    fs::remove(partial, ignored);
  }
  [[noreturn]] void fail(int code) { throw_sqlite_error(partial, code & 0xFF, code, sqlite3_errstr(code)); }

  /// True: all is copied.
  bool copy_on(std::chrono::steady_clock::time_point until) {
    do {
      const int code = sqlite3_backup_step(backup.get(), pages_a_step);
      if (code == SQLITE_DONE) return true;
      if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return false; // another time
      if (code != SQLITE_OK) fail(code);
    } while (std::chrono::steady_clock::now() < until);
    return false;
  }
  void close() {
    backup.reset();
    copy->script("PRAGMA journal_mode = DELETE"); // one file, without the WAL of the store it is a copy of
    copy.reset();
    syncing = std::async(std::launch::async, [this] {
      write_durably(file, [this](const fs::path& temporary) {
        if (temporary != partial) fs::rename(partial, temporary);
      });
    });
  }

  fs::path file, partial, store_directory;
  std::size_t keep;
  std::optional<Database> copy;
  std::unique_ptr<sqlite3_backup, FinishBackup> backup;
  std::future<void> syncing;
};

RunningBackup::RunningBackup(Store& store, const fs::path& store_directory, std::size_t keep) {
  if (store.coordinator_id() == 1) return;
  Database& source = store.impl_->database;
  const auto all = backups(store_directory);
  if (!all.empty() && holds_all(all.front(), fingerprint(source))) return;
  const std::int64_t bytes = source.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").value_or(0);
  const std::int64_t room = free_bytes(backup_folder(store_directory));
  if (bytes > most_bytes_backed_up)
    throw StorageError(store.path().string() + ": with " + std::to_string(bytes >> 20) +
                       " MiB it is too large to be copied at each start (" + std::to_string(most_bytes_backed_up >> 20) +
                       " MiB are the most); `stdualx db backup` makes a copy");
  if (room >= 0 && room < 2 * bytes)
    throw StorageError(store.path().string() + ": it has " + std::to_string(bytes >> 20) + " MiB, and only " + std::to_string(room >> 20) +
                       " MiB are free to us beside it");
  char name[64];
  std::snprintf(name, sizeof name, "%s%08lld.db", backup_name_start, static_cast<long long>(store.coordinator_id()));
  impl_ = std::make_unique<Impl>(source, backup_folder(store_directory) / name, store_directory, keep);
}

RunningBackup::~RunningBackup() = default;

bool RunningBackup::step(std::chrono::microseconds at_most) {
  if (!impl_) return true;
  try {
    if (!impl_->syncing.valid()) {
      if (impl_->copy_on(std::chrono::steady_clock::now() + at_most)) impl_->close();
      return false;
    }
    if (impl_->syncing.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
    impl_->syncing.get();
  } catch (...) {
    impl_.reset();
    throw;
  }
  const auto all = backups(impl_->store_directory);
  std::error_code ignored;
  for (std::size_t i = impl_->keep; i < all.size(); ++i) fs::remove(all[i], ignored);
  impl_.reset();
  return true;
}

} // namespace stdualx
