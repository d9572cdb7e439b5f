"""A real Slurm of one host for the tests: munged, slurmctld and slurmd of the Debian packages, in a folder and on ports of their own.

Nothing of the machine's own Slurm or MUNGE is touched. The daemons are children of the test: they end with it, and nothing is ended by name.
"""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel", "squeue")
CORES = 4  # said to Slurm, however many there are: the jobs of these tests only wait

CONFIGURATION = """\
ClusterName=stdualx-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits as long as a credential lives: 120 s by default.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=60 State=UP
"""


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def what_is_missing():
    """A sentence on the programs that are not installed, or None."""
    missing = [program for program in PROGRAMS if not find(program)]
    return f"{', '.join(missing)} not installed: `cluster/bootstrap.sh test` installs slurm-wlm and munge" if missing else None


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class OneHost:
    """`with OneHost() as slurm:`; `slurm.environment` leads sbatch and its like to it."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx-slurm-"))
        self.daemons = []
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.folder.chmod(0o755)  # munged wants its socket to be within everybody's reach
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(host=socket.gethostname().split(".")[0], folder=self.folder, controller_port=controller_port,
                                 node_port=node_port, cores=CORES), encoding="utf-8")
        munge = ["munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={key}",
                 f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed"]
        self.daemon(*munge)
        self.wait(lambda: (self.folder / "munge.socket").exists(), "munged's socket")
        self.daemon("slurmctld", "-D", "-f", f"{self.folder}/slurm.conf")
        self.daemon("slurmd", "-D", "-f", f"{self.folder}/slurm.conf")
        self.wait(lambda: self.ask("sinfo", "--noheader", "--format=%T").strip() == "idle", "an idle node")

    def daemon(self, program, *arguments):
        words = open(self.folder / f"{program}.out", "w", encoding="utf-8")
        with words:
            self.daemons.append((program, subprocess.Popen([find(program), *arguments], stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                                                           env=dict(os.environ, **self.environment), preexec_fn=end_with_parent)))

    def stop(self):
        with contextlib.suppress(Exception):
            self.ask("scancel", "--full", "--user=root")
            self.wait(lambda: not self.ask("squeue", "--noheader").strip(), "the end of all jobs")
        for _, process in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, program, *arguments):
        """What one of Slurm's commands prints; "" when it fails."""
        done = subprocess.run([find(program), *arguments], capture_output=True, text=True, env=dict(os.environ, **self.environment), timeout=30)
        return done.stdout if done.returncode == 0 else ""

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for program, process in self.daemons:
                if process.poll() is not None:
                    raise AssertionError(f"{program} ended with {process.returncode} before {what}:\n{self.words()}")
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds} s in vain for {what}:\n{self.words()}")

    def words(self):
        """The last lines of every log."""
        logs = [path for path in sorted(self.folder.glob("*")) if path.suffix in (".log", ".out")]
        return "\n".join(f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:]) for path in logs)

    def job(self, job_id):
        """`scontrol show job` as a dictionary; empty when Slurm has forgotten it."""
        text = self.ask("scontrol", "--oneliner", "show", "job", str(job_id))
        return dict(word.split("=", 1) for word in text.split() if "=" in word)
