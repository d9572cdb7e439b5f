#!/usr/bin/env bash
# The arrows between rooms that a compiler cannot see: no "../" in an include, and each library only in its own room.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
fail=0
forbid() { # pattern, what, paths...
  local pattern=$1 what=$2
  shift 2
  local found
  found=$(grep -rnE "$pattern" --include='*.h' --include='*.cpp' --include='*.cu' "$@" || true)
  if [ -n "$found" ]; then
    echo "$what:"
    echo "$found"
    fail=1
  fi
}
forbid '#include "\.\./' 'an include leaves its room by a relative path' model experiments results worker orchestrator cluster tests
forbid '#include <mpi' 'MPI outside cluster' model experiments results worker orchestrator
forbid '#include <sqlite3' 'SQLite outside results' model experiments worker orchestrator cluster
forbid '#include <(torch|ATen|c10)/' 'torch outside model and worker' experiments results orchestrator cluster
exit $fail
