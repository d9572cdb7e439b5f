// What a Store holds. Inside the room only.
#pragma once

#include "experiments/spec/fault.h"
#include "results/database.h"
#include "results/store.h"

namespace stdualx {

struct Store::Impl {
  Impl(const std::filesystem::path& path, StoreOptions store_options);

  std::int64_t now() const { return options.now_ms(); }

  /// Whose commit was cut short and has been rolled back.
  struct CutShort {
    std::int64_t coordinator_id = 0, heartbeat = 0;
  };
  /// Becomes the newest coordinator, or throws RefusedError. Ends what a dead one left open. That of `cut` has been judged already.
  void claim(const std::optional<CutShort>& cut);
  /// Who holds the store that is attached as `schema`, and how that is known; nothing: nobody that lives. One on another host is watched
  /// for a lease, during which `meanwhile` is called again and again.
  std::optional<std::string> living_holder(const std::string& schema, const std::function<void()>& meanwhile);
  /// WAL or rollback journal, as the file system asks for.
  void set_journal_mode();
  void set_up_connection();
  /// Calls `function`, and again on a new connection where it was not permitted. Who opens a WAL store first makes its -shm, and gives it
  /// the mode of the store a moment later: a colleague (or root) who only reads can have made one that we could not write yet, and
  /// SQLite asks once. A permission that is truly missing is so said half a second late.
  void while_permitted(const std::function<void()>& function);

  /// SQLite's busy handler: whether to try for a lock once more. Sleeps.
  static int on_locked(void* self, int tries);

  /// Starts a transaction and checks the fence in it. False: another process holds the write lock.
  bool try_begin();
  void begin();
  /// False: readers are in the way, and the transaction is open still. Rolled back when it throws.
  bool try_commit();
  void commit();
  [[noreturn]] void held_up(const std::string& doing);
  /// Runs `function` in the open transaction, undone if it throws, or in one of its own.
  template <class Function> auto write(Function&& function) -> decltype(function()) {
    return write_undone(database.in_transaction() ? Undo::to_savepoint : Undo::own_transaction, function);
  }
  /// The same without the price of a savepoint, for a function that looks before it writes: what throws after the first change drops
  /// the open transaction, whose commit() then throws.
  template <class Function> auto write_few(Function&& function) -> decltype(function()) {
    return write_undone(database.in_transaction() ? Undo::changed_transaction : Undo::own_transaction, function);
  }
  enum class Undo { own_transaction, to_savepoint, changed_transaction };
  template <class Function> auto write_undone(Undo how, Function& function) -> decltype(function()) {
    if (how == Undo::own_transaction) begin();
    else if (how == Undo::to_savepoint) database.execute("SAVEPOINT one_call");
    struct Guard {
      Impl& impl;
      Undo how;
      std::int64_t changes_before;
      bool done = false;
      ~Guard() {
        if (!done) impl.undo(how, changes_before);
      }
    } undo_guard{*this, how, database.changes()};
    pass(FaultPoint::store_before_write);
    const auto finish = [&] {
      if (how == Undo::own_transaction) commit();
      else if (how == Undo::to_savepoint) database.execute("RELEASE one_call");
      undo_guard.done = true;
    };
    if constexpr (std::is_void_v<decltype(function())>) {
      function();
      finish();
    } else {
      auto result = function();
      finish();
      return result;
    }
  }
  void undo(Undo how, std::int64_t changes_before) noexcept;
  /// A fault point where SQLite could fail.
  void pass(FaultPoint point);

  /// Ends what the coordinators before left open; returns how many runs became INTERRUPTED.
  std::int64_t end_open_attempts(std::string_view detail);
  void event(std::string_view kind, const std::string& run_id, std::string_view text);
  void set_status(const std::string& run_id, RunStatus status);
  /// Of the run's configuration, which is kept once for all folds and seeds; adds it.
  std::int64_t config_id(const RunSpec& run);
  /// PLANNED; `config`: its config_id.
  void insert_run(const std::string& run_id, const RunSpec& run, std::int64_t config);
  /// Of a run that is known. True: it is COMPLETE with its test part closed, and this sweep opens it.
  bool take_labels(const PlannedRun& planned);
  void insert_origins(const Plan& plan);
  void insert_epoch(const EpochReport& report);
  /// Throws StorageError when there is no such attempt. True: it is not over.
  bool attempt_is_open(const std::string& run_id, std::int64_t attempt, std::string* platform = nullptr, AttemptKind* kind = nullptr);
  /// Rolls the open transaction back, and forgets what was only in it.
  void drop() noexcept;
  /// Our build beside that trainer's.
  std::int64_t program_id(const BuildId& trainer);

  StoreOptions options;
  Database database;
  JournalMode journal = JournalMode::rollback;
  std::int64_t coordinator_id = 0;
  TakeOver take_over;
  bool released = false;
  std::vector<std::pair<BuildId, std::int64_t>> programs; // whose attempts this coordinator began: few builds of trainers, one of ours
  bool waits = true;                                      // for other processes' locks
  std::int64_t waits_counted = 0;                         // how often there was one to wait for
  std::chrono::steady_clock::time_point waiting_since;
};

} // namespace stdualx
