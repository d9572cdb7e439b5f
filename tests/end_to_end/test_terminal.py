"""A person's shell and terminal: signals that are ignored (nohup), Ctrl-Z and fg, a terminal that closes, an output that cannot be written."""
import contextlib
import os
import pty
import select
import shlex
import signal
import subprocess
import threading
import unittest

from harness import Workplace, descendants, read_stat, wait_until


class Shell:
    """An interactive bash in a terminal of its own, with job control."""

    def __init__(self, folder, environment):
        self.ours, terminal = pty.openpty()
        self.process = subprocess.Popen(["setsid", "--ctty", "bash", "--norc", "--noprofile", "--noediting", "-i"], cwd=folder,
                                        env=environment | {"PS1": "shell> ", "HISTFILE": "/dev/null"}, stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self.text, self.over = "", threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        with contextlib.suppress(OSError):  # nobody holds the terminal any more
            while not self.over.is_set():
                if select.select([self.ours], [], [], 0.05)[0]:
                    self.text += os.read(self.ours, 65536).decode(errors="replace")

    def type(self, text):
        os.write(self.ours, text.encode())

    def close_window(self):
        """The terminal hangs up."""
        if not self.over.is_set():
            self.over.set()
            self.reader.join()
            os.close(self.ours)

    def end(self):
        for pid in [*descendants(self.process.pid), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.close_window()
        self.process.wait()


class InShell(Workplace):
    def open_shell(self):
        shell = Shell(self.folder, self.environment())
        self.addCleanup(shell.end)
        return shell

    def line(self, *arguments):
        return shlex.join(self.command("run", *arguments))


class CtrlZ(InShell):
    def test_it_stops_the_whole_job_and_fg_continues_it(self):
        spec = self.sweep(variants=["stdual_x"])
        self.run_sweep(spec, "--workers", 2, store=self.folder / "undisturbed.db")
        self.wishes["epoch_ms"] = 250
        shell = self.open_shell()
        shell.type(self.line(spec, "--workers", 2, "--lease-seconds", 1) + "\n")
        for _ in range(2):
            self.wait_for_epochs(len(self.epochs()) + 2 if self.store.exists() else 2)
            before = shell.text.count("Stopped")
            shell.type("\x1a")
            wait_until(lambda: shell.text.count("Stopped") > before, 10, "the shell to have its terminal back")
            job = descendants(shell.process.pid)
            self.assertEqual(len(job), 1 + 1 + 3 + 2)  # launcher, mpirun, ranks, trainers
            self.assertEqual([read_stat(pid)[0] for pid in job], ["T"] * len(job))
            recorded = self.epochs()
            # Longer than the lease; nothing happens meanwhile.
            with self.assertRaises(AssertionError):
                wait_until(lambda: self.epochs() != recorded, 2.5, "an epoch of a stopped job")
            shell.type("fg; echo status=$?\n")
        wait_until(lambda: "status=0\r\n" in shell.text, 60, "the sweep to end")
        self.assertEqual(self.epochs(), self.epochs(self.folder / "undisturbed.db"))
        self.assertEqual(self.ask("SELECT end_reason, count(*) FROM attempts GROUP BY 1"), [("complete", 3)])

    def test_a_stopped_job_whose_window_is_closed_drains(self):
        self.wishes["epoch_ms"] = 250
        shell = self.open_shell()
        shell.type(self.line(self.sweep(), "--workers", 2) + "\n")
        self.wait_for_epochs(2)
        shell.type("\x1a")
        wait_until(lambda: "Stopped" in shell.text, 10, "the shell to have its terminal back")
        job = descendants(shell.process.pid)
        shell.close_window()
        self.assert_nothing_lives(job, 30)
        self.assertEqual(self.ask("SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), [(0,)])
        self.assertIn("INTERRUPTED", self.statuses())


class Ignored(InShell):
    def start_ignoring(self, *numbers):
        """`run` by one who ignores these signals."""
        process = subprocess.Popen(self.command("run", self.sweep(), "--workers", 2), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers])
        self.addCleanup(self.end, process)
        return process

    def test_what_was_ignored_at_the_start_stays_so(self):
        self.wishes["epoch_ms"] = 150
        numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGTSTP)
        process = self.start_ignoring(*numbers)
        self.wait_for_epochs(2)
        for number in numbers:
            os.kill(process.pid, number)
        self.finish(process, 0)
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_cancel_and_what_is_not_ignored_are_heard_all_the_same(self):
        self.wishes["epoch_ms"] = 300
        process = self.start_ignoring(signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        self.wait_for_epochs(2)
        self.finish(self.start("cancel"), 0)
        self.finish(process, 75)
        process = self.start_ignoring(signal.SIGHUP)
        self.wait_for_epochs(len(self.epochs()) + 2)
        os.kill(process.pid, signal.SIGTERM)
        self.finish(process, 75)

    def test_nohup_outlives_its_terminal(self):
        """In the background, and with its output on the terminal that is closed."""
        for how in ("nohup {} >said.txt 2>&1 &", "trap '' HUP; {}"):
            with self.subTest(how):
                self.store.unlink(missing_ok=True)
                self.wishes["epoch_ms"] = 150
                shell = self.open_shell()
                shell.type(how.format(self.line(self.sweep(), "--workers", 2)) + "\n")
                self.wait_for_epochs(2)
                job = descendants(shell.process.pid)
                shell.close_window()
                self.assert_nothing_lives(job, 60)
                self.assertEqual(self.statuses(), {"COMPLETE": 6})


if __name__ == "__main__":
    unittest.main()
