"""`stdualx db` on stores of real jobs: what a truncated WAL or a cut file lost comes back, copies are whole, two stores become one; and
each time the sweep then ends as an undisturbed one."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from harness import Workplace  # noqa: E402

EPOCHS = 40  # of each of two runs: enough that a job is still at work when it is killed


class Repair(Workplace):
    stub = False

    def setUp(self):
        super().setUp()
        self.undisturbed = self.folder / "undisturbed.db"
        self.spec = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": EPOCHS, "batch_size": 4}}, folds=[0, 1])
        self.run_sweep(self.spec, "--workers", 1, store=self.undisturbed)

    def db(self, what, *arguments, status=0, store=None):
        return self.finish(self.start("db", what, *arguments, store=store), status)

    def same_as_undisturbed(self, store=None):
        for what in (self.epochs, self.evaluations, self.predictions):
            self.assertEqual(what(store), what(self.undisturbed))
        self.assert_whole(store)
        self.db("check", store=store)

    def killed_after(self, epochs):
        """A job of this store, killed with SIGKILL when that many epochs are recorded. Returns what is recorded then."""
        process = self.start("run", self.spec, "--workers", 1)
        self.wait_for_epochs(epochs)
        self.kill_job(process)
        return self.ask("SELECT count(*) FROM epochs")[0][0]

    def test_a_truncated_wal_is_named_and_put_right(self):
        for kept in (0, 0.5):
            with self.subTest(kept):
                recorded = self.killed_after(5)
                wal = self.store.with_name(self.store.name + "-wal")
                size = wal.stat().st_size
                self.assertGreater(size, 0)
                os.truncate(wal, int(size * kept))
                text = self.db("check", status=3)
                self.assertRegex(text, "its files know epoch|the store does not know the run")
                self.assertLess(self.ask("SELECT count(*) FROM epochs")[0][0], recorded)
                self.assertRegex(self.db("rebuild"), "restored")
                self.assertGreaterEqual(self.ask("SELECT count(*) FROM epochs")[0][0], recorded, "no recorded epoch is lost")
                self.db("check")
                self.run_sweep(self.spec, "--workers", 1)
                self.same_as_undisturbed()
                # A run that had ended keeps no checkpoint: it is trained again, and ends as it did.
                self.assertEqual(self.ask("SELECT count(*) FROM replays WHERE NOT agrees"), [(0,)])
                shutil.rmtree(str(self.store) + ".d")
                for path in self.folder.glob("results.db*"):
                    path.unlink()

    def test_a_cut_store_is_made_again_of_its_backup_and_files(self):
        recorded = self.killed_after(self.killed_after(3) + 2)  # the second start made a backup
        os.truncate(self.store, self.store.stat().st_size // 2)
        said = self.finish(self.start("status"), 5)
        self.assertIn("stdualx db rebuild", said)
        self.assertIn("fault", self.db("check", status=3))
        text = self.db("rebuild")
        self.assertIn("set aside as", text)
        self.assertIn("before-coordinator-", text)
        self.assertTrue(pathlib.Path(str(self.store) + ".damaged-1").exists())
        self.assertGreaterEqual(self.ask("SELECT count(*) FROM epochs")[0][0], recorded)
        self.run_sweep(self.spec, "--workers", 1)
        self.same_as_undisturbed()

    def test_without_a_backup_the_files_alone_bring_the_epochs_back(self):
        recorded = self.killed_after(4)
        self.store.write_bytes(b"overwritten by something else" * 400)
        for suffix in ("-wal", "-shm"):
            self.store.with_name(self.store.name + suffix).unlink(missing_ok=True)
        self.assertIn("there is no backup of it", self.db("rebuild"))
        self.assertGreaterEqual(self.ask("SELECT count(*) FROM epochs")[0][0], recorded)
        self.run_sweep(self.spec, "--workers", 1)
        self.same_as_undisturbed()

    def test_a_backup_taken_during_a_sweep_goes_on_as_the_sweep_does(self):
        process = self.start("run", self.spec, "--workers", 1)
        self.wait_for_epochs(3)
        copy = self.folder / "copy.db"
        self.db("backup", copy)
        self.db("check", "--ledger", store=copy)
        held = self.finish(self.start("db", "rebuild"), 4)
        self.assertIn("runs a sweep with it", held)
        self.finish(process)
        self.same_as_undisturbed()
        shutil.copytree(str(self.store) + ".d", str(copy) + ".d")  # its checkpoints are gone by now: it trains again
        self.run_sweep(self.spec, "--workers", 1, store=copy)
        self.same_as_undisturbed(copy)

    def test_two_stores_become_one_that_goes_on(self):
        half, other = self.folder / "half.db", self.folder / "other.db"
        self.run_sweep(self.spec, "--workers", 1, "--first", 1, store=half)
        process = self.start("run", self.sweep("second.json", variants=["stdual_x"], fixed={"training": {"epochs": EPOCHS, "batch_size": 4}}, folds=[1]),
                             "--workers", 1, store=other)
        self.wait_for_epochs(3, store=other)
        os.kill(process.pid, signal.SIGTERM)
        self.finish(process, 75)
        done = self.ask("SELECT count(*) FROM epochs", store=other)[0][0]
        text = self.db("merge", half, other)
        self.assertIn(f"1 completed here, {EPOCHS} epochs", text)
        self.assertIn(f"{done} epochs", text)
        self.assertIn("0 new runs, 0 completed here, 0 epochs, 0 evaluations", self.db("merge", half))
        self.run_sweep(self.spec, "--workers", 1)
        self.same_as_undisturbed()
        self.assertEqual(self.ask("SELECT max(resume_epoch) FROM attempts"), [(done,)], "from the merged checkpoint")
        self.assertEqual(self.ask("SELECT count(*) FROM artifacts WHERE kind = 'weights'"), [(2,)])
        # The other way round: what one store has finished, the one that was stopped in the midst of it has no more to do.
        self.db("merge", self.store, store=other)
        self.assertIn("nothing to do", self.run_sweep("second.json", store=other))
        self.assertEqual(list(pathlib.Path(str(other) + ".d").glob("*/*/epoch-*")), [])
        self.db("check", store=other)
        self.db("backup", "copy.db")  # a relative name
        self.assertTrue((self.folder / "copy.db").exists())
        self.assertIn("is not an SQLite database", self.db("backup", "sweep.json", status=2))

    def test_what_is_wrong_with_the_words_is_said(self):
        self.assertIn("expected check, backup, rebuild or merge, found 'chekc'", self.db("chekc", status=2))
        self.assertIn("expected the stores to merge", self.db("merge", status=2))
        self.assertIn("there is no store", self.db("merge", self.folder / "none.db", status=2))
        self.assertIn("there is neither a store nor its folder", self.db("rebuild", status=2, store=self.folder / "none.db"))
        flipped = self.folder / "flipped.db"
        subprocess.run(["cp", "-r", str(self.undisturbed), str(flipped)], check=True)
        shutil.copytree(str(self.undisturbed) + ".d", str(flipped) + ".d")
        weights = next(pathlib.Path(str(flipped) + ".d").glob("*/*/best.safetensors"))
        content = bytearray(weights.read_bytes())
        content[-9] ^= 1
        weights.write_bytes(content)
        self.assertIn(f"{weights} is damaged", self.db("check", status=3, store=flipped))


if __name__ == "__main__":
    unittest.main()
