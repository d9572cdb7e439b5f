// What a reader does so that nobody who writes waits for it. Under a rollback journal a read that is held open keeps every commit
// waiting, so a question that lasts goes on in a copy. Inside the room only.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "results/database.h"

namespace stdualx {

/// A store up to this size is copied for a snapshot at once: some milliseconds, and whoever computes between two questions holds nothing.
constexpr std::int64_t most_bytes_copied_at_once = 64 << 20;
/// A question, or the snapshot of a larger store, that holds the file for longer goes on in a copy.
constexpr std::chrono::milliseconds longest_hold{2000};

/// Breaks a connection's statements off once they have lasted too long, while it lives.
class HoldLimit {
public:
  HoldLimit(sqlite3* handle, std::chrono::steady_clock::time_point until);
  ~HoldLimit();
  HoldLimit(const HoldLimit&) = delete;
  HoldLimit& operator=(const HoldLimit&) = delete;

private:
  sqlite3* handle_;
  std::chrono::steady_clock::time_point until_;
};

/// Whether who reads here keeps who writes from committing: not in WAL mode, and not where the file is read as it lies.
bool reads_keep_writers_waiting(Database& database);
std::int64_t bytes_of(Database& database);

/// A copy of what the connection sees (within its transaction, where it has one), in a temporary database of its own: in memory, and
/// beyond that in a file without a name. It costs a reading of the whole file, during which a commit waits (1 GB: 2.9 s on a busy machine
/// from memory; as long as the network takes elsewhere), and as much room in the folder of temporary files. None: there is no room.
std::optional<Database> copy_of(Database& database);

} // namespace stdualx
