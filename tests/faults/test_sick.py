"""Sick runs and sick processes in real jobs: a run that takes its job down, an agent that is frozen, a trainer that does not die.
"""
import contextlib
import ctypes
import os
import pathlib
import signal
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob  # noqa: E402
from harness import descendants, ranks, read_stat, trainers, wait_until  # noqa: E402

PTRACE_SEIZE = 0x4206


class Crashing(FaultInRealJob):
    def test_a_run_that_takes_its_job_down_is_tried_alone_and_put_aside_and_all_others_complete(self):
        self.wishes |= {"crash": "bad", "epoch_ms": 100}
        sweep = self.sweep(variants=["stdual_x", {"name": "bad", "base": "without_csa", "folds": [0]}])
        text = self.run_sweep(sweep, "--workers", 2, status=3)
        self.assertLessEqual(text.count("starting it again"), 4, text)
        self.assertIn("is tried alone", text)
        self.assertIn("is put aside: the job crashed 4 times with it at work, the last time alone", text)
        self.assertEqual(self.ask("SELECT variant, status, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1"), [("bad", "QUARANTINED", 1), ("stdual_x", "COMPLETE", 3)])
        crashed = self.ask("SELECT attempt, end_reason, end_detail LIKE 'the job crashed: mpirun ended with%' FROM attempts JOIN runs USING (run_id) WHERE variant = 'bad' ORDER BY 1")
        self.assertEqual(crashed, [(attempt, "interrupted", 1) for attempt in (1, 2, 3, 4)])
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE coordinator_id = (SELECT coordinator_id FROM attempts JOIN runs USING (run_id) WHERE variant = 'bad' AND attempt = 4)"), [(1,)])
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'put_aside'"), [(1,)])
        # It is left alone, until `retry` forgives it.
        self.assertIn("nothing to do: 3 of 4 runs complete, 1 failed", self.run_sweep(sweep, status=3))
        self.finish(self.start("retry", "--failed"))
        self.wishes = {"marks": str(self.folder)}
        self.assertIn("1 runs to do, 3 complete", self.run_sweep(sweep, "--workers", 2))
        self.assertEqual(self.statuses(), {"COMPLETE": 4})

    def test_a_later_evaluation_that_was_at_work_in_three_crashes_is_tried_once_more(self):
        self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1)
        with contextlib.closing(sqlite3.connect(self.store)) as store, store:
            columns = [row[1] for row in store.execute("PRAGMA table_info(attempts)")]
            changed = {"evaluate_only": "1", "end_reason": "'interrupted'", "end_detail": "'the job crashed: mpirun ended; '"}
            for attempt in ("2", "3", "4"):
                values = [attempt if column == "attempt" else changed.get(column, column) for column in columns]
                store.execute(f"INSERT INTO attempts ({', '.join(columns)}) SELECT {', '.join(values)} FROM attempts WHERE attempt = 1")
        text = self.run_sweep(self.sweep("later.json", folds=[0], variants=["stdual_x"], conditions=["noise/10/1"]), "--workers", 1)
        self.assertIn("was at work in 3 crashes of the job", text)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE attempt = 5"), [(1,)])
        self.assertEqual(self.statuses(), {"COMPLETE": 1})


class Hanging(FaultInRealJob):
    """With --lease-seconds 1 an agent may be silent for 5 s."""

    def test_a_frozen_agent_loses_its_run_to_the_other_worker_and_the_job_ends(self):
        sweep = self.sweep()
        self.run_sweep(sweep, "--workers", 2, store=self.undisturbed)
        self.wishes["epoch_ms"] = 200
        process = self.start("run", sweep, "--workers", 2, "--lease-seconds", 1)
        self.wait_for_epochs(3)
        below = descendants(process.pid)
        frozen = ranks(process.pid)[1]
        os.kill(frozen, signal.SIGSTOP)
        began = time.monotonic()
        text = self.finish(process, 0, seconds=90)
        print(f"ended {time.monotonic() - began:.1f} s after the agent was frozen", flush=True)
        self.assertRegex(text, "the agent of rank 1 on .* has not said a word for [0-9]+ s")
        self.same_as_undisturbed(self.store)
        self.assertEqual(self.ask("SELECT end_reason, count(*) FROM attempts GROUP BY 1 ORDER BY 1"), [("complete", 6), ("lease_expired", 1)])
        self.assert_nothing_lives(below)

    def test_when_the_only_agent_is_frozen_the_launcher_starts_again(self):
        sweep = self.sweep(folds=[0])
        self.run_sweep(sweep, "--workers", 1, store=self.undisturbed)
        self.wishes["epoch_ms"] = 200
        process = self.start("run", sweep, "--workers", 1, "--lease-seconds", 1)
        self.wait_for_epochs(1)
        below = descendants(process.pid)
        os.kill(ranks(process.pid)[1], signal.SIGSTOP)
        text = self.finish(process, 0, seconds=90)
        self.assertIn("no agent answers any more", text)
        self.assertIn("starting it again", text)
        self.same_as_undisturbed(self.store)
        self.assert_nothing_lives(below)

    def test_a_trainer_that_does_not_die_of_its_kill_costs_its_worker_and_not_the_job(self):
        # A process of which somebody else is the tracer stays in the table, dead, until that one looks: its agent waits in vain, as for one
        # that hangs in the kernel.
        self.wishes |= {"hang_at": 2, "epoch_ms": 100}
        process = self.start("run", self.sweep(variants=["stdual_x"]), "--workers", 2, "--lease-seconds", 1)
        hung = wait_until(lambda: [pid for pid in trainers(process.pid) if (self.folder / "results.db").exists()], 30, "a trainer")[0]
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.ptrace(PTRACE_SEIZE, hung, None, None), 0, os.strerror(ctypes.get_errno()))
        try:
            text = self.finish(process, 0, seconds=90)
            self.assertEqual((read_stat(hung) or ("",))[0], "Z", "it was never waited for by its agent")
        finally:
            os.waitpid(hung, 0x40000000)  # __WALL
        self.assertRegex(text, f"cannot start a trainer: its trainer before .process {hung}. was killed 1 s ago and does not end")
        self.assertEqual(self.statuses(), {"COMPLETE": 3})


if __name__ == "__main__":
    unittest.main()
