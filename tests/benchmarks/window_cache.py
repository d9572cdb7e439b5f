"""UCI-HAR's windows by `stdualx plan`, start to end: cold, where they are read from the publisher's files and cut into a new cache
folder, and warm, from that cache. The system has the publisher's files in memory either way. Prints the medians and the load."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402
import rows  # noqa: E402

SWEEP = harness.SOURCE / "experiments" / "sweeps" / "uci_har_official.json"


def plan(folder, cache):
    begin = time.monotonic()
    process = subprocess.run([harness.PROGRAM, "plan", SWEEP, "--cache", folder / cache, "--store", folder / "none.db"], cwd=harness.SOURCE,
                             capture_output=True, text=True, timeout=120)
    if "was not found" in process.stderr:
        print("UCI-HAR's windows: skipped, " + process.stderr.strip())
        sys.exit(0)
    assert process.returncode == 0, process.stderr
    return time.monotonic() - begin


with tempfile.TemporaryDirectory(prefix="stdualx-window-cache-") as name:
    place = pathlib.Path(name)
    plan(place, "first")  # so that no cold reading pays for the disk
    cold = [plan(place, f"cold-{turn}") for turn in range(3)]
    warm = [plan(place, "cold-0") for _ in range(5)]
rows.add("UCI-HAR windows, cold", cold, "s")
rows.add("UCI-HAR windows, warm", warm, "s")
print(f"UCI-HAR's windows: {statistics.median(cold):.2f} s cold ({min(cold):.2f} to {max(cold):.2f}), {statistics.median(warm):.2f} s warm"
      f" ({min(warm):.2f} to {max(warm):.2f}); load {os.getloadavg()[0]:.2f}")
