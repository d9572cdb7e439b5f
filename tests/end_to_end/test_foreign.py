"""What others made or took away: stores that lie, names with escape sequences, and a place without HOME, TMPDIR or a current directory."""
import contextlib
import json
import os
import pathlib
import pty
import shutil
import signal
import sqlite3
import subprocess
import unittest

from harness import PROGRAM, Workplace

ESCAPE = "\x1b]0;owned\x07\x1b[2J\u009b31m"  # a title, a cleared screen, and a colour by its C1 form


class ForeignStore(Workplace):
    """A store is taken over, or read, whose every word may be an attacker's."""

    def setUp(self):
        super().setUp()
        self.theirs = self.folder / "theirs"
        self.theirs.mkdir()
        self.other = self.theirs / "other.db"
        self.wishes |= {"epoch_ms": 50}
        self.spec = self.sweep(variants=["stdual_x"], folds=[0], fixed={"training": {"epochs": 500, "batch_size": 32}})
        process = self.start("run", self.spec, "--workers", 1, store=self.other)
        self.wait_for_epochs(2, store=self.other)
        os.kill(process.pid, signal.SIGTERM)
        self.finish(process, 75)
        self.run_id, self.path = self.ask("SELECT run_id, path FROM checkpoints WHERE state = 'live' ORDER BY epoch DESC", store=self.other)[0]

    def forge(self, *statements):
        with contextlib.closing(sqlite3.connect(self.other, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(*statement)

    def files_of(self, folder):
        return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}

    def test_no_path_of_it_leads_out_of_the_folder_that_it_is_merged_into(self):
        home = self.folder / "home"
        home.mkdir()
        (home / ".bashrc").write_text("mine")
        (self.theirs / ".bashrc").write_text("theirs")
        sha256 = subprocess.run(["sha256sum", self.theirs / ".bashrc"], capture_output=True, text=True, check=True).stdout.split()[0]
        for path in ("a/1/../../../.bashrc", f"{self.run_id}/1/../../../.bashrc", str(self.theirs / ".bashrc")):
            for folder in ("a/1", "a/2", f"{self.run_id}/1"):
                pathlib.Path(f"{self.other}.d", folder).mkdir(parents=True, exist_ok=True)
            self.forge(("UPDATE checkpoints SET path = ?, sha256 = ?", (path, sha256)))
            for number in (1, 2):  # the second time its attempts are known here
                text = self.finish(self.start("db", "merge", self.other, store=home / "results.db"))
                self.assertEqual((home / ".bashrc").read_text(), "mine")
                if number == 1:
                    self.assertIn("was not taken over", text)
            self.assertEqual({file for file in self.files_of(home) if not str(file).startswith("results.db")}, {pathlib.Path(".bashrc")})
            shutil.rmtree(home / "results.db.d", ignore_errors=True)
            (home / "results.db").unlink()

    def test_what_its_own_folder_holds_is_not_followed_out_of_it(self):
        secret = self.folder / "secret"
        secret.write_text("secret")
        sha256 = subprocess.run(["sha256sum", secret], capture_output=True, text=True, check=True).stdout.split()[0]
        file = pathlib.Path(f"{self.other}.d") / self.path
        file.unlink()
        file.symlink_to(secret)
        self.forge(("UPDATE checkpoints SET sha256 = ? WHERE path = ?", (sha256, self.path)))
        text = self.finish(self.start("db", "merge", self.other))
        self.assertIn("leads out of", text)
        self.assertNotIn("secret", {path.read_text() for path in pathlib.Path(f"{self.store}.d").rglob("*") if path.is_file()})
        self.assertIn("leads out of", self.finish(self.start("db", "check", store=self.other), 3))
        file.unlink()
        os.mkfifo(file)  # reading it would wait for ever
        self.assertIn("is no plain file", self.finish(self.start("db", "check", store=self.other), 3, seconds=60))
        log = file.parent / "rank-0.log"
        log.unlink(missing_ok=True)
        os.mkfifo(log)
        self.assertIn("is no plain file", self.finish(self.start("logs", self.run_id, store=self.other), 2, seconds=60))
        log.unlink()
        log.symlink_to(secret)
        self.assertNotIn("secret\n", self.finish(self.start("logs", self.run_id, store=self.other), 2))
        file.unlink()
        os.mkfifo(file.with_suffix(".safetensors"))
        self.assertIn("is no plain file", self.finish(self.start("db", "rebuild", store=self.other), seconds=60))

    def test_its_tables_must_be_ours(self):
        self.forge(("CREATE TRIGGER helpful AFTER INSERT ON coordinators BEGIN DELETE FROM epochs; END",))
        for words in (["status"], ["run", self.spec], ["db", "rebuild"], ["retry", "--failed"], ["report"], ["query", "SELECT 1"], ["db", "check"]):
            self.assertIn("the trigger 'helpful'", self.finish(self.start(*words, store=self.other), 2))
        self.assertIn("the trigger 'helpful'", self.finish(self.start("db", "merge", self.other), 2))
        self.assertGreaterEqual(self.ask("SELECT count(*) FROM epochs", store=self.other)[0][0], 2)
        self.forge(("DROP TRIGGER helpful",), ("DROP VIEW v_runs",),
                   ("CREATE VIEW v_runs AS WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x AS run_id FROM n",))
        self.assertIn("view 'v_runs'", self.finish(self.start("runs", store=self.other), 2, seconds=60))


class EscapeSequences(Workplace):
    """Names and words of others are shown, and never obeyed by a terminal."""

    def setUp(self):
        super().setUp()
        manifest = self.folder / "tiny" / "manifest.json"
        text = json.loads(manifest.read_text(encoding="utf-8"))
        text["name"] = "tiny" + ESCAPE
        text["sensors"][0]["name"] = "wrist" + ESCAPE
        manifest.write_text(json.dumps(text), encoding="utf-8")
        self.wishes |= {"say": "said " + ESCAPE, "fail": "v" + ESCAPE}
        self.spec = self.sweep(name="sweep" + ESCAPE, variants=["stdual_x", {"name": "v" + ESCAPE, "base": "without_csa"}], folds=[0])

    def assert_harmless(self, text, words=""):
        for letter in text:
            self.assertFalse((ord(letter) < 0x20 and letter not in "\n\t") or 0x7f <= ord(letter) < 0xa0, (words, text))

    def test_none_reaches_what_a_person_reads(self):
        text = self.run_sweep(self.spec, "--workers", 1, status=3)
        self.assert_harmless(text, "run")
        self.assertIn(r"said \x1b]0;owned\x07\x1b[2J\x9b31m", text)
        run_id = self.ask("SELECT run_id FROM runs WHERE status = 'QUARANTINED'")[0][0]
        shown = ""
        for words in (["plan", self.spec], ["status"], ["runs"], ["explain", run_id], ["logs", run_id], ["report"], ["report", "--format", "markdown"],
                      ["query", "SELECT name FROM sweeps"], ["db", "check"], ["compare", "v" + ESCAPE, "x"], ["runs", "--format", "b" + ESCAPE],
                      ["logs", "f" + ESCAPE], ["watch" + ESCAPE], ["watch"], ["status", "--" + ESCAPE], ["db", "merge", self.folder / ("none" + ESCAPE)],
                      ["query", "SELECT '\x1b[2J' FROM nothing"]):
            process = self.start(*words)
            text, _ = process.communicate(timeout=120)
            self.assert_harmless(text, words)
            shown += text
        self.assertIn(r"v\x1b]0;owned", shown)

    def test_a_program_gets_the_data_and_a_terminal_does_not_obey_them(self):
        self.run_sweep(self.spec, "--workers", 1, status=3)
        command = self.command("query", "SELECT name FROM sweeps", "--format", "csv")
        piped = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, check=True).stdout
        self.assertEqual(piped.decode(), f"name\r\nsweep{ESCAPE}\r\n")
        command[-3:-2] = ["json"] if command[-3] == "csv" else command[-3:-2]
        piped = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, check=True).stdout
        self.assertEqual(json.loads(piped), [{"name": "sweep" + ESCAPE}])
        for words in (["query", "SELECT name FROM sweeps", "--format", "csv"], ["query", "SELECT name FROM sweeps", "--format", "json"], ["watch"],
                      ["retry", "--failed"], ["run", self.spec, "--workers", 1]):
            text = self.on_a_terminal(*words)
            self.assertIn("owned", text, words) if words[0] != "retry" else None
            for sequence in ("\x1b]", "\x07", "\u009b"):
                self.assertNotIn(sequence, text, words)

    def on_a_terminal(self, *words):
        """What a terminal is sent by the command."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.command(*words), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        sent = b""
        with contextlib.suppress(OSError):  # EIO: all ends of the terminal are closed
            while block := os.read(ours, 65536):
                sent += block
        os.close(ours)
        process.wait(timeout=120)
        return sent.decode()


class Surroundings(Workplace):
    """TMPDIR, HOME and the current directory may be missing: one sentence says what to set."""
    stub = False

    def setUp(self):
        super().setUp()
        self.spec = self.sweep(variants=["linear"], folds=[0])

    def type_in(self, *words, status, environment, directory=None, **more):
        done = subprocess.run(self.command(*words), cwd=directory or self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_plan_leaves_the_folder_for_temporary_files_alone(self):
        temporary = self.folder / "temporary"
        temporary.mkdir()
        before = temporary.stat()
        text = self.type_in("plan", self.spec, status=0, environment=self.environment() | {"TMPDIR": str(temporary)})
        self.assertIn("of weights and embeddings to keep", text, "the trainer was asked")
        self.assertEqual(temporary.stat().st_mtime_ns, before.st_mtime_ns, "no name was made there, not even for a moment")

    def test_without_a_folder_for_temporary_files(self):
        for wrong in ("/nonexistent", str(self.spec)):
            environment = self.environment() | {"TMPDIR": wrong}
            self.assertIn("1 run:", self.type_in("plan", self.spec, status=0, environment=environment))
            text = self.type_in("run", self.spec, "--workers", 1, status=2, environment=environment)
            self.assertEqual(text, f"stdualx: TMPDIR is '{wrong}', which is no folder that can be written, and mpirun keeps its sockets there: "
                             "set TMPDIR to one that can, or unset it\n")

    def test_with_an_empty_environment_the_system_knows_the_home(self):
        self.assertIn("1 run:", self.type_in("plan", self.spec, "--cache", self.folder / "cache", status=0, environment={}))
        self.assertIn("data sets", self.type_in("data", "list", status=0, environment={}))

    @unittest.skipUnless(os.geteuid() == 0, "becomes a user whom the system does not know")
    def test_without_a_home(self):
        self.folder.chmod(0o755)
        # The program lies where only root may go, perhaps: it is opened before.
        for user, environment, status, sentence in ((54321, {}, 2, "HOME is not set to a folder, and the system knows none of this user: set HOME, or --cache or STDUALX_CACHE"),
                                            (54321, {"HOME": "/nonexistent"}, 4, "with --cache or STDUALX_CACHE")):
            copy = self.folder / "bin"
            copy.mkdir(exist_ok=True)
            program = pathlib.Path(shutil.copy(PROGRAM, copy))
            done = subprocess.run([program, "plan", self.spec, "--store", self.folder / "r.db"], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=120, user=user, group=user, extra_groups=[])
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertIn(sentence, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, "one sentence")

    def test_in_a_directory_that_is_gone(self):
        gone = self.folder / "gone"
        for words in (["plan", self.spec], ["run", self.spec], ["status"], ["db", "check"], ["data", "list"], ["submit", self.spec, "--dry-run"]):
            gone.mkdir()
            done = subprocess.run(["/bin/sh", "-c", 'rmdir "$0" && exec "$@"', gone, *self.command(*words)], cwd=gone, env=self.environment(), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"^stdualx: the current directory cannot be named \(No such file or directory\): .* cd to another and type the command again\n$")


if __name__ == "__main__":
    unittest.main()
