"""Every command that prints a table, on terminals of four widths: no line is wider than the terminal, no number is cut, nothing escapes."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata
import unittest

from harness import Workplace

WIDTHS = (40, 80, 120, 200)


def columns(line):
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


class Width(Workplace):
    def words_of(self, words):
        command = self.command(*words)
        return command[:-2] if words[:2] == ("bench", "scheduler") else command  # it has no store

    def on_terminal(self, width, *words, rows=50, then=None, **environment):
        """(what the command wrote to a terminal of this width, exit status, errors). `then`: the width once a first worker was shown."""
        ours, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, width, 0, 0))
        process = subprocess.Popen(self.words_of(words), cwd=self.folder, env=self.environment() | environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE)
        os.close(terminal)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the command has ended
                break
            if not piece:
                break
            text += piece
            if then and b"worker 1" in text:
                fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, then, 0, 0))
                then = None
        os.close(ours)
        errors = process.communicate(timeout=120)[1].decode()
        return text.decode().replace("\r\n", "\n"), process.returncode, errors

    def test_no_table_is_wider_than_its_terminal(self):
        spec = self.sweep(folds=[0])
        self.run_sweep(spec, "--workers", 2)
        run, = self.ask("SELECT min(run_id) FROM runs")[0]
        tables = [["plan", spec], ["runs"], ["status"], ["explain", run], ["query", "SELECT * FROM v_runs"], ["query", "SELECT * FROM v_configs"], ["report"],
                  ["compare", "stdual_x", "without_csa"], ["data", "list"], ["bench", "scheduler", "--runs", 100, "--workers", 8], ["run", spec], ["watch"], ["doctor"]]
        for words in tables:
            unbounded = subprocess.run(self.words_of(tuple(words)), cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=120).stdout
            numbers = set(re.findall(r"(?<![\w.,+\-/:])[+-]?\d+\.\d+(?= (?:%|points|s|ms)\b)", unbounded)) if words[0] not in ("bench", "doctor", "plan") else set()
            for width in WIDTHS:
                with self.subTest(words=words, width=width):
                    text, status, errors = self.on_terminal(width, *words)
                    self.assertIn(status, (0, 3) if words == ["doctor"] else (0,), errors)
                    self.assertTrue(text.strip())
                    for line in text.splitlines():
                        if line.startswith("next: "):  # commands to be copied, which stay whole
                            continue
                        self.assertLessEqual(columns(re.sub(r"\x1b\[\d*[A-Z]", "", line)), width, line)
                    flat = set(re.findall(r"[+-]?\d+\.\d+", text))
                    self.assertEqual(numbers - flat, set())

    def test_pipes_are_unbounded_and_a_width_overrules(self):
        spec = self.sweep(folds=[0])
        self.run_sweep(spec, "--workers", 2)
        whole = self.finish(self.start("runs"))
        self.assertGreater(max(map(columns, whole.splitlines())), 120)
        narrow = self.finish(self.start("runs", "--width", 60))
        self.assertLessEqual(max(map(columns, narrow.splitlines())), 60)
        self.assertEqual(self.on_terminal(60, "runs", "--width", 0)[0], whole)
        self.assertEqual(self.on_terminal(60, "runs", "--format", "csv")[0].replace("\r", ""), self.finish(self.start("runs", "--format", "csv")))
        self.assertIn("--width: expected 0 or at least 30 columns, found 7", self.finish(self.start("runs", "--width", 7), 2))

    def test_many_runs_are_counted_by_group_with_what_differs(self):
        spec = self.sweep(folds=[0], seeds=list(range(21)), grid={"training.learning_rate": [0.001, 0.002]}, variants=["stdual_x"])
        text, status, errors = self.on_terminal(200, "plan", spec)
        self.assertEqual(status, 0, errors)
        self.assertIn("42 runs in 2 groups; --all lists each run.", text)
        self.assertRegex(text, r"(?m)^ *21 .*\b0\.002\b")
        every = self.on_terminal(200, "plan", spec, "--all")[0]
        self.assertNotIn("groups", every)
        self.assertIn("learning_rate", every)
        self.assertEqual(len(re.findall(r"(?m)^[0-9a-f]{10} ", every)), 42)
        self.assertEqual(len(re.findall(r"(?m)^[0-9a-f]{10} ", self.finish(self.start("plan", spec)))), 42)

    def test_progress_follows_a_window_that_is_made_narrower(self):
        self.wishes["epoch_ms"] = 200
        text, status, errors = self.on_terminal(150, "run", self.sweep(folds=[0]), "--workers", 2, "--quiet", TERM="xterm")
        self.assertEqual((text, status), ("", 0), errors)
        self.store.unlink()
        text, status, errors = self.on_terminal(150, "run", self.sweep(folds=[0]), "--workers", 2, then=46, TERM="xterm")
        self.assertEqual(status, 0, errors)
        frames = re.split(r"\x1b\[\d+A\x1b\[J", text)
        bar, = [line for line in frames[0].splitlines() if line.startswith("[")]
        self.assertGreater(columns(bar), 46)
        self.assertLessEqual(max(columns(line) for line in frames[-2].splitlines()), 46)

    def test_a_dumb_terminal_gets_lines_and_no_escapes(self):
        spec = self.sweep(folds=[0])
        text, status, errors = self.on_terminal(80, "run", spec, "--workers", 2, TERM="dumb")
        self.assertEqual(status, 0, errors)
        self.assertNotIn("\x1b", text)
        self.assertIn("epoch 1/", text)
        self.assertNotIn("\x1b", self.on_terminal(80, "watch", TERM="dumb")[0])

    def test_no_command_prints_a_colour(self):
        spec = self.sweep(folds=[0])
        text = self.on_terminal(80, "run", spec, "--workers", 2, TERM="xterm-256color", NO_COLOR="1")[0]
        text += self.on_terminal(80, "watch", TERM="xterm-256color")[0] + self.on_terminal(80, "--help", TERM="xterm-256color")[0]
        self.assertIn("\x1b[", text)  # it was redrawn
        self.assertNotRegex(text, r"\x1b\[[0-9;]*m")


if __name__ == "__main__":
    unittest.main()
