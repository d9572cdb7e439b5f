"""What the end-to-end tests share: tiny recordings, sweeps on them, `stdualx` as a child process, and a look into the store.

STDUALX_BUILD names the build folder. Only Python's standard library is needed.
"""
import atexit
import contextlib
import gc
import json
import math
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STDUALX_BUILD", SOURCE / "build"))
PROGRAM = BUILD / "bin" / "stdualx"
STUB = BUILD / "tests" / "stub_trainer"
# What the shell, the allocation or the job that started the tests says to `stdualx` is not said to theirs. How Open MPI finds its way here is (OMPI_MCA_...).
FOREIGN = ("SLURM_", "SBATCH_", "SRUN_", "PMI_", "PMIX_", "OMPI_COMM_", "CUDA_VISIBLE_", "STDUALX_TRAINER", "STDUALX_CACHE", "STDUALX_FAULT", "STDUALX_ISA", "STDUALX_KERNELS", "STDUALX_GRAPHS",
           "STDUALX_DEVICES", "STDUALX_STUB", "STDUALX_SUBMISSION", "STDUALX_ALL_REDUCE")
for foreign in [name for name in os.environ if name.startswith(FOREIGN)]:
    del os.environ[foreign]
# What is ignored when the tests are started (nohup, a script's background) `stdualx` would ignore, too. A handler of Python's is gone in a child.
for heard in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGTSTP):
    if signal.getsignal(heard) == signal.SIG_IGN:
        signal.signal(heard, lambda *_: None)
MANIFEST = {
    "name": "tiny",
    "rate": 50,
    "files": ["tiny.csv"],
    "sensors": [
        {"name": "wrist", "columns": ["ax", "ay", "az"], "kinds": ["accelerometer"]},
        {"name": "ankle", "columns": ["gx", "gy", "gz"], "kinds": ["gyroscope"]},
    ],
    "person_column": "person",
    "recording_column": "recording",
    "label_column": "label",
    "classes": ["slow", "fast"],
    "windows": {"steps": 32, "stride": 16, "label_threshold": 0.5},
}


def write_recordings(folder, people=6, rows=240):
    """Two activities that differ in how fast the limbs swing; the same numbers every time."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = random.Random(7)
    with open(folder / "tiny.csv", "w", encoding="utf-8") as file:
        file.write("person,recording,label,ax,ay,az,gx,gy,gz\n")
        for person in range(1, people + 1):
            for label, speed in (("slow", 0.15), ("fast", 0.45)):
                for row in range(rows):
                    phase = row * speed * (1 + 0.05 * person)
                    values = [math.sin(phase + axis) + noise.gauss(0, 0.3) for axis in range(6)]
                    file.write(f"{person},{label}{person},{label}," + ",".join(f"{value:.5f}" for value in values) + "\n")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")


def read_stat(pid):
    """(state, parent) of a process, or None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    after_name = text.rsplit(")", 1)[1].split()
    return after_name[0], int(after_name[1])


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    """Living processes below `pid`, nearest first."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = read_stat(entry)
            if stat and stat[0] != "Z":
                children.setdefault(stat[1], []).append(int(entry))
    found, front = [], [pid]
    while front:
        front = [child for parent in front for child in children.get(parent, [])]
        found += front
    return found


def trainers(pid):
    return [child for child in descendants(pid) if "trainer" in pathlib.Path((command_line(child) or [""])[0]).name]


def kill_tree(process):
    """SIGKILL to a program that was started and to all below it."""
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ranks(pid):
    """The MPI processes: rank 0 (the coordinator) first."""
    return [child for child in descendants(pid) if command_line(child)[1:2] == ["rank"]]


def unshared(*namespaces):
    """How a command in namespaces of its own begins; who is not root is so there alone. Skips the test where that is not permitted."""
    words = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), *namespaces]
    tried = subprocess.run([*words, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise unittest.SkipTest(f"needs namespaces: {tried.stderr.strip()}")
    return words


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s in vain for: {what}")


def preloaded(library):
    """The environment that loads a library before all others. The loader parts LD_PRELOAD at blanks and colons: a path with one is linked to."""
    path = pathlib.Path(library)
    if set(" :") & set(str(path)):
        folder = tempfile.mkdtemp(prefix="stdualx-preload-", dir="/tmp")
        atexit.register(shutil.rmtree, folder, True)
        path = pathlib.Path(folder, path.name)
        path.symlink_to(library)
    return {"LD_PRELOAD": str(path)}


SAYS_NFS = preloaded(BUILD / "tests" / "libsays_nfs.so")  # every file system says that it is NFS (says_nfs.cpp)


class Workplace(unittest.TestCase):
    """A test with a folder of its own: recordings, a sweep file, a store."""

    stub = True

    def setUp(self):
        # Python says of an open file or a process that nobody waited for only when it is forgotten, where nothing can be raised.
        self.unraised, before = [], sys.unraisablehook
        sys.unraisablehook = lambda unraised: self.unraised.append(repr(unraised.exc_value))
        self.addCleanup(self.nothing_was_unraised, before)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx-end-to-end-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        write_recordings(self.folder / "tiny")
        self.store = self.folder / "results.db"
        self.wishes = {"marks": str(self.folder)}
        self.started = []

    def nothing_was_unraised(self, hook):
        gc.collect()
        sys.unraisablehook = hook
        self.assertEqual(self.unraised, [])

    def sweep(self, file="sweep.json", **changes):
        """Writes a sweep file; keys set to None are left out."""
        text = {
            "name": "tiny",
            "dataset": str(self.folder / "tiny" / "manifest.json"),
            "fixed": {"training": {"epochs": 4, "batch_size": 32}},
            "variants": ["stdual_x", "without_csa"],
            "protocols": [{"kind": "leave_persons_out", "folds": 3, "split_seed": 1, "validation_share": 0.3}],
        }
        text.update(changes)
        path = self.folder / file
        path.write_text(json.dumps({key: value for key, value in text.items() if value is not None}, indent=1), encoding="utf-8")
        return path

    def environment(self):
        environment = dict(os.environ, STDUALX_STUB=json.dumps(self.wishes), STDUALX_CACHE=str(self.folder / "cache"),
                           XDG_CONFIG_HOME=str(self.folder / "no-profiles"))
        if self.stub:
            environment["STDUALX_TRAINER"] = str(STUB)
        return environment

    def command(self, *arguments, store=None):
        """The command line of `stdualx`; the store is named to every command that has one."""
        return [str(PROGRAM), *map(str, arguments), *([] if arguments[0] in ("--help", "data", "reference", "completion") else ["--store", str(store or self.store)])]

    def start(self, *arguments, store=None):
        # A group of its own: a test's Ctrl-C goes to it as a terminal's would.
        process = subprocess.Popen(self.command(*arguments, store=store), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end, process)
        self.started.append(process)
        return process

    def where_they_are(self):
        """What the programs that were started do and have said: for a test that waits in vain. Ends them."""
        said = []
        for process in self.started:
            if process.poll() is None:
                for pid in [process.pid, *descendants(process.pid)]:
                    with contextlib.suppress(OSError):
                        waits = pathlib.Path(f"/proc/{pid}/wchan").read_text(encoding="utf-8")
                        said.append(f"{pid} {' '.join(command_line(pid)[:3])}: waits in {waits}")
                kill_tree(process)
            if not process.stdout.closed:
                with contextlib.suppress(ValueError, subprocess.TimeoutExpired):
                    said.append(f"{process.args} ended with {process.wait(10)} and said:\n{process.communicate(timeout=10)[0]}")
        return "\n".join(said)

    def end(self, process):
        kill_tree(process)
        process.stdout.close()
        process.wait()

    def finish(self, process, status=0, seconds=120):
        text, _ = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, status, text)
        return text

    def run_sweep(self, *arguments, status=0, store=None, seconds=120):
        return self.finish(self.start("run", *arguments, store=store), status, seconds)

    def ask(self, sql, *values, store=None):
        """Rows of the store; read-only, so that it never hides a fault of the program."""
        with contextlib.closing(sqlite3.connect(pathlib.Path(store or self.store).as_uri() + "?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def wait_for_epochs(self, count, store=None, seconds=60):
        """Until the store holds that many epochs."""

        def enough():
            try:
                return self.ask("SELECT count(*) FROM epochs", store=store)[0][0] >= count
            except sqlite3.OperationalError:  # not there yet, or its schema is not
                return False

        try:
            wait_until(enough, seconds, f"{count} epochs in the store")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.where_they_are()}") from None

    def statuses(self):
        return dict(self.ask("SELECT status, count(*) FROM runs GROUP BY status"))

    def epochs(self, store=None):
        """What must be equal however a sweep was disturbed: run, epoch, hashes, losses."""
        return self.ask("SELECT run_id, epoch, state_hash_before, state_hash_after, train_loss, validation_loss, validation_accuracy,"
                        " learning_rate FROM epochs ORDER BY run_id, epoch", store=store)

    def evaluations(self, store=None):
        return self.ask("SELECT run_id, condition, part, metric, value FROM evaluations ORDER BY 1, 2, 3, 4", store=store)

    def predictions(self, store=None):
        return self.ask("SELECT * FROM v_predictions ORDER BY 1, 2, 3, 4", store=store)

    def assert_whole(self, store=None):
        self.assertEqual(self.ask("PRAGMA integrity_check", store=store), [("ok",)])
        self.assertEqual(self.ask("PRAGMA foreign_key_check", store=store), [])

    def kill_job(self, process):
        """SIGKILL to the launcher alone; returns when all below it have followed."""
        below = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.assert_nothing_lives(below)

    def assert_nothing_lives(self, process_ids, seconds=5):
        """None of these processes is left."""
        wait_until(lambda: not [pid for pid in process_ids if (read_stat(pid) or ("Z",))[0] != "Z"], seconds, "the job's processes to end")
