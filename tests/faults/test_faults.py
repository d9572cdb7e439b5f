"""Every fault point once in a real job, with SIGKILL: real mpirun, real SQLite, stub trainers or real ones. What follows is what a
person does: `run` again. The store is then that of an undisturbed sweep, and nothing of ours is left on the machine.

Repeat one by hand: STDUALX_FAULT=POINT:NTH:kill STDUALX_FAULT_ONCE=FILE stdualx run SPEC
"""
import argparse
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from harness import PROGRAM, Workplace, read_stat, wait_until  # noqa: E402

# Which time the point is reached: late enough that there is something to lose. 1 where nothing stands here.
MOMENTS = {
    "store_before_write": 25, "store_before_commit": 8, "store_after_commit": 8, "store_file_write": 40, "store_file_sync": 12,
    "coordinator_received": 25, "coordinator_before_send": 12, "coordinator_after_send": 12,
    "agent_received": 4, "agent_before_send": 10, "agent_collective": 3,
    "trainer_received": 5, "trainer_before_send": 5, "trainer_after_send": 5, "trainer_step": 9, "trainer_collective": 6,
    "file_write": 3, "file_before_sync": 3, "file_before_rename": 3, "file_after_rename": 3, "file_after_folder_sync": 3,
    "checkpoint_before_remove": 2,
}
OF_TRAINERS = ("trainer_", "file_", "checkpoint_", "cache_")


def all_points():
    """As the program itself lists them."""
    said = subprocess.run([str(PROGRAM), "run", "no-such-file.json"], env=dict(os.environ, STDUALX_FAULT="none"), capture_output=True, text=True)
    return re.search(r"Points: ([a-z_, ]+)\.", said.stderr).group(1).split(", ")


def random_seed():
    """STDUALX_SEED, or another one each time; whoever draws with it prints it."""
    return int(os.environ.get("STDUALX_SEED", time.time_ns() % 1_000_000))


def run_by_hand(doc, count, usual, tests):
    """main() of a script of this folder: `tests` are methods by the option that asks for them ("": none), which read `count` in STDUALX_...
    and the seed. Returns the exit status."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{count}", type=int, default=usual, help="how often, in all")
    parser.add_argument("--seed", type=int, default=random_seed())
    for option in tests:
        if option:
            parser.add_argument(f"--{option}", action="store_true", help=tests[option].__doc__)
    given = vars(parser.parse_args())
    os.environ.update({f"STDUALX_{count.upper()}": str(given[count]), "STDUALX_SEED": str(given["seed"])})
    case = next((tests[option] for option in tests if option and given[option]), tests[""])
    names = unittest.defaultTestLoader.getTestCaseNames(case)
    return 0 if unittest.TextTestRunner(verbosity=1).run(unittest.TestSuite(map(case, names))).wasSuccessful() else 1


class MpiJobs:
    """The MPI jobs of one test, so that what others on this machine run is not taken for what ours left. Read as long as it lives, since a
    job's folder with its numbers is gone when the job has ended well."""

    def __init__(self, folder):
        self.folder, self.processes, self.numbers, self.over = folder, set(), set(), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def look(self):
        for place in self.folder.glob("*.d/job-*"):
            with contextlib.suppress(OSError, ValueError):  # just removed, or not written yet
                self.processes.add(int((place / "mpirun.pid").read_text(encoding="utf-8")))
            with contextlib.suppress(OSError):
                self.numbers |= {int(name.removeprefix("mpi-job-")) for name in os.listdir(place) if name.startswith("mpi-job-")}

    def watch(self):
        while not self.over.wait(0.02):
            self.look()

    def end(self):
        self.over.set()
        self.thread.join()

    def leftovers(self):
        """Segments vader_segment.HOST.UID.JOB.RANK and folders ompi.HOST.UID/pid.PROCESS (Open MPI 4) of these jobs."""
        self.look()
        segments = {path for path in pathlib.Path("/dev/shm").glob("vader_segment.*") if int(path.name.split(".")[-2], 16) in self.numbers}
        return segments | {path for path in pathlib.Path(tempfile.gettempdir()).glob("ompi.*/pid.*") if int(path.suffix[1:]) in self.processes}


class FaultInRealJob(Workplace):
    def setUp(self):
        super().setUp()
        self.undisturbed = self.folder / "undisturbed.db"
        self.fault = {}
        self.mpi_jobs = MpiJobs(self.folder)
        self.addCleanup(self.mpi_jobs.end)

    def environment(self):
        return dict(super().environment(), **self.fault)

    def processes(self):
        """Living ones of this test, known by the folder in their environment."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                environment = pathlib.Path(f"/proc/{entry}/environ").read_bytes()
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
            if str(self.folder).encode() in environment and (read_stat(entry) or ("Z",))[0] != "Z":
                found.append(int(entry))
        return found

    def same_as_undisturbed(self, store):
        for what in (self.epochs, self.evaluations, self.predictions):
            self.assertEqual(what(store), what(self.undisturbed))
        self.assertEqual(self.ask("SELECT run_id, status FROM runs ORDER BY 1", store=store), self.ask("SELECT run_id, status FROM runs ORDER BY 1", store=self.undisturbed))
        self.assertEqual(self.ask("SELECT * FROM attempts WHERE ended_ms IS NULL", store=store), [])
        self.assertEqual(self.ask("SELECT text FROM events WHERE kind IN ('hash_mismatch', 'evaluation_differs')", store=store), [])
        self.assert_whole(store)

    def nothing_left_of_mpi(self):
        self.assertTrue(self.mpi_jobs.processes and self.mpi_jobs.numbers, "no MPI job was seen: nothing was looked for")
        wait_until(lambda: not self.mpi_jobs.leftovers(), 10, "shared memory and folders of Open MPI to be removed")

    def kill_at(self, point, spec, *arguments):
        store, mark = self.folder / f"{point}.db", self.folder / f"{point}.mark"
        self.fault = {"STDUALX_FAULT": f"{point}:{MOMENTS.get(point, 1)}:kill", "STDUALX_FAULT_ONCE": str(mark)}
        drains = point.endswith("_drains")
        for start in range(5):
            process = self.start("run", spec, *arguments, store=store)
            if drains and start == 0:
                self.wait_for_epochs(1, store=store)
                os.kill(process.pid, signal.SIGINT)
            text, _ = process.communicate(timeout=120)
            self.assertIn(process.returncode, (0, 75, -signal.SIGKILL), text)
            if process.returncode == -signal.SIGKILL:
                wait_until(lambda: not self.processes(), 10, "the job's processes to end")
            if process.returncode == 0:
                break
        self.assertEqual(process.returncode, 0, text)
        self.assertTrue(mark.exists(), "the point was never reached: nothing was disturbed")
        self.same_as_undisturbed(store)
        wait_until(lambda: not self.processes(), 10, "the job's processes to end")
        self.nothing_left_of_mpi()
        for path in (store, store.with_name(store.name + "-wal")):
            path.unlink(missing_ok=True)


class EveryPoint(FaultInRealJob):
    def test_of_coordinator_store_launcher_and_agents(self):
        spec = self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2, "folds": [0]}])
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        for point in all_points():
            if not point.startswith(OF_TRAINERS):
                with self.subTest(point):
                    self.kill_at(point, spec, "--workers", 2)


class EveryTrainerPoint(FaultInRealJob):
    stub = False

    def test_of_trainers_and_their_files(self):
        spec = self.sweep(variants=[{"name": "two", "ranks": 2, "folds": [0]}, {"name": "stdual_x", "folds": [1]}])
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        for point in all_points():
            if point.startswith(OF_TRAINERS):
                with self.subTest(point):
                    if point.startswith("cache_"):
                        for path in (self.folder / "cache").glob("*.windows"):
                            path.unlink()
                    self.kill_at(point, spec, "--workers", 2)


if __name__ == "__main__":
    unittest.main()
