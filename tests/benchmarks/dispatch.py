"""What handing out a run costs, ours beside others: `make bench-dispatch`. All by turns in one process, two workers each, the median of three.

Without a process a run: ours without a trainer (each run's attempt, evaluation and status in SQLite, synchronous = FULL, one commit for many),
mpi4py.futures with an empty function. With a process a run: ours with a stub trainer that starts /bin/true, HyperQueue, submitit, `srun`.
"""
import collections
import contextlib
import datetime
import os
import pathlib
import platform
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests" / "end_to_end"), str(SOURCE / "cluster" / "lab")]
import harness  # noqa: E402
import lab  # noqa: E402
import rows as bench_rows  # noqa: E402

ROUNDS, WORKERS, GOAL = 3, 2, 20  # GOAL: microseconds a run, ours in batches, start-up not counted
PYTHON = SOURCE / ".venv-dispatch" / "bin" / "python"
PEERS = SOURCE / "tests" / "benchmarks" / "dispatch_peers.py"
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(1 + WORKERS)]

Times = collections.namedtuple("Times", "dispatch whole processor load")  # seconds, and the load average before
Way = collections.namedtuple("Way", "name runs durable starts measure")


class NotHere(Exception):
    """Why something cannot be measured on this machine."""


class Clock:
    """Wall seconds, and the processor seconds of all processes that ended below this one."""

    def __init__(self):
        self.load = os.getloadavg()[0]
        self.processor, self.begin = self.used(), time.monotonic()

    @staticmethod
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def times(self, dispatch, processor_known=True):
        whole = time.monotonic() - self.begin
        return Times(dispatch, whole, self.used() - self.processor if processor_known else None, self.load)


def ours(runs, wishes=None):
    """`wishes`: of the stub trainer; None: no trainer. Dispatch is from the first attempt's beginning to the last one's end, as recorded."""
    place = harness.Workplace()
    place.setUp()
    try:
        place.stub = wishes is not None
        os.environ["STDUALX_TRAINER"] = "none"  # unless `stub` says otherwise
        place.wishes.update(wishes or {})
        sweep = place.sweep(variants=["stdual_x"], folds=[0], seeds=list(range(1, runs + 1)), fixed={"training": {"epochs": 1}})
        clock = Clock()
        place.run_sweep(sweep, "--workers", WORKERS, "--quiet", seconds=1200)
        times = clock.times(0)
        assert place.statuses() == {"COMPLETE": runs}, place.statuses()
        (attempts, milliseconds), = place.ask("SELECT count(*), max(ended_ms) - min(started_ms) FROM attempts")
        assert attempts == runs, attempts
        return times._replace(dispatch=milliseconds / 1000)
    finally:
        place.doCleanups()


def peer(name, runs, before=(), after=(), environment=None, processor_known=True):
    """A function of dispatch_peers.py in a process of its own, started by the words `before`, with `after` before its file."""
    if not PYTHON.exists():
        raise NotHere(f"{PYTHON.relative_to(SOURCE)} is not there: `make bench-dispatch` makes it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx-dispatch-"))
    try:
        clock = Clock()
        done = subprocess.run([*before, PYTHON, *after, PEERS, name, str(runs), folder], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        return clock.times(float(done.stdout.split()[-1]), processor_known)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mpi4py(name):
    return lambda runs: peer(name, runs, MPIRUN, ["-m", "mpi4py.futures"])


def srun(runs):
    """Slurm's daemons do most of the work and live on: processor time is not known."""
    return peer("srun", runs, ["salloc", "--quiet", "--nodes=1", f"--ntasks={WORKERS}"], environment=lab.environment(), processor_known=False)


@contextlib.contextmanager
def a_lab():
    """A Slurm for as long as the measurements take. Yields why there is none, or ""."""
    if lab.LAB.exists():
        yield f"{lab.LAB} is there, so somebody uses the lab or has left it (`make lab-down`)"
        return
    try:
        with contextlib.redirect_stdout(sys.stderr):
            lab.up()
    except lab.LabError as error:
        yield str(error)
        return
    try:
        yield ""
    finally:
        lab.down()


SRUN = Way("srun step in an allocation", 100, "no", "srun, slurmstepd, true", srun)
WITHOUT_PROCESS = [
    *(Way("stdualx, no trainer", runs, "yes", "nothing", ours) for runs in (1000, 10000, 50000)),
    Way("mpi4py.futures", 10000, "no", "nothing", mpi4py("mpi4py")),
    Way("mpi4py.futures, results to SQLite", 10000, "yes", "nothing", mpi4py("mpi4py_durable")),
    Way("mpi4py.futures, 256 runs a message", 50000, "no", "nothing", mpi4py("mpi4py_chunks")),
]
WITH_PROCESS = [
    Way("stdualx, stub trainer, kept", 4000, "yes", "nothing (its process is used again)", lambda runs: ours(runs, {"epoch_ms": 0})),
    Way("stdualx, stub trainer", 4000, "yes", "/bin/true", lambda runs: ours(runs, {"epoch_ms": 0, "spawn": "/bin/true"})),
    Way("HyperQueue (Python package)", 4000, "no", "/bin/true", lambda runs: peer("hyperqueue", runs)),
    Way("submitit, local executor", 40, "no", "two Python processes", lambda runs: peer("submitit", runs)),
    SRUN,
]


def commit_milliseconds(folder):
    """Median of a durable commit of one row."""
    store = sqlite3.connect(pathlib.Path(folder) / "commit.db", isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    store.execute("CREATE TABLE t (a)")
    seconds = []
    for number in range(200):
        begin = time.monotonic()
        store.execute("INSERT INTO t VALUES (?)", (number,))
        seconds.append(time.monotonic() - begin)
    store.close()
    return 1000 * statistics.median(seconds)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), platform.machine())
    with tempfile.TemporaryDirectory(prefix="stdualx-dispatch-") as folder:
        kind, source = subprocess.run(["df", "--output=fstype,source", folder], check=True, capture_output=True, text=True).stdout.split("\n")[1].split()
        commit = commit_milliseconds(folder)
    rotates = pathlib.Path("/sys/class/block") / pathlib.Path(source).name / "queue" / "rotational"
    disk = {"0": ", does not rotate", "1": ", rotates"}.get(rotates.read_text().strip(), "") if rotates.exists() else ""
    return f"{os.cpu_count()} cores ({model}), {kind} on {source}{disk}, a durable commit of one row {commit:.2f} ms"


def commit_of_source():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=SOURCE, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def row(way, measured):
    """Medians, each by itself."""
    dispatch, whole = (statistics.median(getattr(one, name) for one in measured) for name in ("dispatch", "whole"))
    processor = "-" if measured[0].processor is None else f"{1e6 * statistics.median(one.processor for one in measured) / way.runs:.1f}"
    spread = f"{1e6 * min(one.dispatch for one in measured) / way.runs:.1f} to {1e6 * max(one.dispatch for one in measured) / way.runs:.1f}"
    loads = f"{min(one.load for one in measured):.1f} to {max(one.load for one in measured):.1f}"
    return (way.name, str(way.runs), f"{way.runs / dispatch:.0f}", f"{1e6 * dispatch / way.runs:.1f}", spread, f"{way.runs / whole:.0f}",
            f"{1e6 * whole / way.runs:.1f}", processor, loads, way.durable, way.starts)


HEAD = ("", "runs", "runs/s", "us/run", "(range)", "runs/s*", "us/run*", "cpu us/run*", "load before", "durable", "a run starts")


def show(title, ways, measured, reasons):
    rows = [HEAD, *(row(way, measured[way]) for way in ways if way in measured)]
    widths = [max(len(one[column]) for one in rows) for column in range(len(HEAD))]
    for way, of in measured.items():
        if way in ways:
            bench_rows.add(f"dispatch, {way.name}, {way.runs} runs", [1e6 * one.dispatch / way.runs for one in of], "us")
    print(f"\n{title}")
    for one in rows:
        print("  ".join(cell.ljust(width) if column in (0, 9, 10) else cell.rjust(width) for column, (cell, width) in enumerate(zip(one, widths))).rstrip())
    for way in ways:
        if way in reasons:
            print(f"{way.name}: not run: {reasons[way]}")


def main():
    print(f"# tests/benchmarks/dispatch.py, {datetime.date.today()}, commit {commit_of_source()}, median of {ROUNDS} by turns, {WORKERS} workers")
    print(f"# {machine()}", flush=True)
    measured, reasons = collections.defaultdict(list), {}
    with a_lab() as why_not:
        if why_not:
            reasons[SRUN] = why_not
        for _ in range(ROUNDS):
            for way in WITHOUT_PROCESS + WITH_PROCESS:
                if way in reasons:
                    continue
                try:
                    measured[way].append(way.measure(way.runs))
                except NotHere as reason:
                    reasons[way] = reason
    show("Without a process a run: an empty message", WITHOUT_PROCESS, measured, reasons)
    batches = [way for way in WITHOUT_PROCESS if way.measure is ours]
    figures = {way.runs: 1e6 * statistics.median(one.dispatch for one in measured[way]) / way.runs for way in batches}
    print(f"at most {GOAL} us a run, ours in batches: {'met' if max(figures.values()) <= GOAL else 'not met'} ("
          + ", ".join(f"{figure:.1f} us of {runs} runs" for runs, figure in figures.items()) + ")")
    show("With a process a run", WITH_PROCESS, measured, reasons)
    print("\n* with start-up: from the start of the command to its end; ours also plans the sweep and registers its runs."
          "\nThe other columns: ours from the first attempt's beginning to the last one's end in the store, others' from the first submission to the"
          "\nlast result. Durable: after its COMPLETE, or the result's arrival, a run's result outlives a loss of power. HyperQueue's journal is a"
          "\nmatter of its own program, which is not on PyPI: here it keeps nothing. submitit leaves a file a run, not synchronised. The lab's"
          "\nSlurm has no accounting, and its daemons' processor time is not counted.")


if __name__ == "__main__":
    main()
