"""Benchmarks as rows beside their prose: STDUALX_BENCH_ROWS names a CSV file to which every benchmark adds `name,run,value,unit`. `name` says what was
measured, `run` is 1, 2, ... for each repetition, and `unit` tells which way is better: of units with "/s" and of "%" more is, of all others less.

  tests/benchmarks/rows.py google FILE  adds what a Google Benchmark wrote with --benchmark_out=FILE (JSON)
"""
import csv
import json
import os
import pathlib
import sys

HEAD = ["name", "run", "value", "unit"]


def add(name, values, unit):
    """One row for each of `values`, the repetitions in their order; nothing where no file is asked for."""
    file = os.environ.get("STDUALX_BENCH_ROWS")
    if not file:
        return
    path = pathlib.Path(file)
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        if is_new:
            writer.writerow(HEAD)
        writer.writerows([name, run, f"{value:.9g}", unit] for run, value in enumerate(values, 1))


def read(path):
    """{(name, unit): [values]} of a file of rows. ValueError says which line is none."""
    found = {}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        head = next(reader, None)
        if head != HEAD:
            raise ValueError(f"{path}: line 1: expected {','.join(HEAD)}, found {','.join(head or [])}")
        for cells in reader:
            try:
                name, _, value, unit = cells
                found.setdefault((name, unit), []).append(float(value))
            except ValueError:
                raise ValueError(f"{path}: line {reader.line_num}: expected name,run,value,unit with a number as value, found {','.join(cells)}") from None
    return found


def more_is_better(unit):
    return "/s" in unit or unit == "%"


def add_google(path):
    values = {}
    for one in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["benchmarks"]:
        if one.get("run_type", "iteration") == "iteration" and not one.get("error_occurred"):
            values.setdefault((one["name"], one["time_unit"]), []).append(one["real_time"])
    for (name, unit), repetitions in values.items():
        add(name, repetitions, unit)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "google":
        sys.exit(__doc__)
    add_google(sys.argv[2])
