// The sweeps that a store knows, and those that were only submitted to it; how one of them stands.
#pragma once

#include "results/tables.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stdualx {

struct KnownSweep {
  std::string sweep_id, name;
  std::string text;                           // of a sweep that the store does not know
  std::int64_t last_ms = 0;                   // when it was run or submitted last
  bool retired = false;                       // and neither run nor submitted since
  std::vector<std::filesystem::path> folders; // of its submissions
  std::set<std::string> submitted;            // runs that its submissions are to do
};

/// Those of the store and of the submissions in its folder; the one that was run or submitted last comes last. `reader`: nullptr where no
/// store was made yet.
std::vector<KnownSweep> known_sweeps(Reader* reader, const std::filesystem::path& store_directory);

/// The one that `asked` names: of several of one name the last, or by the start (4 digits at least) of its identity. "": the last that is
/// not retired; std::nullopt: there is none. InputError: no sweep is named so.
std::optional<KnownSweep> chosen_sweep(const std::vector<KnownSweep>& sweeps, const std::string& asked);

struct Standing {
  std::int64_t runs = 0, complete = 0, failed = 0, waiting = 0, epochs = 0; // waiting: submitted, and their job has not begun
  std::string words() const;
};
/// Of `sweep`: its runs in the store, but of a retired one those that are given up, and those that were submitted. std::nullopt: of the
/// whole store.
Standing standing_of(Reader* reader, const std::optional<KnownSweep>& sweep);

/// Whether the store's newest coordinator works on `sweep`, or on runs that it waits for. It may be dead (coordinator_gone).
bool is_worked_on(Reader& reader, const KnownSweep& sweep);

/// Adds to the first of `tables` (status_tables, or none yet) what was submitted and has not begun, as WAITING.
void add_waiting(std::vector<TitledTable>& tables, Reader* reader, const std::vector<KnownSweep>& sweeps);

} // namespace stdualx
