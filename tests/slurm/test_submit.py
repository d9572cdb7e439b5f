"""`stdualx submit`: what it refuses and freezes, with a stand-in for sbatch; and whole jobs on a real Slurm of one host (one_host.py)."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))

from harness import PROGRAM, Workplace, ranks, wait_until  # noqa: E402
from one_host import OneHost, what_is_missing  # noqa: E402


class Submission(Workplace):
    """Without a Slurm: a stand-in for sbatch takes the script, and the test runs it as Slurm would."""

    def setUp(self):
        super().setUp()
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        for name, answer in (("sbatch", "echo 7"), ("scontrol", "")):
            (self.programs / name).write_text(f'#!/bin/bash\necho "${{@: -1}}" >>"${{0%/*}}/{name}.calls"\n{answer}\n', encoding="utf-8")
            (self.programs / name).chmod(0o755)
        self.path = f"{self.programs}:/usr/bin:/bin"

    def environment(self):
        return super().environment() | {"PATH": self.path}

    def submit(self, *arguments, status=0, store=None):
        return self.finish(self.start("submit", *arguments, store=store), status)

    def calls(self, name):
        """The last argument of each call."""
        file = self.programs / f"{name}.calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def sent(self):
        return [pathlib.Path(script) for script in self.calls("sbatch")]

    def start_script(self, script, **variables):
        process = subprocess.Popen(["bash", script], cwd="/", env=self.environment() | variables, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    def run_script(self, script, status=0):
        return self.finish(self.start_script(script), status)

    def everything(self):
        return sorted(str(path) for path in self.folder.rglob("*") if "cache" not in path.parts)

    def test_a_dry_run_prints_the_script_and_writes_and_sends_nothing(self):
        sweep = self.sweep()
        before = self.everything()
        text = self.submit(sweep, "--nodes", 2, "--gpus-per-node", 4, "--time", "4:00:00", "--partition", "gpu", "--account", "lab",
                           "--sbatch=--mem=64G", "--mpirun-arg=--mca", "--dry-run")
        self.assertEqual(self.everything(), before)
        for line in ("#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=4", "#SBATCH --gres=gpu:4", "#SBATCH --time=4:00:00",
                     "#SBATCH --partition=gpu", "#SBATCH --account=lab", "#SBATCH --mem=64G", "#SBATCH --requeue", "#SBATCH --signal=B:USR1@300"):
            self.assertIn(line, text.splitlines())
        last = [line for line in text.splitlines() if line.startswith("exec ")][-1]
        self.assertIn(f"{PROGRAM} run {self.store}.d/submissions/tiny-1/sweep.json --store={self.store}", last)
        self.assertIn("--workers=8", last)
        self.assertIn("--mpirun-arg=--mca", last)
        self.assertIn("--drain-seconds=270", last)  # some of the warning is left to record the drain
        self.assertIn("nothing was written or sent", text)
        self.path = str(self.folder)  # and it needs no Slurm
        self.submit(sweep, "--workers-per-node", 2, "--dry-run")

    def test_bad_wishes_are_refused_in_a_sentence_before_anything_is_written(self):
        sweep = self.sweep()
        before = self.everything()
        for words, parts in (
            ([], ["--gpus-per-node", "--workers-per-node"]),
            (["--gpus-per-node", 1, "--workers-per-node", 1], ["either"]),
            (["--workers-per-node", 0], ["--workers-per-node", "0"]),
            (["--workers-per-node", 1, "--nodes", "many"], ["nodes", "many"]),
            (["--workers-per-node", 1, "--time", "2h"], ["--time", "2h", "HOURS:MINUTES:SECONDS"]),
            (["--workers-per-node", 1, "--time", "5"], ["300 s", "longer --time"]),
            (["--workers-per-node", 1, "--warning-seconds", 5], ["--warning-seconds", "5", "60"]),
            (["--workers-per-node", 1, "--sbatch=mem=1G"], ["mem=1G"]),
            (["--worker-per-node", 1], ["--workers-per-node"]),
        ):
            text = self.submit(sweep, *words, status=2)
            for part in parts:
                self.assertIn(part, text)
        self.assertIn("3 ranks", self.submit(self.sweep(variants=[{"name": "three", "ranks": 3}]), "--workers-per-node", 2, status=2))
        self.assertIn("stdual_x", self.submit(self.sweep(variants=["stdual_y"]), "--workers-per-node", 2, status=2))
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.sent(), [])

    def test_without_sbatch_it_says_what_to_do_and_leaves_nothing(self):
        sweep = self.sweep()
        before = self.everything()
        self.path = str(self.folder)
        self.assertIn("login node", self.submit(sweep, "--workers-per-node", 2, status=2))
        self.assertEqual(self.everything(), before)

    def test_what_was_submitted_is_frozen_and_runs_in_any_folder(self):
        sweep = self.sweep(dataset="tiny/manifest.json", folds=[0])  # relative to where submit was called
        self.assertIn("job 7: 2 runs to do", self.submit(sweep, "--workers-per-node", 2))
        self.submit(sweep, "--workers-per-node", 2, "--set", "training.epochs=2")
        first, second = self.sent()
        self.assertNotEqual(first.parent, second.parent)
        sweep.write_text("{", encoding="utf-8")
        self.run_script(first)
        self.run_script(second)
        self.assertEqual(self.ask("SELECT epochs, count(*) FROM (SELECT count(*) AS epochs FROM epochs GROUP BY run_id) GROUP BY 1 ORDER BY 1"),
                         [(2, 2), (4, 2)])
        sweep = self.sweep(dataset="tiny/manifest.json", folds=[0])
        self.assertIn("nothing to do: 2 of 2 runs complete", self.submit(sweep, "--workers-per-node", 2))
        self.assertEqual(len(self.sent()), 2)

    def test_what_changed_since_is_named_and_nothing_else_is_run_instead(self):
        self.submit(self.sweep(folds=[0]), "--workers-per-node", 2)
        script, = self.sent()
        frozen = script.parent / "sweep.json"
        text = frozen.read_text(encoding="utf-8")
        frozen.write_text(text.replace('"epochs":4', '"epochs":5'), encoding="utf-8")
        self.assertNotEqual(frozen.read_text(encoding="utf-8"), text)
        said = self.run_script(script, status=2)
        self.assertIn("its frozen sweep file was edited: submit the sweep again", said)
        frozen.write_text(text, encoding="utf-8")
        recordings = self.folder / "tiny" / "tiny.csv"
        lines = recordings.read_text(encoding="utf-8").splitlines()
        recordings.write_text("\n".join([*lines[:5], lines[6], *lines[6:]]) + "\n", encoding="utf-8")
        said = self.run_script(script, status=2)
        self.assertIn("the recordings of 'tiny' are others", said)
        self.assertFalse(self.store.exists())
        recordings.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # Another build that plans the same runs may do them, and says that it is another.
        submission = script.parent / "submission.json"
        submission.write_text(re.sub(r'"programs": \[\s*"', '"programs": [\n"0', submission.read_text(encoding="utf-8")), encoding="utf-8")
        said = self.run_script(script)
        self.assertIn("another build", said)
        self.assertEqual(self.statuses(), {"COMPLETE": 2})

    def test_a_time_too_short_for_one_epoch_is_not_sent_round_for_ever(self):
        self.wishes["start"] = "hang"  # so that no epoch can end
        for time, requeued in (("2:01", 0), ("4:00:00", 1)):
            self.submit(self.sweep(), "--workers-per-node", 2, "--time", time, "--warning-seconds", 60)
            process = self.start_script(self.sent()[-1], SLURM_JOB_ID="7")
            wait_until(lambda: ranks(process.pid), 30, "the ranks")
            os.kill(process.pid, signal.SIGUSR1)
            said = self.finish(process, 75)
            self.assertEqual("121 s" in said and "not one epoch was recorded" in said, requeued == 0, said)
            self.assertEqual("Slurm starts job 7 again" in said, requeued == 1, said)
            self.assertEqual(self.calls("scontrol"), ["7"] * requeued)


class Slurm(Workplace):
    """On a real Slurm of one host, in a folder whose name has all that needs quoting."""

    @classmethod
    def setUpClass(cls):
        if missing := what_is_missing():
            raise AssertionError(missing) if os.environ.get("CI") == "true" else unittest.SkipTest(missing)
        if os.geteuid() != 0:
            raise unittest.SkipTest("slurmctld and slurmd want root")
        cls.slurm = cls.enterClassContext(OneHost())

    def setUp(self):
        super().setUp()
        self.store = self.folder / "50% of it's \"own\" #1" / "results.db"
        self.store.parent.mkdir()

    def environment(self):
        return super().environment() | self.slurm.environment

    def submit(self, *arguments, status=0):
        """(number of the job, its log) where it was taken; else what was said."""
        text = self.finish(self.start("submit", *arguments), status)
        if status != 0:
            return text
        return re.search(r"^job (\d+): ", text, re.M)[1], pathlib.Path(re.search(r"^log +(.*)$", text, re.M)[1])

    def wait_for_end(self, job_id, log):
        """Slurm's word for how it ended, and its exit status."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

        def is_over():
            job = self.slurm.job(job_id)
            return job if job.get("JobState") in ended else None

        try:
            job = self.slurm.wait(is_over, f"the end of job {job_id}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- {log}\n{log.read_text(encoding='utf-8') if log.exists() else 'no log'}") from None
        return job["JobState"], job["ExitCode"].split(":")[0], log.read_text(encoding="utf-8")

    def warn(self, job_id):
        """What Slurm does when a time limit or a preemption is near."""
        self.slurm.ask("scancel", "--signal=USR1", "--batch", job_id)

    def test_a_sweep_goes_through_slurm_to_its_end(self):
        sweep = self.sweep()
        job_id, log = self.submit(sweep, "--workers-per-node", 2, "--time", "10", "--partition", "test", "--job-name", "it's #1")
        sweep.unlink()  # frozen
        state, status, text = self.wait_for_end(job_id, log)
        self.assertEqual((state, status), ("COMPLETED", "0"), text)
        self.assertIn("6 runs to do", text)
        self.assertIn(f"== job {job_id}, try 1", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT DISTINCT slurm_job_id FROM attempts"), [(job_id,)])
        self.assertIn("JobName=it's #1 ", self.slurm.ask("scontrol", "--oneliner", "show", "job", job_id))
        self.assert_whole()

    def test_the_warning_drains_and_slurm_starts_the_job_again(self):
        self.wishes["epoch_ms"] = 300
        job_id, log = self.submit(self.sweep(), "--workers-per-node", 2, "--time", "10")
        self.wait_for_epochs(2)
        self.warn(job_id)
        self.warn(job_id)  # a second one is no wish to stop at once
        self.slurm.wait(lambda: self.slurm.job(job_id).get("Restarts") == "1", "the requeue")
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), [(0,)])  # all was recorded before
        drained = self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'drained'")[0][0]
        self.assertGreater(drained, 0)
        recorded = self.epochs()
        state, status, text = self.wait_for_end(job_id, log)
        self.assertEqual((state, status), ("COMPLETED", "0"), text)
        for part in (f"== job {job_id}, try 1", f"Slurm starts job {job_id} again", f"== job {job_id}, try 2"):
            self.assertEqual(text.count(part), 1, text)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertTrue(set(recorded) <= set(self.epochs()))
        self.assertEqual(self.ask("SELECT count(*) FROM replays"), [(0,)])
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts ORDER BY 1"), [("complete",), ("drained",)])
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'slurm_restart' AND text LIKE '%restart 1'"), [(1,)])

    def test_where_requeues_are_forbidden_exactly_one_successor_goes_on(self):
        self.wishes["epoch_ms"] = 300
        job_id, log = self.submit(self.sweep(), "--workers-per-node", 2, "--sbatch=--no-requeue")
        self.wait_for_epochs(2)
        self.warn(job_id)
        state, status, text = self.wait_for_end(job_id, log)
        self.assertEqual((state, status), ("FAILED", "75"), text)
        successor = re.search(r"job (\d+) was sent instead", text)[1]
        state, status, text = self.wait_for_end(successor, log.with_name(f"log-{successor}.txt"))
        self.assertEqual((state, status), ("COMPLETED", "0"), text)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT DISTINCT slurm_job_id FROM attempts ORDER BY 1"), sorted([(job_id,), (successor,)]))
        self.assertEqual(self.slurm.job(int(successor) + 1), {})

    def test_what_slurm_refuses_is_told_in_its_own_words(self):
        said = self.submit(self.sweep(), "--workers-per-node", 2, "--partition", "no such", status=2)
        self.assertIn("invalid partition specified: no such", said)
        said = self.submit(self.sweep(), "--workers-per-node", 2, "--sbatch=--no-such-option", status=2)
        self.assertIn("no-such-option", said)
        self.assertEqual(list(self.store.parent.iterdir()), [])
        self.assertEqual(self.slurm.ask("squeue", "--noheader"), "")


if __name__ == "__main__":
    unittest.main()
