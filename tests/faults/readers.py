"""Readers of a store with a rollback journal (as on every network file system) while a sweep writes it. A read that is held open keeps each
commit waiting: it may never end a job, cost a run or change a bit. Readers hold at random moments of a sweep, for a lease and longer; then
there are three that open, read and close all the time; then one of our own that lasts.

  python3 tests/faults/readers.py --holds 20              (a hold of 90 s each; STDUALX_HOLD_SECONDS says otherwise)
"""
import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob, random_seed, run_by_hand  # noqa: E402
from harness import SAYS_NFS, descendants, ranks, wait_until  # noqa: E402

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
print("held", flush=True)
sys.stdin.read()
"""
READS_ALL_THE_TIME = """
import random, sqlite3, sys, time
while True:
    connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM epochs").fetchone()
    time.sleep(random.uniform(0, 0.1))
    connection.close()
"""


class Readers(FaultInRealJob):
    def environment(self):
        return super().environment() | SAYS_NFS

    @contextlib.contextmanager
    def held(self, store=None):
        """A read of another process, held open."""
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(store or self.store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(holder.stdout.readline(), "held\n")
            yield holder
        finally:
            holder.stdin.close()
            holder.wait()
            holder.stdout.close()

    def kept(self, epochs):
        spec = self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2, "folds": [0]}], fixed={"training": {"epochs": epochs, "batch_size": 32}})
        self.wishes["epoch_ms"] = 2
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        self.assertEqual(self.ask("PRAGMA journal_mode", store=self.undisturbed), [("delete",)])
        return spec

    def ended_undisturbed(self, process):
        text = self.finish(process)
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts"), [("complete",)])
        self.assertEqual(self.ask("SELECT count(*), count(released_ms) FROM coordinators")[0], (1, 1))
        return text

    def test_one_that_holds_at_random_moments_ends_no_job(self):
        seed = random_seed()
        chance = random.Random(seed)
        holds = int(os.environ.get("STDUALX_HOLDS", 2))
        usual = "STDUALX_HOLDS" not in os.environ
        # The first one for longer than a lock was ever waited for (20 s); a lease is shorter than a hold, and nobody may expire for it.
        seconds = [23, 8] if usual else [float(os.environ.get("STDUALX_HOLD_SECONDS", 90))] * holds
        lease = min(seconds) / 2  # half of this, and the reader is named
        spec = self.kept(epochs=40)
        self.wishes["epoch_ms"] = 100
        before = time.monotonic()
        for i, duration in enumerate(seconds):
            self.store = self.folder / f"held{i}.db"
            process = self.start("run", spec, "--workers", 2, "--lease-seconds", lease)
            wait_until(self.store.exists, 30, "the store")
            time.sleep(chance.uniform(0, 3))
            with self.held() as holder:
                time.sleep(duration)
                self.assertIsNone(process.poll(), "the reader ended the job")
            text = self.ended_undisturbed(process)
            self.assertIn(f"process {holder.pid} (", text)
            self.assertIn("keeps the store locked", text)
            self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'held_up'"), [(1,)])
        print(f"STDUALX_SEED={seed}: {len(seconds)} holds of {seconds} s in {time.monotonic() - before:.0f} s", flush=True)

    def test_three_that_open_and_close_all_the_time_starve_nobody(self):
        spec = self.kept(epochs=6)
        process = self.start("run", spec, "--workers", 2)
        self.wait_for_epochs(1)
        readers = [subprocess.Popen([sys.executable, "-c", READS_ALL_THE_TIME, str(self.store)]) for _ in range(3)]
        try:
            self.ended_undisturbed(process)
            self.assertEqual([reader.poll() for reader in readers], [None] * 3)
        finally:
            for reader in readers:
                reader.kill()
                reader.wait()

    def test_a_question_of_ours_that_lasts_keeps_nobody_waiting(self):
        spec = self.kept(epochs=60)
        self.wishes["epoch_ms"] = 100
        process = self.start("run", spec, "--workers", 2)
        self.wait_for_epochs(5)
        question = self.start("query", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) "
                                       "SELECT max(i) + (SELECT count(*) FROM runs) FROM n")
        self.wait_for_epochs(1)
        recorded = len(self.epochs())
        self.wait_for_epochs(recorded + 60, seconds=20)  # in 20 s without the reader it is 400
        self.assertIsNone(question.poll(), "the question is over: it asks too little")
        self.end(question)
        self.ended_undisturbed(process)

    def test_a_start_waits_says_for_whom_and_can_be_ended(self):
        spec = self.kept(epochs=4)
        self.run_sweep(spec, "--workers", 2, "--first", 1)
        with self.held() as holder:
            process = self.start("run", spec, "--workers", 2, "--lease-seconds", 1)
            wait_until(lambda: len(ranks(process.pid)) == 3, 20, "the ranks to start")
            time.sleep(2)
            process.send_signal(signal.SIGINT)
            text = self.finish(process, 75, seconds=20)
            self.assertIn(f"process {holder.pid} (", text)
            self.assertIn("was kept waiting", text)
            process = self.start("run", spec, "--workers", 2)
            time.sleep(2)
            self.assertIsNone(process.poll())
        self.finish(process)
        self.same_as_undisturbed(self.store)

    def test_a_drain_while_a_reader_holds_ends_in_its_time(self):
        spec = self.kept(epochs=40)
        self.wishes["epoch_ms"] = 100
        process = self.start("run", spec, "--workers", 2, "--drain-seconds", 2)
        self.wait_for_epochs(4)
        with self.held():
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            text = self.finish(process, 75, seconds=15)
            self.assertIn("keeps the store locked", text)
        self.run_sweep(spec, "--workers", 2)
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts WHERE end_reason NOT IN ('complete', 'interrupted')"), [])


if __name__ == "__main__":
    sys.exit(run_by_hand(__doc__, "holds", 20, {"": Readers}))
