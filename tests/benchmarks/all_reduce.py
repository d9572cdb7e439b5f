"""What a sum over a group costs, by members and bytes: through shared memory and agents, as training does it, beside MPI_Iallreduce straight between as
many processes. Arguments: NAME=FOLDER of other builds, whose agents are measured too. All take turns; a figure is the median of the turns, with the least
and the most behind it. Wall: the median collective of one run, at its slowest member. Processor: of all members together, trainers and agents, the mean
of a run; where there are more processes than cores it says more than the wall clock. Milliseconds."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402
import rows  # noqa: E402

TURNS = int(os.environ.get("TURNS", "5"))
os.environ["STDUALX_TRAINER"] = str(harness.BUILD / "tests" / "all_reduce_trainer")
agents = {"agents": harness.PROGRAM} | {name: pathlib.Path(folder) / "bin" / "stdualx" for name, folder in (word.split("=") for word in sys.argv[1:])}


def through_agents(place, program, members, turn):
    times = pathlib.Path(json.loads(os.environ["STDUALX_ALL_REDUCE"])["file"])
    times.unlink(missing_ok=True)
    harness.PROGRAM = program
    sweep = place.sweep(variants=[{"name": "group", "base": "stdual_x", "ranks": members}], folds=[0], seeds=[turn])
    place.run_sweep(sweep, "--workers", members, "--quiet")
    lines = [json.loads(line) for line in times.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == members, lines
    return max(line["wall"] for line in lines), sum(line["processor"] for line in lines)


def straight(members, floats, rounds):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(members),
               str(harness.BUILD / "tests" / "straight_all_reduce"), str(floats), str(rounds)]
    return tuple(map(float, subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.split()))


def words(values):
    return f"{statistics.median(values):8.3f} ({min(values):.3f} to {max(values):.3f})"


for members in (2, 4, 8):
    for size, rounds in ((1 << 10, 1000), (100 << 10, 300), (4 << 20, 60)):
        place = harness.Workplace()
        place.setUp()
        place.stub = False
        floats = size // 4
        os.environ["STDUALX_ALL_REDUCE"] = json.dumps({"file": str(place.folder / "times"), "floats": floats, "rounds": rounds})
        measured = {name: [] for name in [*agents, "MPI_Iallreduce"]}
        for turn in range(TURNS):
            for number, (name, program) in enumerate(agents.items()):
                measured[name].append(through_agents(place, program, members, 1 + turn * len(agents) + number))
            measured["MPI_Iallreduce"].append(straight(members, floats, rounds))
        place.doCleanups()
        for name, figures in measured.items():
            wall, processor = zip(*figures)
            for what, values in (("wall", wall), ("processor", processor)):
                rows.add(f"sum over {members} members, {size} bytes, {name}, {what}", values, "ms")
            print(f"{members} members, {size:8} bytes, {name:>14}: wall {words(wall)}; processor {words(processor)}; load {os.getloadavg()[0]:.1f}", flush=True)
