// SQLite's own file writes and syncs as fault points. Inside the room only.
#pragma once

namespace stdualx {

/// Where a fault is set at store_file_write or store_file_sync, SQLite's default file layer becomes one that passes these points. Else
/// nothing happens, and SQLite's own is used as it is.
void put_faults_under_sqlite();

} // namespace stdualx
