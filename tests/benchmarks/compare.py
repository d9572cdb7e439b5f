"""Whether a build is slower than another one: `make bench-compare OLD=FOLDER NEW=FOLDER`, or two files of rows (rows.py).

  tests/benchmarks/compare.py OLD NEW [--turns 5] [--threshold 5] [--only empty_runs,window_cache]

Build folders: every benchmark runs once a turn with each side, and the side that begins changes from turn to turn, so that a machine that gets busy
meanwhile slows both. Compared are medians; slower or faster counts what differs by more than --threshold percent. Exit 1: something is slower, or was
measured on one side alone."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import rows

HERE = pathlib.Path(__file__).resolve().parent
# What takes a minute at most and needs nothing but the program and the stub of a trainer.
BENCHMARKS = {name: [sys.executable, str(HERE / f"{name}.py")] for name in ("empty_runs", "window_cache")}


def measured(old, new, benchmarks, turns):
    """Rows of both sides, by turns."""
    with tempfile.TemporaryDirectory(prefix="stdualx-compare-") as folder:
        files = {side: pathlib.Path(folder, f"{number}.csv") for number, side in enumerate((old, new))}
        for turn in range(turns):
            for command in benchmarks.values():
                for side in (old, new) if turn % 2 == 0 else (new, old):
                    environment = os.environ | {"STDUALX_BUILD": str(side.resolve()), "STDUALX_BENCH_ROWS": str(files[side])}
                    done = subprocess.run(command, env=environment, capture_output=True, text=True)
                    if done.returncode != 0:
                        sys.exit(f"compare.py: {' '.join(command)} with {side} ended with {done.returncode}: {done.stderr.strip()}")
        return tuple(rows.read(files[side]) if files[side].exists() else {} for side in (old, new))


def compared(old, new, threshold):
    """Lines to print, and whether something is slower or missing. `threshold`: a share of the old median."""
    lines, worse = [("name", "unit", "old", "new", "new/old", "")], False
    for name, unit in sorted({*old, *new}):
        if (name, unit) not in old or (name, unit) not in new:
            lines.append((name, unit, *("-" if (name, unit) not in side else f"{statistics.median(side[name, unit]):.4g}" for side in (old, new)), "", "one side alone"))
            worse = True
            continue
        before, after = (statistics.median(side[name, unit]) for side in (old, new))
        change = after / before - 1 if before else 0.0
        gain = change if rows.more_is_better(unit) else -change
        word = "same" if abs(change) <= threshold else "faster" if gain > 0 else "slower"
        worse |= word == "slower"
        lines.append((name, unit, f"{before:.4g}", f"{after:.4g}", f"{change + 1:.3f}", word))
    return lines, worse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=5, help="percent")
    parser.add_argument("--only", default=",".join(BENCHMARKS))
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"--only: expected some of {', '.join(BENCHMARKS)}, found {unknown[0]}")
    if options.turns < 1 or not options.threshold >= 0:
        parser.error("--turns: expected at least 1; --threshold: expected percent from 0")
    if options.old.resolve() == options.new.resolve():
        parser.error(f"both sides are {options.old}")
    for side in (options.old, options.new):
        if not side.is_file() and not (side / "bin" / "stdualx").exists():
            parser.error(f"{side}: expected a build folder with bin/stdualx in it, or a file of rows")
    if options.old.is_file() != options.new.is_file():
        parser.error("expected two build folders or two files of rows, found one of each")
    try:
        old, new = (rows.read(options.old), rows.read(options.new)) if options.old.is_file() else measured(options.old, options.new, {name: BENCHMARKS[name] for name in names}, options.turns)
    except ValueError as error:
        sys.exit(f"compare.py: {error}")
    lines, worse = compared(old, new, options.threshold / 100)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))).rstrip())
    print(f"load {os.getloadavg()[0]:.2f}; {os.cpu_count()} cores")
    sys.exit(worse)


if __name__ == "__main__":
    main()
