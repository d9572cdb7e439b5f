"""One store by several names: what lies beside it (STORE.d, its journal) lies beside the file, whichever name was typed."""
import contextlib
import os
import sqlite3
import unittest

from harness import Workplace


class TwoNames(Workplace):
    def setUp(self):
        super().setUp()
        self.big, self.home = self.folder / "big", self.folder / "home"
        self.big.mkdir()
        self.home.mkdir()
        self.file, self.link, self.through = self.big / "results.db", self.home / "results.db", self.folder / "other" / "results.db"
        self.link.symlink_to("../big/results.db")  # leads nowhere yet
        (self.folder / "other").symlink_to("big")

    def test_a_sweep_is_watched_cancelled_and_resumed_by_any_of_them(self):
        self.wishes["epoch_ms"] = 150
        sweep = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": 80, "batch_size": 32}}, folds=[0])
        process = self.start("run", sweep, "--workers", 1, store=self.link)
        self.wait_for_epochs(3, store=self.file)
        self.assertEqual(sorted(path.name for path in self.home.iterdir()), ["results.db"], "files beside the link")
        self.assertTrue((self.big / "results.db.d").is_dir())
        for name in (self.link, self.through):
            self.assertIn("holds the store (it runs)", self.run_sweep(sweep, store=name, status=4))
        self.assertIn("runs a sweep with it", self.finish(self.start("db", "rebuild", store=self.through), 4))
        self.assertIn("was told to drain", self.finish(self.start("cancel", store=self.through)))
        self.finish(process, 75)
        recorded = self.ask("SELECT count(*) FROM epochs", store=self.file)[0][0]
        self.assertLess(recorded, 80)
        for name in (self.file, self.link, self.through):
            self.assertIn("INTERRUPTED", self.finish(self.start("status", "--format", "csv", store=name)).upper())
            self.finish(self.start("watch", store=name), 75)
            self.assertIn("whole, and its ledger holds", self.finish(self.start("db", "check", store=name)))
        self.wishes["epoch_ms"] = 5
        self.run_sweep(sweep, "--workers", 1, store=self.through)
        self.assertEqual(self.ask("SELECT max(resume_epoch), (SELECT count(*) FROM replays) FROM attempts", store=self.file), [(recorded, 0)])
        self.assertIn("nothing to do", self.run_sweep(sweep, store=self.link))
        self.finish(self.start("db", "merge", self.link, store=self.folder / "all.db"))
        self.assertTrue(list((self.folder / "all.db.d").glob("*/*")) or not list((self.big / "results.db.d").glob("*/*/best.safetensors")))
        self.assertIn("this is the store itself", self.finish(self.start("db", "backup", self.link, store=self.file), 2))
        self.assertEqual(sorted(path.name for path in self.home.iterdir()), ["results.db"], "files beside the link")

    def test_links_in_a_circle_and_a_folder_from_before_are_named(self):
        (self.home / "a.db").symlink_to("b.db")
        (self.home / "b.db").symlink_to("a.db")
        self.assertIn("lead round in a circle", self.finish(self.start("status", store=self.home / "a.db"), 2))
        (self.home / "results.db.d").mkdir()
        text = self.run_sweep(self.sweep(variants=["stdual_x"], folds=[0]), "--workers", 1, store=self.link)
        self.assertIn(f"{os.path.realpath(self.big)}/results.db.d; {self.home}/results.db.d, which an earlier version made beside the link, is not looked at", text)


class BenchClaimsFirst(Workplace):
    def test_a_store_that_a_sweep_holds_is_refused_before_anything_is_measured(self):
        sweep = self.sweep()
        self.run_sweep(sweep, "--workers", 1, "--first", 1)
        with contextlib.closing(sqlite3.connect(self.store)) as connection, connection:
            connection.execute("INSERT INTO artifacts (run_id, kind, path, attempt, sha256, bytes, recorded_ms) SELECT run_id, 'weights', run_id || '/1/best.safetensors', 1, "
                               "'00', 1, 1 FROM runs WHERE status = 'COMPLETE'")
        self.wishes["epoch_ms"] = 200
        process = self.start("run", sweep, "--workers", 1)
        self.wait_for_epochs(5)
        text = self.finish(self.start("bench"), 4)
        self.assertIn("holds the store (it runs)", text)
        self.assertNotIn("measuring", text)
        self.finish(process)


if __name__ == "__main__":
    unittest.main()
