"""Whole jobs on the three hosts of the lab (cluster/lab): what a cluster does to them, and the store of an undisturbed sweep afterwards.

As root, where network namespaces are permitted; elsewhere these tests fail and say so.
"""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"), str(pathlib.Path(__file__).resolve().parents[2] / "cluster" / "lab")]

import lab  # noqa: E402
from harness import Workplace, wait_until  # noqa: E402


class Lab(Workplace):
    stub = False

    @classmethod
    def setUpClass(cls):
        lab.up()
        cls.addClassCleanup(lab.down)

    def setUp(self):
        # All hosts see this folder, and none the others' /tmp.
        previous, tempfile.tempdir = tempfile.tempdir, str(lab.SHARED)
        self.addCleanup(setattr, tempfile, "tempdir", previous)
        super().setUp()
        for node in lab.NODES:
            if not lab.inside(node):  # a test before cut its power
                lab.start_node(node)
        wait_until(lambda: list(lab.states().values()) == ["idle"] * 3, 60, "three idle hosts")
        self.addCleanup(lab.call, "scancel", "--full", "--user=root", check=False)
        self.undisturbed = self.folder / "undisturbed.db"
        self.spec = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": 60, "batch_size": 16}})
        self.run_sweep(self.spec, "--workers", 2, store=self.undisturbed)

    def environment(self):
        return super().environment() | {"SLURM_CONF": str(lab.LAB / "slurm.conf")}

    def submit(self, *more, nodes=3):
        text = self.finish(self.start("submit", self.spec, "--nodes", nodes, "--workers-per-node", 1, "--time", "20:00", *more))
        job, = [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("job ")]
        self.addCleanup(lambda: print(self.log(job)) if getattr(self._outcome, "success", True) is False else None)
        return job

    def log(self, job):
        return "".join(path.read_text(encoding="utf-8") for path in (self.folder / "results.db.d" / "submissions").glob(f"*/log-{job}.txt"))

    def state(self, job):
        """The first line: state and where it runs."""
        return lab.call("squeue", "--noheader", f"--job={job}", "--format=%T %B", check=False).strip()

    def wait_for_end(self, job, seconds=150):
        wait_until(lambda: (self.state(job) or "GONE").split()[0] not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "PREEMPTED"), seconds, "the job to end")

    def same_as_undisturbed(self):
        for what in (self.epochs, self.evaluations, self.predictions):
            self.assertEqual(what(), what(self.undisturbed))
        self.assert_whole()
        self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1"), [("COMPLETE", 3)])
        self.finish(self.start("db", "check", "--ledger"))

    def test_a_job_on_three_hosts_uses_each_and_is_the_sweep(self):
        job = self.submit()
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(sorted(self.ask("SELECT host FROM attempts")), [("node1",), ("node2",), ("node3",)])

    def test_a_lost_host_costs_a_relaunch_on_the_others_and_not_the_job(self):
        job = self.submit("--sbatch=--no-kill")
        self.wait_for_epochs(15)
        lost = next(node for node in lab.NODES if node != self.state(job).split()[1])
        for pid, _ in lab.inside(lost):  # its power is cut
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        cut = time.time()
        wait_until(lambda: self.ask("SELECT count(*) FROM coordinators") == [(2,)], 60, "the relaunch")
        print(f"relaunched after {time.time() - cut:.1f} s", flush=True)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertNotIn("try 2", self.log(job), "it was requeued")
        self.assertNotIn((lost,), self.ask("SELECT host FROM attempts WHERE coordinator_id = 2"))

    def test_the_host_of_the_batch_script_is_lost_and_slurm_starts_the_job_again(self):
        job = self.submit(nodes=2)
        self.wait_for_epochs(15)
        lost = self.state(job).split()[1]
        for pid, _ in lab.inside(lost):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        wait_until(lambda: "try 2" in self.log(job), 90, "Slurm to start it again")
        self.wait_for_end(job)
        lab.start_node(lost)
        self.same_as_undisturbed()

    def test_a_preempted_job_drains_at_the_warning_and_goes_on_when_the_others_are_done(self):
        job = self.submit()
        self.wait_for_epochs(15)
        urgent = lab.call("sbatch", "--parsable", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 3").strip()
        wait_until(lambda: self.state(urgent).startswith("RUNNING") or not self.state(urgent), 60, "the urgent job to run")
        self.wait_for_end(urgent)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertIn("try 2", self.log(job))

    def test_a_cancelled_job_leaves_what_it_recorded_and_a_new_one_goes_on(self):
        job = self.submit()
        self.wait_for_epochs(15)
        lab.call("scancel", job)
        self.wait_for_end(job)
        recorded = set(self.epochs())
        self.assertGreaterEqual(len(recorded), 15)
        self.wait_for_end(self.submit())
        self.assertLessEqual(recorded, set(self.epochs()))
        self.same_as_undisturbed()

    def test_a_restart_of_the_controller_disturbs_nothing(self):
        job = self.submit()
        self.wait_for_epochs(10)
        lab.end([tuple(lab.known_processes()["slurmctld"])])
        time.sleep(2)
        lab.start_controller()
        lab.wait(lambda: self.state(job), "the controller to know the job")
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])


if __name__ == "__main__":
    unittest.main()
