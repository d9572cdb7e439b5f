"""The command `data`, and what docs/own_data.md says, done to the letter."""
import json
import re
import shlex
import subprocess
import sys
import unittest

from harness import SOURCE, Workplace


def pamap2_row(step, activity):
    return f"{step / 100:.2f} {activity} NaN " + " ".join(str((step * column) % 97) for column in range(51)) + "\n"


class DataCommand(Workplace):
    def data(self, *words, status=0):
        return self.finish(self.start("data", *words, "--data", self.folder / "data"), status)

    def write_pamap2(self):
        folder = self.folder / "data" / "pamap2" / "PAMAP2_Dataset" / "Protocol"
        folder.mkdir(parents=True)
        for person, activity in zip(range(101, 110), (1, 2, 3, 4, 5, 6, 7, 12, 24)):
            rows = [pamap2_row(step, activity if step < 600 else 0) for step in range(800)]
            (folder / f"subject{person}.dat").write_text("".join(rows), encoding="utf-8")
        return folder

    def test_list_says_what_is_there_and_what_to_do_about_the_rest(self):
        self.write_pamap2()
        tables = json.loads(self.data("list", "--format", "json"))
        found = {row["data set"]: row["found at"] for row in tables["data sets"]}
        self.assertEqual(found["pamap2"], str(self.folder / "data" / "pamap2"))
        self.assertEqual(set(found), {"dsads", "hugadb", "opportunity-gestures", "opportunity-locomotion", "pamap2", "uci-har", "watch"})
        self.assertIsNone(found["dsads"])
        archive = str(self.folder / "data" / "uci-har" / "UCI HAR Dataset.zip")
        self.assertIn({"data set": "uci-har", "looked for": archive}, tables["not there"])
        text = self.data("list")
        for name in ("dsads", "hugadb", "opportunity-gestures", "uci-har"):
            self.assertIn(f"{name}: Download", text)

    def test_import_counts_people_windows_and_classes_and_fills_the_cache(self):
        self.write_pamap2()
        tables = json.loads(self.data("import", "pamap2", "--format", "json"))
        facts = tables["pamap2"][0]
        self.assertEqual((facts["people"], facts["windows"], facts["steps"]), (9, 18, 512))  # starts 0 and 256: mostly labelled
        self.assertEqual([row["windows"] for row in tables["pamap2, windows by class"]][:4], [2, 2, 2, 2])
        caches = list((self.folder / "cache").iterdir())
        self.assertEqual(len(caches), 1)
        written = caches[0].stat().st_mtime_ns
        self.data("import", "pamap2")
        self.assertEqual(caches[0].stat().st_mtime_ns, written)
        windows = '{"rate": 33.3, "steps": 60, "stride": 60, "null_class": true}'
        third = json.loads(self.data("import", "pamap2", "--windows", windows, "--format", "json"))
        self.assertEqual(third["pamap2"][0]["rate"], "33.3 Hz")
        self.assertEqual(third["pamap2, windows by class"][-1]["class"], "null")
        self.assertEqual(third["pamap2"][0]["hash of the recordings"], facts["hash of the recordings"])

    def test_verify_compares_with_what_was_published(self):
        folder = self.write_pamap2()
        text = self.data("verify", "pamap2", status=2)
        self.assertIn("differs: ", text)
        self.assertIn("not there, not needed", text)  # Optional/
        self.assertIn("9 files are not as published; fetch them again", text)
        self.assertRegex(text, r"pamap2 +9 +9 +7200 +5400")  # read all the same: people, recordings, samples, labelled ones
        (folder / "subject104.dat").write_text("1 2 3\n", encoding="utf-8")
        text = self.data("verify", status=2)
        self.assertIn("differs: 6 bytes", text)
        (folder / "subject104.dat").unlink()
        self.assertRegex(self.data("verify", "pamap2", status=2), r"Protocol/subject104.dat +\d+ +missing")

    def test_a_set_without_published_sums_is_read(self):
        text = self.data("verify", self.folder / "tiny" / "manifest.json")
        self.assertRegex(text, r"tiny +6 +12 +2880 +2880 +0")
        self.assertIn("No published sizes and sums are known", text)

    def test_own_recordings_are_accounted_for_and_people_are_named(self):
        folder = self.folder / "named"
        folder.mkdir()
        rows = [f"{person},{label},{step % 13},{step % 7}" for person, label, count in (("anna", "walk", 200), ("anna", "sit", 90), ("bert", "walk", 30)) for step in range(count)]
        (folder / "rows.csv").write_text("person,label,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
        manifest = {"name": "named", "rate": 10, "files": ["rows.csv"], "sensors": [{"name": "wrist", "columns": ["x", "y"]}], "classes": ["walk", "sit"],
                    "windows": {"seconds": 4, "overlap": 0.5}}
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        text = self.data("import", folder / "manifest.json", "--format", "json")
        tables = json.loads(text)
        account = {row["rows"]: row["count"] for row in tables["named, what became of the rows"]}
        self.assertEqual(account["read"], 320)
        self.assertEqual(account["left out: shorter than a window"], -30)
        self.assertEqual(sum(count for name, count in account.items() if not name.startswith("=")), account["= samples in windows"])
        self.assertEqual(tables["named, windows by person and class"], [{"person": "1 (anna)", "recordings": 1, "walk": 10, "sit": 3}])
        text = self.data("import", folder / "manifest.json")
        self.assertIn("Person 2 (bert) has 30 samples and no window", text)
        self.assertIn("Person 1 (anna) alone did 'sit'", text)
        self.assertIn("Person 2 (bert).", self.data("verify", folder / "manifest.json"))

    def test_a_first_manifest_is_written_that_import_reads(self):
        folder = self.folder / "tiny"
        made = subprocess.run(self.command("data", "init", "tiny.csv"), cwd=folder, env=self.environment(), capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        (folder / "first.json").write_text(made.stdout, encoding="utf-8")
        self.assertIn('stdualx: guessed /label_column: "label", since a column is called so', made.stderr)
        self.assertIn("stdualx: to do: /rate", made.stderr)
        self.assertRegex(self.data("import", folder / "first.json"), r"my-recordings\n")

    def test_the_cache_is_listed_and_pruned(self):
        self.data("import", self.folder / "tiny" / "manifest.json")
        listed = json.loads(self.data("cache", "--format", "json"))
        self.assertEqual([(row["file"][:9], row["in use"]) for row in listed], [("manifest-", "no")])
        self.assertIn("removed 0 files", self.data("cache", "prune", "--older-than", "1"))
        self.assertIn("removed 1 files", self.data("cache", "prune", "--to", "0"))
        self.assertEqual(json.loads(self.data("cache", "--format", "json")), [])

    def test_mistakes_are_named(self):
        for words, part in ((("lsit",), "did you mean 'list'?"), (("import",), "which data set?"),
                            (("import", "dsad"), "did you mean 'dsads'?"),
                            (("verify",), "no data set is there"), (("import", "pamap2"), "'pamap2' was not found; looked at: "),
                            (("list", "pamap2"), "expected nothing after it"), (("list", "--windows", "{}"), "only `data import`"),
                            (("import", "pamap2", "--windows", "{"), "expected JSON"), (("import", "pamap2", "dsads"), "expected one data set, found 'dsads'"),
                            (("init",), "which CSV files?"), (("cache", "clear"), "expected nothing or prune"), (("list", "--to", "1"), "of `data cache prune` alone"),
                            (("import", "pamap2", "--windows", '{"step": 5}'), "/windows/step: unknown key; did you mean 'steps'?")):
            self.assertIn(part, self.data(*words, status=2))


class OwnData(Workplace):
    """docs/own_data.md: its manifest, its sweep, its commands."""

    stub = False

    def test_the_document_works_as_it_stands(self):
        text = (SOURCE / "docs" / "own_data.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        manifest, sweep = [block for kind, block in blocks if kind == "json"]
        commands = [shlex.split(line) for kind, block in blocks if kind == "sh" for line in block.splitlines()]
        self.assertEqual([words[0] for words in commands], ["python3", "stdualx", "stdualx", "stdualx", "stdualx"])
        subprocess.run([sys.executable, SOURCE / commands[0][1], *commands[0][2:]], cwd=self.folder, check=True)
        (self.folder / "gym" / "manifest.json").write_text(manifest, encoding="utf-8")
        (self.folder / "gym" / "sweep.json").write_text(sweep, encoding="utf-8")
        said = {}
        for words in commands[1:]:
            said[words[1]] = self.finish(self.start(*words[1:]), seconds=300)
        # 8 recordings of 2250 rows at 50 Hz: 34 windows each, of which 4 are mostly rest.
        self.assertRegex(said["data"], r"\n +4 +8 +240 +3 +50 Hz +128 +64 ")
        self.assertRegex(said["plan"], r"leave one person out, 4 folds")
        self.assertEqual(self.statuses(), {"COMPLETE": 4})
        self.assertEqual(self.ask("SELECT DISTINCT dataset, protocol, folds FROM runs"), [("gym", "leave_one_person_out", 4)])
        self.assertIn("leave one person out, 4 folds", said["report"])


if __name__ == "__main__":
    unittest.main()
