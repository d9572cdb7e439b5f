"""One member of a data-parallel group is killed inside the all-reduce, again and again: it is stopped at a collective, between laying its
gradient out and hearing the sum, while the other waits for it; then it gets SIGKILL. Each time the other must give the assignment up, both
must be ready again, and no process may be left, not even a zombie; at the end the store is that of an undisturbed sweep.

  python3 tests/faults/group_kills.py --kills 200         (STDUALX_BUILD names the build folder)

The times that it prints are from SIGKILL to the recorded end of the attempt, and to the start of the next one on both ranks.
"""
import contextlib
import os
import pathlib
import random
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_faults import FaultInRealJob, random_seed, run_by_hand  # noqa: E402
from harness import read_stat, trainers, wait_until  # noqa: E402


class GroupKills(FaultInRealJob):
    stub = False

    def zombies_below(self, launcher):
        """Children that ended and were not waited for, of any process of the job."""
        parents = {launcher, *self.processes()}
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                stat = read_stat(entry)
                if stat and stat[0] == "Z" and stat[1] in parents:
                    found.append(int(entry))
        return found

    def test_a_member_killed_inside_the_all_reduce_again_and_again(self):
        seed = random_seed()
        kills = int(os.environ.get("STDUALX_KILLS", 20))
        chance = random.Random(seed)
        spec = self.sweep(variants=[{"name": "two", "ranks": 2}], seeds=list(range(1, 5)), fixed={"training": {"epochs": 4, "batch_size": 32}})
        self.run_sweep(spec, "--workers", 2, store=self.undisturbed)
        given_up, going_on, done, sweep = [], [], 0, 0
        while done < kills:
            store, mark = self.folder / f"group{sweep}.db", self.folder / "mark"
            mark.unlink(missing_ok=True)
            sweep += 1
            nth = chance.randint(5, 60)
            self.fault = {"STDUALX_FAULT": f"trainer_collective:{nth}:hang", "STDUALX_FAULT_ONCE": str(mark)}
            for start in range(100):
                process = self.start("run", spec, "--workers", 2, store=store)
                while process.poll() is None:
                    hung = [pid for pid in trainers(process.pid) if (read_stat(pid) or ("", 0))[0] == "T"]
                    if not hung:
                        time.sleep(0.005)
                        continue
                    recorded = self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NOT NULL", store=store)[0][0]
                    time.sleep(0.02)  # the other one is in the same all-reduce by now
                    killed = time.time()
                    for pid in hung:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    done += 1
                    if done < kills:
                        mark.unlink(missing_ok=True)  # the one that takes its place is stopped, too
                    ended = wait_until(lambda: self.ask("SELECT run_id, attempt, ended_ms, end_reason FROM attempts WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT 1", store=store)
                                       if self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NOT NULL", store=store)[0][0] > recorded else None, 30, "the attempt to end")
                    self.assertEqual(ended[0][3], "trainer_died")
                    given_up.append(ended[0][2] / 1000 - killed)
                    begun = wait_until(lambda: process.poll() is not None or self.ask("SELECT started_ms FROM attempts WHERE started_ms >= ? LIMIT 1", ended[0][2], store=store), 30, "the next attempt, or the end")
                    if begun is not True:
                        going_on.append(begun[0][0] / 1000 - killed)
                    self.assertEqual(self.zombies_below(process.pid), [])
                text, _ = process.communicate(timeout=60)
                if process.returncode == 0:
                    break
                self.assertEqual(process.returncode, 3, text)  # the third death of a run puts it aside, as it should
                self.finish(self.start("retry", "--failed", store=store))
            self.assertEqual(process.returncode, 0, text)
            self.same_as_undisturbed(store)
            wait_until(lambda: not self.processes(), 10, "the job's processes to end")
        self.assertEqual(len(given_up), done)
        print(f"STDUALX_SEED={seed}: {done} members killed inside the all-reduce, {sweep} sweeps; the attempt was over after {statistics.median(given_up):.3f} s "
              f"(median, at most {max(given_up):.3f} s), the next began on both ranks after {statistics.median(going_on):.3f} s "
              f"(at most {max(going_on):.3f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(run_by_hand(__doc__, "kills", 20, {"": GroupKills}))
