"""Output that cannot be written: every command says so in its exit status, and a sweep goes on without its reader."""
import subprocess
import unittest

from harness import PROGRAM, Workplace


class OutputCut(Workplace):
    def to_full_disk(self, *words):
        """(exit status, standard error) with the output on a full disk."""
        with open("/dev/full", "w", encoding="utf-8") as full:
            command = self.command(*words) if words[:2] != ("bench", "scheduler") else [str(PROGRAM), *map(str, words)]
            done = subprocess.run(command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
        return done.returncode, done.stderr

    def commands(self):
        return [line.split()[0] for line in self.finish(self.start("--help")).splitlines() if line.startswith("  ")]

    def test_every_command_ends_with_1_on_a_full_disk(self):
        spec = self.sweep(folds=[0])
        self.run_sweep(spec, "--workers", 2)
        run, = self.ask("SELECT min(run_id) FROM runs")[0]
        words = {
            "plan": [spec], "run": [spec], "submit": [spec, "--dry-run", "--workers-per-node", 1], "status": [], "watch": [], "cancel": [], "logs": [run], "runs": [],
            "explain": [run], "query": ["SELECT * FROM v_predictions"], "report": [], "compare": ["stdual_x", "without_csa"], "retry": ["--failed"], "db": ["backup", self.folder / "copy.db"],
            "bench": ["scheduler", "--runs", 100, "--workers", 8], "data": ["list"], "doctor": [], "retire": ["tiny"], "reference": ["views"], "completion": ["bash"], "serve": ["--port", 0], "export": ["csv", self.folder / "tables"],
            "predict": ["--help"],  # the weights of a stand-in classify nothing
        }
        self.assertEqual(sorted(self.commands()), sorted(words))
        for command, further in words.items():
            for arguments in ([command, "--help"], [command, *further]):
                with self.subTest(arguments):
                    status, said = self.to_full_disk(*arguments)
                    self.assertIn(status, (1, 3) if arguments == ["doctor"] else (1,), said)  # what doctor finds wrong counts for more
                    self.assertIn("No space left on device", said)
        self.assertEqual(self.to_full_disk("--help")[0], 1)

    def test_what_went_wrong_counts_for_more_than_the_output(self):
        self.wishes |= {"fail": "without_csa", "fail_reason": "not_finite"}
        self.assertEqual(self.to_full_disk("run", self.sweep(folds=[0]), "--workers", 2)[0], 3)
        self.assertEqual(self.to_full_disk("plan", "no-such.json")[0], 2)

    def test_a_reader_that_is_gone_is_no_error_in_words_but_in_the_status(self):
        spec = self.sweep(folds=[0], variants=["stdual_x"])
        self.run_sweep(spec, "--workers", 1)
        for ignored in ("", "trap '' PIPE; "):
            done = subprocess.run(["bash", "-c", f"set -o pipefail; {ignored}\"$@\" | true", "sh", *self.command("query", "SELECT * FROM v_predictions a, v_predictions b")],
                                  capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (1, 141))
            self.assertEqual(done.stderr, "")
        closed = subprocess.run(["bash", "-c", '"$@" >&-', "sh", *self.command("status")], capture_output=True, text=True, timeout=60)
        self.assertEqual(closed.returncode, 1)

    def test_a_sweep_goes_on_without_its_reader_or_its_disk(self):
        # More lines than mpirun forgives broken pipes.
        spec = self.sweep(fixed={"training": {"epochs": 12, "batch_size": 32}})
        for name, end in (("reader", "| head -n 1"), ("disk", ">/dev/full")):
            with self.subTest(name):
                store = self.folder / f"{name}.db"
                done = subprocess.run(["bash", "-c", f"set -o pipefail; \"$@\" {end}", "sh", *self.command("run", spec, "--workers", 2, store=store)], cwd=self.folder,
                                      env=self.environment(), capture_output=True, text=True, timeout=120)
                self.assertEqual(self.ask("SELECT status, count(*) FROM runs GROUP BY 1", store=store), [("COMPLETE", 6)], done.stderr)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(self.ask("SELECT count(*) FROM coordinators", store=store), [(1,)])
                self.assertEqual("No space left" in done.stderr, name == "disk")


if __name__ == "__main__":
    unittest.main()
