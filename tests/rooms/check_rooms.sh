#!/usr/bin/env bash
# What a compiler cannot see of the rooms: "../" in an include, a library outside its room, one name for two types.
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
# Two types of one name are one type to the linker: it keeps one of their members and of the templates made of them, for both.
doubled=$(grep -rhoE '^(struct|class) [A-Za-z0-9_]+( final)?( :[^{]*)? \{' --include='*.h' experiments model worker orchestrator results cluster | awk '{print $2}' | sort | uniq -d || true)
if [ -n "$doubled" ]; then
  echo "rooms: a type is defined in two headers: $doubled" >&2
  fail=1
fi
# A comment stands alone: it cites nothing that is not in this repository.
cited=$(grep -rnE '\b(DESIGN|FACTS|MODEL|PAINS)(\.md)?\b' --include='*.h' --include='*.cpp' --include='*.cu' --include='*.py' --include='*.sh' --include='*.cmake' --exclude=check_rooms.sh experiments model worker orchestrator results cluster tests || true)
if [ -n "$cited" ]; then
  echo "rooms: a comment cites a document that is not in this repository; say it there, or cite a heading of ARCHITECTURE: $cited" >&2
  fail=1
fi
# A file that is longer wants parting.
long=$(find experiments model worker orchestrator results cluster tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.inc' -o -name '*.py' | xargs wc -l | awk '$2 != "total" && $1 > 500 {print $2 ": " $1 " lines"}')
if [ -n "$long" ]; then
  echo "rooms: over 500 lines: $long" >&2
  fail=1
fi
exit $fail
