#!/usr/bin/env bash
# What only a GPU can show (`make gpu` on a machine that has one; about six minutes): the GPU tests, bits after a kill, UCI-HAR's official
# split trained there, and what steps, evaluation and one window cost; with the word short (a minute) without that training. Wants the build of `make test` and UCI-HAR where the README says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${STDUALX_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stdualx="$build/bin/stdualx"
sweep=experiments/sweeps/uci_har_official.json
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
echo "$(nproc) cores; load $(cut -d' ' -f1-3 /proc/loadavg)"

echo "== tests"
"$build/tests/model_gpu_tests" | grep -vE '^\[-|^Running|^Note'
"$build/tests/training_tests" --gtest_filter='GpuTraining.*' | grep -vE '^\[-|^Running|^Note'

echo "== the first validation run, two epochs: undisturbed, and with its trainer killed in the second epoch"
hashes() { "$stdualx" query --format csv --store "$1" "SELECT epoch, state_hash_after, train_loss FROM epochs ORDER BY epoch"; }
"$stdualx" run $sweep --first 1 --workers 1 --set training.epochs=2 --quiet --store "$work/plain.db"
STDUALX_FAULT=trainer_step:160:kill STDUALX_FAULT_ONCE="$work/once" \
  "$stdualx" run $sweep --first 1 --workers 1 --set training.epochs=2 --quiet --store "$work/killed.db"
"$stdualx" query --store "$work/killed.db" "SELECT attempt, resume_epoch, end_reason, device FROM attempts"
hashes "$work/plain.db"
cmp <(hashes "$work/plain.db") <(hashes "$work/killed.db") && echo "killed and undisturbed: the same epochs to the bit"

echo "== steps and evaluation, UCI-HAR's shape; CPU on two cores beside it"
"$build/tests/model_benchmark" --benchmark_min_time=0.5 2>&1 | grep '^run/'

[ "${1:-}" != short ] || exit 0
echo "== UCI-HAR, official split: four groups of validation people, then all training people with the test part opened"
"$stdualx" run $sweep --workers 1 --store "$work/uci.db" | grep -v "^ *$" | head -60
"$stdualx" query --store "$work/uci.db" \
  "SELECT r.short_id, r.open_test, round(r.validation_accuracy, 4) AS validation, round(r.accuracy, 4) AS test, round(r.seconds, 1) AS seconds FROM v_runs r ORDER BY open_test, run_id"
echo "== what a trained network costs here"
"$stdualx" bench --store "$work/uci.db" --threads 1 | head -40
"$stdualx" db check --store "$work/uci.db"
