// Transactions of the store under its fence, waiting for other processes' locks, and giving the store back.
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "results/lock_holders.h"
#include "results/store_impl.h"

namespace stdualx {

void Store::begin() { impl_->begin(); }
void Store::commit() { impl_->commit(); }
void Store::rollback() noexcept {
  if (impl_) impl_->drop();
}

void Store::Impl::drop() noexcept {
  database.rollback();
  programs.clear(); // one that was new may be gone with the transaction
}

void Store::wait_for_locks(bool waits) { impl_->waits = waits; }
bool Store::try_begin() { return impl_->try_begin(); }
bool Store::try_commit() { return impl_->try_commit(); }
std::string Store::who_is_in_the_way() const { return who_holds(path()); }
std::int64_t Store::unwritten_bytes() {
  int bytes = 0, most = 0;
  sqlite3_db_status(impl_->database.handle(), SQLITE_DBSTATUS_CACHE_USED, &bytes, &most, 0);
  return bytes;
}

int Store::Impl::on_locked(void* self, int tries) {
  auto& impl = *static_cast<Impl*>(self);
  if (!impl.waits) return 0;
  const auto now = std::chrono::steady_clock::now();
  if (tries == 0) {
    impl.waiting_since = now;
    ++impl.waits_counted;
  }
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - impl.waiting_since);
  // Before the claim it may be another coordinator that hangs with the lock in its hands: that one is not waited for.
  const bool ours = impl.coordinator_id != 0 || impl.database.writing();
  if (ours && impl.options.keep_waiting) {
    if (!impl.options.keep_waiting(waited)) return 0;
  } else if (waited >= impl.options.patience) {
    return 0;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(1 << std::min(tries, 6), 50)));
  return 1;
}

void Store::Impl::held_up(const std::string& doing) {
  throw HeldUpError(database.path().string() + ": " + doing + " was kept waiting for too long by " + who_holds(database.path()) +
                    "; end what reads or writes the store there, and start the same command again");
}

void Store::Impl::begin() {
  if (!try_begin()) held_up("a write");
}

bool Store::Impl::try_begin() {
  if (released) throw StorageError(database.path().string() + ": the store was given back; open it again to write");
  if (database.in_transaction()) throw StorageError(database.path().string() + ": a transaction is open already");
  if (!database.begin_immediate()) return false;
  std::int64_t newest = 0;
  std::string holder;
  database.first("SELECT coordinator_id, host, pid FROM coordinators ORDER BY coordinator_id DESC LIMIT 1", [&](const Row& row) {
    newest = row.integer(0);
    if (newest != coordinator_id) holder = "process " + row.text(2) + " on host " + row.text(1);
  });
  if (newest == coordinator_id) return true;
  drop();
  throw RefusedError(database.path().string() + ": " + holder +
                     " has taken the store over, since this process was silent for longer than a lease; it ends without writing");
}

void Store::Impl::commit() {
  if (try_commit()) return;
  drop();
  held_up("a commit");
}

bool Store::Impl::try_commit() {
  if (!database.in_transaction())
    throw StorageError(database.path().string() + ": there is no open transaction to commit; what was written since begin() was dropped");
  try {
    pass(FaultPoint::store_before_commit);
    if (!database.commit()) return false;
  } catch (...) {
    drop();
    throw;
  }
  fault_point(FaultPoint::store_after_commit);
  return true;
}

void Store::Impl::pass(FaultPoint point) {
  const FaultyWrite fault = faulty_write(point);
  if (fault.torn) die_at_once();
  if (fault.error == ENOSPC || fault.error == EDQUOT) throw_sqlite_error(database.path(), SQLITE_FULL, SQLITE_FULL, "injected");
  if (fault.error != 0) throw_sqlite_error(database.path(), SQLITE_IOERR, SQLITE_IOERR_WRITE, "injected");
}

void Store::Impl::undo(Undo how, std::int64_t changes_before) noexcept {
  if (how == Undo::own_transaction || (how == Undo::changed_transaction && database.changes() != changes_before)) drop();
  if (how != Undo::to_savepoint) return;
  programs.clear();
  try {
    if (database.in_transaction()) {
      database.execute("ROLLBACK TO one_call");
      database.execute("RELEASE one_call");
    }
  } catch (const std::exception&) {
    drop(); // then the caller's commit() throws
  }
}

void Store::heartbeat() {
  impl_->write([&] {
    impl_->database.execute("UPDATE coordinators SET heartbeat = heartbeat + 1, heartbeat_ms = ?2 WHERE coordinator_id = ?1",
                            impl_->coordinator_id, impl_->now());
  });
}

std::int64_t Store::Impl::end_open_attempts(std::string_view detail) {
  const std::int64_t runs = database.execute("UPDATE runs SET status = 'INTERRUPTED', status_ms = ?1 WHERE status = 'RUNNING'", now());
  // They ended when their coordinator was last heard, by its own clock: ours may be another host's.
  database.execute(
      "UPDATE attempts SET ended_ms = max(started_ms, coalesce((SELECT c.heartbeat_ms FROM coordinators c WHERE c.coordinator_id "
      "= attempts.coordinator_id), 0), coalesce((SELECT max(e.recorded_ms) FROM epochs e WHERE e.run_id = attempts.run_id AND "
      "e.attempt = attempts.attempt), 0)), end_reason = 'interrupted', end_detail = ?1 WHERE ended_ms IS NULL",
      detail);
  return runs;
}

bool Store::release() {
  if (impl_->released) return true;
  impl_->database.rollback();
  try {
    impl_->write([&] {
      impl_->database.execute("UPDATE coordinators SET released_ms = ?2 WHERE coordinator_id = ?1", impl_->coordinator_id, impl_->now());
    });
  } catch (const HeldUpError&) {
    impl_->released = true;
    return false;
  }
  impl_->released = true;
  if (impl_->journal != JournalMode::wal) return true;
  // At rest the store is one file that can be copied, and read without leaving -wal and -shm behind.
  try {
    impl_->database.script("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE");
  } catch (const StorageError&) {
    // A reader is at it; the store stays in WAL mode, which any reader and the next writer understand.
  }
  return true;
}

} // namespace stdualx
