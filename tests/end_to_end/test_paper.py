"""The paper's sweep from end to end, on tiny recordings in the publishers' formats: every table is filled, every verdict follows from its row."""
import json
import unittest

import publishers
from harness import SOURCE, Workplace

VARIANTS = ["stdual_x", "without_stdat", "without_csa", "without_contrastive", "cnn", "linear"]


def share(text):
    """What a JSON cell of a share or a number holds."""
    return None if text is None else float(text)


class Paper(Workplace):
    stub = False

    def setUp(self):
        super().setUp()
        data = self.folder / "data"
        publishers.write_pamap2(data / "pamap2" / "PAMAP2_Dataset")
        publishers.write_opportunity(data / "opportunity")
        publishers.write_uci_har(data / "uci-har" / "UCI HAR Dataset")
        self.settings = ["--data", data, "--set", "training.epochs=1", "--set", "folds=[0]", "--set", "seeds=[1]", "--set", f"variants={json.dumps(VARIANTS)}",
                         "--set", 'conditions=[{"kind": "missing_samples", "amounts": [0.1], "seeds": [1, 2]}, "noise/10/1"]']

    def report(self, *options):
        return json.loads(self.finish(self.start("report", "--format", "json", *options)))

    def test_every_table_is_filled_and_every_verdict_follows_from_its_row(self):
        self.run_sweep(SOURCE / "experiments/sweeps/paper.json", *self.settings, "--workers", 2, seconds=500)
        self.assertEqual(self.statuses(), {"COMPLETE": 14 * len(VARIANTS)})
        # Each run under each condition; disturbed test parts are another thing than the clean one.
        self.assertEqual(self.ask("SELECT condition, count(*) FROM evaluation_parts WHERE part = 'test' GROUP BY 1 ORDER BY 1"),
                         [(condition, 84) for condition in ("clean", "missing_samples/0.1/last/1", "missing_samples/0.1/last/2", "noise/10/1")])
        (run,), = self.ask("SELECT run_id FROM runs WHERE dataset = 'uci-har' AND variant = 'stdual_x' AND protocol = 'official'")
        self.finish(self.start("bench", run))
        measured = dict(self.ask("SELECT device, count(*) FROM efficiency WHERE value > 0 GROUP BY device"))
        self.assertGreaterEqual(measured["cpu"], 9)
        self.assertIn(measured.get("cpu without libtorch"), (None, 6))  # a build without Highway has none

        # Attention rows sum to one; a sensor does not look at itself.
        for total, own in self.ask("SELECT sum(weight), total(weight * (query = key)) FROM attention GROUP BY evaluation_id, person, label, query"):
            self.assertAlmostEqual(total, 1, places=5)
            self.assertEqual(own, 0)

        tables = self.report()
        for title, rows in tables.items():
            self.assertTrue(rows, title)
        for word in ("claims", "accuracy", "ablation", "baseline", "robustness", "embedding", "attention", "cost"):
            self.assertTrue(any(word in title.lower() for title in tables), f"{word} in {list(tables)}")

        claims = tables["claims of the paper"]
        self.assertEqual(sorted(row["claim"] for row in claims), sorted(words for words, in self.ask("SELECT words FROM paper_values")))
        self.assertEqual(len(claims), 10)
        for row in claims:
            self.assertNotEqual(row["verdict"], "NOT RUN", row)
            if row["claim"].startswith(("1.6 ms", "144.72")):
                self.assertEqual(row["verdict"], "OTHER HARDWARE", row)
            else:
                self.assertEqual(row["verdict"], self.expected(row), row)

    def expected(self, row):
        paper, ours, low, high = (share(row[key]) for key in ("paper", "ours", "95 % low", "95 % high"))
        # Only UCI-HAR's official split is whole here, and only it has five test people.
        self.assertEqual(low is not None and high is not None, (row["data set"], row["protocol"]) == ("uci-har", "official split by person"), row)
        if low is None:
            return "UNDERPOWERED"
        if low <= paper <= high:
            return "REPRODUCED" if max(high - ours, ours - low) <= 0.01 else "UNDERPOWERED"
        if abs(ours - paper) <= 0.005:
            return "WITHIN TOLERANCE"
        return "NOT REPRODUCED" if row["paper"] < 0 or ours < paper else "BETTER"

    def test_what_is_not_there_is_left_out_when_asked(self):
        text = self.finish(self.start("plan", SOURCE / "experiments/sweeps/paper.json", "--data", self.folder / "nowhere"), status=2)
        self.assertIn("pamap2+physical+activity+monitoring.zip", text)
        (self.folder / "some").mkdir()
        (self.folder / "some" / "uci-har").symlink_to(self.folder / "data" / "uci-har")
        text = self.finish(self.start("plan", SOURCE / "experiments/sweeps/paper.json", "--data", self.folder / "some", "--skip-missing-data"))
        self.assertIn("left out: /parts/0: data set 'pamap2' was not found", text)
        self.assertIn("567 runs: 0 known, 567 new", text)  # 1 + 10 + 10 folds, nine networks, three seeds


if __name__ == "__main__":
    unittest.main()
