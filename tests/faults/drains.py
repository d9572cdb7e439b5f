"""The warning signal at random instants of a job, its start and its end included: INT, TERM, USR1 or HUP to the launcher once. The job must
end by itself with 75 (or 0, if it was done), nothing may be left of it, and the next start goes on; the store at the end is that of an
undisturbed sweep. Half of the jobs have a limit of 0.05 s for the drain, which is shorter than an epoch: those give the running epoch up.

  python3 tests/faults/drains.py --drains 100             (STDUALX_BUILD names the build folder)
"""
import collections
import os
import pathlib
import random
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob, random_seed, run_by_hand  # noqa: E402
from harness import wait_until  # noqa: E402

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "HUP": signal.SIGHUP, "USR2": signal.SIGUSR2}


class Drains(FaultInRealJob):
    stub = False

    def test_the_warning_at_random_instants_ends_in_time_and_goes_on(self):
        seed = random_seed()
        drains = int(os.environ.get("STDUALX_DRAINS", 12))
        chance, tally, seconds = random.Random(seed), collections.Counter(), []
        spec = self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2, "folds": [0]}], fixed={"training": {"epochs": 6, "batch_size": 16}})
        begin = time.monotonic()
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        whole = time.monotonic() - begin
        done = sweep = 0
        while done < drains:
            store = self.folder / f"drained{sweep}.db"
            sweep += 1
            for start in range(1000):
                short = chance.random() < 0.5
                process = self.start("run", spec, "--workers", 2, "--drain-seconds", 0.05 if short else 60, store=store)
                name = chance.choice(sorted(SIGNALS))
                # A third within the start, where handlers, mpirun and trainers come up one after the other.
                time.sleep(chance.uniform(0, 1.2) if chance.random() < 0.34 else chance.uniform(0, whole))
                sent = time.monotonic()
                asked = done < drains and process.poll() is None
                if asked:
                    os.kill(process.pid, SIGNALS[name])
                    done += 1
                    tally[name] += 1
                text, _ = process.communicate(timeout=90)
                if asked:
                    seconds.append(time.monotonic() - sent)
                wait_until(lambda: not self.processes(), 10, "the job's processes to end")
                if process.returncode == 0:
                    break
                # Before there is a handler the signal ends the launcher itself, which has done nothing yet.
                self.assertIn(process.returncode, (75, -SIGNALS[name]), text)
                tally["ended by the signal itself" if process.returncode < 0 else "75"] += 1
                if store.exists():
                    self.assertEqual(self.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'attempts'", store=store) == [(1,)] and
                                     self.ask("SELECT * FROM attempts WHERE ended_ms IS NULL", store=store) or [], [])
            self.same_as_undisturbed(store)
            self.assertEqual(self.ask("SELECT count(*) FROM replays WHERE agrees = 0", store=store), [(0,)])
            self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts WHERE end_reason NOT IN ('complete', 'drained', 'stopped')", store=store), [])
        self.nothing_left_of_mpi()
        print(f"STDUALX_SEED={seed}: {done} warnings, {sweep} sweeps; {dict(tally)}; the job ended after {statistics.median(seconds):.2f} s "
              f"(median, at most {max(seconds):.2f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(run_by_hand(__doc__, "drains", 12, {"": Drains}))
