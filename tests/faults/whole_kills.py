"""A job killed whole (launcher, mpirun, ranks, trainers at once, as the end of an allocation or a power cut does) at a point of the store or
of its coordinator, with both journals: every command must then do its work, those that may not write change no byte and show what SQLite's
own recovery finds, and after each that may write the sweep ends as an undisturbed one.

  python3 tests/faults/whole_kills.py --moments 40              (STDUALX_BUILD names the build folder; all commands at every moment)

The coordinator is stopped inside the point (STDUALX_FAULT=POINT:NTH:hang), and then all is killed: so what lies there is the same each time.
"""
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob, random_seed, run_by_hand  # noqa: E402
from harness import SAYS_NFS, descendants, read_stat, wait_until  # noqa: E402

# Always: a commit with a rollback journal; the same while the store is being made, on a local disk; a WAL.
FIXED = [("nfs", "store_file_sync", 20), ("local", "store_file_sync", 5), ("local", "store_file_write", 60)]
POINTS = {"store_file_sync": 60, "store_file_write": 200, "store_before_write": 40, "store_before_commit": 12, "store_after_commit": 12,
          "coordinator_before_claim": 1, "coordinator_after_claim": 1, "coordinator_before_send": 12, "coordinator_after_send": 12}
RUNS = 2  # of the sweep
CUT = "died inside a commit"


class WholeKills(FaultInRealJob):
    every_writer = False

    def setUp(self):
        super().setUp()
        self.disk = "local"
        programs = self.folder / "programs"
        programs.mkdir()
        (programs / "sbatch").write_text("#!/bin/sh\necho 7\n", encoding="utf-8")
        (programs / "sbatch").chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()

    def environment(self):
        environment = dict(super().environment(), PATH=self.path, XDG_CONFIG_HOME=str(self.folder), TMPDIR=str(self.temporary))
        if self.disk == "nfs":
            environment |= SAYS_NFS
        return environment

    def killed_at(self, point, nth, store):
        """False: the job ended before it came to the point that often."""
        self.fault = {"STDUALX_FAULT": f"{point}:{nth}:hang"}
        process = self.start("run", self.spec, "--workers", 1, "-q", store=store)
        self.fault = {}

        def stopped():
            return process.poll() is not None or any((read_stat(pid) or ("",))[0] == "T" for pid in descendants(process.pid))

        wait_until(stopped, 60, f"the job to stop at {point}")
        job = [process.pid, *descendants(process.pid)]
        ended = process.poll() is not None
        for pid in job:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        self.assert_nothing_lives(job[1:])
        return not ended

    def files(self, store):
        """With their bytes. SQLite may make a -shm, and an empty -wal, for who reads a store that is in WAL mode."""
        files = {path.name: path.read_bytes() for path in store.parent.glob(store.name + "*") if path.is_file() and not path.name.endswith("-shm")}
        return {name: content for name, content in files.items() if content or not name.endswith("-wal")}

    def copy(self, store, name):
        """The store with all that lies beside it, elsewhere."""
        folder = self.folder / name
        shutil.rmtree(folder, True)
        folder.mkdir()
        for path in store.parent.glob(store.name + "*"):
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, folder / path.name)
        return folder / store.name

    def recovered(self, store):
        """What SQLite itself finds recorded: epochs and COMPLETE runs. None: not even a schema."""
        path = self.copy(store, "recovered")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            if connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'v_runs'").fetchone()[0] == 0:
                return None
            return connection.execute("SELECT (SELECT count(*) FROM epochs), (SELECT count(*) FROM runs WHERE status = 'COMPLETE')").fetchone()

    def readers(self, store, cut):
        """Commands that may not write: none changes a byte, each says what is recorded."""
        before, recorded = self.files(store), self.recovered(store)
        none_yet = recorded is None
        shown = {}
        for words, status in ((("plan", self.spec), 0), (("submit", self.spec, "--workers-per-node", 1, "--dry-run"), 0),
                              (("status",), 2 if none_yet else 0), (("runs",), 2 if none_yet else 0), (("report",), 2 if none_yet else 0),
                              (("query", "SELECT (SELECT count(*) FROM epochs) AS e, (SELECT count(*) FROM runs WHERE status = 'COMPLETE') AS c", "--format", "csv"), 2 if none_yet else 0),
                              (("watch",), 2 if none_yet else 0 if recorded[1] == RUNS else 75), (("cancel",), 0), (("retry", "--failed"), 2 if none_yet else 0),
                              (("db", "check"), 2 if none_yet else 0 if cut else None), (("db", "backup", self.folder / "backup.db"), 0),
                              (("submit", self.spec, "--workers-per-node", 1), 0)):
            with self.subTest(" ".join(map(str, words[:2]))):
                process = self.start(*words, store=store)
                text, _ = process.communicate(timeout=60)
                self.assertIn(process.returncode, (0, 3) if status is None else (status,), text)
                shown[" ".join(map(str, words[:2]))] = text
                self.assertEqual(self.files(store), before, "a reading command changed the store")
        self.assertEqual(list(self.temporary.glob("stdualx-read-*")), [])
        if none_yet:
            self.assertIn("this file is empty", shown["status"])
            return
        asked = next(text for words, text in shown.items() if words.startswith("query"))
        self.assertEqual(asked.split()[-1], "{},{}".format(*recorded), asked)
        check = shown["db check"]
        self.assertNotIn("sets the file aside", check)
        if cut:
            for command in ("status", "watch", "runs", "report", "db check"):
                self.assertIn(CUT, shown[command])
            self.assertNotIn("db rebuild", check)
        with contextlib.closing(sqlite3.connect(self.folder / "backup.db")) as copy:
            self.assertEqual(copy.execute("SELECT count(*) FROM epochs").fetchone()[0], recorded[0])

    def goes_on(self, store):
        """`run` again, as a person does, and the sweep is that of an undisturbed job."""
        self.run_sweep(self.spec, "--workers", 1, store=store)
        self.same_as_undisturbed(store)
        self.finish(self.start("db", "check", store=store))
        self.assertEqual(list(store.parent.glob(store.name + "-journal")), [], "a journal is left")

    def by_run(self, store):
        self.goes_on(store)

    def by_rebuild(self, store):
        recorded = self.recovered(store)
        text = self.finish(self.start("db", "rebuild", store=store))
        self.assertNotIn("set aside", text)
        if recorded:
            self.assertGreaterEqual(self.ask("SELECT count(*) FROM runs WHERE status = 'COMPLETE'", store=store)[0][0], recorded[1])
        self.goes_on(store)

    def by_merge_into_it(self, store):
        self.finish(self.start("db", "merge", self.undisturbed, store=store))
        self.goes_on(store)

    def by_merge_of_it(self, store):
        if self.recovered(store) is None:
            self.assertIn("this file is empty", self.finish(self.start("db", "merge", store, store=self.folder / "none.db"), 2))
            return
        before, merged = self.files(store), store.with_name("merged.db")
        self.finish(self.start("db", "merge", store, store=merged))
        if store.with_name(store.name + "-journal").exists():
            self.assertEqual(self.files(store), before, "the other store is not ours to roll back")
        self.goes_on(merged)

    def killed_whole(self, moments, chance):
        self.spec = self.sweep(variants=["stdual_x"], folds=list(range(RUNS)), fixed={"training": {"epochs": 6, "batch_size": 32}})
        self.run_sweep(self.spec, "--workers", 1, store=self.undisturbed)
        writers = [self.by_run, self.by_rebuild, self.by_merge_into_it, self.by_merge_of_it]
        cuts = 0
        for number, (disk, point, nth) in enumerate(moments):
            self.disk = disk
            store = self.folder / f"killed{number}" / "results.db"
            store.parent.mkdir()
            # Which commit has which number depends on what happened to share one: of four in a row one is cut.
            more_tries = 4 if point == "store_file_sync" and (disk == "nfs" or number < len(FIXED)) else 0
            while True:
                killed = self.killed_at(point, nth, store)
                journal = store.with_name("results.db-journal")
                cut = journal.exists() and journal.read_bytes()[:1] not in (b"", b"\0") and store.stat().st_size > 0
                if killed and (cut or more_tries == 0):
                    break
                more_tries -= killed
                nth = nth + 1 if killed else max(1, nth // 2)  # late in another sweep, too late in this one
                shutil.rmtree(store.parent)
                store.parent.mkdir()
            with self.subTest(disk=disk, fault=f"{point}:{nth}"):
                cuts += cut
                if store.exists():
                    self.readers(store, cut)
                for writer in writers if self.every_writer or number == 0 else [self.by_run, chance.choice(writers[1:])]:
                    if store.exists() or writer == self.by_run:
                        with self.subTest(writer.__name__):
                            writer(self.copy(store, "again"))
            shutil.rmtree(store.parent)
        return cuts

    def test_at_a_few_moments(self):
        seed, count = random_seed(), int(os.environ.get("STDUALX_MOMENTS", 0))
        chance = random.Random(seed)
        self.every_writer = count > 0
        drawn = []
        for number in range(max(0, count - len(FIXED))):
            if number % 2 == 0:  # most of these leave a journal that is to be rolled back
                drawn.append(("nfs", "store_file_sync", chance.randint(1, POINTS["store_file_sync"])))
                continue
            point = list(POINTS)[number // 2 % len(POINTS)]
            drawn.append((chance.choice(("nfs", "local")), point, chance.randint(1, POINTS[point])))
        cuts = self.killed_whole(FIXED + drawn, chance)
        print(f"STDUALX_SEED={seed}: {len(FIXED + drawn)} moments, {cuts} of them inside a commit that had to be rolled back", flush=True)
        self.assertGreaterEqual(cuts, 2)


if __name__ == "__main__":
    sys.exit(run_by_hand(__doc__, "moments", 40, {"": WholeKills}))
