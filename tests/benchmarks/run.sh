#!/usr/bin/env bash
# What `make bench` runs, with the load beside it: figures from a busy machine say little. STDUALX_BENCH_ROWS names a file for rows (rows.py).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
echo "load: $(cut -d' ' -f1-3 /proc/loadavg); $(nproc) cores"
.venv/bin/python tests/benchmarks/peers.py
python3 tests/benchmarks/empty_runs.py
python3 tests/benchmarks/all_reduce.py
python3 tests/benchmarks/window_cache.py
out=$(mktemp)
trap 'rm -f "$out"' EXIT
build/tests/model_benchmark --benchmark_out="$out" --benchmark_out_format=json
python3 tests/benchmarks/rows.py google "$out"
