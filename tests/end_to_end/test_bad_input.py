"""Bad input: one clear sentence that names the file, line or key and what to do, the right exit status, and a store left whole."""
import contextlib
import json
import sqlite3
import subprocess
import unittest

from harness import Workplace, wait_until


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


class ReadOnlyDisk(Workplace):
    """Checkpoints on a file system that becomes read-only under a running job, as one does after an error of its disk."""
    stub = False

    def test_a_file_system_that_becomes_read_only_ends_the_job_with_75_and_nothing_is_lost(self):
        undisturbed = self.folder / "undisturbed.db"
        spec = self.sweep(variants=["stdual_x"], fixed={"training": {"epochs": 12, "batch_size": 8}})
        self.run_sweep(spec, "--workers", 2, store=undisturbed)
        disk = self.folder / "results.db.d"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"a file system of its own needs the right to mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        process = self.start("run", spec, "--workers", 2)
        self.wait_for_epochs(4)
        # The kernel refuses while a checkpoint is being written; after an error it would not ask.
        wait_until(lambda: subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True).returncode == 0, 30, "a moment without a write")
        text = self.finish(process, 75, seconds=60)
        self.assertIn("Read-only file system", text)
        self.assertIn(str(disk), text)
        recorded = set(self.epochs())
        self.assertGreaterEqual(len(recorded), 4)
        self.assertEqual(self.ask("SELECT DISTINCT end_reason FROM attempts WHERE end_reason NOT IN ('complete', 'drained', 'stopped')"), [])
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        self.run_sweep(spec, "--workers", 2)
        self.assertLessEqual(recorded, set(self.epochs()))
        for what in (self.epochs, self.evaluations, self.predictions):
            self.assertEqual(what(), what(undisturbed))


class HostileNames(Workplace):
    """Names are data: no shell, no SQL, no path is made of them."""
    HOSTILE = """a b'; DROP TABLE runs;-- "$(touch pwned)" `touch pwned` %s %n \\ & | > pwned"""

    def test_names_of_folders_sweeps_variants_people_and_activities_are_only_names(self):
        place = self.folder / self.HOSTILE.replace("/", "")
        place.mkdir()
        (self.folder / "tiny").rename(place / "tiny")
        manifest = place / "tiny" / "manifest.json"
        text = json.loads(manifest.read_text(encoding="utf-8"))
        text["classes"] = ["x'); DROP TABLE epochs;--" if name == "slow" else "$(touch pwned)" for name in text["classes"]]
        text["name"] = "own'; DELETE FROM runs;--"
        manifest.write_text(json.dumps(text), encoding="utf-8")
        csv = place / "tiny" / "tiny.csv"
        csv.write_text(csv.read_text(encoding="utf-8").replace(",slow,", ",x'); DROP TABLE epochs;--,").replace(",fast,", ",$(touch pwned),"), encoding="utf-8")
        store = place / "results'.db"
        spec = self.sweep(f"{place.name}/sweep.json", name=self.HOSTILE, dataset=str(manifest), variants=[{"name": "v'; DROP TABLE runs;--", "base": "stdual_x"}], folds=[0])
        self.run_sweep(spec, "--workers", 1, store=store)
        self.assertEqual(self.ask("SELECT name FROM sweeps", store=store), [(self.HOSTILE,)])
        self.assertEqual(self.ask("SELECT status, variant, dataset FROM runs", store=store), [("COMPLETE", "v'; DROP TABLE runs;--", "own'; DELETE FROM runs;--")])
        for words in (["status"], ["runs", "--sweep", self.HOSTILE], ["runs", "--sweep", "' OR 1=1;--"], ["report"], ["report", "--format", "latex"], ["report", "--format", "csv"],
                      ["compare", "v'; DROP TABLE runs;--", "v'; DROP TABLE runs;--"], ["db", "check"], ["db", "backup", place / "copy'.db"],
                      ["submit", spec, "--dry-run", "--nodes", "1", "--workers-per-node", "1"]):
            process = self.start(*words, store=store)
            process.communicate(timeout=60)
            self.assertIn(process.returncode, (0, 2), words)
        script = self.finish(self.start("submit", spec, "--dry-run", "--nodes", "1", "--workers-per-node", "1", store=store))
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)
        self.assert_whole(store)
        self.assertEqual(self.ask("SELECT count(*) FROM runs", store=store), [(1,)])
        self.assertEqual([path for folder in (self.folder, place) for path in folder.glob("pwned*")], [])


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
