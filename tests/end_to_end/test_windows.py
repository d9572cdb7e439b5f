"""Windows of lengths that no preset was made for, trained from a sweep file to the end."""
import unittest

from harness import Workplace, write_recordings

LENGTHS = (8, 20, 25, 50, 75, 90, 100, 127, 250, 1021)


class WindowLengths(Workplace):
    stub = False

    def test_ten_lengths_train_primes_too_and_the_plan_says_which_heads_they_have(self):
        write_recordings(self.folder / "tiny", people=3, rows=1100)
        parts = [
            {"dataset": str(self.folder / "tiny" / "manifest.json"), "windows": {"steps": steps, "stride": max(300, steps // 2)},
             "fixed": {"training": {"epochs": 1, "batch_size": 8}}, "protocols": [{"kind": "random", "folds": 2, "validation": False}], "folds": [0]}
            for steps in LENGTHS
        ]
        sweep = self.sweep(parts=parts, dataset=None, fixed=None, variants=None, protocols=None)
        plan = self.finish(self.start("plan", sweep))
        self.assertIn("windows of 100 steps: model.channel_heads is 1, not the preset's 2: the largest number up to that which divides 25", plan)
        self.assertNotIn("windows of 8 steps: model.", plan)
        self.run_sweep(sweep, "--workers", 1, "--quiet", seconds=600)
        self.assertEqual(self.statuses(), {"COMPLETE": len(LENGTHS)})
        scored = self.ask("SELECT count(*) FROM v_runs WHERE accuracy BETWEEN 0 AND 1")
        self.assertEqual(scored, [(len(LENGTHS),)])
        for recording, start, right in self.ask("SELECT recording, start, class = iif(recording LIKE 'slow%', 'slow', 'fast') FROM v_predictions"):
            self.assertRegex(recording, "^(slow|fast)[123]$")
            self.assertTrue(right and 0 <= start < 22, "a window leads back to its recording, whose name is its class here")


if __name__ == "__main__":
    unittest.main()
