"""Our training step on cores beside PyTorch's, and one window's latency: what `make bench` prints first.

  tests/benchmarks/peers.py [--build build] [--rounds 3] [--seconds 3] [--shapes uci_har,dsads] [--recipes default,faithful]

Every round measures each row once, one after the other in processes of their own, so that a shared machine's moods meet all of them; the table
has the medians and, in brackets, the least and the most. Ours trains (reading, augmenting, dropout, averages and all); PyTorch's rows leave
these out (pytorch_peer.py). Latency is `stdualx bench` of a run that is trained for one epoch on real recordings of that shape first.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from rows import add as add_rows  # beside this file

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
PEERS = {"PyTorch, a module a sensor": "by_sensor", "PyTorch, sensors stacked": "stacked", "PyTorch, stacked, torch.compile": "compiled"}
DATASETS = {"uci_har": "uci-har", "dsads": "dsads"}


def output_of(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise SystemExit(f"peers.py: {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def peer(form, recipe, shape, threads, seconds):
    python = SOURCE / ".venv/bin/python"
    return json.loads(output_of(python if python.exists() else sys.executable, HERE / "pytorch_peer.py", form, recipe, shape, threads, seconds))


def ours(build, kernels, recipe, shape, threads, seconds):
    text = output_of(build / "tests/training_benchmark", f"--benchmark_filter=train/{recipe}_{shape}/threads:{threads}/", f"--benchmark_min_time={seconds}",
                     "--benchmark_format=json", env=os.environ | {"STDUALX_KERNELS": kernels})
    return json.loads(text[text.index("{"):])["benchmarks"][0]["items_per_second"]


def shown(values):
    middle = statistics.median(values)
    digits = 0 if middle >= 10 else 2
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def table(title, rows):
    print(f"\n{title}")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))), flush=True)


def training_table(options, recipe, shape):
    peer("check", recipe, shape, 1, 0)
    core = {"gflops": 0.0}
    values = {}
    for _ in range(options.rounds):
        seen = peer("peak", recipe, shape, 1, 0)
        core = seen if seen["gflops"] > core["gflops"] else core
        for threads in (1, 2):
            for name, kernels in (("ours, fused layers", "fused"), ("ours, plain layers", "plain")):
                values.setdefault(name, {1: [], 2: []})[threads].append(ours(options.build, kernels, recipe, shape, threads, options.seconds))
            for name, form in PEERS.items():
                values.setdefault(name, {1: [], 2: []})[threads].append(peer(form, recipe, shape, threads, options.seconds)["windows_a_second"])
    best = max(statistics.median(values[name][1]) for name in PEERS)
    for name, counts in values.items():
        for threads, rates in counts.items():
            add_rows(f"training, {recipe}, {shape}, {name}, threads:{threads}", rates, "windows/s")
    rows = [("windows/s", "1 thread", "of PyTorch's best", "of the core", "2 threads")]
    for name, counts in values.items():
        middle = statistics.median(counts[1])
        rows.append((name, shown(counts[1]), f"{middle / best:.2f}", f"{100 * middle * core['window_mflop'] / core['gflops'] / 1e3:.0f} %", shown(counts[2])))
    table(f"training, {recipe}, {shape}: {core['window_mflop']:.1f} MFLOP a window, {core['gflops']:.0f} GFLOP/s of the core in a product of 1024 x 1024 by torch", rows)


def latency_table(options, recipe, shape):
    values = {}
    with tempfile.TemporaryDirectory() as folder:
        sweep = {"name": "latency", "dataset": DATASETS[shape], "preset": recipe, "variants": ["stdual_x"], "seeds": [1],
                 "protocols": [{"kind": "leave_persons_out", "folds": 2}], "fixed": {"training": {"epochs": 1}}}
        if recipe == "faithful" and shape == "dsads":
            sweep["fixed"]["model"] = {"channel_heads": 5}
        path, store = pathlib.Path(folder, "latency.json"), pathlib.Path(folder, "latency.db")
        path.write_text(json.dumps(sweep), encoding="utf-8")
        done = subprocess.run([options.build / "bin/stdualx", "run", path, "--store", store, "--quiet", "--workers", "1"], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"\nlatency, {recipe}, {shape}: not measured: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
            return
        for _ in range(options.rounds):
            for row in next(iter(json.loads(output_of(options.build / "bin/stdualx", "bench", "--store", store, "--format", "json")).values())):
                values.setdefault("ours, without libtorch" if "without" in row["device"] else "ours, in the trainer", {}).setdefault(row["measure"], []).append(row["ours (median)"])
            for name, form in (("PyTorch, sensors stacked", "latency_stacked"), ("PyTorch, stacked, torch.compile", "latency_compiled")):
                seen = peer(form, recipe, shape, 1, options.seconds)
                values.setdefault(name, {}).setdefault("latency of one window, median", []).append(seen["median_ms"] / 1e3)
                values[name].setdefault("latency of one window, 99th percentile", []).append(seen["p99_ms"] / 1e3)
                values[name].setdefault("peak memory of the process, MB", []).append(seen["peak_megabytes"])
    for name, of in values.items():
        for measure, found in of.items():
            add_rows(f"{recipe}, {shape}, {name}: {measure}", found, "MB" if measure.endswith("MB") else "s")
    rows = [("latency of one window", "median, ms", "99th percentile, ms", "process, MB")]
    for name, of in values.items():
        rows.append((name, *(shown([scale * value for value in of[measure]]) for measure, scale in
                             (("latency of one window, median", 1e3), ("latency of one window, 99th percentile", 1e3), ("peak memory of the process, MB", 1)))))
    table(f"latency, {recipe}, {shape}, 1 thread", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--shapes", default="uci_har,dsads")
    parser.add_argument("--recipes", default="default,faithful")
    options = parser.parse_args()
    load = re.match(r"\S+ \S+ \S+", pathlib.Path("/proc/loadavg").read_text())[0]
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]
    print(f"load: {load}; {os.cpu_count()} cores; {model}; commit {output_of('git', '-C', SOURCE, 'rev-parse', '--short', 'HEAD').strip()}")
    for shape in options.shapes.split(","):
        for recipe in options.recipes.split(","):
            training_table(options, recipe, shape)
            latency_table(options, recipe, shape)
    print(f"\nload at the end: {pathlib.Path('/proc/loadavg').read_text().split()[0]}")


if __name__ == "__main__":
    main()
