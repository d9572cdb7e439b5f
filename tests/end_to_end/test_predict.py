"""`stdualx predict`: what a trained network says of recordings is what its own evaluation said, by run or by file, without libtorch."""
import csv
import io
import json
import shutil
import subprocess

from harness import MANIFEST, PROGRAM
from test_training import RealTraining


class Predict(RealTraining):
    def setUp(self):
        super().setUp()
        self.manifest = self.folder / "tiny" / "manifest.json"
        self.run_sweep(self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 3, "batch_size": 16}}), "--workers", 1)
        (self.run_id, path), = self.ask("SELECT run_id, path FROM artifacts WHERE kind = 'weights'")
        self.weights = self.folder / "results.db.d" / path

    def predict(self, *arguments, status=0):
        process = subprocess.run(self.command("predict", *arguments), cwd=self.folder, env=self.environment(), capture_output=True)
        said = process.stderr.decode()
        self.assertEqual(process.returncode, status, said)
        return list(csv.DictReader(io.StringIO(process.stdout.decode(), newline=""))), said

    def changed(self, name, change):
        """Recordings like those trained on, but for what `change` does to their lines (each a list) and to their manifest."""
        folder = self.folder / name
        shutil.copytree(self.manifest.parent, folder)
        manifest = json.loads(json.dumps(MANIFEST))
        lines = [line.split(",") for line in (folder / "tiny.csv").read_text(encoding="utf-8").splitlines()]
        lines = change(lines, manifest) or lines
        (folder / "tiny.csv").write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return folder / "manifest.json"

    def test_it_says_what_the_runs_own_evaluation_said(self):
        rows, said = self.predict(self.run_id[:8], self.manifest)
        evaluated = self.ask("SELECT window, person, label, predicted FROM v_predictions WHERE condition = 'clean' AND part = 'test'")
        self.assertGreater(len(evaluated), 20)
        right = {}
        for window, person, label, predicted in evaluated:
            row = rows[window]
            self.assertEqual((int(row["person"]), row["label"], row["activity"]), (person, MANIFEST["classes"][label], MANIFEST["classes"][predicted]))
            shares = [float(row[f"probability of {name}"]) for name in MANIFEST["classes"]]
            self.assertAlmostEqual(sum(shares), 1)
            self.assertEqual(float(row["probability"]), max(shares))
            right.setdefault(person, []).append(label == predicted)
        for person, hits in right.items():
            self.assertIn(f"person {person}: {100 * sum(hits) / len(hits):.2f} % of {len(hits)} labelled windows", said)
        self.assertEqual(self.predict(self.weights, self.manifest), (rows, said))
        every = self.predict(self.weights, self.manifest, "--stride", 1)[0]
        self.assertGreater(len(every), 10 * len(rows))
        self.assertEqual([row for row in every if float(row["start_seconds"]) * 50 % MANIFEST["windows"]["stride"] < 1e-6], rows)

    def test_recordings_without_labels_and_at_another_rate_are_classified(self):
        def unlabelled(lines, _):
            for line in lines[1:]:
                line[2] = ""
        labelled = self.predict(self.run_id, self.manifest)[0]
        rows, said = self.predict(self.run_id, self.changed("unlabelled", unlabelled))
        self.assertEqual(said, "")
        self.assertEqual([row["activity"] for row in rows], [row["activity"] for row in labelled])
        self.assertEqual({row["label"] for row in rows}, {""})

        def twice_as_often(lines, manifest):
            manifest["rate"] = 100
            return lines[:1] + [line for line in lines[1:] for _ in range(2)]
        rows, _ = self.predict(self.run_id, self.changed("faster", twice_as_often))
        self.assertEqual([row["start_seconds"] for row in rows], [row["start_seconds"] for row in labelled])

    def test_what_it_cannot_do_it_says_and_why(self):
        def one_sensor(_, manifest):
            del manifest["sensors"][1]
        _, said = self.predict(self.run_id, self.changed("one", one_sensor), status=2)
        self.assertIn("expected wrist: ax ay az; ankle: gx gy gz; found wrist: ax ay az", said)
        _, said = self.predict(self.run_id, self.changed("short", lambda lines, _: lines[:20]), status=2)
        self.assertIn("no recording of 32 samples at 50 a second", said)
        _, said = self.predict("ffff", self.manifest, status=2)
        self.assertIn("no run whose identity starts with 'ffff'", said)
        checkpoint = self.folder / "other.safetensors"
        checkpoint.write_bytes(b"\2\0\0\0\0\0\0\0{}")
        _, said = self.predict(checkpoint, self.manifest, status=2)
        self.assertIn("it is not the best.safetensors of a run", said)
        self.weights.write_bytes(self.weights.read_bytes()[:-1])
        _, said = self.predict(self.run_id, self.manifest, status=5)
        self.assertIn("best.safetensors is damaged: its SHA-256 is", said)

    def test_no_libtorch_is_loaded(self):
        libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        self.assertIn("libsqlite3", libraries)
        self.assertNotIn("torch", libraries)
