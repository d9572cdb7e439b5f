"""A person's day at the lab: submit a sweep of real recordings, watch it, cut a host's power, drain it, go on, report. What docs/slurm.md shows is
what this prints; paths are shortened to $SHARED, the folder that the three hosts share.

  python3 tests/slurm/a_day.py        (as root, after `make test`; brings the lab up and takes it down again)
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "cluster" / "lab"), str(ROOT / "tests" / "end_to_end")]

import lab  # noqa: E402
from harness import wait_until  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("STDUALX_BUILD", ROOT / "build")) / "bin" / "stdualx"
ENVIRONMENT = dict(lab.environment(), STDUALX_CACHE=str(lab.SHARED / "cache"), XDG_CONFIG_HOME=str(lab.SHARED / "no-profiles"))


def shown(text):
    for long, short in ((str(lab.SHARED), "$SHARED"), (str(PROGRAM), "stdualx"), (str(ROOT), ".")):
        text = text.replace(long, short)
    return re.sub(r"[ \t]+$", "", text, flags=re.M).rstrip()


def type_in(command, status=0):
    """Runs what a person would type, and prints both."""
    print(f"$ {command}", flush=True)
    line = command.replace("$SHARED", str(lab.SHARED))
    if line.startswith("stdualx "):
        line = line.replace("stdualx", str(PROGRAM), 1)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(shown(done.stdout), flush=True)
    if done.returncode != status:
        sys.exit(f"a_day: expected exit status {status}, found {done.returncode}")
    return done.stdout


def epochs():
    done = subprocess.run([str(PROGRAM), "query", "SELECT count(*) FROM epochs", "--format=csv", "--store", str(lab.SHARED / "results.db")], env=ENVIRONMENT, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else 0


def say(text):
    print(f"\n{text}\n")


def main():
    print("```")
    print("# make lab")
    lab.up()
    try:
        shutil.copytree(ROOT / "watch-data", lab.SHARED / "data" / "watch")
        submit = "stdualx submit experiments/sweeps/demo.json --nodes 3 --workers-per-node 1 --time 30:00 --data $SHARED/data --store $SHARED/results.db"
        type_in(submit + " --dry-run")
        job = re.search(r"^job (\d+)", type_in(submit), re.M)[1]
        wait_until(lambda: epochs() >= 6, 120, "some epochs")
        type_in("stdualx status --store $SHARED/results.db")
        lost = next(node for node in lab.NODES if node != lab.call("squeue", "--noheader", f"--job={job}", "--format=%B").strip())
        print(f"# the power of {lost} is cut: python3 cluster/lab/lab.py kill {lost}")
        for pid, _ in lab.inside(lost):
            os.kill(pid, 9)
        begun = epochs()
        wait_until(lambda: epochs() >= begun + 2, 120, "the job to go on")
        type_in(f"tail -n 5 $SHARED/results.db.d/submissions/*/log-{job}.txt")
        type_in("stdualx cancel --store $SHARED/results.db")
        type_in("stdualx watch --store $SHARED/results.db --seconds 1", status=75)
        type_in("stdualx status --store $SHARED/results.db")
        lab.start_node(lost)
        wait_until(lambda: list(lab.states().values()) == ["idle"] * 3, 60, "three idle hosts")
        print(f"# {lost} is back")
        type_in(submit)
        time.sleep(1)
        type_in("stdualx watch --store $SHARED/results.db --seconds 20")
        type_in("stdualx query \"SELECT end_reason, host, count(*) FROM attempts GROUP BY 1, 2\" --store $SHARED/results.db")
        type_in("stdualx db check --store $SHARED/results.db")
        type_in("stdualx report --table accuracy --store $SHARED/results.db")
        print("# make lab-down")
    finally:
        lab.down()
    print("```")


if __name__ == "__main__":
    main()
