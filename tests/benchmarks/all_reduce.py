"""The sum of a gradient over two workers: through shared memory and agents, as training does it, beside MPI_Iallreduce straight between
two processes. Both sides by turns; prints the median of each side's medians, and their ratio."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402

TRAINER, STRAIGHT = harness.BUILD / "tests" / "all_reduce_trainer", harness.BUILD / "tests" / "straight_all_reduce"
os.environ["STDUALX_TRAINER"] = str(TRAINER)
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2"]

for floats, rounds in ((1 << 20, 300), (1, 2000)):
    place = harness.Workplace()
    place.setUp()
    place.stub = False
    times = place.folder / "times"
    os.environ["STDUALX_ALL_REDUCE"] = json.dumps({"file": str(times), "floats": floats, "rounds": rounds})
    straight = []
    for turn in range(1, 6):
        place.run_sweep(place.sweep(variants=[{"name": "pair", "base": "stdual_x", "ranks": 2}], folds=[0], seeds=[turn]), "--workers", 2, "--quiet")
        straight.append(float(subprocess.run([*MPIRUN, STRAIGHT, str(floats), str(rounds)], check=True, capture_output=True, text=True, timeout=120).stdout))
    agents = [float(line) for line in times.read_text(encoding="utf-8").split()]
    assert len(agents) == len(straight), agents
    place.doCleanups()
    through, direct = statistics.median(agents), statistics.median(straight)
    print(f"sum of {4 * floats} bytes over two workers: {through:.3f} ms through agents ({min(agents):.3f} to {max(agents):.3f}), {direct:.3f} ms by"
          f" MPI_Iallreduce ({min(straight):.3f} to {max(straight):.3f}); ratio {through / direct:.2f}; load {os.getloadavg()[0]:.2f}")
