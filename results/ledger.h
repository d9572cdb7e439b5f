// Whether what a store says can be true: proved by queries over its rows, not by trust in who wrote them.
#pragma once

#include <string>
#include <vector>

#include "results/reader.h"

namespace stdualx {

struct LedgerFinding {
  bool fault = true;  // false: to be known, but nothing is wrong
  std::string run_id; // "": of the whole store
  std::string text;
};

/// Of every run: its epochs are 1, 2, ... and each starts in the state in which the one before ended; what was computed twice on equal
/// platforms ended in equal states (on others: to be known); no part under a condition was evaluated twice, and an evaluation's windows,
/// predictions and confusion are as many; none is COMPLETE without its epochs and its numbers, and none has ended without an end.
/// Reads rows alone, no files. A fault names run, epochs, hosts and devices.
std::vector<LedgerFinding> ledger_findings(Reader& reader);

} // namespace stdualx
