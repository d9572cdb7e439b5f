// Copies of stores whose last commit was cut short. See cut_commit.h.
#include "results/cut_commit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "experiments/spec/durable_file.h"

namespace stdualx {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* beside[] = {"-journal", "-wal"}; // what may hold a part of a commit
constexpr int most_tries = 8;                          // a living writer is then left alone
constexpr std::size_t piece = 1 << 20;                 // bytes copied at a time

/// "file:...?what", as SQLite wants it.
std::string uri(const fs::path& path, const char* what) {
  std::string text = "file:";
  constexpr char hex[] = "0123456789ABCDEF";
  for (const char letter : fs::absolute(path).string()) {
    if (letter == '%' || letter == '?' || letter == '#') (text += '%') += {hex[letter >> 4], hex[letter & 15]};
    else text += letter;
  }
  return text + "?" + what;
}

/// A WAL store at rest in a folder where no -shm can be made is read as it lies there: nobody can be writing it.
std::string uri_where_it_lies(const fs::path& store) {
  std::error_code error;
  const bool in_wal_mode = start_of(store, 20).bytes[18] == 2;
  if (!in_wal_mode || fs::exists(store.string() + "-wal", error) || ::access(fs::absolute(store).parent_path().c_str(), W_OK) == 0)
    return "";
  return uri(store, "immutable=1");
}

Database opened_where_it_lies(const fs::path& store, int patience_ms) {
  Database database(store, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, patience_ms, uri_where_it_lies(store));
  database.integer("SELECT count(*) FROM sqlite_schema"); // the first look at the journal
  return database;
}

bool is_cut_short(const fs::path& store, int patience_ms) {
  try {
    opened_where_it_lies(store, patience_ms);
    return false;
  } catch (const CutShortError&) {
    return true;
  }
}

sqlite3_file* file_of(Database& database) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return file;
}

void add(std::ofstream& out, const fs::path& to, const char* bytes, std::size_t count) {
  errno = 0;
  if (!out.write(bytes, static_cast<std::streamsize>(count))) throw_write_error(to, "it cannot be written", errno);
}

void end(std::ofstream& out, const fs::path& to) {
  errno = 0;
  out.close();
  if (!out) throw_write_error(to, "it cannot be written", errno);
}

} // namespace

std::string read_only_uri(const fs::path& path) {
  const std::string at_rest = uri_where_it_lies(path);
  return at_rest.empty() ? uri(path, "mode=ro") : at_rest;
}

FileStart start_of(const fs::path& path, std::size_t count) {
  Database database(path, SQLITE_OPEN_READONLY, 0);
  sqlite3_file* file = file_of(database);
  FileStart start{std::string(count, '\0'), 0};
  sqlite3_int64 size = 0;
  if (file == nullptr || file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK) return start;
  start.size = size;
  file->pMethods->xRead(file, start.bytes.data(), static_cast<int>(count), 0); // what is not there stays 0
  return start;
}

CutCommit::CutCommit(CutCommit&& other) noexcept
    : store_(std::move(other.store_)), folder_(std::exchange(other.folder_, {})), patience_ms_(other.patience_ms_),
      seen_(std::move(other.seen_)) {}

CutCommit::~CutCommit() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

fs::path CutCommit::copy() const { return folder_ / "copy.db"; }

Database CutCommit::database() const {
  Database database(store_, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, lock_patience_ms, uri(copy(), "mode=ro"));
  database.integer("SELECT count(*) FROM sqlite_schema"); // opens what must be open when the name goes
  return database;
}

std::string CutCommit::note() const {
  return store_.string() +
         (seen_.text.starts_with("-journal")
              ? ": its last writer died inside a commit. Shown is what was recorded before it; the next `stdualx run` goes "
                "on from there, and nothing recorded is lost"
              : ": it was not closed, and its folder cannot be written. Shown is what is recorded at this moment");
}

bool CutCommit::is_unchanged() const { return look_at_files(store_) == seen_ && is_cut_short(store_, patience_ms_); }

CutCommit::Seen CutCommit::look_at_files(const fs::path& store) {
  Seen seen;
  const auto add_file = [&](const std::string& suffix) {
    struct stat facts {};
    const std::string name = store.string() + suffix;
    if (suffix.empty()) {
      if (::stat(name.c_str(), &facts) != 0) return;
    } else { // opened, so that a network file system asks its server
      const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
      if (file < 0) return;
      const bool known = ::fstat(file, &facts) == 0;
      ::close(file);
      if (!known) return;
    }
    seen.text += suffix + " " + std::to_string(facts.st_ino) + " " + std::to_string(facts.st_size) + " " +
                 std::to_string(facts.st_mtim.tv_sec) + "." + std::to_string(facts.st_mtim.tv_nsec) + "\n";
  };
  for (const char* suffix : beside) add_file(suffix);
  add_file("");
  return seen;
}

/// False: a file is not there any more.
bool CutCommit::copy_files() {
  std::vector<char> bytes(piece);
  {
    Database database(store_, SQLITE_OPEN_READONLY, 0);
    sqlite3_file* file = file_of(database);
    sqlite3_int64 size = 0;
    if (file == nullptr || file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK) return false;
    std::ofstream out(copy(), std::ios::binary);
    for (sqlite3_int64 at = 0; at < size; at += static_cast<sqlite3_int64>(piece)) {
      const auto count = static_cast<std::size_t>(std::min<sqlite3_int64>(size - at, static_cast<sqlite3_int64>(piece)));
      if (file->pMethods->xRead(file, bytes.data(), static_cast<int>(count), at) != SQLITE_OK) return false;
      add(out, copy(), bytes.data(), count);
    }
    end(out, copy());
  }
  for (const char* suffix : beside) {
    const fs::path from = store_.string() + suffix, to = copy().string() + suffix;
    std::error_code ignored;
    fs::remove(to, ignored); // of a try before
    if (!fs::exists(from, ignored)) continue;
    std::ifstream in(from, std::ios::binary);
    if (!in) {
      if (!fs::exists(from, ignored)) return false;
      throw StorageError(from.string() + ": the last commit was cut short, and this journal of it cannot be read; check its permissions");
    }
    std::ofstream out(to, std::ios::binary);
    while (in.read(bytes.data(), static_cast<std::streamsize>(piece)) || in.gcount() > 0)
      add(out, to, bytes.data(), static_cast<std::size_t>(in.gcount()));
    end(out, to);
  }
  return true;
}

std::optional<CutCommit> CutCommit::found_at(const fs::path& store, int patience_ms) {
  if (!is_cut_short(store, patience_ms)) return std::nullopt;
  std::error_code error;
  std::vector<fs::path> places = {fs::temp_directory_path(error) / "stdualx-read", store.string() + ".read"};
  if (error) places.erase(places.begin()); // TMPDIR names no folder
  std::string no_place;
  for (const fs::path& place : places) {
    std::string folder = place.string() + "-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
      if (no_place.empty()) no_place = folder + ": " + std::strerror(errno);
      continue;
    }
    try {
      CutCommit cut(store, folder, patience_ms);
      for (int tries = 0; tries < most_tries; ++tries) {
        if (tries > 0) std::this_thread::sleep_for(tries * 20ms);
        cut.seen_ = look_at_files(store);
        if (!cut.copy_files() || !cut.is_unchanged()) {
          if (!is_cut_short(store, patience_ms)) return std::nullopt; // it was alive, or another has rolled it back
          continue;
        }
        Database writer(store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, lock_patience_ms, uri(cut.copy(), "mode=rw"));
        writer.script("PRAGMA synchronous = OFF");
        writer.text("PRAGMA journal_mode = DELETE"); // rolls back or recovers, and leaves one file
        return cut;
      }
      throw StorageError(store.string() + ": it is being written, and the locks of its file system do not say by whom; ask again");
    } catch (const StorageError& failure) {
      if (place == places.back()) throw;
      no_place = failure.what();
    }
  }
  throw StorageError(
      store.string() +
      ": its last writer died inside a commit, and there is no place for the copy in which that is rolled back for reading (" + no_place +
      "); set TMPDIR to a folder with room");
}

ReadOnly open_to_read(const fs::path& store) {
  while (true) {
    try {
      return {opened_where_it_lies(store, lock_patience_ms), ""};
    } catch (const CutShortError&) {
      if (const auto cut = CutCommit::found_at(store)) return {cut->database(), cut->note()};
    }
  }
}

} // namespace stdualx
