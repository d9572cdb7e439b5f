"""Others' ways to hand out runs, for dispatch.py: dispatch_peers.py PEER RUNS FOLDER hands out that many runs to two workers, checks that
each gave its result, and prints the seconds from the first submission to the last result. Runs in .venv-dispatch, whose packages it needs.
"""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

WORKERS, BATCH = 2, 256


def nothing(number):
    return number


def mpi4py(runs, _, chunk=1, keep=None):
    """Started by `mpirun -n 3 python -m mpi4py.futures`: this is the one of the three that hands out."""
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as pool:
        pool.bootup(wait=True)
        assert pool.num_workers == WORKERS, pool.num_workers
        begin = time.monotonic()
        results = pool.map(nothing, range(runs), chunksize=chunk)
        count = sum(1 for _ in results) if keep is None else keep(results)
        seconds = time.monotonic() - begin
    assert count == runs, (count, runs)
    return seconds


def mpi4py_chunks(runs, folder):
    return mpi4py(runs, folder, chunk=BATCH)


def mpi4py_durable(runs, folder):
    """As durable as ours: each result is a row, committed to the disk with its batch."""
    with contextlib.closing(sqlite3.connect(folder / "peer.db", isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        store.execute("CREATE TABLE results (run INTEGER PRIMARY KEY, result INTEGER NOT NULL)")

        def keep(results):
            for number, result in enumerate(results):
                if number % BATCH == 0:
                    store.execute("BEGIN")
                store.execute("INSERT INTO results VALUES (?, ?)", (number, result))
                if number % BATCH == BATCH - 1 or number == runs - 1:
                    store.execute("COMMIT")
            return store.execute("SELECT count(*) FROM results").fetchone()[0]

        return mpi4py(runs, folder, keep=keep)


def hyperqueue(runs, folder):
    """Its client looks for the end once a second only: the rate is taken from the last look before that."""
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    with LocalCluster(str(folder / "hq"), WorkerConfig(cores=WORKERS)) as cluster:
        client = cluster.client()
        job = Job()
        for _ in range(runs):
            job.program(["/bin/true"], stdout=None, stderr=None)
        looks, begin = [], time.monotonic()
        failed = client.connection.wait_for_jobs([client.submit(job).id], lambda jobs: looks.append((time.monotonic() - begin, sum(one["finished"] for one in jobs.values()))))
    assert not failed and looks[-1][1] == runs, (failed, looks)
    seconds, finished = next(look for look in reversed(looks) if 0 < look[1] < runs)
    return seconds * runs / finished


def submitit(runs, folder):
    from submitit import LocalExecutor

    executor = LocalExecutor(folder / "submitit")
    executor.update_parameters(timeout_min=5)
    begin = time.monotonic()
    results, running = [], []
    for number in range(runs):  # LocalExecutor starts all that it gets at once, so it gets as many as there are workers
        while len(running) == WORKERS:
            results += [job.result() for job in running if job.done()]
            running = [job for job in running if not job.done()]
            time.sleep(0.001)
        running.append(executor.submit(nothing, number))
    results += [job.result() for job in running]
    seconds = time.monotonic() - begin
    assert sorted(results) == list(range(runs)), results
    with contextlib.suppress(ChildProcessError):  # their processor time counts when they are waited for
        while True:
            os.waitpid(-1, 0)
    return seconds


def srun(runs, _):
    """Inside an allocation: steps on its node, as many at a time as there are workers."""
    begin = time.monotonic()
    subprocess.run(["xargs", "-P", str(WORKERS), "-n", "1", "srun", "--nodes=1", "--ntasks=1", "--overlap", "true"], check=True, text=True,
                   input="\n".join(map(str, range(runs))))
    return time.monotonic() - begin


if __name__ == "__main__":
    print(globals()[sys.argv[1]](int(sys.argv[2]), pathlib.Path(sys.argv[3])))
