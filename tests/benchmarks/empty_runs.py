"""A sweep of 10,000 runs without a trainer into a durable store: what planning, dispatch and commits cost. Prints seconds and the load."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402
import rows  # noqa: E402

place = harness.Workplace()
place.setUp()
place.stub = False
os.environ["STDUALX_TRAINER"] = "none"
sweep = place.sweep(variants=["stdual_x"], folds=[0], seeds=list(range(1, 10001)))
begin = time.monotonic()
place.run_sweep(sweep, "--workers", 2, "--quiet")
seconds = time.monotonic() - begin
assert place.statuses() == {"COMPLETE": 10000}, place.statuses()
place.doCleanups()
rows.add("10000 empty runs", [seconds], "s")
print(f"10000 empty runs: {seconds:.2f} s, start to end; load {os.getloadavg()[0]:.2f}")
