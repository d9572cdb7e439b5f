#!/usr/bin/env bash
# Devices and groups on a machine with ONE GPU (part of `make gpu`; about eight minutes): what each form of CUDA_VISIBLE_DEVICES gives, the second
# worker of a GPU refused, and data-parallel groups of two and four trainers over real NCCL. NCCL refuses two members on one device of one
# host, so here each trainer gets a host's name of its own (a UTS namespace, wants root, and NCCL_HOSTID): members then talk over sockets,
# as between machines, and take turns on the GPU. Bits and failures are real; times say nothing of several GPUs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
stdualx="$PWD/${STDUALX_BUILD:-build}/bin/stdualx"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

write_sweep() { # FILE RANKS PRECISION
  cat >"$1" <<JSON
{"name": "groups", "dataset": "uci-har", "fixed": {"training": {"epochs": 2, "precision": "$3"}},
 "variants": [{"name": "group_of_$2", "ranks": $2}],
 "protocols": [{"kind": "official", "validation_groups": [[3, 15, 19, 22, 30]], "open_test": false}], "seeds": [1]}
JSON
}
hashes() { "$stdualx" query --format csv --store "$1" "SELECT epoch, state_hash_after, train_loss FROM epochs ORDER BY epoch"; }
same() { cmp <(hashes "$1") <(hashes "$2") && echo "$3: the same epochs to the bit"; }

echo "== doctor"
"$stdualx" doctor --store "$work/doctor.db" || echo "doctor: exit status $?"

echo "== which device a worker gets"
write_sweep "$work/one.json" 1 float32
uuid=$(nvidia-smi --query-gpu=uuid --format=csv,noheader | head -1)
try() { # NAME WORKERS [CUDA_VISIBLE_DEVICES]
  local status=0
  rm -rf "$work/device.db"*
  (
    if [ $# -gt 2 ]; then export CUDA_VISIBLE_DEVICES=$3; else unset CUDA_VISIBLE_DEVICES; fi
    "$stdualx" run "$work/one.json" --workers "$2" --set training.epochs=1 --quiet --store "$work/device.db"
  ) 2>"$work/said" || status=$?
  echo "$1, $2 workers: exit status $status$([ ! -e "$work/device.db" ] || "$stdualx" query --format csv --store "$work/device.db" \
    "SELECT ', ' || device FROM attempts" | sed 1d | tr -d '\r\n"')"
  sed 's/^/    /' "$work/said"
}
try unset 1
try "by number" 1 0
try "by UUID" 1 "$uuid"
try "by the UUID's first digits" 1 "${uuid:0:12}"
try "no such GPU" 1 7
try "named twice" 1 0,0
try "one more than there are" 2

echo "== two workers that were both given the one GPU"
export REAL_TRAINER="$PWD/${STDUALX_BUILD:-build}/bin/stdualx-trainer"
cat >"$work/both" <<'SH'
#!/bin/sh
CUDA_VISIBLE_DEVICES=0 exec "$REAL_TRAINER" "$@"
SH
cat >"$work/apart" <<'SH'
#!/bin/sh
export NCCL_HOSTID="pretended-$CUDA_VISIBLE_DEVICES" CUDA_VISIBLE_DEVICES=0
exec unshare --uts sh -c 'echo "$NCCL_HOSTID" >/proc/sys/kernel/hostname && exec "$REAL_TRAINER" "$@"' sh "$@"
SH
chmod +x "$work/both" "$work/apart"
STDUALX_DEVICES=a,b STDUALX_TRAINER="$work/both" "$stdualx" run "$work/one.json" --workers 2 --set training.epochs=1 --quiet --store "$work/both.db"
"$stdualx" query --store "$work/both.db" "SELECT attempt, end_reason, device FROM attempts"

echo "== groups over NCCL"
export STDUALX_DEVICES=a,b,c,d STDUALX_TRAINER="$work/apart" NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1
for ranks in 2 4; do
  write_sweep "$work/group.json" $ranks float32
  run() { "$stdualx" run "$work/group.json" --workers $ranks --quiet --store "$1"; }
  run "$work/plain$ranks.db"
  run "$work/again$ranks.db"
  same "$work/plain$ranks.db" "$work/again$ranks.db" "$ranks members, twice"
  STDUALX_FAULT=trainer_step:160:kill STDUALX_FAULT_ONCE="$work/once$ranks" run "$work/killed$ranks.db"
  same "$work/plain$ranks.db" "$work/killed$ranks.db" "$ranks members, one of them killed by SIGKILL in the second epoch"
  "$stdualx" query --store "$work/killed$ranks.db" "SELECT a.attempt, a.resume_epoch, a.end_reason, round((SELECT min(b.started_ms) FROM attempts b WHERE b.attempt = a.attempt + 1) / 1000.0 - a.ended_ms / 1000.0, 2) AS pause_s FROM attempts a"
  "$stdualx" query --store "$work/plain$ranks.db" "SELECT epoch, windows, round(train_loss, 4) AS train_loss, round(validation_accuracy, 4) AS validation, round(wall_seconds, 1) AS seconds, round(communication_seconds, 1) AS in_nccl FROM epochs"
done

echo "== the same group of two in float64, over NCCL and on cores"
write_sweep "$work/group.json" 2 float64
"$stdualx" run "$work/group.json" --workers 2 --set training.epochs=1 --quiet --store "$work/gpu64.db"
unset STDUALX_DEVICES STDUALX_TRAINER
CUDA_VISIBLE_DEVICES='' "$stdualx" run "$work/group.json" --workers 2 --set training.epochs=1 --quiet --store "$work/cpu64.db"
for store in gpu64 cpu64; do
  "$stdualx" query --store "$work/$store.db" "SELECT '$store' AS store, a.device, e.train_loss, e.validation_loss, e.validation_accuracy FROM epochs e JOIN attempts a USING (run_id, attempt)"
done
