#!/usr/bin/env bash
# tests/fuzz/run.sh [SECONDS] [TARGET...]: fuzzes each parser for SECONDS (default 10), after the inputs that once broke one
# (tests/fuzz/findings). A finding ends it and is left in build-fuzz/findings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-10}
[ $# -gt 0 ] && shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(sweep manifest archive checkpoint message)
cmake --preset fuzz >/dev/null
cmake --build build-fuzz --target $(printf '%s_fuzz ' "${targets[@]}")
mkdir -p build-fuzz/findings
python3 tests/fuzz/seeds.py build-fuzz/seeds
# Exceptions that are thrown by the thousand, and torch, keep memory that no test of ours lost: leaks are looked for at the end.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}
for target in "${targets[@]}"; do
  mkdir -p "build-fuzz/corpus/$target"
  found=$(find "tests/fuzz/findings/$target" -type f 2>/dev/null || true)
  # shellcheck disable=SC2086 # names without blanks
  [ -z "$found" ] || "build-fuzz/bin/${target}_fuzz" -timeout=10 -rss_limit_mb=2048 $found >/dev/null 2>&1 || { echo "fuzz: $target: a finding is back" >&2; exit 1; }
  if ! "build-fuzz/bin/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="build-fuzz/findings/$target-" "build-fuzz/corpus/$target" "build-fuzz/seeds/$target" >"build-fuzz/$target.log" 2>&1; then
    tail -40 "build-fuzz/$target.log" >&2
    exit 1
  fi
  echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$target.log") inputs in $seconds s, no crash, leak or endless loop"
done
