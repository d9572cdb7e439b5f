"""Real trainers in real jobs: what is killed ends with the same bits, one rank and two agree, and the shipped sweeps run."""
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest
import unittest.mock

from harness import BUILD, SOURCE, Workplace, trainers, wait_until


class RealTraining(Workplace):
    stub = False

    def setUp(self):
        super().setUp()
        self.undisturbed = self.folder / "undisturbed.db"

    def same_as_undisturbed(self, store=None):
        self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1", store=store), self.ask("SELECT status, count(*) FROM runs GROUP BY 1", store=self.undisturbed))
        self.assertEqual(self.epochs(store), self.epochs(self.undisturbed))
        self.assertEqual(self.evaluations(store), self.evaluations(self.undisturbed))
        self.assertEqual(self.predictions(store), self.predictions(self.undisturbed))
        self.assert_whole(store)


class Kills(RealTraining):
    """Five random moments each, more where none of them met a run at work; the seed is printed, and STDUALX_SEED repeats one."""

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("STDUALX_SEED", time.time_ns() % 1_000_000))
        print(f"STDUALX_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.spec = self.small_sweep()
        self.run_sweep(self.spec, "--workers", 2, store=self.undisturbed, seconds=600)
        self.assertEqual(self.ask("SELECT DISTINCT status FROM runs", store=self.undisturbed), [("COMPLETE",)])

    def small_sweep(self):
        """One run on two ranks among them."""
        return self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2, "folds": [0]}], fixed={"training": {"epochs": 16, "batch_size": 8}})

    def wait_for_a_random_moment(self, store):
        """Somewhere in the sweep: after some epochs, and somewhere in the next."""
        self.wait_for_epochs(self.random.randrange(len(self.epochs(self.undisturbed)) // 2), store=store, seconds=600)
        time.sleep(self.random.uniform(0, 0.1))

    def disturbed(self, store, reason):
        """Whether an attempt ended so: a kill between two runs, or before the first, disturbs none."""
        return bool(self.ask("SELECT 1 FROM attempts WHERE end_reason = ?", reason, store=store))

    def test_a_trainer_killed_at_random_moments_changes_no_bit(self):
        disturbed = 0
        for attempt in range(12):
            if attempt >= 5 and disturbed > 0:
                break
            with self.subTest(attempt):
                store = self.folder / f"trainer{attempt}.db"
                process = self.start("run", self.spec, "--workers", 2, store=store)
                wait_until(lambda: len(trainers(process.pid)) == 2, 30, "trainers")
                self.wait_for_a_random_moment(store)
                os.kill(self.random.choice(trainers(process.pid)), signal.SIGKILL)
                self.finish(process, seconds=600)
                self.same_as_undisturbed(store)
                disturbed += self.disturbed(store, "trainer_died")
        self.assertGreaterEqual(disturbed, 1)

    def test_the_whole_job_killed_at_random_moments_changes_no_bit(self):
        disturbed = 0
        for attempt in range(12):
            if attempt >= 5 and disturbed > 0:
                break
            with self.subTest(attempt):
                store = self.folder / f"job{attempt}.db"
                process = self.start("run", self.spec, "--workers", 2, store=store)
                self.wait_for_a_random_moment(store)
                self.assertIsNone(process.poll())
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                process.stdout.close()
                self.run_sweep(self.spec, "--workers", 2, store=store, seconds=600)
                self.same_as_undisturbed(store)
                disturbed += self.disturbed(store, "interrupted")
        self.assertGreaterEqual(disturbed, 1)


class DemoKills(Kills):
    """The same on the demo itself: a quarter of an hour, so by hand: python3 -m unittest -v test_training.DemoKills"""

    def small_sweep(self):
        (self.folder / "watch-data").symlink_to(SOURCE / "watch-data")
        return SOURCE / "experiments/sweeps/demo.json"


class InstructionSets(RealTraining):
    def test_a_weaker_instruction_set_still_runs_and_the_ledger_says_why_bits_differ(self):
        sweep = self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 6, "batch_size": 8}})
        self.run_sweep(sweep, "--workers", 1, store=self.undisturbed)
        platforms = {self.ask("SELECT platform FROM attempts", store=self.undisturbed)[0][0]}
        for isa in ("sse4", "avx2"):
            with unittest.mock.patch.dict(os.environ, STDUALX_ISA=isa):
                store = self.folder / f"{isa}.db"
                self.run_sweep(sweep, "--workers", 1, store=store)
                self.run_sweep(sweep, "--workers", 1, store=self.folder / f"{isa}-again.db")
                self.assertEqual(self.epochs(store), self.epochs(self.folder / f"{isa}-again.db"), "equal platform, equal bits")
                platforms.add(self.ask("SELECT platform FROM attempts", store=store)[0][0])
        self.assertEqual(len(platforms), 3, platforms)
        # An epoch computed twice on two platforms: the run goes on, and the ledger names both.
        process = self.start("run", sweep, "--workers", 1)
        self.wait_for_epochs(3)
        self.kill_job(process)
        for path in (self.folder / "results.db.d").glob("*/*/epoch-*"):
            path.unlink()
        with unittest.mock.patch.dict(os.environ, STDUALX_ISA="sse4"):
            self.run_sweep(sweep, "--workers", 1)
        text = self.finish(self.start("db", "check", "--ledger"), 0)
        if self.ask("SELECT count(*) FROM replays WHERE NOT agrees")[0][0]:
            self.assertIn("was computed again on another platform, where equal bits are not promised", text)
            self.assertIn("up to SSE4_2", text)
        with unittest.mock.patch.dict(os.environ, STDUALX_ISA="mmx"):
            self.assertIn("STDUALX_ISA: expected sse4, avx2 or avx512, found 'mmx'", self.run_sweep(sweep, "--workers", 1, store=self.folder / "mmx.db", status=3))


class Training(RealTraining):
    def test_a_condition_added_later_is_evaluated_without_training(self):
        conditions = ["missing_sensor/0/zero", {"kind": "missing_samples", "amounts": [0.3], "seeds": [1, 2]}]
        self.run_sweep(self.sweep("all.json", variants=["stdual_x"], conditions=conditions), "--workers", 2, store=self.undisturbed)
        self.run_sweep(self.sweep(variants=["stdual_x"]), "--workers", 2)
        self.assertEqual(self.ask("SELECT DISTINCT condition FROM evaluations"), [("clean",)])
        epochs = self.epochs()
        text = self.run_sweep(self.sweep(variants=["stdual_x"], conditions=conditions), "--workers", 2)
        self.assertIn("3 runs to do", text)
        self.assertEqual(self.epochs(), epochs)
        self.assertEqual(self.ask("SELECT count(*), sum(evaluate_only) FROM attempts"), [(6, 3)])
        # What a run is worth under a condition does not depend on when it was asked for.
        self.assertEqual(self.evaluations(), self.evaluations(self.undisturbed))
        self.assertEqual(self.predictions(), self.predictions(self.undisturbed))
        self.assertIn("nothing to do: 3 of 3", self.run_sweep(self.sweep(variants=["stdual_x"], conditions=conditions), "--workers", 2))
        self.assertIn("nothing to do: 3 of 3", self.run_sweep(self.sweep(variants=["stdual_x"]), "--workers", 2))

    def test_a_condition_whose_weights_are_damaged_has_the_run_trained_again(self):
        self.run_sweep(self.sweep(variants=["stdual_x"], folds=[0]), "--workers", 1)
        (path,), = self.ask("SELECT path FROM artifacts WHERE kind = 'weights'")
        weights = pathlib.Path(f"{self.store}.d") / path
        good = weights.read_bytes()
        weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        self.assertIn("best.safetensors is damaged", self.finish(self.start("db", "check"), 3))
        spec = self.sweep(variants=["stdual_x"], folds=[0], conditions=["noise/10/1"])
        text = self.run_sweep(spec, "--workers", 1)
        self.assertIn("weights damaged", text)
        self.assertIn("best.safetensors is damaged", text)
        self.assertEqual(self.statuses(), {"COMPLETE": 1})
        self.assertTrue(pathlib.Path(f"{weights}.damaged").exists())
        (again,), = self.ask("SELECT path FROM artifacts WHERE kind = 'weights' ORDER BY attempt DESC LIMIT 1")
        self.assertNotEqual(again, path)
        self.assertEqual(self.ask("SELECT min(agrees) FROM replays"), [(1,)])
        self.assertEqual(self.ask("SELECT count(*) FROM evaluation_parts WHERE condition = 'noise/10/1'"), [(1,)])

    def test_it_learns_and_one_rank_and_two_agree(self):
        text = self.run_sweep(self.sweep(variants=["stdual_x", {"name": "two", "ranks": 2}], fixed={"training": {"epochs": 6, "batch_size": 16}}), "--workers", 2)
        self.assertIn("accuracy on the test part", text)
        accuracies = [accuracy for accuracy, in self.ask("SELECT accuracy FROM v_accuracy")]
        self.assertEqual(len(accuracies), 6)
        self.assertGreater(min(accuracies), 0.9)
        pairs = self.ask("SELECT a.train_loss, b.train_loss FROM epochs a JOIN runs ra USING (run_id) JOIN runs rb ON rb.fold = ra.fold AND rb.variant = 'two'"
                         " JOIN epochs b ON b.run_id = rb.run_id AND b.epoch = a.epoch WHERE ra.variant = 'stdual_x' AND a.epoch = 1")
        self.assertEqual(len(pairs), 3)
        for one, two in pairs:
            self.assertLess(abs(one - two) / one, 1e-4)

    def test_a_run_is_the_same_alone_and_in_company_on_any_worker(self):
        sweep = self.sweep(variants=["stdual_x"])
        self.run_sweep(sweep, "--workers", 3, store=self.undisturbed)
        self.assertGreater(self.ask("SELECT count(DISTINCT pid) FROM attempts", store=self.undisturbed)[0][0], 1)  # a late trainer may get none
        for fold in (2, 0, 1):  # each alone in its job, on its one worker
            self.run_sweep(self.sweep(f"{fold}.json", variants=["stdual_x"], folds=[fold]), "--workers", 1)
        self.same_as_undisturbed()

    def test_a_damaged_checkpoint_costs_one_epoch_and_no_bit(self):
        spec = self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 200, "batch_size": 16}})
        self.run_sweep(spec, "--workers", 1, store=self.undisturbed)
        process = self.start("run", spec, "--workers", 1)
        self.wait_for_epochs(4)
        self.kill_job(process)
        (path, epoch), = self.ask("SELECT path, epoch FROM checkpoints WHERE state = 'live' ORDER BY epoch DESC LIMIT 1")
        file = self.folder / "results.db.d" / path
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        file.write_bytes(damaged)
        text = self.run_sweep(spec, "--workers", 1)
        self.assertIn("checkpoint damaged", text)
        self.assertIn(pathlib.Path(path).name, text)
        self.assertEqual(self.ask("SELECT epoch, agrees FROM replays"), [(epoch, 1)])
        self.same_as_undisturbed()

    def test_finished_runs_keep_their_best_weights_and_embedding_alone(self):
        self.run_sweep(self.sweep(variants=["stdual_x"]), "--workers", 2)
        files = [path for path in (self.folder / "results.db.d").rglob("*") if path.is_file()]
        self.assertEqual(sorted(path.name for path in files), ["best.safetensors"] * 3 + ["embedding.safetensors"] * 3)
        self.assertEqual(self.ask("SELECT DISTINCT state FROM checkpoints"), [("deleted",)])

    def test_a_run_whose_loss_is_not_finite_is_recorded_with_its_epoch(self):
        spec = self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 4, "learning_rate": 100, "clip_norm": 0, "momentum_low": 0, "momentum_high": 0, "adam_epsilon": 0, "weight_decay": 10}})
        text = self.run_sweep(spec, "--workers", 1, status=3)
        self.assertIn("not_finite", text)
        (reason, detail), = self.ask("SELECT end_reason, end_detail FROM attempts")
        self.assertEqual(reason, "not_finite")
        self.assertRegex(detail, "epoch [0-9]+")


class Shipped(RealTraining):
    """The sweeps that come with the program, on the real recordings, cut short."""

    def test_the_demo_runs_on_the_watch_recordings(self):
        watch = SOURCE / "watch-data"
        self.assertTrue((watch / "manifest.json").exists(), f"{watch}: not there; `make test` writes it")
        (self.folder / "watch-data").symlink_to(watch)
        text = self.run_sweep(SOURCE / "experiments/sweeps/demo.json", "--workers", 2, "--set", "training.epochs=1", seconds=300)
        self.assertEqual(self.statuses(), {"COMPLETE": 10})
        self.assertEqual(self.ask("SELECT count(DISTINCT variant), max(world_size), max(overlap_share) FROM v_runs"), [(4, 2, 0.0)])
        for word in ("without_csa", "verdict", "no paper value", "stdualx report"):
            self.assertIn(word, text)

    def test_uci_har_trains_on_the_official_split_with_its_test_part_closed(self):
        self.run_sweep(SOURCE / "experiments/sweeps/uci_har_official.json", "--workers", 1, "--first", 1, "--set", "training.epochs=1", "--data", self.data(), seconds=300)
        (accuracy, test), = self.ask("SELECT validation_accuracy, accuracy FROM v_runs WHERE status = 'COMPLETE'")
        self.assertGreater(accuracy, 0.5)
        self.assertIsNone(test)
        self.assertEqual(self.ask("SELECT count(*) FROM evaluation_parts WHERE part = 'test'"), [(0,)])

    def data(self):
        given = os.environ.get("STDUALX_DATA")
        folder = pathlib.Path(given) if given else SOURCE.parent / "shared" / "data"
        if not folder.is_dir() and not os.environ.get("CI"):
            self.skipTest(f"no UCI-HAR in {folder}; STDUALX_DATA names the folder that holds it")
        return folder


class Installed(RealTraining):
    def test_the_installed_tree_can_be_moved_and_runs(self):
        first, second = self.folder / "first", self.folder / "elsewhere" / "second"
        subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(first)], check=True, stdout=subprocess.DEVNULL)
        second.parent.mkdir()
        first.rename(second)
        process = subprocess.run([second / "bin" / "stdualx", "run", self.sweep(folds=[0], variants=["stdual_x"]), "--workers", "1", "--store", self.store],
                                 cwd=self.folder, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)}, text=True, capture_output=True, timeout=120)
        self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
        self.assertEqual(self.statuses(), {"COMPLETE": 1})
        maps = subprocess.run(["ldd", second / "bin" / "stdualx-trainer"], text=True, capture_output=True, check=True).stdout
        self.assertNotIn("not found", maps)
        self.assertNotIn("libmpi", maps)
        torch = [line for line in maps.splitlines() if "libtorch" in line or "libc10" in line]
        self.assertTrue(torch)
        for line in torch:
            self.assertIn(str(second), line)


if __name__ == "__main__":
    unittest.main()
