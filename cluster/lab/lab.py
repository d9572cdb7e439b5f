#!/usr/bin/env python3
"""A Slurm cluster of three hosts on one machine: lab.py up | down | kill NODE | cut NODE | mend NODE | start NODE | run COMMAND...

  make lab         brings it up (some seconds; root)
  make lab-down    takes it down and leaves nothing behind
  kill, start      power: its processes end, and the kernel still closes their sockets; all is begun again
  cut, mend        the network cable: nothing comes through. `cut` and then `kill` is what others see of a power cut: silence

Hosts are network namespaces on a bridge, each with its name, its /tmp and its own view of /etc/hosts; the daemons (munged, slurmctld, three
slurmd) are Debian's, started on files of the lab alone. The machine's own Slurm and MUNGE are not touched. Each host has 4 CPUs and two GPUs, which are plain
files. All see the machine's file system but /tmp, where they find this tree and its build again if they lie there: jobs work below `shared`.
`up` first clears away what a crash left; processes are known by number and start time, or by the namespace that they are in, never by name.

One lab at a time on a machine: a second `up` (two `make test` in two clones) waits for the first one's end and says so. /run/stdualx-lab.lock is
locked by the process that brought the lab up, or, after `make lab`, by the lab's munged; a lab that nobody holds is what a crash left.

Partitions: normal (preempted with requeue), scrap (preempted by cancelling), urgent (preempts both).
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LAB = pathlib.Path("/run/stdualx-lab")
LOCK = pathlib.Path("/run/stdualx-lab.lock")
LONGEST_WAIT = 1200  # seconds for another lab's end: more than a class of tests needs
SHARED = pathlib.Path("/var/tmp/stdualx-lab")
BRIDGE, NETWORK = "sdxlab", "10.213.77"
NODES = ("node1", "node2", "node3")
CONTROLLER_PORT, NODE_PORT = 26817, 26818
CONFIGURATION = f"""\
ClusterName=stdualx-lab
SlurmctldHost=head({NETWORK}.1)
SlurmctldPort={CONTROLLER_PORT}
SlurmdPort={NODE_PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits as long as a credential lives: 120 s by default.
AuthInfo=socket={LAB}/munge.socket,cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2,requeue_setup_env_fail
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
StateSaveLocation={LAB}/state
SlurmdSpoolDir={LAB}/spool-%n
SlurmctldPidFile={LAB}/slurmctld.pid
SlurmdPidFile={LAB}/slurmd-%n.pid
SlurmctldLogFile={LAB}/slurmctld.log
SlurmdLogFile={LAB}/slurmd-%n.log
""" + "".join(f"NodeName={node} NodeAddr={NETWORK}.{11 + i} CPUs=4 RealMemory=2000 Gres=gpu:2 State=UNKNOWN\n" for i, node in enumerate(NODES)) + """\
PartitionName=normal Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=scrap Nodes=ALL MaxTime=60 State=UP PriorityTier=1 PreemptMode=CANCEL GraceTime=10
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
"""


class LabError(Exception):
    """What cannot be done here, and what to do."""


def find(program):
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if not found:
        raise LabError(f"{program} is not installed: `cluster/bootstrap.sh test` installs slurm-wlm, munge, iproute2 and util-linux")
    return found


def call(program, *arguments, check=True):
    done = subprocess.run([find(program), *map(str, arguments)], capture_output=True, text=True, env=environment(), timeout=60)
    if check and done.returncode != 0:
        raise LabError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def environment():
    """What leads Slurm's commands, and programs that call them, to the lab."""
    return dict(os.environ, SLURM_CONF=str(LAB / "slurm.conf"))


def start_of(pid):
    """Clock ticks after boot; None: there is no such process."""
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19])
    return None


def known_processes():
    with contextlib.suppress(OSError, ValueError):
        return json.loads((LAB / "processes.json").read_text(encoding="utf-8"))
    return {}


def end(processes, seconds=8):
    """SIGTERM, then SIGKILL, to processes given as [number, start]."""
    alive = [(pid, start) for pid, start in processes if start_of(pid) == start]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid, _ in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        limit = time.monotonic() + seconds
        while alive and time.monotonic() < limit:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            alive = [(pid, start) for pid, start in alive if start_of(pid) == start and not is_zombie(pid)]
            time.sleep(0.02)
        if not alive:
            return


def is_zombie(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    return True


def namespace(node):
    return f"{BRIDGE}-{node}"


def inside(node):
    """Processes of a host."""
    listed = subprocess.run([find("ip"), "netns", "pids", namespace(node)], capture_output=True, text=True)
    return [(pid, start_of(pid)) for pid in map(int, listed.stdout.split())]


def daemon(name, *command, keeps=()):
    """Starts one that outlives us, its words in NAME.out, and remembers it. It inherits the descriptors `keeps`."""
    for descriptor in keeps:
        os.set_inheritable(descriptor, True)
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, LAB / f"{name}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    pid = os.posix_spawn(find(command[0]), list(map(str, command)), environment(), file_actions=actions, setsid=True)
    for descriptor in keeps:
        os.set_inheritable(descriptor, False)
    known = known_processes()
    known[name] = [pid, start_of(pid)]
    (LAB / "processes.json").write_text(json.dumps(known), encoding="utf-8")


def wait(condition, what, seconds=30):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        for name, (pid, start) in known_processes().items():
            if start_of(pid) != start or is_zombie(pid):
                raise LabError(f"{name} ended before {what}: {(LAB / f'{name}.out').read_text(encoding='utf-8')[-800:]}")
        time.sleep(0.05)
    raise LabError(f"waited {seconds} s in vain for {what}; {LAB} holds the daemons' logs")


def shown_places():
    """What the hosts must see of the machine's /tmp: this tree, its build, and what both link to."""
    named = [SOURCE, SOURCE / ".venv", os.environ.get("STDUALX_BUILD"), os.environ.get("STDUALX_TRAINER")]
    places = {pathlib.Path(form(place)) for place in named if place for form in (os.path.abspath, os.path.realpath)}
    places = {place if place.is_dir() else place.parent for place in places if pathlib.Path("/tmp") in place.parents}
    return sorted(place for place in places if place.is_dir() and not places.intersection(place.parents))


def host_script(name):
    """What a host is before its daemon starts: a name, a /tmp, and the lab's hosts file."""
    new = LAB / "tmp"  # made ready there, in this host's mounts alone, since what lies below /tmp is hidden as soon as it is mounted over
    lines = [f"hostname {name}", f"mkdir -p {new}", f"mount -t tmpfs -o mode=1777 tmpfs {new}"]
    for place in shown_places():
        inner = shlex.quote(str(new / place.relative_to("/tmp")))
        lines += [f"mkdir -p {inner}", f"mount --rbind {shlex.quote(str(place))} {inner}"]
    temporary = pathlib.Path(os.environ.get("TMPDIR") or "/tmp")  # jobs inherit it, and each host has its own
    if pathlib.Path("/tmp") in temporary.parents:
        lines.append(f"mkdir -p {shlex.quote(str(new / temporary.relative_to('/tmp')))}")
    lines += [f"mount --rbind {new} /tmp", "mount -t tmpfs tmpfs /dev/shm", f"mount --bind {LAB}/hosts /etc/hosts", 'exec "$@"']
    return " && ".join(lines)


def link(node, up):
    """The host's network cable: nothing goes through while it is down, and nobody is told."""
    call("ip", "link", "set", f"{BRIDGE}{1 + NODES.index(node)}", "up" if up else "down")


def kill_node(node):
    """All its processes at once. Its kernel lives on and closes their sockets, as no real one does whose power is cut: see `link`."""
    for pid, _ in inside(node):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_node(node):
    link(node, True)
    daemon(f"slurmd-{node}", "nsenter", f"--net=/var/run/netns/{namespace(node)}", "unshare", "--mount", "--uts", "sh", "-c", host_script(node), "sh",
           find("slurmd"), "-D", "-N", node, "-f", LAB / "slurm.conf")


def start_controller(*more):
    daemon("slurmctld", "unshare", "--mount", "--uts", "sh", "-c", f"hostname head && mount --bind {LAB}/hosts /etc/hosts && exec \"$@\"", "sh",
           find("slurmctld"), "-D", *more, "-f", LAB / "slurm.conf")


def states():
    """State of each node, as sinfo says it."""
    return dict(line.split() for line in call("sinfo", "--noheader", "--Node", "--partition=normal", "--format=%N %T", check=False).splitlines() if len(line.split()) == 2)


class Hold:
    """The machine's one lab is ours; let go with this process, unless the lab's munged inherits it."""

    descriptor = None

    @classmethod
    def try_take(cls):
        if cls.descriptor is not None:
            return True
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)  # what a crash left there
        cls.descriptor = descriptor
        return True

    @classmethod
    def tell(cls, stays):
        os.ftruncate(cls.descriptor, 0)
        os.pwrite(cls.descriptor, json.dumps({"tree": str(SOURCE), "pid": os.getpid(), "stays": stays}).encode(), 0)

    @classmethod
    def let_go(cls):
        if cls.descriptor is not None:
            os.ftruncate(cls.descriptor, 0)
            os.close(cls.descriptor)
            cls.descriptor = None

    @staticmethod
    def holder():
        """Who brought it up; empty where that is not told yet."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(LOCK.read_text(encoding="utf-8"))
        return {}


def take_the_machine():
    """Until no other lab is up. One of our own tree that `make lab` left there is taken down."""
    limit, told = time.monotonic() + LONGEST_WAIT, None
    while not Hold.try_take():
        other = Hold.holder()
        if other.get("stays") and other["tree"] == str(SOURCE):
            clear_away()
        elif other and other != told:
            whose = f"`make lab` in {other['tree']} made; `make lab-down` there ends it" if other["stays"] else f"process {other['pid']} of {other['tree']} uses"
            print(f"lab: waiting for the lab that {whose}", file=sys.stderr, flush=True)
            told = other
        if time.monotonic() > limit:
            raise LabError(f"waited {LONGEST_WAIT} s in vain for another lab on this machine to end: {other}")
        time.sleep(0.2)


def up(stays=False):
    """Brings the lab up, after any other one on this machine. It ends with this process, or `stays` until `down`."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and bridges: start it as root")
    take_the_machine()
    Hold.tell(stays)
    began = time.monotonic()
    clear_away()
    for folder in (LAB, LAB / "state", SHARED):
        folder.mkdir(parents=True, exist_ok=True)
    if SHARED.is_symlink() or SHARED.stat().st_uid != 0:
        raise LabError(f"{SHARED}: this is another user's, or a link; remove it")  # everybody may make names in /var/tmp
    for folder in (LAB, SHARED):
        folder.chmod(0o755)
    key = LAB / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(128))
    (LAB / "slurm.conf").write_text(CONFIGURATION, encoding="utf-8")
    (LAB / "gres.conf").write_text("".join(f"NodeName={node} Name=gpu File={LAB}/gpu-{node}-[0-1]\n" for node in NODES), encoding="utf-8")
    (LAB / "hosts").write_text(f"127.0.0.1 localhost\n{NETWORK}.1 head\n" + "".join(f"{NETWORK}.{11 + i} {node}\n" for i, node in enumerate(NODES)), encoding="utf-8")
    try:
        call("ip", "link", "add", BRIDGE, "type", "bridge")
        call("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        call("ip", "link", "set", BRIDGE, "up")
        for i, node in enumerate(NODES):
            for gpu in range(2):
                (LAB / f"gpu-{node}-{gpu}").touch()
            (LAB / f"spool-{node}").mkdir()
            outer, inner = f"{BRIDGE}{i + 1}", f"{BRIDGE}{i + 1}i"
            call("ip", "netns", "add", namespace(node))
            call("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", namespace(node))
            call("ip", "link", "set", outer, "master", BRIDGE, "up")
            call("ip", "-n", namespace(node), "address", "add", f"{NETWORK}.{11 + i}/24", "dev", inner)
            call("ip", "-n", namespace(node), "link", "set", inner, "up")
            call("ip", "-n", namespace(node), "link", "set", "lo", "up")
            call("ip", "-n", namespace(node), "route", "add", "default", "via", f"{NETWORK}.1")
    except LabError as error:
        down()
        raise LabError(f"network namespaces are not permitted here, so there is no lab: {error}") from error
    try:
        daemon("munged", "munged", "--foreground", "--force", f"--socket={LAB}/munge.socket", f"--key-file={key}", f"--pid-file={LAB}/munged.pid",
               f"--log-file={LAB}/munged.log", f"--seed-file={LAB}/munged.seed", keeps=[Hold.descriptor] if stays else [])
        wait((LAB / "munge.socket").exists, "munged's socket")
        start_controller()
        for node in NODES:
            start_node(node)
        wait(lambda: list(states().values()) == ["idle"] * len(NODES), "three idle nodes")
    except BaseException:
        down()
        raise
    print(f"lab: three idle hosts after {time.monotonic() - began:.1f} s; export SLURM_CONF={LAB}/slurm.conf, and work below {SHARED}")


def down():
    """Ends this process's lab, or one of this tree that stays, or what a crash left; refuses to end another one."""
    if not Hold.try_take():
        other = Hold.holder()
        if other.get("tree") != str(SOURCE) or not other["stays"]:
            raise LabError(f"the lab is not ours to end: process {other.get('pid')} of {other.get('tree')} brought it up")
    clear_away()
    Hold.let_go()


def clear_away():
    """munged, which may hold the lock, ends last: the next lab must meet nothing of this one."""
    for node in NODES:
        end(inside(node))
    known = known_processes()
    holder = [tuple(known.pop(name)) for name in ("munged",) if name in known]
    end([tuple(known[name]) for name in sorted(known, reverse=True)])
    for i, node in enumerate(NODES):
        subprocess.run([find("ip"), "netns", "delete", namespace(node)], capture_output=True)
        subprocess.run([find("ip"), "link", "delete", f"{BRIDGE}{i + 1}"], capture_output=True)
    subprocess.run([find("ip"), "link", "delete", BRIDGE], capture_output=True)
    shutil.rmtree(LAB, ignore_errors=True)
    shutil.rmtree(SHARED, ignore_errors=True)
    end(holder)


def main():
    what, words = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    try:
        if what == "up":
            up(stays=True)
        elif what == "down":
            down()
        elif what == "kill" and words and words[0] in NODES:
            kill_node(words[0])
        elif what in ("cut", "mend") and words and words[0] in NODES:
            link(words[0], what == "mend")
        elif what == "start" and words and words[0] in NODES:
            start_node(words[0])
        elif what == "run" and words:
            os.execvpe(words[0], words, environment())
        else:
            print(__doc__)
            return 2
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
