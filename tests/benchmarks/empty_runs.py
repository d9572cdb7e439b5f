"""A sweep of 10,000 runs without a trainer into a durable store: what planning, dispatch and commits cost. Prints seconds and the load."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402

place = harness.Workplace()
place.folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx-empty-runs-"))
harness.write_recordings(place.folder / "tiny")
sweep = place.sweep(variants=["stdual_x"], folds=[0], seeds=list(range(1, 10001)))
begin = time.monotonic()
subprocess.run([harness.PROGRAM, "run", sweep, "--workers", "2", "--quiet", "--store", place.folder / "results.db"], check=True,
               cwd=place.folder, env=dict(os.environ, STDUALX_TRAINER="none", STDUALX_CACHE=str(place.folder / "cache")), timeout=120)
seconds = time.monotonic() - begin
place.store = place.folder / "results.db"
assert place.statuses() == {"COMPLETE": 10000}, place.statuses()
print(f"10000 empty runs: {seconds:.2f} s, start to end; load {os.getloadavg()[0]:.2f}")
