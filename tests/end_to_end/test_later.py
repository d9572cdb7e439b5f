"""What is asked of a sweep after it ended, when files of it are gone; which build did what; classes that nobody trained."""
import json
import os
import shutil
import signal
import unittest

from harness import PROGRAM, MANIFEST, Workplace, trainers, wait_until

LINEAR = {"name": "lin", "base": "linear", "set": {"training.epochs": 4}}


class FilesGone(Workplace):
    """Real trainers, of the network that trains fastest."""

    stub = False

    def small(self, file="sweep.json", epochs=4, **changes):
        variants = [dict(LINEAR, set={"training.epochs": epochs})]
        return self.sweep(file, **({"variants": variants, "fixed": None, "folds": [0, 1]} | changes))

    def purge(self, pattern, store=None):
        files = sorted((self.folder / f"{(store or self.store).name}.d").glob(pattern))
        self.assertTrue(files, pattern)
        for file in files:
            file.unlink()
        return files

    def recorded(self, store=None):
        """All that may not change."""
        clean = [row for row in self.evaluations(store) if row[1] == "clean"]
        return (self.epochs(store), clean,
                self.ask("SELECT run_id, status, epochs_done, device, platform, end_reason, accuracy FROM v_runs ORDER BY 1", store=store))

    def test_weights_that_were_purged_are_trained_again_and_what_is_recorded_stands(self):
        noisy = self.small("noisy.json", conditions=["noise/10/1"])
        undisturbed = self.folder / "undisturbed.db"
        self.run_sweep(noisy, "--workers", 1, "--quiet", store=undisturbed)
        self.run_sweep(self.small(), "--workers", 1, "--quiet")
        before = self.recorded()
        purged = self.purge("*/1/best.safetensors")
        run = purged[0].parts[-3]

        text = self.finish(self.start("db", "check"))
        self.assertIn(f"{purged[0]} is not there: its numbers stand", text)
        self.assertIn("2 of the files it names are gone", text)
        self.assertIn("The weights of 2 COMPLETE runs are gone", self.finish(self.start("status")))
        self.assertIn("gone", self.finish(self.start("explain", run[:12])))
        self.assertIn("nothing to do: 2 of 2", self.run_sweep(self.small(), "--workers", 1))
        self.assertIn("COMPLETE, weights gone, 1 more condition", self.finish(self.start("plan", noisy)))

        text = self.run_sweep(noisy, "--workers", 1)
        self.assertIn("weights are gone", text)
        self.assertTrue(any(f"run {path.parts[-3][:10]}" in text for path in purged), text)  # one of them is named
        self.assertEqual(self.recorded(), before)
        self.assertEqual(self.evaluations(), self.evaluations(undisturbed))
        self.assertEqual(self.predictions(), self.predictions(undisturbed))
        self.assertEqual(self.ask("SELECT count(*), min(agrees) FROM replays"), [(8, 1)])
        self.assertEqual(self.ask("SELECT trains_again, count(*) FROM attempts GROUP BY 1"), [(0, 2), (1, 2)])
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind IN ('hash_mismatch', 'evaluation_differs')"), [(0,)])
        self.assertNotIn("gone", self.finish(self.start("status")))
        self.assertIn("nothing to do: 2 of 2", self.run_sweep(noisy, "--workers", 1))
        # The new weights serve as the old ones did.
        self.run_sweep(self.small("more.json", conditions=["noise/10/1", "noise/20/1"]), "--workers", 1, "--quiet")
        self.assertEqual(self.ask("SELECT count(*), sum(evaluate_only - trains_again) FROM attempts"), [(6, 2)])
        self.assertIn("whole, and its ledger holds", self.finish(self.start("db", "check")))

    def test_a_test_part_that_is_opened_later_is_evaluated_with_the_kept_weights(self):
        protocol = {"kind": "leave_persons_out", "folds": 3}
        named = [dict(LINEAR, name="base")]
        closed = self.small("closed.json", name="choosing", variants=named, protocols=[protocol | {"open_test": False}])
        opened = self.small("opened.json", name="opening", protocols=[protocol], conditions=["noise/10/1"])
        reference = self.folder / "reference.db"
        self.run_sweep(opened, "--workers", 1, "--quiet", store=reference)
        self.run_sweep(closed, "--workers", 1, "--quiet")
        self.assertEqual(self.ask("SELECT part, count(*) FROM evaluation_parts GROUP BY 1"), [("validation", 2)])
        self.assertIn("nothing to do: 2 of 2", self.run_sweep(closed, "--workers", 1))
        self.assertIn("COMPLETE, 2 more conditions", self.finish(self.start("plan", opened)))
        self.assertIn("opens the test part of 2 runs", self.run_sweep(opened, "--workers", 1) + self.finish(self.start("query", "SELECT text FROM events")))
        self.assertEqual(self.ask("SELECT sum(evaluate_only), count(*) FROM attempts"), [(2, 4)])
        self.assertEqual(self.evaluations(), self.evaluations(reference))
        self.assertEqual(self.predictions(), self.predictions(reference))
        self.assertEqual(self.epochs(), self.epochs(reference))
        self.assertIn("nothing to do: 2 of 2", self.run_sweep(opened, "--workers", 1))
        self.assertIn("nothing to do: 2 of 2", self.run_sweep(closed, "--workers", 1))
        self.assertIn("base", self.finish(self.start("runs", "--sweep", "choosing")))
        self.assertIn("lin", self.finish(self.start("runs", "--sweep", "opening")))
        self.assertIn("whole, and its ledger holds", self.finish(self.start("db", "check")))

    def test_a_store_that_was_copied_without_its_files_goes_on_and_so_does_a_job_killed_meanwhile(self):
        epochs = 300
        self.run_sweep(self.small(epochs=epochs), "--workers", 1, "--quiet")
        before = self.recorded()
        copy = self.folder / "copy.db"
        shutil.copy(self.store, copy)
        noisy = self.small("noisy.json", epochs=epochs, conditions=["noise/10/1"])
        process = self.start("run", noisy, "--workers", 1, store=copy)
        wait_until(lambda: self.ask("SELECT count(*) FROM replays", store=copy)[0][0] >= 20, 60, "epochs computed again")
        self.kill_job(process)
        self.assertEqual(self.recorded(copy), before)
        text = self.run_sweep(noisy, "--workers", 1, store=copy)
        self.assertEqual(self.recorded(copy), before)
        resumed, = self.ask("SELECT max(resume_epoch) FROM attempts WHERE trains_again", store=copy)[0]
        self.assertGreater(resumed, 0)
        self.assertEqual(self.ask("SELECT min(agrees), count(DISTINCT run_id || epoch) FROM replays", store=copy), [(1, 2 * epochs)], text)
        self.assertEqual(self.ask("SELECT count(*) FROM evaluation_parts WHERE condition = 'noise/10/1'", store=copy), [(2,)])

    def test_a_checkpoint_that_is_gone_is_named_and_the_one_before_is_used(self):
        spec = self.small(epochs=200, folds=[0])
        undisturbed = self.folder / "undisturbed.db"
        self.run_sweep(spec, "--workers", 1, "--quiet", store=undisturbed)
        process = self.start("run", spec, "--workers", 1)
        self.wait_for_epochs(10)
        self.kill_job(process)
        (path, epoch), = self.ask("SELECT path, epoch FROM checkpoints WHERE state = 'live' ORDER BY epoch DESC LIMIT 1")
        (self.folder / "results.db.d" / path).unlink()
        self.assertIn("INTERRUPTED, checkpoint gone", self.finish(self.start("plan", spec)))
        checked = self.start("db", "check")
        text = checked.communicate(timeout=60)[0]
        self.assertIn("the run goes on from the one before", text)
        # A job that is killed may have written an epoch that it had not recorded yet: that, and nothing else, is a fault.
        unrecorded = "its files know epoch" in text
        self.assertEqual((checked.returncode, text.count("fault")), (3, 1) if unrecorded else (0, 0), text)
        text = self.run_sweep(spec, "--workers", 1)
        self.assertIn(f"checkpoints of 1 unfinished runs are gone ({path})", text)
        self.assertEqual(self.ask("SELECT epoch, agrees FROM replays"), [(epoch, 1)])
        self.assertEqual(self.ask("SELECT kind FROM events WHERE kind LIKE 'checkpoint%'"), [("checkpoint_gone",)])
        self.assertEqual(self.epochs(), self.epochs(undisturbed))


class Builds(Workplace):
    def test_each_attempt_says_which_build_made_it_and_another_build_in_the_middle_is_an_event(self):
        self.run_sweep(self.sweep(), "--workers", 1, "--first", 2, "--quiet")
        (number, commit, digest), = self.ask("SELECT version, git_commit, sha256 FROM programs")
        self.assertRegex(number, r"^\d+\.\d+\.\d+$")
        self.assertRegex(digest, "^[0-9a-f]{64}$")
        run, = self.ask("SELECT run_id FROM attempts LIMIT 1")[0]
        self.assertIn(f"{number}{f' ({commit})' if commit else ''} {digest[:10]}", self.finish(self.start("explain", run[:12])))
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'other_build'"), [(0,)])
        # Another file of the same program: what stands behind an executable's end is never read.
        other = self.folder / "bin" / "stdualx"
        other.parent.mkdir()
        other.write_bytes(PROGRAM.read_bytes() + b"another build")
        other.chmod(0o755)
        command = self.command
        self.command = lambda *words, **where: [str(other), *command(*words, **where)[1:]]
        self.run_sweep(self.sweep(), "--workers", 1, "--quiet")
        self.assertEqual(self.ask("SELECT count(*) FROM programs"), [(2,)])
        (text,), = self.ask("SELECT text FROM events WHERE kind = 'other_build'")
        self.assertIn("of sweep tiny 2 runs were begun by stdualx " + number, text)
        self.assertIn(digest[:10], text)


class Killed(Workplace):
    def test_a_trainer_killed_by_hand_is_not_said_to_have_run_out_of_memory_where_that_can_be_known(self):
        self.wishes["epoch_ms"] = 200
        process = self.start("run", self.sweep(folds=[0]), "--workers", 1)
        self.wait_for_epochs(1)
        os.kill(trainers(process.pid)[0], signal.SIGKILL)
        self.finish(process)
        (detail,), = self.ask("SELECT end_detail FROM attempts WHERE end_reason = 'trainer_died'")
        self.assertIn("killed by signal 9 (Killed)", detail)
        self.assertTrue(detail.endswith("(Killed)") or "perhaps the host was out of memory" in detail, detail)


class ThinClasses(Workplace):
    stub = False

    def test_a_class_that_nobody_trained_or_one_person_alone_is_named_in_plan_run_report_and_explain(self):
        file = self.folder / "tiny" / "tiny.csv"
        lines = [line.replace(",fast,", ",jump,") if line.startswith("4,") else line for line in file.read_text(encoding="utf-8").splitlines()]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.folder / "tiny" / "manifest.json").write_text(json.dumps(MANIFEST | {"classes": ["slow", "fast", "jump"]}), encoding="utf-8")
        spec = self.sweep(variants=[LINEAR], fixed=None, protocols=[{"kind": "leave_one_person_out", "validation_share": 0.2}], folds=[0, 3])
        words = "tiny, leave_one_person_out: of the people trained on, class 'jump':"
        plan = self.finish(self.start("plan", spec))
        self.assertIn(words, plan)
        self.assertIn("nobody did (person 4 tested with it) in fold 3", plan)
        self.assertIn(words, self.run_sweep(spec, "--workers", 1, "--quiet"))
        report = self.finish(self.start("report", "--table", "accuracy"))
        self.assertIn("nobody did (person 4 tested with it) in fold 3", report)
        run, = self.ask("SELECT run_id FROM runs WHERE fold = 3")[0]
        self.assertIn(words, self.finish(self.start("explain", run[:12])))


if __name__ == "__main__":
    unittest.main()
