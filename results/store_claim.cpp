// Opening the store for writing: the path, the fence, the schema, the journal.
#include "results/store_impl.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "results/cut_commit.h"
#include "results/migrate.h"
#include "results/schema_check.h"
#include "results/store_file.h"

namespace stdualx {

namespace {

struct Claimant {
  std::int64_t coordinator_id = 0;
  std::int64_t heartbeat = 0;
  bool released = true;
  ProcessIdentity identity;
  std::string job;
};

/// Of the store itself, or of one that is attached under the name `schema`.
Claimant newest_coordinator(Database& database, const std::string& schema = "main") {
  Claimant claimant;
  database.first("SELECT coordinator_id, heartbeat, released_ms IS NOT NULL, host, boot_id, pid, process_start, job FROM " + schema +
                     ".coordinators ORDER BY coordinator_id DESC LIMIT 1",
                 [&](const Row& row) {
                   claimant.coordinator_id = row.integer(0);
                   claimant.heartbeat = row.integer(1);
                   claimant.released = row.integer(2) != 0;
                   claimant.identity = {row.text(3), row.text(4), row.integer(5), row.integer(6)};
                   claimant.job = row.text(7);
                 });
  return claimant;
}

std::string described(const Claimant& claimant) {
  return "process " + std::to_string(claimant.identity.pid) + " on host " + claimant.identity.host +
         (claimant.job.empty() ? "" : " (job " + claimant.job + ")");
}

/// Null when the holder may be replaced, else why not. One elsewhere is watched for a lease, by our own clock since its own may differ:
/// `moved` is asked again and again, and says what has.
std::optional<std::string> why_held(const Claimant& holder, const StoreOptions& options,
                                    const std::function<std::optional<std::string>()>& moved) {
  if (holder.released) return std::nullopt;
  switch (look_at(holder.identity, options.identity)) {
  case Holder::dead: return std::nullopt;
  case Holder::alive: return "it runs";
  case Holder::elsewhere: break;
  }
  const auto step = std::max(std::chrono::milliseconds(1), options.lease / 20);
  for (std::chrono::milliseconds watched{0}; watched < options.lease; watched += step) {
    options.sleep(step);
    if (const auto what = moved()) return what->empty() ? std::nullopt : what; // "": to be judged anew by the caller
  }
  return std::nullopt;
}

/// What moves of a holder: its row in the open database.
std::function<std::optional<std::string>()> heartbeat_of(Database& database, const Claimant& holder, const std::string& schema = "main") {
  return [&database, holder, schema]() -> std::optional<std::string> {
    const Claimant now = newest_coordinator(database, schema);
    if (now.coordinator_id != holder.coordinator_id || now.released) return "";
    return now.heartbeat != holder.heartbeat ? std::optional<std::string>("its heartbeat goes on") : std::nullopt;
  };
}

[[noreturn]] void refuse(const std::filesystem::path& path, const Claimant& holder, const std::string& why) {
  throw RefusedError(path.string() + ": " + described(holder) + " holds the store (" + why +
                     "); wait for it or end it, then start again, or name another store with --store");
}

/// The fence before SQLite rolls a commit back that was cut short, which the first statement of a writer has it do. SQLite does so only
/// where nobody holds the file's lock; but locks of a network file system may not reach from host to host, and then the commit of a
/// living coordinator looks the same. So the coordinator of the last whole commit is judged first, and one elsewhere is watched, as ever.
/// Returns it when there is such a commit.
std::optional<Claimant> judge_cut_commit(const std::filesystem::path& path, const StoreOptions& options) {
  while (true) {
    if (!std::filesystem::exists(path.string() + "-journal")) return std::nullopt;
    const auto cut = CutCommit::found_at(path, static_cast<int>(options.patience.count()));
    if (!cut) return std::nullopt;
    Database before = cut->database();
    if (store_version(before, schema_version()) == 0) return Claimant{}; // nobody has claimed it yet
    const Claimant holder = newest_coordinator(before);
    bool moved = false;
    const auto why = why_held(holder, options, [&]() -> std::optional<std::string> {
      moved = !cut->is_unchanged();
      return moved ? std::optional<std::string>("") : std::nullopt;
    });
    if (why) refuse(path, holder, *why);
    if (!moved) return holder;
  }
}

} // namespace

namespace {
/// `error`: what access() said.
[[noreturn]] void throw_not_permitted(const std::string& what, int error, const std::string& next) {
  const std::string text = what + " (" + std::strerror(error) + "); " + next;
  if (error == EROFS) throw ReadOnlyError(text);
  throw PermissionError(text);
}
} // namespace

void check_store_path(const std::filesystem::path& path, bool must_exist) {
  std::error_code error;
  const std::string name = path.string();
  if (name.empty()) throw InputError("the store's path is empty; name a file with --store");
  if (std::filesystem::is_directory(path, error)) throw InputError(name + ": this is a directory; name a file in it with --store");
  if (!std::filesystem::exists(path, error)) {
    if (must_exist) throw InputError(name + ": there is no store; `stdualx run SWEEP` makes one, --store FILE names another");
    const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
    if (!std::filesystem::is_directory(folder, error))
      throw InputError(name + ": the folder " + folder.string() + " does not exist; make it, or name another store with --store");
    if (::access(folder.c_str(), W_OK) != 0)
      throw_not_permitted(name + ": the folder " + folder.string() + " cannot be written", errno, "name another store with --store");
    return;
  }
  if (::access(path.c_str(), must_exist ? R_OK : R_OK | W_OK) != 0)
    throw_not_permitted(name + ": cannot be " + (must_exist ? "read" : "written"), errno,
                        "check its permissions (chmod g+w, where a group shares it), or name another store with --store");
  if (std::filesystem::exists(name + "-journal", error)) return; // its first page may be half written: SQLite puts it right
  constexpr std::string_view magic("SQLite format 3\0", 16);
  if (const FileStart start = start_of(path, magic.size()); start.size != 0 && start.bytes != magic)
    throw InputError(name + ": this file is not an SQLite database, so it is no store; name another with --store");
}

namespace {
std::int64_t time_of_day_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}
std::int64_t since_boot_ms() { // goes on while the host sleeps
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}
} // namespace

Store::Impl::Impl(const std::filesystem::path& path, StoreOptions store_options)
    : options((make_empty_file(path), std::move(store_options))), // with the umask's mode, which SQLite gives to the files beside it, too
      database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
               static_cast<int>(options.patience.count())) {
  set_up_connection();
  // All moments of one coordinator come from the clock that only grows, so that no attempt lasts less than nothing, or years, when the
  // host's time of day is set meanwhile.
  if (!options.now_ms) options.now_ms = [begin = time_of_day_ms() - since_boot_ms()] { return begin + since_boot_ms(); };
}

void Store::Impl::set_up_connection() {
  sqlite3_busy_handler(database.handle(), on_locked, this);
  database.script("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; "
                  // A commit writes each page that it changed: many runs may share one, and are read back from memory.
                  "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192");
}

void Store::Impl::while_permitted(const std::function<void()>& function) {
  for (int tries = 0;; ++tries) {
    try {
      return function();
    } catch (const StorageError& error) {
      const bool permission =
          dynamic_cast<const PermissionError*>(&error) != nullptr || dynamic_cast<const CutShortError*>(&error) != nullptr;
      if (!permission || tries == 10) throw;
    }
    options.sleep(std::chrono::milliseconds(50));
    database.reopen();
    set_up_connection();
  }
}

Store Store::open_for_writing(const std::filesystem::path& path, StoreOptions options) {
  check_store_path(path, false);
  try {
    return claimed(path, std::move(options));
  } catch (const LockedError& error) { // held by one that hangs in the middle of a write
    throw RefusedError(error.what());
  }
}

std::optional<std::string> Store::Impl::living_holder(const std::string& schema, const std::function<void()>& meanwhile) {
  StoreOptions watching = options;
  watching.sleep = [&](std::chrono::milliseconds time) {
    meanwhile();
    options.sleep(time);
  };
  while (true) {
    const Claimant holder = newest_coordinator(database, schema);
    if (const auto why = why_held(holder, watching, heartbeat_of(database, holder, schema)))
      return described(holder) + " is writing it (" + *why + ")";
    const Claimant now = newest_coordinator(database, schema);
    if (now.coordinator_id == holder.coordinator_id) return std::nullopt;
  }
}

Store Store::claimed(const std::filesystem::path& path, StoreOptions options) {
  if (!options.sleep) options.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  const std::optional<Claimant> cut = judge_cut_commit(path, options);
  auto impl = std::make_unique<Impl>(path, std::move(options));
  Database& database = impl->database;
  // An older store is claimed before it is migrated, or a living writer of the older version would find another schema under its
  // feet. So no migration may change what claim() touches: `coordinators`, `events`, the ends of `attempts`, the status of `runs`, and when
  // epochs were recorded.
  impl->while_permitted([&] {
    if (store_version(database, schema_version()) == 0) migrate(database, embedded_migrations());
    check_schema(database); // before anything is written: a trigger of a foreign store would act on it
    impl->claim(cut ? std::optional(Impl::CutShort{cut->coordinator_id, cut->heartbeat}) : std::nullopt);
  });
  impl->set_journal_mode();
  impl->while_permitted([&] { // a store that became a WAL store opens its -shm now
    migrate(database, embedded_migrations());
    fault_point(FaultPoint::coordinator_after_claim);
    impl->write([&] { write_paper_values(database, embedded_paper_values()); });
  });
  return Store(std::move(impl));
}

void Store::Impl::claim(const std::optional<CutShort>& cut) {
  while (true) {
    const Claimant holder = newest_coordinator(database);
    fault_point(FaultPoint::coordinator_before_claim);
    const bool judged = cut && cut->coordinator_id == holder.coordinator_id && cut->heartbeat == holder.heartbeat;
    const auto why = judged ? std::nullopt : why_held(holder, options, heartbeat_of(database, holder));
    if (why) refuse(database.path(), holder, *why);
    const std::int64_t waits_before = waits_counted;
    if (!database.begin_immediate()) refuse(database.path(), holder, "its write lock was not given back");
    if (waits_counted != waits_before && !holder.released && look_at(holder.identity, options.identity) == Holder::elsewhere) {
      database.rollback(); // what kept us waiting may have kept the holder from its heartbeat, too: watched anew
      continue;
    }
    const Claimant now = newest_coordinator(database);
    if (now.coordinator_id != holder.coordinator_id || now.heartbeat != holder.heartbeat || now.released != holder.released) {
      database.rollback(); // somebody else was quicker, or the holder woke up: look again
      continue;
    }
    try {
      coordinator_id = database
                           .integer("INSERT INTO coordinators (host, boot_id, pid, process_start, heartbeat_ms, claimed_ms, job) "
                                    "VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6) RETURNING coordinator_id",
                                    options.identity.host, options.identity.boot_id, options.identity.pid, options.identity.process_start,
                                    this->now(), options.job)
                           .value();
      std::string detail = holder.coordinator_id == 0 ? "" : described(holder) + " ended without giving the store back";
      if (!options.crash.empty()) detail = std::string(crash_mark) + options.crash + "; " + detail;
      const std::int64_t interrupted = end_open_attempts(detail);
      if (!holder.released) {
        take_over = {true, holder.identity.host, holder.identity.pid, interrupted};
        event("take_over", "",
              described(holder) + " ended without giving the store back; " + std::to_string(interrupted) + " runs were interrupted");
      }
      if (cut) event("rolled_back", "", "a commit that the writer before had begun was rolled back; what it had recorded stands");
      if (!database.commit()) held_up("the claim");
    } catch (...) {
      database.rollback();
      throw;
    }
    return;
  }
}

void Store::Impl::set_journal_mode() {
  const std::filesystem::path folder = std::filesystem::absolute(database.path()).parent_path();
  const std::string kind = file_system_name(folder);
  const bool wal_wanted = options.journal.value_or(journal_mode_for(kind)) == JournalMode::wal;
  std::string mode;
  for (int tries = 0;; ++tries) {
    try {
      mode = database.text(wal_wanted ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE").value_or("");
    } catch (const StorageError&) { // readers are at it
      mode = database.text("PRAGMA journal_mode").value_or("");
    }
    journal = mode == "wal" ? JournalMode::wal : JournalMode::rollback;
    if (journal == JournalMode::rollback || wal_wanted || on_locked(this, tries) == 0) break; // without a WAL the work goes on as well
  }
  if (journal == JournalMode::wal && !wal_wanted)
    throw StorageError(database.path().string() + ": the store is in WAL mode, which the file system here (" + kind +
                       ") cannot bear, and another process has it open; end that one and start again");
}

} // namespace stdualx
