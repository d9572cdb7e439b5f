"""Whole jobs on the three hosts of the lab (cluster/lab): what a cluster does to them, and the store of an undisturbed sweep afterwards.

As root, where network namespaces are permitted; elsewhere these tests fail and say so.
"""
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"), str(pathlib.Path(__file__).resolve().parents[2] / "cluster" / "lab")]

import lab  # noqa: E402
from harness import PROGRAM, Workplace, command_line, wait_until  # noqa: E402


class Lab(Workplace):
    """A store on the file system that the three hosts share, and the lab idle at the start of each test."""

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
            lab.link(node, True)
            if not lab.inside(node):  # a test before cut its power
                lab.start_node(node)
        wait_until(lambda: list(lab.states().values()) == ["idle"] * 3, 60, "three idle hosts")
        self.addCleanup(lab.call, "scancel", "--full", "--user=root", check=False)

    def environment(self):
        return super().environment() | {"SLURM_CONF": str(lab.LAB / "slurm.conf"), "STDUALX_SQUEUE_SECONDS": "0"}

    def submit(self, spec, *more, nodes=3, workers=1, store=None):
        """The job's number."""
        text = self.finish(self.start("submit", spec, "--nodes", nodes, "--workers-per-node", workers, "--time", "20:00", *more, store=store))
        found = re.search(r"^job (\d+): ", text, re.M)
        self.assertIsNotNone(found, text)
        job = found[1]
        self.addCleanup(lambda: print(self.log(job, store)) if getattr(self._outcome, "success", True) is False else None)
        return job

    def log(self, job, store=None):
        folder = pathlib.Path(f"{store or self.store}.d") / "submissions"
        return "".join(path.read_text(encoding="utf-8") for path in folder.glob(f"*/log-{job}.txt"))

    def state(self, job):
        """The first line: state and where it runs; "": Slurm does not list it."""
        return lab.call("squeue", "--noheader", f"--job={job}", "--format=%T %B", check=False).strip()

    def shown(self, job):
        """What Slurm knows of a job; some minutes longer than squeue lists it."""
        words = lab.call("scontrol", "--oneliner", "show", "job", job, check=False).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for_end(self, job, seconds=150):
        """Slurm's word for how it ended, and its exit status."""
        alive = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "PREEMPTED", "SUSPENDED")
        wait_until(lambda: (self.state(job) or "GONE").split()[0] not in alive, seconds, f"job {job} to end")
        shown = self.shown(job)
        return shown.get("JobState"), shown.get("ExitCode", "").split(":")[0]

    def warn(self, job):
        """What Slurm does when a time limit or a preemption is near."""
        lab.call("scancel", "--signal=USR1", "--batch", job)

    def cut_power(self, node, silently=False):
        """Its processes end; `silently`: no other host hears of it, as when a machine's power is cut."""
        if silently:
            lab.link(node, False)
        lab.kill_node(node)

    def status(self):
        return self.finish(self.start("status"))


class Life(Lab):
    """What a cluster does to a job: the store is that of an undisturbed sweep afterwards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.undisturbed = None

    def setUp(self):
        super().setUp()
        self.spec = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": 180, "batch_size": 16}})
        if Life.undisturbed is None:  # the same sweep for each test, here and now, without a Slurm
            folder = pathlib.Path(tempfile.mkdtemp(prefix="undisturbed-"))
            self.addClassCleanup(shutil.rmtree, folder, True)
            self.run_sweep(self.spec, "--workers", 2, store=folder / "undisturbed.db")
            Life.undisturbed = folder / "undisturbed.db"

    def same_as_undisturbed(self):
        for what in (self.epochs, self.evaluations, self.predictions):
            self.assertEqual(what(), what(self.undisturbed))
        self.assert_whole()
        self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1"), [("COMPLETE", 3)])
        self.finish(self.start("db", "check", "--ledger"))

    def test_a_job_on_three_hosts_uses_each_and_is_the_sweep(self):
        job = self.submit(self.spec)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(sorted(self.ask("SELECT host FROM attempts")), [("node1",), ("node2",), ("node3",)])

    def test_a_lost_host_costs_a_relaunch_on_the_others_and_not_the_job(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(15)
        lost = next(node for node in lab.NODES if node != self.state(job).split()[1])
        self.cut_power(lost)
        cut = time.time()
        wait_until(lambda: self.ask("SELECT count(*) FROM coordinators") == [(2,)], 60, "the relaunch")
        print(f"relaunched after {time.time() - cut:.1f} s", flush=True)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertNotIn("try 2", self.log(job), "it was requeued")
        self.assertNotIn((lost,), self.ask("SELECT host FROM attempts WHERE coordinator_id = 2"))

    def test_the_host_of_the_batch_script_is_lost_and_the_guard_on_another_has_the_job_requeued(self):
        job = self.submit(self.spec, nodes=2)
        wait_until(lambda: self.state(job).startswith("RUNNING"), 60, "the job to run")
        lost = self.state(job).split()[1]
        watching = ["guard", lost, str(job)]
        wait_until(lambda: any(command_line(pid)[1:4] == watching for pid in os.listdir("/proc") if pid.isdigit()), 60, "the guard to start")
        self.wait_for_epochs(15)
        self.assertLess(len(self.epochs()), 500, "the sweep had nearly ended before the cut")
        self.cut_power(lost)
        cut = time.time()
        seen_by = {"does not answer any more": "the guard", "try 2": "Slurm itself"}  # on a loaded machine Slurm may be the first
        try:
            wait_until(lambda: any(words in self.log(job) for words in seen_by), 240, "the job to be requeued")
        except AssertionError as error:
            raise AssertionError(f"{error}; {lab.call('scontrol', 'show', 'job', job, check=False)}\n{lab.call('sinfo', '-N', '-o', '%N %T %E', check=False)}\n{self.log(job)}") from error
        print(f"requeued by {next(who for words, who in seen_by.items() if words in self.log(job))} after {time.time() - cut:.0f} s", flush=True)
        wait_until(lambda: "try 2" in self.log(job), 150, "Slurm to start it again")
        self.wait_for_end(job)
        lab.start_node(lost)
        self.same_as_undisturbed()

    def test_a_preempted_job_drains_at_the_warning_and_goes_on_when_the_others_are_done(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(15)
        urgent = lab.call("sbatch", "--parsable", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 3").strip()
        wait_until(lambda: self.state(urgent).startswith("RUNNING") or not self.state(urgent), 60, "the urgent job to run")
        self.wait_for_end(urgent)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertIn("try 2", self.log(job))

    def test_a_cancelled_job_leaves_what_it_recorded_and_a_new_one_goes_on(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(15)
        lab.call("scancel", job)
        self.wait_for_end(job)
        recorded = set(self.epochs())
        self.assertGreaterEqual(len(recorded), 15)
        self.wait_for_end(self.submit(self.spec))
        self.assertLessEqual(recorded, set(self.epochs()))
        self.same_as_undisturbed()

    def test_a_restart_of_the_controller_disturbs_nothing(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(10)
        lab.end([tuple(lab.known_processes()["slurmctld"])])
        self.wait_for_epochs(len(self.epochs()) + 2)  # work goes on while it is away
        lab.start_controller()
        lab.wait(lambda: self.state(job), "the controller to know the job")
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])

    def test_a_preempted_job_that_is_cancelled_goes_on_in_exactly_one_successor(self):
        job = self.submit(self.spec, "--partition", "scrap")
        self.wait_for_epochs(15)
        urgent = lab.call("sbatch", "--parsable", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 3").strip()
        wait_until(lambda: self.state(urgent).startswith("RUNNING") or not self.state(urgent), 60, "the urgent job to run")
        self.wait_for_end(urgent)
        self.wait_for_end(job)
        successors = [path for path in pathlib.Path(f"{self.store}.d/submissions/tiny-1/jobs.txt").read_text(encoding="utf-8").split() if path != job]
        self.assertLessEqual(len(successors), 1)
        for successor in successors:
            self.wait_for_end(successor)
        if not successors:
            self.assertIn("try 2", self.log(job))
        self.same_as_undisturbed()

    def test_a_suspended_job_goes_on_where_it_stood(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(15)
        lab.call("scontrol", "suspend", job)
        wait_until(lambda: self.state(job).startswith("SUSPENDED"), 20, "the job to stand still")
        time.sleep(1)  # Slurm says SUSPENDED before its signals have stopped every process, and tells nobody of the last one
        recorded = len(self.epochs())
        time.sleep(3)  # that nothing happens is no event to wait for
        self.assertEqual(len(self.epochs()), recorded)
        self.assertIn("SUSPENDED", self.status())
        lab.call("scontrol", "resume", job)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts"), [("complete",)])

    def test_a_slurmd_that_dies_and_comes_back_disturbs_nothing(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(10)
        node = self.state(job).split()[1]
        pid, _ = lab.known_processes()[f"slurmd-{node}"]
        os.kill(pid, signal.SIGKILL)
        self.wait_for_epochs(len(self.epochs()) + 2)  # work goes on while it is away
        lab.start_node(node)
        self.wait_for_end(job)
        self.same_as_undisturbed()
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])

    def test_a_job_that_slurm_has_forgotten_is_unknown_and_its_sweep_goes_on(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(3)  # early: the sweep must not be done before the hosts' daemons end the job
        lab.end([tuple(lab.known_processes()["slurmctld"])])
        lab.start_controller("-c")  # without its memory: the hosts' daemons end what it does not know
        lab.wait(lambda: lab.states() and set(lab.states().values()) <= {"idle"}, "idle hosts", 60)
        self.assertEqual(self.shown(job), {})
        told = self.status()
        self.assertRegex(told, rf"{job} +unknown")
        self.assertIn("Slurm has forgotten the job", told)
        # A job of that name may live elsewhere for all we know; the fence says when it does not.
        again = self.submit(self.spec, "--if-busy", "wait")
        self.wait_for_end(again)
        self.same_as_undisturbed()


class Silence(Lab):
    """A host of which nothing is heard: its power is cut, its cable, or only its slurmd is away; stub trainers."""

    stub = True

    def setUp(self):
        super().setUp()
        self.wishes["epoch_ms"] = 300
        self.spec = self.sweep(fixed={"training": {"epochs": 30, "batch_size": 32}})

    def assert_undisturbed(self, job):
        self.assertEqual(self.wait_for_end(job), ("COMPLETED", "0"))
        self.assertNotIn("try 2", self.log(job), "it was requeued")
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts"), [("complete",)])
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_a_host_that_falls_silent_at_once_costs_a_relaunch_on_the_others(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(10)
        lost = next(node for node in lab.NODES if node != self.state(job).split()[1])
        self.cut_power(lost, silently=True)
        cut = time.time()
        recorded = set(self.epochs())
        wait_until(lambda: self.ask("SELECT count(*) FROM coordinators") == [(2,)], 150, "the relaunch")
        print(f"relaunched after {time.time() - cut:.1f} s", flush=True)
        self.assertEqual(self.wait_for_end(job), ("COMPLETED", "0"))
        self.assertNotIn("try 2", self.log(job), "it was requeued")
        self.assertLessEqual(recorded, set(self.epochs()))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertNotIn((lost,), self.ask("SELECT host FROM attempts WHERE coordinator_id = 2"))

    def test_a_cable_that_is_out_for_five_seconds_disturbs_nothing(self):
        job = self.submit(self.spec)
        self.wait_for_epochs(10)
        for node in [node for node in lab.NODES if node != self.state(job).split()[1]]:
            lab.link(node, False)
            time.sleep(5)  # how long the cable is out is what is tested
            lab.link(node, True)
        self.assert_undisturbed(job)

    def test_a_slurmd_that_is_away_while_its_job_works_is_no_lost_host(self):
        job = self.submit(self.spec, nodes=2)
        self.wait_for_epochs(10)
        node = self.state(job).split()[1]
        lab.end([tuple(lab.known_processes()[f"slurmd-{node}"])])
        before = len(self.epochs())
        time.sleep(30)  # the guard's five looks, twice; a look that finds nothing leaves no trace to wait for
        self.assertGreater(len(self.epochs()), before)
        lab.start_node(node)
        self.assert_undisturbed(job)


class Commands(Lab):
    """submit, status, watch, cancel and logs, as a person uses them on a login node; stub trainers."""

    stub = True

    def test_the_time_limit_without_a_warning_costs_the_running_epochs_and_no_more(self):
        self.wishes["epoch_ms"] = 4000
        spec = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": 8, "batch_size": 32}})
        job = self.submit(spec, "--sbatch=--signal=B:CONT@1", nodes=1)  # the warning is a signal that nobody minds
        self.wait_for_epochs(2)
        lab.call("scontrol", "update", f"jobid={job}", "timelimit=1")
        self.assertEqual(self.wait_for_end(job)[0], "TIMEOUT")
        told = self.status()
        self.assertIn("is gone: Slurm ended its job: TIMEOUT", told)
        self.assertNotIn("RUNNING", self.finish(self.start("runs")))
        recorded = set(self.epochs())
        self.wishes["epoch_ms"] = 0
        self.assertEqual(self.wait_for_end(self.submit(spec, nodes=1)), ("COMPLETED", "0"))
        self.assertLessEqual(recorded, set(self.epochs()))
        self.assertEqual(self.statuses(), {"COMPLETE": 3})

    def test_status_names_the_job_its_state_and_within_a_lease_what_slurm_did_to_it(self):
        self.wishes["epoch_ms"] = 500
        job = self.submit(self.sweep())
        self.wait_for_epochs(2)
        before = sorted(os.listdir(self.folder))
        told = self.status()
        self.assertRegex(told, rf"{job} +RUNNING +\S+ +node\[1-3\]")
        self.assertIn(f"(job {job}), last heartbeat", told)
        self.assertEqual(sorted(os.listdir(self.folder)), before)  # reading writes nothing
        lab.call("scancel", "--signal=KILL", "--full", job)
        self.wait_for_end(job)
        told = self.status()
        self.assertIn("Slurm ended its job: CANCELLED", told)
        self.assertNotIn("RUNNING", self.finish(self.start("runs")))
        self.assertIn("INTERRUPTED", self.finish(self.start("runs")))

    def test_watch_tells_what_changes_and_ends_with_the_sweep(self):
        self.wishes["epoch_ms"] = 300
        spec = self.sweep()
        job = self.submit(spec)
        text = self.finish(self.start("watch", "--seconds", 0.5))
        self.assertIn(f"job {job}: RUNNING", text)
        self.assertIn("6 of 6 runs complete", text)
        self.assertTrue(text.endswith("all runs are complete\n"), text)

    def test_cancel_drains_a_running_job_and_takes_a_waiting_one_from_the_queue(self):
        self.wishes["epoch_ms"] = 500
        running = self.submit(self.sweep(), "--sbatch=--exclusive")
        self.wait_for_epochs(2)
        waiting = self.submit(self.sweep("other.json", name="other", seeds=[2]), "--sbatch=--exclusive")
        self.assertTrue(self.state(waiting).startswith("PENDING"))
        text = self.finish(self.start("cancel"))
        self.assertIn(f"job {running} (RUNNING) was told to drain", text)
        self.assertIn(f"job {waiting} (PENDING) was cancelled", text)
        self.assertEqual(self.wait_for_end(waiting)[0], "CANCELLED")
        self.assertEqual(self.wait_for_end(running), ("FAILED", "75"))
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts WHERE end_reason <> 'complete'"), [("drained",)])
        self.assertIn("nothing to cancel", self.finish(self.start("cancel")))
        self.assertEqual(self.finish(self.start("watch"), 75).splitlines()[-1], "No process is running. To resume, repeat the same `stdualx run` or `submit` command; `stdualx retire` gives the sweep up.")

    def test_logs_tell_what_each_attempt_said_and_where_its_job_wrote(self):
        self.wishes["say"] = "a line of the trainer"
        job = self.submit(self.sweep())
        self.wait_for_end(job)
        run, = self.ask("SELECT run_id FROM runs LIMIT 1")[0]
        text = self.finish(self.start("logs", run[:8]))
        self.assertIn(f"== run {run[:10]}, attempt 1, on ", text)
        self.assertIn("rank-0.log\na line of the trainer\n", text)
        self.assertIn(f"-- the log of job {job} is {self.store}.d/submissions/tiny-1/log-{job}.txt", text)
        self.assertIn("no attempt 7", self.finish(self.start("logs", run[:8], "--attempt", 7), 2))

    def test_a_submission_from_inside_an_allocation_knows_nothing_of_that_one(self):
        spec = self.sweep()
        inner = self.command("submit", spec, "--nodes", 2, "--workers-per-node", 1, "--job-name", "inner")
        outside = {"SBATCH_TIMELIMIT": "7", "SBATCH_PARTITION": "scrap", "SLURM_EXPORT_ENV": "NONE", "PMIX_RANK": "3"}
        outside |= {name: value for name, value in self.environment().items() if name.startswith("STDUALX_")}
        script = self.folder / "outer.sh"
        script.write_text("#!/bin/bash\n" + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in outside.items()) +
                          " ".join(shlex.quote(word) for word in inner) + "\n", encoding="utf-8")
        outer = lab.call("sbatch", "--parsable", "--partition=urgent", "--nodes=1", f"--output={self.folder}/outer.txt", script).strip()
        self.wait_for_end(outer)
        text = (self.folder / "outer.txt").read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^job \d+: ")
        job = re.search(r"^job (\d+): ", text, re.M)[1]
        self.assertEqual(self.wait_for_end(job), ("COMPLETED", "0"), self.log(job))
        shown = self.shown(job)
        self.assertEqual((shown["Partition"], shown["NumNodes"], shown["TimeLimit"]), ("normal", "2", "01:00:00"))

    def test_what_was_submitted_stands_in_the_store(self):
        job = self.submit(self.sweep())
        self.wait_for_end(job)
        (number, restarts, nodes, script, digest, submission), = self.ask("SELECT job_id, restarts, nodes, script, script_sha256, submission FROM slurm_jobs")
        written = (self.store.parent / "results.db.d/submissions/tiny-1/job.sh").read_bytes()
        self.assertEqual((number, restarts, nodes, script.encode()), (job, 0, "node[1-3]", written))
        self.assertEqual(digest, hashlib.sha256(written).hexdigest())
        self.assertEqual(json.loads(submission)["programs"][0], hashlib.sha256(PROGRAM.read_bytes()).hexdigest())

    def test_the_second_job_on_a_store_waits_or_is_refused_and_shards_are_merged_into_the_whole(self):
        self.wishes["epoch_ms"] = 500
        spec = self.sweep()
        first = self.submit(spec, nodes=1)
        self.wait_for_epochs(1)
        refused = self.submit(spec, nodes=1)
        waits = self.submit(spec, "--if-busy", "wait", nodes=1)
        self.assertEqual(self.wait_for_end(refused), ("FAILED", "4"))
        self.assertIn("holds the store", self.log(refused))
        # The hosts of the one that waits are free for others meanwhile.
        self.assertEqual(self.wait_for_end(waits), ("FAILED", "75"))
        self.assertTrue(self.state(first).startswith("RUNNING"))
        told = re.search(r"\(job (\d+)\): this job gives its hosts back, and job (\d+) begins when that one has ended", self.log(waits))
        self.assertEqual(told[1], first)
        self.assertIn(f"afterany:{first}", self.shown(told[2])["Dependency"])
        self.assertEqual(self.wait_for_end(first), ("COMPLETED", "0"))
        self.assertEqual(self.wait_for_end(told[2]), ("COMPLETED", "0"))
        self.assertIn("nothing to do: 6 of 6 runs complete", self.log(told[2]))
        self.assertEqual(self.ask("SELECT count(*) FROM coordinators"), [(1,)])
        shards = [self.folder / f"shard{i}.db" for i in (1, 2)]
        jobs = [self.submit(spec, "--shard", f"{i + 1}/2", nodes=1, store=store) for i, store in enumerate(shards)]
        for job in jobs:
            self.wait_for_end(job)
        self.finish(self.start("db", "merge", *shards, store=self.folder / "all.db"))
        self.assertEqual(self.epochs(self.folder / "all.db"), self.epochs())
        self.assertEqual([self.ask("SELECT count(*) FROM runs", store=store) for store in shards], [[(3,)], [(3,)]])


class Warnings(Lab):
    """The warning of a time limit, in a folder whose name has all that needs quoting; stub trainers on one host."""

    stub = True

    def setUp(self):
        super().setUp()
        self.store = self.folder / "50% of it's \"own\" #1" / "results.db"
        self.store.parent.mkdir()

    def test_a_sweep_goes_through_slurm_to_its_end(self):
        sweep = self.sweep()
        job = self.submit(sweep, "--partition", "normal", "--job-name", "it's #1", nodes=1, workers=2)
        sweep.unlink()  # frozen
        self.assertEqual(self.wait_for_end(job), ("COMPLETED", "0"))
        self.assertIn("6 runs to do", self.log(job))
        self.assertIn(f"== job {job}, try 1", self.log(job))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT DISTINCT slurm_job_id FROM attempts"), [(job,)])
        self.assertIn("JobName=it's #1 ", lab.call("scontrol", "--oneliner", "show", "job", job))
        self.assert_whole()

    def test_the_warning_drains_and_slurm_starts_the_job_again(self):
        self.wishes["epoch_ms"] = 300
        job = self.submit(self.sweep(), nodes=1, workers=2)
        self.wait_for_epochs(2)
        self.warn(job)
        self.warn(job)  # a second one is no wish to stop at once
        wait_until(lambda: self.shown(job).get("Restarts") == "1", 60, "the requeue")
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), [(0,)])  # all was recorded before
        self.assertGreater(self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'drained'")[0][0], 0)
        recorded = self.epochs()
        self.assertEqual(self.wait_for_end(job), ("COMPLETED", "0"))
        text = self.log(job)
        for part in (f"== job {job}, try 1", f"Slurm starts job {job} again", f"== job {job}, try 2"):
            self.assertEqual(text.count(part), 1, text)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertTrue(set(recorded) <= set(self.epochs()))
        self.assertEqual(self.ask("SELECT count(*) FROM replays"), [(0,)])
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts ORDER BY 1"), [("complete",), ("drained",)])
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'slurm_restart' AND text LIKE '%restart 1'"), [(1,)])
        self.assertEqual(self.ask("SELECT job_id, restarts FROM slurm_jobs ORDER BY coordinator_id"), [(job, 0), (job, 1)])

    def test_where_requeues_are_forbidden_exactly_one_successor_goes_on(self):
        self.wishes["epoch_ms"] = 300
        job = self.submit(self.sweep(), "--sbatch=--no-requeue", nodes=1, workers=2)
        self.wait_for_epochs(2)
        self.warn(job)
        self.assertEqual(self.wait_for_end(job), ("FAILED", "75"))
        successor = re.search(r"job (\d+) was sent instead", self.log(job))[1]
        self.assertEqual(self.wait_for_end(successor), ("COMPLETED", "0"))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT DISTINCT slurm_job_id FROM attempts ORDER BY 1"), sorted([(job,), (successor,)]))
        self.assertEqual(self.shown(str(int(successor) + 1)), {})
        for number in (job, successor):
            self.assertRegex(self.status(), rf"(?m)^{number} +(FAILED|COMPLETED)")

    def test_what_slurm_refuses_is_told_in_its_own_words(self):
        for option, part in ((("--partition", "no such"), "invalid partition specified: no such"), (("--sbatch=--no-such-option",), "no-such-option")):
            self.assertIn(part, self.finish(self.start("submit", self.sweep(), "--workers-per-node", 2, *option), 2))
        self.assertEqual(list(self.store.parent.iterdir()), [])
        self.assertEqual(lab.call("squeue", "--noheader"), "")


if __name__ == "__main__":
    unittest.main()
