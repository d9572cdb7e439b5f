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

    def stream(self, text, *arguments, status=0):
        done = subprocess.run(self.command("predict", self.run_id, "--stream", *arguments), cwd=self.folder, env=self.environment(), input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return list(csv.DictReader(io.StringIO(done.stdout, newline=""))), done.stderr

    def test_a_stream_is_answered_as_the_whole_file_is(self):
        def with_gaps(lines, _):
            lines = lines[:241]  # one recording
            for first, count, column in ((40, 5, 3), (90, 14, 6), (100, 2, 8), (200, 10, 4)):  # filled, split beside a short one, filled
                for line in lines[first:first + count]:
                    line[column] = ""
            return lines
        manifest = self.changed("gaps", with_gaps)
        for stride in ((), ("--stride", 3)):
            whole, _ = self.predict(self.run_id, manifest, *stride)
            lines = [line.split(",")[3:] for line in (manifest.parent / "tiny.csv").read_text(encoding="utf-8").splitlines()[1:]]
            rows, said = self.stream("\n".join(",".join(line) for line in lines) + "\n\n", *stride)
            self.assertEqual(said, "")
            self.assertGreater(len(rows), 8)
            self.assertEqual({row["recording"] for row in rows}, {"0", "1"})
            for row in rows:
                self.assertLess(0, float(row.pop("latency_ms")))
            for row in whole:
                del row["person"], row["label"]
            self.assertEqual(rows, whole)

    def test_an_answer_comes_while_the_stream_is_open(self):
        process = subprocess.Popen(self.command("predict", self.weights, "--stream"), cwd=self.folder, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        self.assertTrue(process.stdout.readline().startswith("recording,start_seconds,activity,probability,latency_ms,"))
        process.stdin.write("0.1, +0.2,nan,-1e-3,5,6\n")
        process.stdin.write("1,2,3,4,5,6\n" * 32)
        process.stdin.flush()
        row = process.stdout.readline().split(",")
        self.assertEqual(row[:2], ["0", "0"])
        self.assertIn(row[2], MANIFEST["classes"])
        process.stdin.close()
        self.assertEqual(process.wait(10), 0)

    def test_a_stream_that_is_none_says_where_and_what_was_expected(self):
        good = "1,2,3,4,5,6\n"
        for bad, words in (("1,2,3\n", "line 3: found 3 numbers"), ("1,2,3,4,5,6,7\n", "found 7 numbers"), ("ax,2,3,4,5,6\n", "found 'ax'"), ("inf,2,3,4,5,6\n", "found 'inf'"),
                           ("1;2;3;4;5;6\n", "found '1;2;3;4;5;6'")):
            _, said = self.stream(good * 2 + bad, status=2)
            self.assertIn(words, said)
            self.assertIn("6 numbers with commas between, without a header: wrist: ax ay az; ankle: gx gy gz", said)
        self.assertIn("leave --format out", self.stream("", "--format", "json", status=2)[1])
        self.assertIn("--stream", self.predict(self.run_id, status=2)[1])
        self.assertIn("or --stream", self.predict(self.run_id, self.manifest, "--stream", status=2)[1])
        self.assertEqual(self.stream("")[0], [])

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
