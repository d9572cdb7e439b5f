"""Nothing of the test part reaches training or the choice of the epoch, and nothing of the validation part reaches training.

Recordings of the people of a part are replaced by noise of another scale. What is computed without that part keeps every bit: weights,
optimiser and standardisation are in the state's hash. What is measured on it must change, or the test would notice nothing.
"""
import csv
import json
import random
import struct
import unittest

from harness import MANIFEST, Workplace, write_recordings

EPOCHS = 4


class Leaks(Workplace):
    stub = False

    def recordings(self, folder, spoilt=()):
        """The tiny recordings, those of some people spoilt; the path of their manifest."""
        write_recordings(self.folder / folder)
        path = self.folder / folder / "tiny.csv"
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        noise = random.Random(3)
        for row in rows:
            if int(row["person"]) in spoilt:
                row.update({name: f"{40 * noise.gauss(1, 1):.5f}" for sensor in MANIFEST["sensors"] for name in sensor["columns"]})
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return str(self.folder / folder / "manifest.json")

    def trained(self, name, manifest, **changes):
        """The store of one fold, trained on these recordings."""
        store = self.folder / f"{name}.db"
        sweep = self.sweep(f"{name}.json", **({"dataset": manifest, "variants": ["stdual_x", "linear"], "folds": [0],
                                              "fixed": {"training": {"epochs": EPOCHS, "batch_size": 32}}} | changes))
        self.run_sweep(sweep, "--workers", 1, "--quiet", "--set", f"training.epochs={EPOCHS}", store=store)
        return store

    def parts(self, store):
        """Windows and people of each part, by the recorded predictions."""
        found = {}
        for part, window, person in self.ask("SELECT part, window, person FROM v_predictions", store=store):
            windows, people = found.setdefault(part, (set(), set()))
            windows.add(window)
            people.add(person)
        return found

    def epochs_of(self, columns, store):
        return self.ask(f"SELECT variant, epoch, {columns} FROM epochs JOIN runs USING (run_id) ORDER BY 1, 2", store=store)

    def values_of(self, part, store):
        return self.ask("SELECT variant, metric, value FROM evaluations JOIN runs USING (run_id) WHERE part = ?1 ORDER BY 1, 2", part, store=store)

    def test_the_parts_share_nobody_and_what_is_left_trains(self):
        parts = self.parts(self.trained("plain", self.recordings("plain")))
        (validation, validation_people), (test, test_people) = parts["validation"], parts["test"]
        self.assertFalse(validation & test)
        self.assertFalse(validation_people & test_people)
        self.assertTrue(validation_people and test_people)
        # Windows of the people who train are those that an epoch counts.
        others = 6 - len(validation_people | test_people)
        per_person = len(test) // len(test_people)
        counted = self.ask("SELECT DISTINCT windows FROM epochs", store=self.folder / "plain.db")
        self.assertEqual(counted, [(others * per_person,)])

    def test_other_recordings_of_the_test_people_change_their_accuracy_and_nothing_else(self):
        plain = self.trained("plain", self.recordings("plain"))
        test_people = self.parts(plain)["test"][1]
        spoilt = self.trained("spoilt", self.recordings("spoilt", test_people))
        everything = "state_hash_before, state_hash_after, train_loss, validation_loss, validation_accuracy, best_epoch"
        self.assertEqual(self.epochs_of(everything, spoilt), self.epochs_of(everything, plain))
        self.assertEqual(self.values_of("validation", spoilt), self.values_of("validation", plain))
        self.assertNotEqual(self.values_of("test", spoilt), self.values_of("test", plain))

    def test_other_recordings_of_the_validation_people_change_what_is_chosen_and_not_what_is_trained(self):
        plain = self.trained("plain", self.recordings("plain"))
        validation_people = self.parts(plain)["validation"][1]
        spoilt = self.trained("spoilt", self.recordings("spoilt", validation_people))
        self.assertEqual(self.epochs_of("train_loss, learning_rate", spoilt), self.epochs_of("train_loss, learning_rate", plain))
        self.assertNotEqual(self.epochs_of("validation_loss", spoilt), self.epochs_of("validation_loss", plain))

    def test_conditions_disturb_the_test_part_alone(self):
        manifest = self.recordings("plain")
        plain = self.trained("plain", manifest)
        noisy = self.trained("noisy", manifest, conditions=["noise/0/1", "missing_samples/0.5/zero/1"])
        self.assertEqual(self.epochs(noisy), self.epochs(plain))
        self.assertEqual(self.values_of("validation", noisy), self.values_of("validation", plain))
        clean = "SELECT run_id, metric, value FROM evaluations WHERE part = 'test' AND condition = 'clean' ORDER BY 1, 2"
        self.assertEqual(self.ask(clean, store=noisy), self.ask(clean, store=plain))
        self.assertEqual(self.ask("SELECT DISTINCT part FROM evaluation_parts WHERE condition <> 'clean'", store=noisy), [("test",)])

    def test_embedding_and_silhouette_are_of_the_test_windows_alone(self):
        store = self.trained("plain", self.recordings("plain"))
        test = self.parts(store)["test"][0]
        files = self.ask("SELECT path FROM artifacts WHERE kind = 'embedding'", store=store)
        self.assertEqual(len(files), 2)
        for path, in files:
            data = (self.folder / "plain.db.d" / path).read_bytes()
            size, = struct.unpack("<Q", data[:8])
            header = json.loads(data[8:8 + size])
            begin, end = header["windows"]["data_offsets"]
            windows = struct.unpack(f"<{(end - begin) // 8}q", data[8 + size + begin:8 + size + end])
            self.assertEqual(sorted(windows), sorted(test))
            self.assertEqual(header["embedding"]["shape"][0], len(test))
        self.assertEqual(self.ask("SELECT DISTINCT part FROM evaluations WHERE metric = 'silhouette'", store=store), [("test",)])


if __name__ == "__main__":
    unittest.main()
