"""Packs in a real job: several runs in one trainer end with the bits of runs alone, also where the trainer is killed in the middle."""
import os
import signal
import unittest

from harness import Workplace, trainers, wait_until


class Packs(Workplace):
    stub = False

    def packed(self, pack):
        """Folds, seeds and settings that may share a pack, and two runs that may not: of another network."""
        return self.sweep(file=f"pack{pack}.json", resources={"pack": pack}, seeds=[1, 2],
                          variants=["stdual_x", {"name": "smooth", "set": {"training.label_smoothing": 0.2, "training.learning_rate": 1e-3}}, {"name": "without_csa", "folds": [0]}],
                          fixed={"training": {"epochs": 8, "batch_size": 16}})

    def setUp(self):
        super().setUp()
        self.alone = self.folder / "alone.db"
        self.run_sweep(self.packed(1), "--workers", 1, store=self.alone, seconds=600)
        self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1", store=self.alone), [("COMPLETE", 14)])

    def same_as_alone(self):
        self.assertEqual(self.statuses(), {"COMPLETE": 14})
        self.assertEqual(self.epochs(), self.epochs(self.alone))
        self.assertEqual(self.evaluations(), self.evaluations(self.alone))
        self.assertEqual(self.predictions(), self.predictions(self.alone))

    def most_together(self):
        """Attempts that were at work at one moment."""
        attempts = self.ask("SELECT started_ms, ended_ms FROM attempts")
        return max(sum(start <= moment < end for start, end in attempts) for moment, _ in attempts)

    def test_a_pack_has_the_bits_of_runs_alone(self):
        text = self.finish(self.start("plan", self.packed(4)))
        self.assertIn("one trainer trains up to 4 of 14 runs together", text)
        self.run_sweep(self.packed(4), "--workers", 1, seconds=600)
        self.same_as_alone()
        self.assertEqual(self.most_together(), 4)

    def test_a_killed_trainer_costs_each_member_its_running_epoch_and_no_bit(self):
        process = self.start("run", self.packed(4), "--workers", 1)
        self.wait_for_epochs(6)
        os.kill(wait_until(lambda: trainers(process.pid), 30, "a trainer")[0], signal.SIGKILL)
        self.finish(process, seconds=600)
        self.same_as_alone()
        died = self.ask("SELECT run_id, attempt FROM attempts WHERE end_reason = 'trainer_died'")
        self.assertEqual(len(died), 4)
        # Each went on from the last epoch that was recorded before: none was computed twice.
        self.assertEqual(self.ask("SELECT count(*) FROM replays"), [(0,)])

    def test_the_job_killed_in_the_middle_goes_on_in_another_width(self):
        process = self.start("run", self.packed(4), "--workers", 1)
        self.wait_for_epochs(6)
        self.end(process)
        self.run_sweep(self.packed(3), "--workers", 2, seconds=600)
        self.same_as_alone()


if __name__ == "__main__":
    unittest.main()
