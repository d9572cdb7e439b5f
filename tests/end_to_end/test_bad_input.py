"""Bad input: one clear sentence that names the file, line or key and what to do, the right exit status, and a store left whole."""
import contextlib
import json
import sqlite3
import subprocess
import unittest

from harness import Workplace


class BadInput(Workplace):
    def refused(self, *words, status=2, contains=()):
        text = self.finish(self.start(*words), status)
        lines = text.strip().splitlines()
        self.assertTrue(lines[-1].startswith("stdualx: ") or len(lines) == 1, text)
        for part in contains:
            self.assertIn(part, text)
        self.assertFalse(self.store.exists() and self.ask("SELECT count(*) FROM attempts")[0][0], text)
        return text

    def change_manifest(self, **changes):
        path = self.folder / "tiny" / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    def change_recordings(self, change):
        path = self.folder / "tiny" / "tiny.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")

    # ---- sweep files

    def test_a_sweep_file_that_is_not_there(self):
        self.refused("run", "no_such.json", contains=["no_such.json"])

    def test_a_typo_in_a_sweep_is_named_with_its_line_and_the_near_word(self):
        sweep = self.sweep(fixed={"training": {"epoch": 4}})
        self.refused("run", sweep, contains=["sweep.json:6:", "/fixed/training/epoch", "'epochs'"])
        self.refused("plan", self.sweep(variants=["stdual_y"]), contains=["stdual_y", "stdual_x"])
        self.refused("plan", self.sweep(protocols=[{"kind": "leave_person_out", "folds": 3}]), contains=["leave_persons_out"])

    def test_a_sweep_that_is_not_json_or_says_a_thing_twice(self):
        path = self.sweep()
        path.write_text('{"name": "tiny",\n "dataset" "x"}\n', encoding="utf-8")
        self.refused("run", path, contains=["sweep.json:2:"])
        path.write_text('{"name": "tiny", "dataset": "x",\n "dataset": "y", "protocols": []}\n', encoding="utf-8")
        self.refused("run", path, contains=["dataset", "twice"])

    def test_values_out_of_range_and_overrides_with_typos(self):
        self.refused("run", self.sweep(fixed={"training": {"learning_rate": -1}}), contains=["learning_rate", "-1"])
        self.refused("run", self.sweep(), "--set", "training.learning_rat=1", contains=["learning_rat", "learning_rate"])
        self.refused("run", self.sweep(folds=[3]), contains=["fold"])

    # ---- commands

    def test_unknown_commands_and_options_get_the_near_word(self):
        self.refused("rum", self.sweep(), contains=["'run'"])
        self.refused("run", self.sweep(), "--worker", "2", contains=["--workers"])
        self.refused("run", self.sweep(), "--workers", "0", contains=["--workers", "0"])
        self.refused("run", self.sweep(), "--workers", "two", contains=["workers"])
        self.refused("run", self.sweep(), "--lease-seconds", "0.05", contains=["--lease-seconds", "0.05"])
        self.refused("run", self.sweep(), "--drain-seconds=-1", contains=["--drain-seconds", "-1"])
        self.refused("run", contains=["SPEC"])
        self.refused("runs", "--format", "xml", contains=["xml", "csv"])

    def test_questions_to_a_store_that_is_not_there(self):
        for words in (["runs"], ["status"], ["report"], ["explain", "abc"], ["query", "SELECT 1"], ["retry", "--failed"]):
            self.refused(*words, contains=["results.db", "stdualx run"])
            self.assertFalse(self.store.exists())

    def test_a_query_that_writes_or_is_not_sql(self):
        self.run_sweep(self.sweep(folds=[0]), "--workers", 2)
        before = self.store.read_bytes()
        for sql in ("DELETE FROM epochs", "SELEC 1", "SELECT nothing FROM runs", "PRAGMA user_version = 9", "ATTACH 'x.db' AS x"):
            self.finish(self.start("query", sql), 2)
        self.assertEqual(self.store.read_bytes(), before)

    # ---- recordings

    def test_a_data_set_that_is_not_there_says_where_it_was_looked_for(self):
        self.refused("run", self.sweep(dataset="uci-har", protocols=[{"kind": "official"}]), "--data", self.folder / "nothing",
                     contains=["uci-har", str(self.folder / "nothing")])
        self.refused("run", self.sweep(dataset="uci-hra", protocols=[{"kind": "official"}]), contains=["uci-hra", "uci-har"])
        self.refused("run", self.sweep(dataset=str(self.folder / "none" / "manifest.json")), contains=["none/manifest.json"])
        (self.folder / "tiny" / "tiny.csv").unlink()
        self.refused("run", self.sweep(), contains=["tiny.csv"])

    def test_a_truncated_zip(self):
        data = self.folder / "data"
        data.mkdir()
        (data / "uci-har").mkdir()
        (data / "uci-har" / "UCI HAR Dataset.zip").write_bytes(b"PK\x03\x04" + bytes(200))
        self.refused("run", self.sweep(dataset="uci-har", protocols=[{"kind": "official"}]), "--data", data, contains=["UCI HAR Dataset.zip"])

    def test_wrong_columns_labels_and_numbers_are_named_with_file_and_line(self):
        self.change_recordings(lambda lines: [lines[0].replace("gz", "gq"), *lines[1:]])
        self.refused("run", self.sweep(), contains=["tiny.csv", "gz"])
        self.change_recordings(lambda lines: [lines[0].replace("gq", "gz"), lines[1].replace("slow", "slwo"), *lines[2:]])
        self.refused("run", self.sweep(), contains=["tiny.csv", "slwo"])
        self.change_recordings(lambda lines: [lines[0], lines[1].replace("slwo", "slow"), "1,slow1,slow,0.1,oops,0,0,0,0", *lines[3:]])
        self.refused("run", self.sweep(), contains=["tiny.csv", "oops", "3"])
        self.change_recordings(lambda lines: [*lines[:2], "1,slow1,slow,0.1", *lines[3:]])
        self.refused("run", self.sweep(), contains=["tiny.csv", "3"])

    def test_a_channel_of_nan(self):
        self.change_recordings(lambda lines: [lines[0]] + [",".join(line.split(",")[:5] + ["nan"] + line.split(",")[6:]) for line in lines[1:]])
        self.refused("run", self.sweep(), contains=["tiny", "az"])

    def test_a_manifest_with_an_unknown_key(self):
        self.change_manifest(sensor=[])
        self.refused("run", self.sweep(), contains=["manifest.json", "sensor", "sensors"])

    def test_too_few_people_for_the_folds(self):
        self.refused("run", self.sweep(protocols=[{"kind": "leave_persons_out", "folds": 7, "split_seed": 1}]), contains=["7", "6"])

    # ---- stores

    def test_a_store_that_cannot_be_written(self):
        (self.folder / "file").write_text("not a folder\n", encoding="utf-8")
        self.finish(self.start("run", self.sweep(), store=self.folder / "file" / "results.db"), 2)
        (self.folder / "folder.db").mkdir()
        self.assertIn("folder.db", self.finish(self.start("run", self.sweep(), store=self.folder / "folder.db"), 2))

    def test_a_file_that_is_no_store_is_left_as_it_is(self):
        self.store.write_text("precious notes, not a database, and long enough to be read as a header of one\n" * 10, encoding="utf-8")
        before = self.store.read_bytes()
        for words in (["run", self.sweep()], ["runs"]):
            text = self.finish(self.start(*words), 2)
            self.assertIn("results.db", text)
            self.assertEqual(self.store.read_bytes(), before)

    def test_a_store_from_a_newer_version_is_refused_and_untouched(self):
        self.run_sweep(self.sweep(folds=[0]), "--workers", 2)
        connection = sqlite3.connect(self.store)
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
        connection.close()
        before = self.store.read_bytes()
        for words in (["run", self.sweep()], ["runs"], ["status"]):
            text = self.finish(self.start(*words), 4)
            self.assertIn("99", text)
            self.assertEqual(self.store.read_bytes(), before)


class FullDisk(Workplace):
    """A class of its own: skipped where a small disk cannot be mounted."""

    def test_a_full_disk_ends_the_job_with_75_and_room_lets_it_go_on(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        store, ballast = disk / "results.db", disk / "ballast"
        sweep = self.sweep(seeds=list(range(1, 9)))
        self.wishes["epoch_ms"] = 100
        process = self.start("run", sweep, "--workers", 2, store=store)
        self.wait_for_epochs(4, store=store)
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        text = self.finish(process, 75, seconds=60)
        self.assertIn("full", text)
        recorded = self.ask("SELECT run_id, epoch, state_hash_after FROM epochs", store=store)
        self.assertGreaterEqual(len(recorded), 4)
        ballast.unlink()
        self.wishes["epoch_ms"] = 1
        self.run_sweep(sweep, "--workers", 2, store=store)
        self.assert_whole(store)
        self.assertLessEqual(set(recorded), set(self.ask("SELECT run_id, epoch, state_hash_after FROM epochs", store=store)))


class Help(Workplace):
    def test_every_command_has_help_with_an_example(self):
        text = self.finish(self.start("--help"))
        commands = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
        self.assertGreaterEqual(set(commands), {"plan", "run", "status", "runs", "explain", "query", "report", "retry", "data"})
        for command in commands:
            self.assertIn(f"stdualx {command}", self.finish(self.start(command, "--help")).split("example")[1])
        self.assertFalse(self.store.exists())


if __name__ == "__main__":
    unittest.main()
