"""`stdualx submit`: what it refuses and freezes, with a stand-in for sbatch. Whole jobs on a real Slurm: test_lab.py."""
import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))

from harness import PROGRAM, Workplace, ranks, unshared, wait_until  # noqa: E402


class Submission(Workplace):
    """Without a Slurm: a stand-in for sbatch takes the script, and the test runs it as Slurm would."""

    def setUp(self):
        super().setUp()
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.stand_in("sbatch", "echo 7")
        self.stand_in("scontrol")
        self.path = f"{self.programs}:/usr/bin:/bin"
        self.squeue_seconds = 0  # it is asked always
        self.configuration = str(self.folder / "no-config")  # not the one of whoever tests

    def environment(self):
        return super().environment() | {"PATH": self.path, "XDG_CONFIG_HOME": self.configuration, "STDUALX_SQUEUE_SECONDS": str(self.squeue_seconds)}

    def submit(self, *arguments, status=0, store=None):
        return self.finish(self.start("submit", *arguments, store=store), status)

    def stand_in(self, name, script=""):
        (self.programs / name).write_text(f"#!/bin/bash\nprintf '%s\\x1f' \"$@\" >>\"${{0%/*}}/{name}.words\"; echo >>\"${{0%/*}}/{name}.words\"\n{script}\n", encoding="utf-8")
        (self.programs / name).chmod(0o755)

    def words(self, name):
        """The arguments of each call, a line each."""
        return [" ".join(words) for words in self.called_with(name)]

    def called_with(self, name):
        file = self.programs / f"{name}.words"
        return [line.split("\x1f")[:-1] for line in file.read_text(encoding="utf-8").split("\n")[:-1]] if file.exists() else []

    def calls(self, name):
        """The last argument of each call."""
        return [words[-1] for words in self.called_with(name)]

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
        self.assertIn(shlex.join([str(PROGRAM), "run", f"{self.store}.d/submissions/tiny-1/sweep.json", f"--store={self.store}"]), last)
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

    def test_epochs_that_are_computed_again_for_lost_weights_are_progress(self):
        self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1)  # stand-ins keep no weights
        self.wishes["epoch_ms"] = 700
        self.submit(self.sweep("later.json", folds=[0], variants=["stdual_x"], conditions=["noise/10/1"]), "--workers-per-node", 1, "--time", "2:01", "--warning-seconds", 60)
        process = self.start_script(self.sent()[-1], SLURM_JOB_ID="7")
        wait_until(lambda: self.ask("SELECT count(*) FROM replays") != [(0,)], 60, "an epoch that is computed again")
        os.kill(process.pid, signal.SIGUSR1)
        self.assertIn("Slurm starts job 7 again", self.finish(process, 75))

    def test_tries_that_record_no_epoch_end_after_the_fifth_with_the_reason(self):
        self.wishes["start"] = "hang"
        self.submit(self.sweep(), "--workers-per-node", 2)
        script, = self.sent()
        for number in range(5):
            process = self.start_script(script, SLURM_JOB_ID="7", SLURM_RESTART_COUNT=str(number))
            wait_until(lambda: ranks(process.pid), 30, "the ranks")
            if number < 4:
                self.kill_job(process)  # no warning, as when hosts are lost
                continue
            os.kill(process.pid, signal.SIGUSR1)
            self.assertIn("drained and not requeued: 5 tries in a row", self.finish(process, 75))
        self.assertEqual(self.calls("scontrol"), [])
        said = self.finish(self.start_script(script, SLURM_JOB_ID="7", SLURM_RESTART_COUNT="5"), 3)  # if Slurm starts it again by itself
        self.assertIn("the last 5 tries of this submission have not recorded one epoch", said)
        self.assertIn("log-7.txt", said)
        self.wishes.pop("start")
        self.submit(self.sweep(), "--workers-per-node", 2)  # a new one counts anew
        self.run_script(self.sent()[-1])
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_the_job_first_says_what_its_node_is_and_is_refused_where_the_store_cannot_be_kept(self):
        self.submit(self.sweep(folds=[0]), "--workers-per-node", 2)
        script, = self.sent()
        said = self.run_script(script)
        for part in ("MPI: Open MPI", "as where it was submitted", f"store: {self.store} is on ", "data: ", "were written, synced and removed", "checkpoints: locks"):
            self.assertIn(part, said)
        submission = script.parent / "submission.json"
        submission.write_text(submission.read_text(encoding="utf-8").replace('"mpi": "Open MPI', '"mpi": "Other MPI'), encoding="utf-8")
        self.assertRegex(self.run_script(script), "MPI: Open MPI .*; where it was submitted: Other MPI")
        # The store's folder is read-only on the compute node: the sentence, and not a word of the sweep.
        self.submit(self.sweep(seeds=[2], folds=[0]), "--workers-per-node", 2)
        script = self.sent()[-1]
        mounted = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec bash "$2"'
        begun = subprocess.run([*unshared("--mount"), "bash", "-c", mounted, "sh", f"{self.store}.d", script],
                               cwd="/", env=self.environment() | {"SLURM_JOB_ID": "7"}, capture_output=True, text=True, timeout=60)
        self.assertEqual(begun.returncode, 4, begun.stdout + begun.stderr)
        self.assertIn("this node cannot do what the job asks: creating a file in", begun.stderr)
        self.assertIn("mounted read-only", begun.stderr)
        self.assertNotIn("runs to do", begun.stdout)

    def test_an_epoch_longer_than_the_time_limit_is_refused_with_both_numbers(self):
        spec = self.sweep()
        self.run_sweep(spec, "--first", 1)
        with contextlib.closing(sqlite3.connect(self.store)) as connection, connection:
            connection.execute("UPDATE epochs SET wall_seconds = 5400")
        said = self.submit(spec, "--workers-per-node", 2, "--time", "1:00:00", status=2)
        for part in ("--time 1:00:00", "3570 s", "5400 s", "stdual_x on tiny"):
            self.assertIn(part, said)
        self.assertEqual(self.sent(), [])
        self.submit(spec, "--workers-per-node", 2, "--time", "2:00:00")
        for option in (["--gpus-per-node", 1], ["--workers-per-node", 2, "--allow-long-epochs"], ["--workers-per-node", 2, "--set", "training.batch_size=16"]):
            self.submit(spec, *option, "--time", "1:00:00")  # another kind of device; all the same; another recipe
        self.assertIn("--allow-long-epochs", said)

    def test_a_profile_gives_what_the_command_line_does_not_say(self):
        profiles = self.folder / "config" / "stdualx" / "cluster.json"
        profiles.parent.mkdir(parents=True)
        self.configuration = str(self.folder / "config")

        def dry(*words, status=0):
            return self.submit(spec, *words, "--dry-run", status=status).splitlines() if status == 0 else self.submit(spec, *words, "--dry-run", status=status)

        def write(profile):
            profiles.write_text(json.dumps(profile), encoding="utf-8")

        spec = self.sweep()
        self.assertIn("there is no " + str(profiles), dry("--workers-per-node", 1, "--profile", "long", status=2))
        write({"default": {"partition": "gpu", "gpus-per-node": 4, "sbatch": ["--exclusive"], "prologue": ["module load openmpi", "ulimit -c 0"]},
               "long": {"time": "2-00:00:00", "workers-per-node": 3, "qos": "long", "mem": "64G", "constraint": "a100|h100"}})
        script = dry("--sbatch=--nice", "--account", "lab")
        for line in ("#SBATCH --partition=gpu", "#SBATCH --gres=gpu:4", "#SBATCH --account=lab", "module load openmpi", "ulimit -c 0"):
            self.assertIn(line, script)
        self.assertLess(script.index("#SBATCH --exclusive"), script.index("#SBATCH --nice"))  # what comes last wins
        script = dry("--workers-per-node", 1, "--partition", "debug")
        self.assertIn("#SBATCH --partition=debug", script)
        self.assertNotIn("#SBATCH --gres=gpu:4", script)
        script = dry("--profile", "long")
        for line in ("#SBATCH --time=2-00:00:00", "#SBATCH --ntasks-per-node=3", "#SBATCH --qos=long", "#SBATCH --mem=64G", '#SBATCH --constraint="a100|h100"'):
            self.assertIn(line, script)
        self.assertIn("did you mean 'long'?", dry("--profile", "lang", status=2))
        for profile, parts in (({"partitoin": "gpu"}, ["cluster.json: /default/partitoin", "did you mean 'partition'?"]), ({"nodes": "many"}, ["/default", "nodes"]),
                               ({"nodes": True}, ["/default/nodes: expected", "true"]), ([], ["/default: expected an object"])):
            write({"default": profile})
            for part in parts:
                self.assertIn(part, dry("--workers-per-node", 1, status=2))
        profiles.write_text("{", encoding="utf-8")
        self.assertIn("expected a JSON object of profiles", dry("--workers-per-node", 1, status=2))

    def test_a_number_between_a_wrappers_words_is_found(self):
        self.stand_in("sbatch", "echo hello; echo '123456;main'; echo 'Project x: 900 h left'")
        self.assertIn("123456", self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00"))

        self.stand_in("sbatch", "echo '8;far'")
        self.assertIn("SLURM_CLUSTERS=far", self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00"))

    def test_a_job_whose_number_nobody_said_runs_all_the_same_and_is_known_then(self):
        self.stand_in("sbatch", "echo thank you")
        self.assertIn("named no number", self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, status=75))
        script, = self.sent()
        self.finish(self.start_script(script, SLURM_JOB_ID="9"))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual((script.parent / "jobs.txt").read_text(encoding="utf-8"), "9\n")

    def test_a_job_that_slurm_took_though_sbatchs_answer_was_lost_keeps_its_folder_and_runs(self):
        lost = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1"
        self.stand_in("sbatch", lost)
        self.stand_in("squeue", f"echo '8 /elsewhere/job.sh'; echo '9 {self.store}.d/submissions/tiny-1/job.sh'")
        self.assertIn("job 9: 6 runs to do", self.submit(self.sweep(), "--workers-per-node", 1))
        folder = self.store.parent / "results.db.d" / "submissions"
        self.assertEqual((folder / "tiny-1" / "jobs.txt").read_text(encoding="utf-8"), "9\n")
        self.stand_in("squeue")
        said = self.submit(self.sweep(), "--workers-per-node", 1, status=75)
        self.assertIn("Slurm may have taken the job: sbatch said 'sbatch: error: Batch job submission failed: Socket timed out", said)
        self.assertIn(str(folder / "tiny-2"), said)
        script = self.sent()[-1]
        self.assertEqual(script, folder / "tiny-2" / "job.sh")
        self.finish(self.start_script(script, SLURM_JOB_ID="10"))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual((folder / "tiny-2" / "jobs.txt").read_text(encoding="utf-8"), "10\n")

    def test_a_job_that_slurm_refused_leaves_no_folder(self):
        self.stand_in("squeue")
        before = self.everything()
        self.stand_in("sbatch", "echo 'sbatch: error: invalid partition specified: no such' >&2; exit 1")
        self.assertIn("sbatch did not take the job: ", self.submit(self.sweep(), "--workers-per-node", 1, status=2))
        self.assertEqual(set(self.everything()) - set(before) - {str(self.folder / "sweep.json")}, {str(self.programs / f"{name}.words") for name in ("sbatch", "squeue")})

    def test_a_cancel_after_a_warning_neither_stops_at_once_nor_goes_on(self):
        self.wishes["epoch_ms"] = 700
        self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1)
        script, = self.sent()
        job = self.start_script(script, SLURM_JOB_ID="7")
        self.wait_for_epochs(1)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            os.kill(job.pid, number)
            time.sleep(0.05)
        self.assertIn("run the same command again", self.finish(job, 75))
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts"), [("drained",)])
        self.assertEqual(self.words("scontrol"), [], "it was requeued")

    def test_a_job_that_waits_for_the_store_can_be_cancelled(self):
        self.wishes["epoch_ms"] = 500
        other = self.start("run", self.sweep(), "--workers", 1)
        self.wait_for_epochs(1)
        self.submit(self.sweep("other.json", name="other", seeds=[2]), "--nodes", 1, "--workers-per-node", 1, "--if-busy", "wait")
        script, = self.sent()
        job = self.start_script(script, SLURM_JOB_ID="7")
        while "waiting until it lets go" not in job.stdout.readline():
            self.assertIsNone(job.poll())
        os.kill(job.pid, signal.SIGUSR2)
        self.assertIn("cancelled while it waited", self.finish(job, 75))
        self.assertEqual(self.words("scontrol"), [], "it was requeued")
        self.assertIsNone(other.poll())

    def test_variables_that_overrule_the_script_do_not_reach_sbatch(self):
        self.stand_in("sbatch", 'env | grep ^SBATCH_ >"${0%/*}/seen"; echo 7')
        with unittest.mock.patch.dict(os.environ, SBATCH_SIGNAL="B:TERM@5", SBATCH_OUTPUT="/tmp/x", SBATCH_TIMELIMIT="1", SBATCH_ACCOUNT="lab"):
            self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00")
        self.assertEqual((self.programs / "seen").read_text(encoding="utf-8"), "SBATCH_ACCOUNT=lab\n")

    def test_cancel_leaves_a_stranger_alone_who_has_the_number_of_a_launcher_that_died(self):
        self.run_sweep(self.sweep(), "--workers", 1)
        stranger = subprocess.Popen(["sleep", "60"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        (self.folder / "results.db.d" / f"job-{os.uname().nodename}-{stranger.pid}-1").mkdir()
        self.assertIn("nothing to cancel", self.finish(self.start("cancel")))
        self.assertIsNone(stranger.poll())

    def test_cancel_tells_every_job_though_one_refuses(self):
        for number in (101, 102):
            self.stand_in("sbatch", f"echo {number}")
            self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00")
        self.stand_in("squeue", "echo '101|PENDING|Priority|'; echo '102|NEW_STATE|None|n1'")
        self.stand_in("scancel", "[[ \"$*\" != *101* ]] || { echo no such thing >&2; exit 1; }")
        text = self.finish(self.start("cancel"), 2)
        self.assertIn("scancel did not take job 101: no such thing", text)
        self.assertEqual(self.words("scancel"), ["101", "102"])

    def test_watch_outlasts_a_question_that_slurm_does_not_answer(self):
        self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00")
        self.stand_in("squeue", 'case $(wc -l <"${0%/*}/squeue.words") in 2) exit 1 ;; 4) echo "7|CANCELLED|None|" ;; *) echo "7|PENDING|Priority|" ;; esac')
        self.finish(self.start("watch", "--seconds", 0.1), 75)
        self.assertEqual(len(self.words("squeue")), 4)

    def sweeps(self, *words):
        """The first table of `status`, by name of the sweep."""
        tables = json.loads(self.finish(self.start("status", "--format", "json", *words)))
        rows = tables if isinstance(tables, list) else tables["sweeps"]  # one table alone is a list
        return {row["sweep"]: row for row in rows}

    def test_watch_and_status_answer_about_the_sweep_that_was_sent_and_not_about_the_store(self):
        self.run_sweep(self.sweep(), "--workers", 2, "--quiet")
        self.stand_in("sacct", "echo '7|CANCELLED by 1000||'")
        self.stand_in("squeue")
        self.submit(self.sweep("long.json", name="long", seeds=[1, 2]), "--workers-per-node", 1)  # half of it is done for the other sweep
        text = self.finish(self.start("watch", "--seconds", 0.1), 75)
        self.assertIn("long: 6 of 12 runs complete, 6 submitted and not begun", text)
        self.assertNotIn("all runs are complete", text)
        self.assertIn("all runs are complete", self.finish(self.start("watch", "--sweep", "tiny", "--seconds", 0.1)))
        shown = self.sweeps()
        self.assertEqual({name: (row["runs"], row["COMPLETE"], row["WAITING"]) for name, row in shown.items()}, {"tiny": (6, 6, 0), "long": (12, 6, 6)})
        self.assertEqual(list(self.sweeps("--sweep", "long")), ["long"])
        self.assertIn("there are: tiny", self.finish(self.start("watch", "--sweep", "nobody"), 2))
        # One that nobody wants any more is given up though no store knows it; sent again it counts again.
        self.assertIn("long", self.finish(self.start("retire", "long")))
        self.assertEqual(list(self.sweeps()), ["tiny"])
        self.assertIn("tiny: 6 of 6 runs complete", self.finish(self.start("watch", "--seconds", 0.1)))
        self.submit(self.sweep("long.json", name="long", seeds=[1, 2]), "--workers-per-node", 1)
        self.assertEqual(self.sweeps()["long"]["WAITING"], 6)
        self.run_script(self.sent()[-1])
        self.assertIn("long: 12 of 12 runs complete", self.finish(self.start("watch", "--seconds", 0.1)))

    def test_a_submission_of_some_runs_waits_with_these_alone_and_needs_no_store(self):
        self.stand_in("squeue", "echo '7|PENDING|Priority|'")
        self.submit(self.sweep(), "--workers-per-node", 1, "--first", 2)
        self.assertEqual(self.sweeps()["tiny"]["WAITING"], 2)
        self.assertIn("job 7 (PENDING) is there to run tiny; `stdualx cancel` it first", self.finish(self.start("retire", "tiny"), 4))
        self.assertFalse(self.store.exists())

    def test_a_sweep_that_was_shortened_is_complete_and_the_old_one_can_be_retired(self):
        self.run_sweep(self.sweep(), "--workers", 2, "--first", 4, "--quiet")
        whole = self.sweep(fixed={"training": {"epochs": 400, "batch_size": 32}}, folds=[0, 1])
        self.wishes["epoch_ms"] = 50
        process = self.start("run", whole, "--workers", 2)
        self.wait_for_epochs(20)
        process.send_signal(signal.SIGINT)
        self.finish(process, 75)
        # What is done of it, as a person would shorten it.
        self.assertIn("nothing to do: 4 of 4 runs complete", self.run_sweep(self.sweep("short.json", name="short", folds=[0, 1]), "--workers", 2))
        self.assertIn("short: 4 of 4 runs complete", self.finish(self.start("watch", "--seconds", 0.1)))
        sweeps = self.sweeps()
        self.assertEqual((len(sweeps), sweeps["short"]["COMPLETE"]), (2, 4), sweeps)  # two of the name tiny are one here
        before = self.ask("SELECT * FROM epochs"), self.ask("SELECT run_id, status FROM runs")
        identity, = self.ask("SELECT sweep_id FROM sweeps ORDER BY rowid LIMIT 1 OFFSET 1")[0]
        text = self.finish(self.start("retire", identity[:12]))
        self.assertIn("4 of its runs were not done", text)
        self.assertEqual((self.ask("SELECT * FROM epochs"), self.ask("SELECT run_id, status FROM runs")), before)
        self.assertIn("Retired, and not shown: tiny (" + identity[:10], self.finish(self.start("status")))
        self.assertIn("short: 4 of 4", self.finish(self.start("watch", "--seconds", 0.1)))
        self.assertIn("tiny (retired): 0 of 0 runs", self.finish(self.start("watch", "--seconds", 0.1, "--sweep", identity[:12])))
        self.wishes["epoch_ms"] = 1
        self.run_sweep(whole, "--workers", 2, "--quiet")  # takes it back
        self.assertIn("tiny: 4 of 4 runs complete", self.finish(self.start("watch", "--seconds", 0.1, "--sweep", identity[:12])))
        self.assertNotIn("Retired", self.finish(self.start("status")))

    def test_slurm_is_asked_once_for_all_who_look_at_a_store_and_not_at_all_where_a_fresh_answer_lies(self):
        self.submit(self.sweep(), "--nodes", 1, "--workers-per-node", 1, "--time", "1:00:00")
        self.stand_in("squeue", "echo '7|PENDING|Priority|'")
        self.squeue_seconds = 30
        answers = self.folder / "results.db.d" / "slurm-jobs.json"
        for _ in range(3):
            self.assertRegex(self.finish(self.start("status")), "7 +PENDING +Priority")
        self.assertEqual(len(self.words("squeue")), 1)
        known = json.loads(answers.read_text(encoding="utf-8"))
        for stamp in (known["asked_ms"] - 31_000, known["asked_ms"] + 3_600_000):  # old; of a clock that is ahead
            answers.write_text(json.dumps(known | {"asked_ms": stamp}), encoding="utf-8")
            self.finish(self.start("status"))
        answers.write_text("{", encoding="utf-8")
        self.finish(self.start("status"))
        self.assertEqual(len(self.words("squeue")), 4)
        self.stand_in("scancel")
        self.finish(self.start("cancel"))  # what is done to a job depends on what it does now
        self.assertEqual(len(self.words("squeue")), 5)
        self.assertEqual([path.name for path in answers.parent.iterdir() if path.name.startswith("slurm-jobs")], ["slurm-jobs.json"])

    def test_the_guard_has_a_running_job_of_a_silent_node_requeued_and_none_that_slurm_requeued_itself(self):
        self.stand_in("scontrol", 'case "$*" in *config) echo SlurmdPort = 1;; *requeue*) ;; *) echo "NodeName=n1 NodeAddr=127.0.0.1 Port=1";; esac')  # nobody listens there
        self.stand_in("squeue", 'case "$*" in *jobs=7*) echo "7|RUNNING|None|n1";; *) echo "8|PENDING|BeginTime|";; esac')
        guards = [subprocess.Popen([PROGRAM, "guard", "n1", job, str(self.folder), str(self.store)], env=self.environment(), stdin=subprocess.DEVNULL) for job in ("7", "8")]
        for guard in guards:
            self.addCleanup(guard.wait)
            self.addCleanup(guard.kill)
        self.assertEqual([guard.wait(120) for guard in guards], [0, 0])
        self.assertEqual([words for words in self.words("scontrol") if "requeue" in words], ["requeue 7"])
        log, = self.folder.glob("*7*")
        self.assertIn("node n1, where this ran, does not answer any more: Slurm starts job 7 again", log.read_text(encoding="utf-8"))

    def test_the_guard_is_started_on_another_node_than_the_one_that_it_watches(self):
        with socket.create_server(("127.0.0.1", 0)) as slurmd:
            nodes = "\\n".join(f"NodeName={name} NodeAddr=127.0.0.1 Port={slurmd.getsockname()[1]}" for name in ("n1", "n2"))
            self.stand_in("scontrol", f'case "$*" in *config) echo SlurmdPort = 1;; *) printf "{nodes}\\n";; esac')
            self.stand_in("srun", "sleep 60")
            self.submit(self.sweep(), "--workers-per-node", 1)
            script, = self.sent()
            self.start_script(script, SLURM_JOB_ID="7", SLURMD_NODENAME="n1", SLURM_JOB_NODELIST="n[1-2]", SLURM_JOB_NUM_NODES="2")
            guards = wait_until(lambda: [words for words in self.called_with("srun") if "guard" in words], 60, "the guard's step")
        self.assertIn("--nodelist=n2", guards[0])
        self.assertEqual(guards[0][-5:], ["guard", "n1", "7", str(script.parent), str(self.store)])

    def test_the_guard_takes_a_controller_that_is_away_for_no_lost_node(self):
        self.stand_in("scontrol", "[ $1 != requeue ] || exit 0; exit 1")
        self.stand_in("squeue", "echo '7|RUNNING|None|n1'")
        guard = subprocess.Popen([PROGRAM, "guard", "n1", "7", str(self.folder), str(self.store)], env=self.environment(), stdin=subprocess.DEVNULL)
        self.addCleanup(guard.wait)
        self.addCleanup(guard.kill)
        wait_until(lambda: len(self.words("scontrol")) > 12, 60, "seven looks")
        self.assertIsNone(guard.poll())
        self.assertFalse([words for words in self.words("scontrol") if "requeue" in words])


if __name__ == "__main__":
    unittest.main()
