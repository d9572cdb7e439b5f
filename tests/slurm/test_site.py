"""The Slurm of the lab (cluster/lab) as `stdualx doctor --slurm` finds it, from outside and from inside a job."""
import json
import os
import pathlib
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))

from harness import PROGRAM, wait_until  # noqa: E402
from test_lab import Lab  # noqa: E402


class Site(Lab):
    stub = True

    def in_job(self, *words, tasks=1, further=(), status=0):
        """Runs a command as the tasks of a job; what they said."""
        command = ["srun", "--quiet", f"--ntasks={tasks}", "--cpus-per-task=1", *further, *map(str, words)]
        done = subprocess.run(command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def found(self, text):
        return {row["what"]: (row["verdict"], row["found"]) for row in json.loads(text)}

    def test_doctor_reads_the_settings_of_a_real_slurm(self):
        trainer = self.folder / "trainer"
        trainer.write_text("#!/bin/sh\n", encoding="utf-8")
        trainer.chmod(0o755)
        done = subprocess.run(self.command("doctor", "--slurm", "--partition", "normal", "--format", "json"), cwd=self.folder, stdin=subprocess.DEVNULL,
                              env=self.environment() | {"STDUALX_TRAINER": str(trainer)}, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = self.found(done.stdout)
        self.assertEqual(found["partition"], ("right", "normal is UP"))
        self.assertIn("at most 01:00:00", found["time limit"][1])
        self.assertIn("3 of 3", found["nodes"][1])
        self.assertIn("5 s (cred_expire)", found["waiting after a requeue"][1])
        self.assertIn("5 s", found["KillWait"][1])
        self.assertIn("requeue", found["preemption"][1].lower())
        self.assertEqual(found["accounting"][0], "note")
        self.assertIn("stdualx-lab", found["Slurm's controller"][1])

    def test_doctor_knows_its_own_job(self):
        script = self.folder / "job.sh"
        script.write_text(f"#!/bin/bash\n{shlex.quote(str(PROGRAM))} doctor --store {self.store} --format json >{self.folder}/said.json\n", encoding="utf-8")
        done = subprocess.run(["sbatch", "--wait", "--output=/dev/null", "--cpus-per-task=1", str(script)], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        said = (self.folder / "said.json").read_text(encoding="utf-8")
        found = self.found(said)
        self.assertEqual(found["environment of a job"][0], "right", done.stderr + said)
        self.assertIn("which runs", found["environment of a job"][1])
        self.assertEqual(found["two processes"][0], "right", said)

    def job_file(self):
        """What `run` freezes for its ranks, for a store that no other process uses."""
        self.wishes["start"] = "hang"
        process = self.start("run", self.sweep(), "--workers", 2, store=self.folder / "other.db")
        place, = wait_until(lambda: list((self.folder / "other.db.d").glob("job-*/job.json")), 30, "the job's file")
        text = place.read_text(encoding="utf-8").replace(str(place.parent), str(self.folder)).replace(str(self.folder / "other.db"), str(self.store))
        self.kill_job(process)
        del self.wishes["start"]
        file = self.folder / "job.json"
        file.write_text(text, encoding="utf-8")
        (self.folder / "results.db.d").mkdir()
        return file

    def test_ranks_started_by_srun_with_pmix_do_the_job_with_a_gpu_of_their_own_each(self):
        # As with --gpus-per-task: each task is given one, which it counts from 0 or not; task 0 coordinates.
        script = self.folder / "rank.sh"
        script.write_text('#!/bin/bash\nexport STDUALX_DEVICES=GPU-aa,GPU-bb,GPU-cc CUDA_VISIBLE_DEVICES=$SLURM_PROCID\nexec "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        self.wishes["epoch_ms"] = 60
        self.in_job(script, PROGRAM, "rank", self.job_file(), tasks=3, further=["--mpi=pmix"])
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT DISTINCT device FROM attempts ORDER BY 1"), [("stub GPU-bb",), ("stub GPU-cc",)])

    def test_ranks_that_each_believe_to_be_alone_are_refused_in_words_before_the_store_is_opened(self):
        # Open MPI 4.1 under srun without PMIx fails by itself, loudly; 5 begins worlds of one. Here a rank alone is told what srun tells its tasks.
        job = self.job_file()
        done = subprocess.run([PROGRAM, "rank", job], cwd=self.folder, env=self.environment() | {"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, 2, text)
        self.assertIn("one of 2 tasks of srun, and each believes that it is alone", text)
        self.assertIn("srun --mpi=pmix", text)
        self.assertFalse(self.store.exists())


if __name__ == "__main__":
    unittest.main()
