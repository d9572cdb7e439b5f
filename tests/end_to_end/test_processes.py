"""Real launcher, mpirun, coordinator, agents and store; a stub trainer, since training is not the point here."""
import contextlib
import fcntl
import os
import pathlib
import pty
import shlex
import signal
import struct
import subprocess
import termios
import time
import unittest
import unittest.mock

from harness import Workplace, command_line, descendants, ranks, trainers, wait_until


class Sweeps(Workplace):
    def test_a_sweep_completes_and_a_second_run_does_nothing(self):
        sweep = self.sweep()
        self.assertIn("6 runs to do", self.run_sweep(sweep, "--workers", 2))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT count(*), count(DISTINCT run_id || '/' || epoch) FROM epochs"), [(24, 24)])
        before = self.store.read_bytes()
        text = self.run_sweep(sweep, "--workers", 2)
        self.assertIn("nothing to do: 6 of 6 runs complete", text)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(6,)])
        self.assertEqual(self.store.read_bytes(), before)
        self.assert_whole()

    def test_groups_of_several_ranks_run_beside_single_runs(self):
        sweep = self.sweep(variants=["without_csa", {"name": "two", "ranks": 2}, {"name": "three", "ranks": 3}])
        self.run_sweep(sweep, "--workers", 3)
        self.assertEqual(self.statuses(), {"COMPLETE": 9})
        self.assertEqual(self.ask("SELECT DISTINCT world_size FROM attempts ORDER BY 1"), [(1,), (2,), (3,)])

    def test_a_group_sums_in_rank_order_however_many_values(self):
        # Of float32: up to 1024 go with their header; up to 16384, 8192 and 5461 go whole among 2, 3 and 4 members; more in parts, the last of them short.
        self.wishes["sums"] = [1, 1024, 1025, 5461, 5462, 8192, 8193, 16384, 16385, 100_003]
        self.run_sweep(self.sweep(variants=[{"name": f"group_of_{ranks}", "ranks": ranks} for ranks in (2, 3, 4)], folds=[0]), "--workers", 4)
        self.assertEqual(self.statuses(), {"COMPLETE": 3})
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(3,)])

    def test_a_group_wider_than_the_job_waits_and_the_status_says_so(self):
        sweep = self.sweep(variants=["stdual_x", {"name": "three", "ranks": 3, "folds": [0]}])
        text = self.run_sweep(sweep, "--workers", 2, status=3)
        self.assertIn("needs a group of 3 ranks", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 3, "WAITING": 1})
        self.run_sweep(sweep, "--workers", 3)
        self.assertEqual(self.statuses(), {"COMPLETE": 4})

    def test_first_tries_one_and_the_rest_follow(self):
        sweep = self.sweep()
        self.run_sweep(sweep, "--workers", 1, "--first", 1)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(1,)])
        self.run_sweep(sweep, "--workers", 2)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(6,)])

    def test_a_wider_sweep_computes_only_what_is_new(self):
        self.run_sweep(self.sweep(), "--workers", 2)
        wider = self.sweep("wider.json", name="wider", variants=["stdual_x", "without_csa", "without_contrastive"])
        self.assertIn("3 runs to do, 6 complete", self.run_sweep(wider, "--workers", 2))
        self.assertEqual(self.ask("SELECT max(attempt), count(*) FROM attempts"), [(1, 9)])
        self.assertEqual(self.ask("SELECT count(*) FROM sweeps"), [(2,)])

    def test_a_store_that_a_start_cut_short_left_empty_is_no_obstacle(self):
        self.store.touch()
        self.assertIn("6 new", self.finish(self.start("plan", self.sweep())))
        self.run_sweep(self.sweep(), "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_what_to_type_next_names_the_store(self):
        text = self.run_sweep(self.sweep(), "--workers", 2)
        self.assertIn(f"stdualx report --store {shlex.quote(str(self.store))}", text)

    def test_on_a_terminal_a_frame_is_redrawn_in_place(self):
        """A bar and a line a worker, drawn once more at the end, then the table."""
        self.wishes["epoch_ms"] = 200
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
        process = subprocess.Popen(self.command("run", self.sweep(), "--workers", 2), cwd=self.folder, env=self.environment(), stdin=terminal,
                                   stdout=terminal, stderr=terminal, start_new_session=True)
        os.close(terminal)
        text = ""
        with contextlib.suppress(OSError):  # a terminal that nobody holds any more
            while part := os.read(ours, 65536):
                text += part.decode()
        self.assertEqual(process.wait(), 0)
        frames = text.split("\x1b[3A\x1b[J")  # three lines up, and clear
        self.assertGreater(len(frames), 5)
        for frame in frames[1:-1]:
            lines = frame.strip("\r\n").split("\r\n")
            self.assertEqual(len(lines), 3, frame)
            self.assertTrue(lines[0].startswith("[") and lines[1].startswith("worker 1") and lines[2].startswith("worker 2"), frame)
            self.assertLessEqual(max(map(len, lines)), 90)
        self.assertEqual(frames[-1].count("100 %  6/6 runs"), 1)
        self.assertIn("accuracy on the test part", frames[-1])

    def test_readers_work_while_a_sweep_runs(self):
        self.wishes["epoch_ms"] = 100
        process = self.start("run", self.sweep(), "--workers", 2)
        self.wait_for_epochs(3)
        for words in (["status"], ["runs"], ["report"], ["query", "SELECT count(*) FROM v_runs"]):
            self.finish(self.start(*words))
        self.finish(process)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})


class Deaths(Workplace):
    def test_a_killed_trainer_is_replaced_and_its_run_goes_on_from_the_checkpoint(self):
        undisturbed = self.folder / "undisturbed.db"
        sweep = self.sweep()
        self.run_sweep(sweep, "--workers", 2, store=undisturbed)
        self.wishes["kill_at"] = 3
        text = self.run_sweep(sweep, "--workers", 2)
        self.assertIn("trainer_died", text)
        self.assertIn("signal 9", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.epochs(), self.epochs(undisturbed))
        self.assertEqual(self.evaluations(), self.evaluations(undisturbed))
        # Killed in epoch 3, with epoch 1 surely acknowledged: at most one epoch is computed twice.
        for resumed, in self.ask("SELECT resume_epoch FROM attempts WHERE attempt = 2"):
            self.assertGreaterEqual(resumed, 1)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'trainer_died'"), [(6,)])

    def test_a_member_of_a_group_dies_and_the_group_starts_again_together(self):
        self.wishes["kill_at"] = 2
        sweep = self.sweep(variants=[{"name": "two", "ranks": 2}])
        self.run_sweep(sweep, "--workers", 3)
        self.assertEqual(self.statuses(), {"COMPLETE": 3})
        self.assertEqual(self.ask("SELECT attempt, end_reason, count(*) FROM attempts GROUP BY 1, 2 ORDER BY 1"),
                         [(1, "trainer_died", 3), (2, "complete", 3)])

    def test_a_hung_trainer_is_killed_after_its_lease(self):
        self.wishes["hang_at"] = 2
        text = self.run_sweep(self.sweep(variants=["stdual_x"], folds=[0]), "--workers", 1, "--lease-seconds", 1)
        self.assertIn("no step on rank 1", text)
        self.assertEqual(self.ask("SELECT end_reason FROM attempts ORDER BY attempt"), [("lease_expired",), ("complete",)])

    def test_an_agent_or_the_coordinator_dies_and_the_launcher_starts_again(self):
        for index, victim in enumerate(("coordinator", "agent")):
            with self.subTest(victim):
                store = self.folder / f"{victim}.db"
                self.wishes["epoch_ms"] = 150
                process = self.start("run", self.sweep(), "--workers", 2, store=store)
                self.wait_for_epochs(3, store=store)
                os.kill(ranks(process.pid)[index], signal.SIGKILL)
                text = self.finish(process)
                self.assertIn("starting it again", text)
                self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1", store=store), [("COMPLETE", 6)])
                self.assertEqual(self.ask("SELECT count(*) FROM epochs", store=store), [(24,)])
                self.assert_whole(store)

    def test_the_whole_job_is_killed_and_run_again_goes_on(self):
        self.wishes["epoch_ms"] = 150
        sweep = self.sweep()
        process = self.start("run", sweep, "--workers", 2)
        self.wait_for_epochs(5)
        self.assertGreaterEqual(len(descendants(process.pid)), 6)
        self.kill_job(process)
        recorded = self.epochs()
        self.assertIn("RUNNING", self.statuses())
        # Nobody holds the store any more, and a reader says so instead of RUNNING.
        self.assertNotIn("RUNNING", self.finish(self.start("runs")))
        self.run_sweep(sweep, "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertTrue(set(recorded) <= set(self.epochs()))
        self.assertEqual(self.ask("SELECT count(*) FROM replays WHERE agrees = 0"), [(0,)])
        self.assertEqual(list((self.folder / "results.db.d").glob("job-*")), [])

    def test_trainers_that_cannot_start_end_the_job_with_their_last_words(self):
        self.wishes["start"] = "exit"
        text = self.run_sweep(self.sweep(), "--workers", 2, status=3)
        self.assertIn("libexample.so.1: cannot be loaded", text)
        self.assertEqual(self.statuses(), {"PLANNED": 6})

    def test_a_trainer_that_sends_garbage_counts_as_dead(self):
        self.wishes["start"] = "garbage"
        text = self.run_sweep(self.sweep(), "--workers", 1, status=3)
        self.assertIn("cannot start a trainer", text)

    def test_a_trainer_that_is_not_there_ends_the_job_with_its_name(self):
        with unittest.mock.patch.dict(os.environ, STDUALX_TRAINER="/no/such/trainer"):
            self.stub = False
            text = self.run_sweep(self.sweep(), "--workers", 2, status=3, seconds=30)
        self.assertIn("/no/such/trainer", text)
        self.assertEqual(self.statuses(), {"PLANNED": 6})

    def test_a_trainer_that_is_never_ready_is_given_up(self):
        self.wishes["start"] = "hang"
        text = self.run_sweep(self.sweep(), "--workers", 1, "--lease-seconds", 0.2, status=3, seconds=60)
        self.assertIn("not ready within 1 s", text)

    def test_a_worker_whose_trainer_dies_and_cannot_start_again_ends_the_job(self):
        self.wishes |= {"start": "exit", "good_starts": 1, "kill_at": 2}
        text = self.run_sweep(self.sweep(), "--workers", 1, status=3, seconds=60)
        self.assertIn("cannot start a trainer", text)
        self.assertNotIn("RUNNING", self.statuses())
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), [(0,)])
        self.wishes = {"marks": str(self.folder)}
        self.run_sweep(self.sweep(), "--workers", 1)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_an_evaluation_that_is_damaged_costs_its_run_and_not_the_job(self):
        self.wishes["evaluation"] = "damaged"
        text = self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1, status=3, seconds=60)
        self.assertIn("/windows: expected a list", text)
        self.assertEqual(self.statuses(), {"QUARANTINED": 1})

    def test_mpirun_itself_is_killed_and_the_launcher_starts_again(self):
        self.wishes["epoch_ms"] = 150
        process = self.start("run", self.sweep(), "--workers", 2)
        self.wait_for_epochs(3)
        os.kill(descendants(process.pid)[0], signal.SIGKILL)
        self.assertIn("starting it again", self.finish(process))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assert_whole()

    def test_each_attempt_names_the_trainer_that_did_it(self):
        self.wishes["kill_at"] = 2
        self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1)
        attempts = self.ask("SELECT pid, threads, host FROM attempts ORDER BY attempt")
        self.assertEqual(len({pid for pid, _, _ in attempts}), 2)
        self.assertEqual({threads for _, threads, _ in attempts}, {1})
        self.assertEqual(self.ask("SELECT host FROM hosts"), [(attempts[0][2],)])


class Failures(Workplace):
    def test_a_run_that_is_not_finite_fails_and_the_others_go_on(self):
        self.wishes |= {"fail": "without_csa", "fail_reason": "not_finite"}
        sweep = self.sweep()
        text = self.run_sweep(sweep, "--workers", 2, status=3)
        self.assertIn("asked to fail in epoch 1", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 3, "FAILED": 3})
        self.assertEqual(self.ask("SELECT DISTINCT end_reason, end_detail FROM attempts WHERE end_reason <> 'complete'"),
                         [("not_finite", "asked to fail in epoch 1")])
        self.assertIn("3 failed", self.run_sweep(sweep, status=3))
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(6,)])
        self.assertIn("asked to fail", self.finish(self.start("status")))
        # Its cause mended, `retry` plans them again and nothing else is touched.
        self.assertIn("3 runs are planned again", self.finish(self.start("retry", "--failed")))
        self.wishes = {"marks": str(self.folder)}
        self.assertIn("3 runs to do, 3 complete", self.run_sweep(sweep, "--workers", 2))
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(9,)])

    def test_retry_and_run_try_the_failed_go_on_with_the_interrupted_and_leave_the_complete(self):
        # ray-project/ray#16891 and #30584: a restart that reran nothing, or marked unfinished trials done.
        self.wishes |= {"epoch_ms": 60, "fail": "bad", "fail_reason": "not_finite"}
        sweep = self.sweep(protocols=[{"kind": "leave_persons_out", "folds": 5, "split_seed": 1, "validation_share": 0.3}], variants=[
            {"name": "good", "base": "stdual_x"}, {"name": "bad", "base": "without_csa", "folds": [0, 1, 2]},
            {"name": "long", "base": "without_contrastive", "set": {"training.epochs": 300}, "folds": [0, 1]}])
        process = self.start("run", sweep, "--workers", 4)
        wait_until(lambda: self.store.exists() and self.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'runs'") == [(1,)] and
                   dict(self.ask("SELECT status, count(*) FROM runs GROUP BY 1")) == {"COMPLETE": 5, "FAILED": 3, "RUNNING": 2}, 60, "five done, three failed, two running")
        os.kill(process.pid, signal.SIGINT)
        self.finish(process, 75)
        self.assertEqual(self.statuses(), {"COMPLETE": 5, "FAILED": 3, "INTERRUPTED": 2})
        self.assertIn("3 runs are planned again", self.finish(self.start("retry", "--failed")))
        self.wishes = {"marks": str(self.folder)}
        self.assertIn("5 runs to do, 5 complete", self.run_sweep(sweep, "--workers", 4))
        self.assertEqual(self.statuses(), {"COMPLETE": 10})
        self.assertEqual(self.ask("SELECT variant, attempt, min(resume_epoch) > 0, end_reason, count(*) FROM attempts JOIN runs USING (run_id) GROUP BY 1, 2, 4 ORDER BY 1, 2"),
                         [("bad", 1, 0, "not_finite", 3), ("bad", 2, 0, "complete", 3), ("good", 1, 0, "complete", 5), ("long", 1, 0, "drained", 2), ("long", 2, 1, "complete", 2)])
        self.assertEqual(self.ask("SELECT count(*) FROM replays"), [(0,)])

    def test_a_run_that_always_fails_is_tried_three_times_and_put_aside(self):
        self.wishes["fail"] = "without_csa"
        text = self.run_sweep(self.sweep(folds=[0]), "--workers", 2, status=3)
        self.assertIn("stub trainer: asked to fail", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 1, "QUARANTINED": 1})
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'error'"), [(3,)])

    def test_a_damaged_checkpoint_is_left_and_the_one_before_is_used(self):
        self.wishes["epoch_ms"] = 200
        sweep = self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 16, "batch_size": 32}})
        process = self.start("run", sweep, "--workers", 1)
        self.wait_for_epochs(4)
        self.kill_job(process)
        (path, epoch), = self.ask("SELECT path, epoch FROM checkpoints ORDER BY epoch DESC LIMIT 1")
        (self.folder / "results.db.d" / path).write_text("damaged\n")
        text = self.run_sweep(sweep, "--workers", 1)
        self.assertIn("checkpoint damaged", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 1})
        self.assertEqual(self.ask("SELECT resume_epoch FROM attempts ORDER BY attempt"), [(0,), (epoch,), (epoch - 1,)])
        self.assertEqual(self.ask("SELECT count(*), sum(agrees) FROM replays"), [(1, 1)])


class Signals(Workplace):
    def start_slow(self):
        self.wishes["epoch_ms"] = 300
        before = len(self.epochs()) if self.store.exists() else 0
        process = self.start("run", self.sweep(), "--workers", 2)
        self.wait_for_epochs(before + 2)
        return process

    def test_one_interrupt_drains_with_75_and_run_goes_on(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            with self.subTest(number):
                process = self.start_slow()
                below = descendants(process.pid)
                os.kill(process.pid, number)
                text = self.finish(process, 75)
                self.assertIn("run the same command again", text)
                self.assert_nothing_lives(below)
                self.assertNotIn("RUNNING", self.statuses())
                self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), [(0,)])
                self.assertGreater(self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'drained'")[0][0], 0)
        self.run_sweep(self.sweep(), "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT count(*) FROM replays"), [(0,)])

    def test_a_group_drains_together(self):
        self.wishes["epoch_ms"] = 300
        sweep = self.sweep(variants=[{"name": "two", "ranks": 2}])
        process = self.start("run", sweep, "--workers", 2)
        self.wait_for_epochs(1)
        os.kill(process.pid, signal.SIGINT)
        self.finish(process, 75)
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts"), [("drained",)])
        self.run_sweep(sweep, "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 3})

    def test_two_interrupts_stop_at_once_and_nothing_recorded_is_lost(self):
        process = self.start_slow()
        below = descendants(process.pid)
        recorded = self.epochs()
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        self.finish(process, 130, seconds=20)
        self.assert_nothing_lives(below)
        self.assertTrue(set(recorded) <= set(self.epochs()))
        self.assertNotIn("RUNNING", self.statuses())
        self.run_sweep(self.sweep(), "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_a_warning_that_comes_twice_drains_and_a_person_may_still_stop(self):
        process = self.start_slow()
        os.kill(process.pid, signal.SIGUSR1)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGUSR1)
        self.finish(process, 75)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE end_reason = 'stopped'"), [(0,)])
        process = self.start_slow()
        os.kill(process.pid, signal.SIGUSR1)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        self.finish(process, 130, seconds=20)

    def test_an_interrupt_of_the_whole_terminal_group_is_one_drain(self):
        process = self.start_slow()
        os.killpg(process.pid, signal.SIGINT)
        self.finish(process, 75)


class OneWriter(Workplace):
    def test_a_second_run_on_the_same_store_is_refused(self):
        self.wishes["epoch_ms"] = 200
        sweep = self.sweep()
        process = self.start("run", sweep, "--workers", 2)
        self.wait_for_epochs(1)
        text = self.run_sweep(sweep, "--workers", 1, status=4)
        coordinator, = self.ask("SELECT pid FROM coordinators WHERE released_ms IS NULL")
        self.assertIn(str(coordinator[0]), text)
        self.finish(process)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})
        self.assertEqual(self.ask("SELECT count(*) FROM attempts"), [(6,)])

    def test_no_process_below_the_launcher_carries_torch_but_the_trainers(self):
        self.wishes["epoch_ms"] = 200
        process = self.start("run", self.sweep(), "--workers", 2)
        wait_until(lambda: len(trainers(process.pid)) == 2, 30, "two trainers")
        for pid in ranks(process.pid):
            self.assertNotIn("torch", pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8"), command_line(pid))
        self.finish(process)


if __name__ == "__main__":
    unittest.main()
