"""The lab itself (cluster/lab): its hosts see a tree that lies below /tmp, and of two labs at once the second one waits.

As root, where network namespaces are permitted.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Hosts(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stdualx hosts ä ", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def tree(self, name):
        """As much of a clone as the lab needs, below /tmp."""
        place = self.folder / name
        shutil.copytree(SOURCE / "cluster" / "lab", place / "cluster" / "lab", ignore=shutil.ignore_patterns("__pycache__"))
        (place / "program").write_text("#!/bin/sh\nhostname\n", encoding="utf-8")
        (place / "program").chmod(0o755)
        return place

    def start(self, tree, *words, **variables):
        environment = {name: value for name, value in os.environ.items() if name != "TMPDIR" and not name.startswith("STDUALX_")} | variables
        process = subprocess.Popen([sys.executable, tree / "cluster" / "lab" / "lab.py", *words], cwd=tree, env=environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def lab(self, tree, *words, status=0, **variables):
        out, errors = (process := self.start(tree, *words, **variables)).communicate(timeout=1300)
        self.assertEqual(process.returncode, status, out + errors)
        return out + errors

    def test_hosts_see_a_tree_below_tmp_and_nothing_else_there_and_a_second_lab_waits(self):
        first, second, elsewhere = self.tree("first"), self.tree("second"), self.folder / "temporary files"
        elsewhere.mkdir()
        (self.folder / "of the machine").touch()
        self.lab(first, "up", TMPDIR=str(elsewhere))
        self.addCleanup(self.lab, first, "down")
        look = 'ls "$1" "$TMPDIR" && exec "$2"'
        seen = self.lab(first, "run", "srun", "--chdir=/", "--nodes=3", "sh", "-c", look, "sh", self.folder, first / "program", TMPDIR=str(elsewhere))
        self.assertEqual(sorted(set(seen.split("\n"))), ["", f"{elsewhere}:", f"{self.folder}:", "first", "node1", "node2", "node3", "temporary files"])
        self.assertIn("the lab is not ours to end", self.lab(second, "down", status=1))
        waits = self.start(second, "up")
        self.assertEqual(waits.stderr.readline(), f"lab: waiting for the lab that `make lab` in {first} made; `make lab-down` there ends it\n")
        self.assertIsNone(waits.poll())
        self.assertEqual(self.lab(first, "run", "srun", "--nodes=1", "--chdir=/", "echo", "whole"), "whole\n")
        self.lab(first, "down")
        self.addCleanup(self.lab, second, "down")
        out, errors = waits.communicate(timeout=300)
        self.assertEqual(waits.returncode, 0, out + errors)
        self.lab(second, "down")


if __name__ == "__main__":
    unittest.main()
