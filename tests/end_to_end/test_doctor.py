"""`stdualx doctor`: what it says of this machine, and of ones that were bent: programs of other words in PATH, variables, signals, folders."""
import json
import os
import signal
import subprocess
import unittest

from harness import PROGRAM, Workplace

CONFIGURATION = """\
Configuration data as of 2026-11-26T20:20:17
AuthInfo                = (null)
ClusterName             = elsewhere
KillWait                = 30 sec
MinJobAge               = 300 sec
MpiDefault              = pmix
PreemptType             = preempt/partition_prio
PreemptMode             = CANCEL
SLURM_VERSION           = 23.11.4
SlurmctldParameters     = (null)
"""


class Doctor(Workplace):
    def setUp(self):
        super().setUp()
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.trainer = self.program("trainer", "echo 'usage: trainer'")
        (self.folder / "results.db.d").mkdir()
        self.variables = {}

    def program(self, name, script):
        """A program of that name that comes first in PATH."""
        path = self.programs / name
        path.write_text("#!/bin/sh\n" + script + "\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def doctor(self, *options, status=0, before=(), prepare=None):
        """Rows by what was looked at: a list of (verdict, found, next step)."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "PMIX_", "OMPI_", "NCCL_", "CUDA_"))}
        environment |= {"PATH": f"{self.programs}:{environment['PATH']}", "STDUALX_TRAINER": str(self.trainer), "STDUALX_CACHE": str(self.folder / "cache")}
        words = [*before, str(PROGRAM), "doctor", "--store", str(self.store), "--data", str(self.folder / "tiny"), "--format", "json", *options]
        done = subprocess.run(words, cwd=self.folder, env=environment | self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              preexec_fn=prepare)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        rows = {}
        for row in json.loads(done.stdout):
            rows.setdefault(row["what"], []).append((row["verdict"], row["found"], row["next step"]))
        return rows

    def wrong(self, rows):
        return sorted(what for what, findings in rows.items() for verdict, _, _ in findings if verdict == "wrong")

    def assert_says(self, rows, what, verdict, words, next_step=None):
        self.assertIn(what, rows)
        matching = [row for row in rows[what] if row[0] == verdict and words in row[1]]
        self.assertTrue(matching, rows[what])
        if verdict == "wrong":
            self.assertTrue(all(row[2] for row in matching), "what is wrong needs a next step")
        if next_step is not None:
            self.assertTrue(any(next_step in (row[2] or "") for row in matching), matching)

    # ---- this host

    def test_on_this_machine_nothing_is_wrong_and_nothing_is_left(self):
        before = sorted(self.folder.rglob("*"))
        rows = self.doctor()
        self.assertEqual(self.wrong(rows), [])
        for what in ("mpirun", "two processes", "trainer", "NCCL", "open files", "signals", "/dev/shm", "environment of a job", "checkpoints: a file", "checkpoints: locks"):
            self.assert_says(rows, what, "right", "")
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        self.assertFalse(self.store.exists())

    def test_the_table_for_people_has_one_line_a_check(self):
        environment = dict(os.environ, STDUALX_TRAINER=str(self.trainer))
        done = subprocess.run([str(PROGRAM), "doctor", "--store", str(self.store), "--data", str(self.folder / "tiny")], env=environment, capture_output=True, text=True, timeout=120)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split()[:2], ["verdict", "what"])
        self.assertGreater(len(lines), 15)
        self.assertTrue(all(line.split()[0] in ("right", "wrong", "note") for line in lines[2:]), done.stdout)

    def test_a_trainer_that_does_not_start(self):
        self.program("trainer", "echo 'error while loading shared libraries: libexample.so.1: cannot open shared object file' >&2; exit 127")
        self.assert_says(self.doctor(status=3), "trainer", "wrong", "libexample.so.1")
        self.trainer = self.folder / "none"
        self.assert_says(self.doctor(status=3), "trainer", "wrong", "is not there")

    def test_another_mpirun_in_path_is_named(self):
        other = self.program("mpirun", "echo 'mpirun (Open MPI) 9.9.9'")
        rows = self.doctor()
        self.assert_says(rows, "mpirun in PATH", "note", str(other), "MPI_HOME")

    def test_an_mpirun_that_cannot_start_processes(self):
        real = os.path.realpath("/usr/bin/mpiexec")
        if os.geteuid() != 0 or not os.path.exists(real):
            self.skipTest("putting another program over mpirun needs root and Debian's Open MPI")
        fake = self.folder / "fake"
        fake.write_text("#!/bin/sh\ncase \"$1\" in --version) echo 'mpiexec (OpenRTE) 5.0.3';; *) echo 'no slots here' >&2; exit 1;; esac\n", encoding="utf-8")
        fake.chmod(0o755)
        rows = self.doctor(status=3, before=["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", str(fake), real])
        self.assert_says(rows, "mpirun", "wrong", "Open MPI 5.0.3", "one MPI alone")
        self.assert_says(rows, "two processes", "wrong", "no slots here")

    # ---- variables and signals

    def test_variables_that_hurt(self):
        self.variables = {"NCCL_PROXY_DUMP_SIGNAL": "10", "NCCL_SOCKET_IFNAME": "nothing0", "NCCL_P2P_DISABLE": "1", "CUDA_VISIBLE_DEVICES": "all"}
        rows = self.doctor(status=3)
        self.assertEqual(self.wrong(rows), ["CUDA_VISIBLE_DEVICES", "NCCL", "NCCL"])
        self.assert_says(rows, "NCCL", "wrong", "NCCL_PROXY_DUMP_SIGNAL=10", "unset NCCL_PROXY_DUMP_SIGNAL")
        self.assert_says(rows, "NCCL", "wrong", "NCCL_SOCKET_IFNAME=nothing0")
        self.assert_says(rows, "NCCL", "note", "NCCL_P2P_DISABLE=1")

    def test_variables_of_a_job_that_is_not_ours(self):
        self.program("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
        self.variables = {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "4"}
        self.assert_says(self.doctor(status=3), "environment of a job", "wrong", "SLURM_JOB_ID=77")
        self.variables = {"OMPI_COMM_WORLD_RANK": "0"}
        self.assert_says(self.doctor(status=3), "environment of a job", "wrong", "OMPI_COMM_WORLD_RANK")

    def test_signals_that_a_parent_ignores(self):
        rows = self.doctor(prepare=lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
        self.assert_says(rows, "signals", "note", "SIGUSR1")
        rows = self.doctor(prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assert_says(rows, "signals", "note", "nohup")

    def test_a_limit_on_open_files(self):
        rows = self.doctor(status=3, before=["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"])
        self.assert_says(rows, "open files", "wrong", "at most 100")

    def test_being_pinned_to_fewer_cores_than_the_job_has(self):
        self.variables = {"SLURM_JOB_ID": "77", "SLURM_CPUS_PER_TASK": "4096"}
        self.assert_says(self.doctor(status=3), "cores", "wrong", "the job has 4096 here", "--cpu-bind=none")

    # ---- folders

    def test_a_store_folder_that_cannot_be_written(self):
        if os.geteuid() != 0:
            self.skipTest("becoming another user needs root")
        self.folder.chmod(0o755)
        rows = self.doctor(status=3, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        self.assert_says(rows, "store: writing", "wrong", "cannot be written", "--store")
        self.assert_says(rows, "checkpoints: a file", "wrong", "Permission denied", "permissions")

    def test_a_store_folder_that_is_mounted_read_only(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        there = str(self.folder)
        rows = self.doctor(status=3, before=["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"', "sh", there])
        self.assert_says(rows, "store: writing", "wrong", "read-only", "--store")
        self.assert_says(rows, "checkpoints: a file", "wrong", "Read-only file system")

    def test_a_full_disk_and_one_of_memory(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        there = str(self.folder / "results.db.d")
        rows = self.doctor(status=3, before=["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"', "sh", there])
        self.assert_says(rows, "checkpoints: file system", "note", "is tmpfs")
        self.assert_says(rows, "checkpoints: room", "wrong", "free")
        self.assert_says(rows, "checkpoints: a file", "wrong", "No space left on device", "full")

    # ---- Slurm's words

    def site(self, partition="PreemptMode=CANCEL State=UP", configuration=CONFIGURATION, nodes="NodeName=n1 Gres=gpu:4 State=IDLE Partitions=gpu"):
        for name in ("sbatch", "squeue", "srun"):
            self.program(name, "echo slurm 23.11.4")
        self.program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
        texts = {"config": configuration, "partition": f"PartitionName=gpu Default=YES DefaultTime=NONE GraceTime=0 MaxTime=1-00:00:00 {partition}", "node": nodes}
        for name, text in texts.items():
            (self.programs / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
        self.program("scontrol", f'case "$*" in --version) echo slurm 23.11.4;; *config) cat "{self.programs}/config.txt";; *partition) cat "{self.programs}/partition.txt";; '
                                 f'*node) cat "{self.programs}/node.txt";; *) exit 1;; esac')

    def test_a_site_that_cancels_preempted_jobs(self):
        self.site()
        rows = self.doctor("--slurm", "--gpus-per-node", "4")
        self.assertEqual(self.wrong(rows), [])
        self.assert_says(rows, "Slurm's controller", "right", "cluster elsewhere, Slurm 23.11.4")
        self.assert_says(rows, "preemption", "note", "cancelled for good", "`submit` the sweep again")
        self.assert_says(rows, "accounting", "note", "accounting storage is disabled")
        self.assert_says(rows, "GPUs of nodes", "right", "up to 4", "--gpus-per-node 4")
        self.assert_says(rows, "store: file system", "note", "")

    def test_a_partition_that_is_down_or_not_there_or_has_too_few_gpus(self):
        self.site()
        self.assert_says(self.doctor("--slurm", "--gpus-per-node", "8", status=3), "GPUs of nodes", "wrong", "has 8 GPUs (most: 4)")
        self.assert_says(self.doctor("--slurm", "--partition", "gpux", status=3), "partition", "wrong", "'gpux'", "gpu")
        self.site(partition="PreemptMode=OFF State=DRAIN")
        self.assert_says(self.doctor("--slurm", status=3), "partition", "wrong", "gpu is DRAIN")

    def test_a_controller_that_does_not_answer(self):
        self.site()
        self.program("scontrol", "echo 'slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
        self.assert_says(self.doctor("--slurm", status=3), "Slurm's controller", "wrong", "Unable to contact slurm controller", "munge")

    def test_words_that_go_with_slurm_only(self):
        done = subprocess.run([str(PROGRAM), "doctor", "--partition", "gpu"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--slurm", done.stderr)


class IgnoredChildren(Workplace):
    def test_a_parent_that_ignores_sigchld_does_not_hang_the_job(self):
        process = subprocess.Popen(self.command("run", self.sweep(folds=[0]), "--workers", 2, "--quiet"), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.addCleanup(self.end, process)
        self.finish(process)
        self.assertEqual(self.statuses(), {"COMPLETE": 2})


if __name__ == "__main__":
    unittest.main()
