"""Files of a group, permissions that are missing, quotas: who may write what, and in which words and status it is said that one may not."""
import grp
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from harness import PROGRAM, STUB, Workplace, descendants, preloaded

SOMEBODY, COLLEAGUE, GROUP = 64001, 64002, 64000


class GroupFolder(Workplace):
    """A folder of a group, used by two people. As root, who becomes each of them."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can be two people")
        for may, path in (("-x", PROGRAM), ("-x", STUB), ("-w", tempfile.gettempdir())):
            if subprocess.run(["setpriv", "--reuid", str(COLLEAGUE), "--regid", str(COLLEAGUE), "--clear-groups", "test", may, path]).returncode != 0:
                self.skipTest(f"others than root cannot use {path}")
        self.folder.chmod(0o2775)
        os.chown(self.folder, 0, GROUP)
        for path in self.folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.person = SOMEBODY
        self.umask = "002"

    def environment(self):
        home = self.folder / f"home-{self.person}"
        home.mkdir(exist_ok=True)
        os.chown(home, self.person, self.person)
        return super().environment() | {"HOME": str(home)}

    def command(self, *arguments, store=None):
        become = ["setpriv", "--reuid", str(self.person), "--regid", str(self.person), "--groups", str(GROUP)]
        return [*become, "sh", "-c", f"umask {self.umask} && exec \"$@\"", "sh", *super().command(*arguments, store=store)]

    def modes(self):
        return {str(path.relative_to(self.folder)): stat.S_IMODE(path.stat().st_mode) for path in self.folder.rglob("*")
                if path.stat().st_uid in (SOMEBODY, COLLEAGUE) and not path.name.startswith("home-") and self.folder / "marks" not in path.parents}

    def half_done(self, **changes):
        """What the other person drained."""
        self.wishes["epoch_ms"] = 200
        spec = self.sweep(variants=["stdual_x"], **changes)
        process = self.start("run", spec, "--workers", 2)
        self.wait_for_epochs(2)
        os.kill(process.pid, signal.SIGINT)
        self.finish(process, 75)
        self.person = COLLEAGUE
        return spec

    def test_a_colleague_goes_on_and_all_files_have_the_mode_of_the_umask(self):
        spec = self.half_done()
        self.finish(self.start("db", "backup", self.folder / "copy.db"))
        self.run_sweep(spec, "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 3})
        wrong = {name: oct(mode) for name, mode in self.modes().items() if mode & 0o777 != (0o775 if (self.folder / name).is_dir() else 0o664)}
        self.assertEqual(wrong, {})
        self.assertIn("results.db", self.modes())

    def test_a_killed_job_is_taken_over_by_a_colleague(self):
        self.wishes["epoch_ms"] = 200
        spec = self.sweep(variants=["stdual_x"])
        process = self.start("run", spec, "--workers", 2)
        self.wait_for_epochs(2)
        self.kill_job(process)
        self.person = COLLEAGUE
        self.run_sweep(spec, "--workers", 2)
        self.assertEqual(self.statuses(), {"COMPLETE": 3})

    def test_a_permission_that_is_missing_is_refused_and_never_asks_to_be_started_again(self):
        """Each kind of file of the other person alone, without the group's right to write."""
        spec = self.half_done()
        kinds = {
            "store": [self.store], "folder of the store": [self.folder], "STORE.d": [self.folder / "results.db.d"],
            "folders of runs": [path for path in (self.folder / "results.db.d").iterdir() if path.is_dir() and len(path.name) == 64],
            "cache": [self.folder / "cache", *(self.folder / "cache").glob("*")],
        }
        before = self.epochs()
        for kind, paths in kinds.items():
            with self.subTest(kind):
                self.assertTrue(paths)
                modes = {path: path.stat().st_mode for path in paths}
                for path in paths:
                    path.chmod(0o755 if path.is_dir() else 0o644)
                store = self.folder / "new.db" if kind == "folder of the store" else None
                changes = {"windows": {"steps": 16, "stride": 8}} if kind == "cache" else {}
                text = self.run_sweep(self.sweep("other.json", variants=["stdual_x"], **changes) if changes else spec, "--workers", 2, status=4, store=store)
                self.assertNotIn("again", text.split("may not")[-1])
                self.assertIn("Permission denied", text)
                self.assertLessEqual(set(before), set(self.epochs()))
                self.assertEqual(self.ask("SELECT run_id FROM runs WHERE status IN ('FAILED', 'QUARANTINED')"), [])
                for path, mode in modes.items():
                    path.chmod(stat.S_IMODE(mode))
        self.run_sweep(spec, "--workers", 2)
        self.assertNotIn("FAILED", self.statuses())


class Quota(Workplace):
    """Every write below a folder fails from the n-th on, as where a quota is used up."""

    def setUp(self):
        super().setUp()
        self.library = self.folder / "quota.so"
        made = subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, pathlib.Path(__file__).with_name("quota.c"), "-ldl"], capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.left = self.folder / "left"
        self.quota_path = None

    def environment(self):
        environment = super().environment()
        if self.quota_path is not None:
            environment |= preloaded(self.library) | {"QUOTA_PATH": str(self.quota_path), "QUOTA_LEFT": str(self.left)}
        return environment

    def under_quota(self, path, left, spec, *arguments):
        self.quota_path = path
        self.left.write_text(f"{left}\n", encoding="utf-8")
        process = self.start("run", spec, "--workers", 1, *arguments)
        text, _ = process.communicate(timeout=120)
        self.quota_path = None
        return process.returncode, text

    def test_a_window_cache_without_quota_is_75_and_named(self):
        spec = self.sweep(folds=[0], variants=["stdual_x"])
        for left in (0, 1, 2, 4):
            status, text = self.under_quota(self.folder / "cache", left, spec)
            self.assertEqual(status, 75, text)
            self.assertRegex(text, "quota of this user or project.*--cache")
            self.assertFalse(list((self.folder / "cache").glob("*.windows")))
        self.run_sweep(spec, "--workers", 1)

    def test_wherever_it_is_used_up_the_job_ends_with_75_and_says_quota_and_goes_on_later(self):
        seed = int(os.environ.get("STDUALX_SEED", random.randrange(1_000_000)))
        tries = int(os.environ.get("STDUALX_TRIES", 6))
        print(f"STDUALX_SEED={seed}", flush=True)
        spec = self.sweep(folds=[0], variants=["stdual_x"], fixed={"training": {"epochs": 3, "batch_size": 32}})
        undisturbed = self.folder / "undisturbed.db"
        self.run_sweep(spec, "--workers", 1, store=undisturbed)
        status, text = self.under_quota(self.folder / "results.db", 1_000_000, spec)
        self.assertEqual(status, 0, text)
        writes = 1_000_000 - int(self.left.read_text(encoding="utf-8"))
        chance = random.Random(seed)
        for left in [0, writes - 1, *(chance.randrange(writes) for _ in range(tries))]:
            with self.subTest(left=left, of=writes):
                for path in self.folder.glob("results.db*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                status, text = self.under_quota(self.folder / "results.db", left, spec)
                self.assertIn(status, (0, 75), text)
                for line in text.splitlines():
                    self.assertNotEqual(line.strip(), "stdualx:", text)
                if status == 75:
                    self.assertIn("quota", text)
                self.run_sweep(spec, "--workers", 1)
                self.assert_whole()
                self.assertEqual(self.epochs(), self.epochs(undisturbed))
                self.assertEqual(self.evaluations(), self.evaluations(undisturbed))


if __name__ == "__main__":
    unittest.main()
