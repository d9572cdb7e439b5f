"""Whether fused layers learn what plain ones do: validation accuracy of both, by seed, on parts that choices may look at.

  tests/benchmarks/kernels_accuracy.py [--build build] [--store DIR] [--epochs 10]

UCI-HAR's four groups of validation people and two folds of DSADS (leave one person out, a fifth of the others validates), three seeds each, with
STDUALX_KERNELS=fused and plain; no test part is opened. The stores stay in DIR, and what was recorded there is not trained again. The last line
of each table says whether the difference of the means lies within the spread of the seeds.
"""
import argparse
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys

import rows  # beside this file

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SWEEPS = {"uci-har": {"protocols": [{"kind": "official", "validation_groups": [[3, 15, 19, 22, 30], [11, 17, 23, 28, 29], [5, 7, 8, 16, 26], [1, 6, 14, 21, 25, 27]],
                                     "open_test": False}]},
          "dsads": {"protocols": [{"kind": "leave_one_person_out", "validation_share": 0.2, "open_test": False}], "folds": [0, 4]}}


def by_seed(store):
    rows = sqlite3.connect(store).execute("SELECT seed, avg(100 * validation_accuracy) FROM runs JOIN epochs USING (run_id) "
                                          "WHERE epoch = (SELECT max(epoch) FROM epochs AS last WHERE last.run_id = runs.run_id) GROUP BY seed ORDER BY seed")
    return dict(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build")
    parser.add_argument("--store", type=pathlib.Path, default=pathlib.Path("kernels-accuracy"))
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    options.store.mkdir(exist_ok=True)
    outside = False
    for dataset, what in SWEEPS.items():
        sweep = options.store / f"{dataset}.json"
        sweep.write_text(json.dumps({"name": dataset, "dataset": dataset, "variants": ["stdual_x"], "seeds": [1, 2, 3],
                                     "fixed": {"training": {"epochs": options.epochs}}} | what), encoding="utf-8")
        found = {}
        for kernels in ("fused", "plain"):
            store = options.store / f"{dataset}-{kernels}.db"
            subprocess.run([options.build / "bin/stdualx", "run", sweep, "--store", store, "--workers", "1", "--quiet"], check=True, stdout=subprocess.DEVNULL,
                           env=os.environ | {"STDUALX_KERNELS": kernels})
            found[kernels] = by_seed(store)
        print(f"\n{dataset}, {options.epochs} epochs: validation accuracy of the last epoch, mean of its parts, %")
        print("seed    fused    plain")
        for seed in found["fused"]:
            print(f"{seed:4}  {found['fused'][seed]:7.2f}  {found['plain'][seed]:7.2f}")
        for kernels, of in found.items():
            rows.add(f"validation accuracy, {dataset}, {kernels}", of.values(), "%")
        means = {kernels: statistics.mean(values.values()) for kernels, values in found.items()}
        spread = max(max(values.values()) - min(values.values()) for values in found.values())
        inside = abs(means["fused"] - means["plain"]) <= spread
        outside |= not inside
        print(f"mean  {means['fused']:7.2f}  {means['plain']:7.2f}   they differ by {abs(means['fused'] - means['plain']):.2f}, "
              f"{'within' if inside else 'MORE THAN'} the {spread:.2f} between seeds", flush=True)
    sys.exit(outside)


if __name__ == "__main__":
    main()
