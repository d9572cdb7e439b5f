"""A sweep while it runs, as others see it: live.json beside the store, and `status` and `watch`, which read it."""
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import time
import unittest

from harness import Workplace, ranks, wait_until


class Live(Workplace):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "results.db.d" / "live.json"
        self.wishes["epoch_ms"] = 250
        self.spec = self.sweep(fixed={"training": {"epochs": 100, "batch_size": 32}})

    def live(self, is_right=lambda live: True):
        """The file once it says what is waited for. Each state of it that is seen must be whole."""
        def right():
            with contextlib.suppress(FileNotFoundError):
                live = json.loads(self.file.read_text(encoding="utf-8"))
                return live if is_right(live) else None
        return wait_until(right, 30, "live.json")

    def at_work(self):
        return self.live(lambda live: any(worker["epoch"] > 0 for worker in live["workers"]))

    def test_the_file_names_who_trains_what_and_is_gone_at_the_end(self):
        job = self.start("run", self.spec, "--workers", 2)
        live = self.at_work()
        self.assertEqual((live["sweep"], live["runs"], live["epochs_planned"], live["workers_in_all"]), ("tiny", 6, 600, 2))
        stored = dict(self.ask("SELECT run_id, variant FROM v_runs"))
        for worker in live["workers"]:
            self.assertEqual(worker["variant"], stored[worker["run_id"]])
            self.assertEqual(worker["epochs"], 100)
        later = self.live(lambda now: now["epochs_done"] > live["epochs_done"])
        self.assertGreater(later["written_ms"], live["written_ms"])
        os.kill(job.pid, signal.SIGINT)
        self.finish(job, 75)
        self.assertFalse(self.file.exists())

    def test_status_shows_runs_at_work_beside_the_store_until_the_coordinator_dies(self):
        job = self.start("run", self.spec, "--workers", 2)
        worker = next(worker for worker in self.at_work()["workers"] if worker["epoch"] > 0)
        status = self.finish(self.start("status"))
        self.assertIn("workers", status)
        self.assertIn(worker["run_id"][:10], status)
        self.assertIn("of 100", status)
        self.kill_job(job)
        self.assertTrue(self.file.exists(), "nobody was there to remove it")
        status = self.finish(self.start("status"))
        self.assertNotIn("of 100", status)
        self.assertIn("INTERRUPTED", status)
        self.finish(self.start("watch"), 75)

    def test_a_coordinator_that_is_started_again_is_told_of_again(self):
        job = self.start("run", self.spec, "--workers", 2)
        first = self.at_work()
        os.kill(ranks(job.pid)[0], signal.SIGKILL)
        second = self.live(lambda live: live["pid"] != first["pid"])
        self.assertGreaterEqual(second["written_ms"], first["written_ms"])
        self.assertEqual(second["sweep_id"], first["sweep_id"])

    def test_watch_shows_on_a_terminal_who_trains_what(self):
        self.start("run", self.spec, "--workers", 2)
        worker = next(worker for worker in self.at_work()["workers"] if worker["epoch"] > 0)
        ours, terminal = pty.openpty()
        watch = subprocess.Popen(self.command("watch", "--seconds", "0.2"), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=terminal,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        os.close(terminal)
        text, end = "", time.monotonic() + 20
        while time.monotonic() < end and not (worker["variant"] in text and "validation accuracy" in text):
            if select.select([ours], [], [], 0.1)[0]:
                text += os.read(ours, 65536).decode(errors="replace")
        watch.kill()
        watch.wait()
        os.close(ours)
        self.assertIn(worker["run_id"][:10], text)
        self.assertIn("of 100", text)

    def test_an_attempt_that_fails_is_among_the_last_failures(self):
        self.wishes.update(fail="without_csa", fail_reason="error")
        self.start("run", self.spec, "--workers", 2)
        live = self.live(lambda now: now["failures"])
        self.assertEqual({failure["variant"] for failure in live["failures"]}, {"without_csa"})
        self.assertEqual({failure["reason"] for failure in live["failures"]}, {"error"})


if __name__ == "__main__":
    unittest.main()
