"""Rows of benchmarks, and the comparison of two builds by them."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import SOURCE

HERE = SOURCE / "tests" / "benchmarks"
sys.path.insert(0, str(HERE))
import compare  # noqa: E402
import rows  # noqa: E402


class Rows(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stdualx-rows-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "rows.csv"
        self.addCleanup(os.environ.pop, "STDUALX_BENCH_ROWS", None)
        os.environ["STDUALX_BENCH_ROWS"] = str(self.file)

    def test_rows_are_added_and_read_back_and_none_are_written_unasked(self):
        rows.add("a, with a comma", [1.5, 2], "s")
        rows.add("b", [3], "runs/s")
        self.assertEqual(self.file.read_text(encoding="utf-8"), 'name,run,value,unit\n"a, with a comma",1,1.5,s\n"a, with a comma",2,2,s\nb,1,3,runs/s\n')
        self.assertEqual(rows.read(self.file), {("a, with a comma", "s"): [1.5, 2.0], ("b", "runs/s"): [3.0]})
        os.environ.pop("STDUALX_BENCH_ROWS")
        rows.add("c", [1], "s")
        self.assertEqual(len(rows.read(self.file)), 2)

    def test_a_wrong_line_is_named(self):
        self.file.write_text("name,run,value,unit\na,1,fast,s\n", encoding="utf-8")
        with self.assertRaisesRegex(ValueError, "line 2: expected name,run,value,unit"):
            rows.read(self.file)

    def test_what_google_benchmark_wrote_becomes_rows(self):
        written = self.folder / "google.json"
        one = {"name": "run/64", "real_time": 2.5, "time_unit": "ms", "run_type": "iteration"}
        written.write_text(json.dumps({"benchmarks": [one, one | {"real_time": 3.5}, one | {"run_type": "aggregate"}, one | {"name": "gpu", "error_occurred": True}]}), encoding="utf-8")
        rows.add_google(written)
        self.assertEqual(rows.read(self.file), {("run/64", "ms"): [2.5, 3.5]})

    def test_medians_are_compared_and_the_unit_says_what_is_better(self):
        old = {("time", "s"): [1, 1, 100], ("rate", "runs/s"): [10], ("little", "s"): [1.0], ("gone", "s"): [1]}
        new = {("time", "s"): [2], ("rate", "runs/s"): [20], ("little", "s"): [1.04]}
        lines, worse = compare.compared(old, new, 0.05)
        self.assertEqual({line[0]: line[5] for line in lines[1:]}, {"time": "slower", "rate": "faster", "little": "same", "gone": "one side alone"})
        self.assertTrue(worse)
        self.assertFalse(compare.compared({("rate", "runs/s"): [10]}, {("rate", "runs/s"): [20]}, 0.05)[1])

    def test_the_sides_take_turns(self):
        log = self.folder / "log"
        script = f"import os, sys; sys.path.insert(0, {str(HERE)!r}); import rows; open({str(log)!r}, 'a').write(os.environ['STDUALX_BUILD'][-3:] + ' '); rows.add('x', [1], 's')"
        old, new = self.folder / "old", self.folder / "new"
        found = compare.measured(old, new, {"x": [sys.executable, "-c", script]}, 3)
        self.assertEqual(log.read_text(encoding="utf-8").split(), ["old", "new", "new", "old", "old", "new"])
        self.assertEqual(found, ({("x", "s"): [1.0] * 3},) * 2)

    def test_the_command_ends_with_1_where_something_is_slower(self):
        for name, value in (("old", 1), ("new", 2)):
            (self.folder / name).write_text(f"name,run,value,unit\nx,1,{value},s\n", encoding="utf-8")
        for first, second, status, word in (("old", "new", 1, "slower"), ("new", "old", 0, "faster")):
            done = subprocess.run([sys.executable, HERE / "compare.py", self.folder / first, self.folder / second], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(word, done.stdout)
        done = subprocess.run([sys.executable, HERE / "compare.py", self.folder, self.folder / "new"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected a build folder", done.stderr)


if __name__ == "__main__":
    unittest.main()
