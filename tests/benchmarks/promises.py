"""What fsync, hashes and checkpoints cost an epoch: two trainers side by side on two cores, keeping their files and keeping none, in turn.
Epochs are made short, so that the cost, which does not grow with them, stands out from a virtual machine's noise; its share of an epoch of a
second follows. The state's hash is taken in both; it, a checkpoint and a commit by themselves are in promise_benchmark.
"""
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import rows  # noqa: E402, beside this file
from harness import BUILD, PROGRAM, write_recordings  # noqa: E402

EPOCHS, ROUNDS = 40, 8
TRAINER = PROGRAM.parent / "stdualx-trainer"


def runs_of(folder, epochs, width):
    """Two runs of a sweep on the recordings, as the program plans them."""
    path, store = folder / "sweep.json", folder / f"plan{epochs}-{width}.db"
    path.write_text(json.dumps({"name": "promises", "dataset": str(folder / "tiny" / "manifest.json"), "fixed": {"training": {"epochs": epochs}, "model": {"vector_hidden": width}},
                                "variants": ["stdual_x"], "protocols": [{"kind": "leave_persons_out", "folds": 3, "split_seed": 1, "validation_share": 0.3}], "folds": [0, 1]}), encoding="utf-8")
    # A trainer that fails at once: the runs are registered, which is all that is wanted.
    subprocess.run([PROGRAM, "run", path, "--workers", "1", "--quiet", "--store", store], env=dict(os.environ, STDUALX_TRAINER="/bin/false"), stderr=subprocess.DEVNULL)
    with sqlite3.connect(store) as connection:
        return connection.execute("SELECT run_id, config FROM v_configs").fetchall()


def train(folder, runs, epochs, files):
    """Wall and processor seconds of an epoch, and the bytes of a checkpoint (0: none were kept)."""
    shutil.rmtree(folder / "files", True)
    trainers, begin = [], os.times()
    for run_id, config in runs:
        file = folder / f"{run_id[:8]}.json"
        file.write_text(json.dumps({"run_id": run_id, "attempt": 1, "run": json.loads(config), "dataset_source": str(folder / "tiny" / "manifest.json"), "data_directory": str(folder),
                                    "cache_directory": str(folder / "cache"), "store_directory": str(folder / "files") if files else ""}), encoding="utf-8")
        trainers.append(subprocess.Popen([TRAINER, "--assignment", file], stdout=subprocess.PIPE, text=True))
    size = 0
    for trainer in trainers:
        for line in trainer.communicate()[0].splitlines():
            size = max(size, json.loads(line).get("checkpoint_bytes", 0))
    end = os.times()
    processor = end.children_user + end.children_system - begin.children_user - begin.children_system
    return (end.elapsed - begin.elapsed) / epochs, processor / 2 / epochs, size


def measure(folder, width):
    runs = runs_of(folder, EPOCHS, width)
    kept, none = [], []
    for number in range(ROUNDS):
        for files in (number % 2 == 0, number % 2 != 0):
            (kept if files else none).append(train(folder, runs, EPOCHS, files))
    epoch = statistics.median(one[0] for one in none)
    costs = [1000 * statistics.median(a[what] - b[what] for a, b in zip(kept, none)) for what in (0, 1)]
    rows.add(f"files of an epoch, width {width}, time", [1000 * (a[0] - b[0]) for a, b in zip(kept, none)], "ms")
    rows.add(f"files of an epoch, width {width}, processor", [1000 * (a[1] - b[1]) for a, b in zip(kept, none)], "ms")
    print(f"checkpoints of {max(one[2] for one in kept) / 1e6:.1f} MB, epochs of {epoch:.2f} s: files cost {costs[0]:.1f} ms of time and {costs[1]:.1f} ms of processor an epoch, "
          f"{costs[0] / 10:.1f} % and {costs[1] / 10:.1f} % of an epoch of 1 s (rounds: {', '.join(f'{1000 * (a[0] - b[0]):.0f}' for a, b in zip(kept, none))} ms); load {os.getloadavg()[0]:.2f}", flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx-promises-", dir=os.environ.get("STDUALX_BENCH_DIRECTORY", BUILD)))
    os.environ["STDUALX_CACHE"] = str(folder / "cache")
    try:
        write_recordings(folder / "tiny", rows=240)
        for width in (128, 1024):
            measure(folder, width)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
