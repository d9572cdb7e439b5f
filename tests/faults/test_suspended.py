"""Processes that sleep instead of dying: a whole job suspended for longer than a lease, and a coordinator that wakes after another host's
has taken its store over, or tried to while it was inside a transaction.

Hosts are faked by UTS namespaces (`unshare --uts`), which give each its own name.
"""
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob  # noqa: E402
from harness import descendants, ranks, read_stat, unshared, wait_until  # noqa: E402


class Suspended(FaultInRealJob):
    def test_a_whole_job_suspended_for_longer_than_its_lease_expires_nobody(self):
        spec = self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2, "folds": [0]}])
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        self.wishes["epoch_ms"] = 400
        process = self.start("run", spec, "--workers", 2, "--lease-seconds", 2)
        for _ in range(3):
            self.wait_for_epochs(len(self.epochs()) + 2 if self.store.exists() else 1)
            job = [process.pid, *descendants(process.pid)]
            for pid in job:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(4.5)  # longer than two leases: how long it stands still is what is tested
            for pid in job:
                os.kill(pid, signal.SIGCONT)
        self.finish(process)
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT end_reason, count(*) FROM attempts GROUP BY 1"), [("complete", 4)])


class AcrossHosts(FaultInRealJob):
    """A lease of the fence is 20 s here, the shortest that there is."""

    def start_on(self, host, *arguments):
        """`stdualx` on a host of that name."""
        command = [*unshared("--uts"), "sh", "-c", f"hostname {host} && exec \"$@\"", "sh", *self.command(*arguments)]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    def job(self, *more):
        return "run", self.spec, "--workers", 1, "--lease-seconds", 20, *more

    def setUp(self):
        super().setUp()
        self.spec = self.sweep(fixed={"training": {"epochs": 12, "batch_size": 32}}, variants=["stdual_x"])
        self.run_sweep(self.spec, "--workers", 1, store=self.undisturbed)
        self.wishes["epoch_ms"] = 200

    def test_one_that_sleeps_inside_a_transaction_is_not_taken_over_and_goes_on(self):
        self.fault = {"STDUALX_FAULT": "store_before_commit:14:hang", "STDUALX_FAULT_ONCE": str(self.folder / "mark")}
        first = self.start_on("alpha", *self.job())
        wait_until((self.folder / "mark").exists, 30, "the coordinator to sleep")
        sleeper, = [pid for pid in ranks(first.pid) if read_stat(pid)[0] == "T"]
        recorded = self.epochs()
        text = self.finish(self.start_on("beta", *self.job()), 4)
        self.assertIn(f"process {sleeper} on host alpha holds the store", text)
        self.assertRegex(text, "write lock was not given back|keeps the store locked")
        self.assertEqual(self.epochs(), recorded)
        os.kill(sleeper, signal.SIGCONT)
        self.finish(first)
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])

    def test_one_that_wakes_after_it_was_taken_over_writes_nothing_more(self):
        first = self.start_on("alpha", *self.job())
        self.wait_for_epochs(4)
        coordinator = ranks(first.pid)[0]
        for _ in range(200):  # asleep, but with no lock in its hands
            os.kill(coordinator, signal.SIGSTOP)
            try:
                with sqlite3.connect(self.store, timeout=0.05, isolation_level=None) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("ROLLBACK")
                break
            except sqlite3.OperationalError:
                os.kill(coordinator, signal.SIGCONT)
                time.sleep(0.01)  # then it is tried again: a commit that is under way tells nobody when it ends
        second = self.start_on("beta", *self.job())
        wait_until(lambda: self.ask("SELECT count(*) FROM coordinators")[0][0] == 2, 60, "the other host to take over")
        os.kill(coordinator, signal.SIGCONT)
        text, _ = first.communicate(timeout=60)
        self.assertEqual(first.returncode, 4, text)
        self.assertIn("has taken the store over", text)
        self.finish(second)
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(2,)])
        self.assertEqual(self.ask("SELECT a.coordinator_id, a.host FROM attempts a WHERE end_reason = 'complete' AND coordinator_id = 1 AND ended_ms > (SELECT claimed_ms FROM coordinators WHERE coordinator_id = 2)"), [])


if __name__ == "__main__":
    unittest.main()
