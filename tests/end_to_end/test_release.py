"""What is released: the tar.gz unpacked elsewhere plans and says its version; the manual page has every command; versions agree."""
import os
import re
import shutil
import subprocess
import tarfile
import unittest

from harness import BUILD, PROGRAM, SOURCE, Workplace


def version():
    return re.search(r"project\(stdualx VERSION ([\d.]+)", (SOURCE / "CMakeLists.txt").read_text(encoding="utf-8")).group(1)


class Package(Workplace):
    def test_the_archive_unpacked_elsewhere_works(self):  # most of its time is gzip over libtorch
        subprocess.run(["cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(self.folder / "made")], check=True, stdout=subprocess.DEVNULL, timeout=800)
        archive, = (self.folder / "made").glob(f"stdualx-{version()}-*.tar.gz")
        elsewhere = self.folder / "else where"
        with tarfile.open(archive) as tar:
            tar.extractall(elsewhere)
        archive.unlink()
        home, = elsewhere.iterdir()
        share = home / "share" / "stdualx"
        for name in ("LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "sweep.schema.json", "sweeps/demo.json", "docs/commands.md", "completion.zsh",
                     "../man/man1/stdualx.1", "../bash-completion/completions/stdualx", "../../bin/stdualx-trainer"):
            self.assertTrue((share / name).is_file(), name)
        if (BUILD / "share" / "stdualx" / "vega_bundle.js").exists():
            self.assertTrue((share / "vega_bundle.js").is_file())
        program = home / "bin" / "stdualx"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

        def ask(*words):
            return subprocess.run([program, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        said = ask("--version")
        self.assertRegex(said.stdout, rf"^stdualx {re.escape(version())}( \(.+\))?\n$", said.stderr)
        planned = ask("plan", self.sweep(), "--store", self.store)
        self.assertEqual(planned.returncode, 0, planned.stderr)
        self.assertIn("6 runs: 0 known, 6 new", planned.stdout)
        self.assertIn("space: ", planned.stdout)  # the trainer beside it answered, so its libtorch was found
        for line in subprocess.run(["ldd", home / "bin" / "stdualx-trainer"], text=True, capture_output=True, check=True).stdout.splitlines():
            if "libtorch" in line or "libc10" in line:
                self.assertIn(str(home), line)

    def test_a_store_says_which_version_wrote_it(self):
        self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1)
        self.assertEqual(self.ask("SELECT DISTINCT version FROM programs"), [(version(),)])

    def test_citation_and_changelog_name_the_version_and_its_day(self):
        citation = (SOURCE / "CITATION.cff").read_text(encoding="utf-8")
        day = re.search(r"^date-released: (\S+)$", citation, re.MULTILINE).group(1)
        self.assertIn(f"\nversion: {version()}\n", citation)
        self.assertIn(f"\n## {version()} - {day}\n", (SOURCE / "CHANGELOG.md").read_text(encoding="utf-8"))


class ManualPage(unittest.TestCase):
    def test_every_command_and_option_is_in_it(self):
        page = subprocess.run([PROGRAM, "reference", "man"], capture_output=True, text=True, check=True, timeout=60).stdout.replace("\\-", "-")
        self.assertEqual(page, (BUILD / "share" / "man" / "man1" / "stdualx.1").read_text(encoding="utf-8").replace("\\-", "-"))
        reference = subprocess.run([PROGRAM, "reference", "commands"], capture_output=True, text=True, check=True, timeout=60).stdout
        for section in reference.split("\n## ")[1:-1]:
            name = section.split("\n")[0]
            own = page.split(f"\n.SS stdualx {name} ")[1].split("\n.SS ")[0]
            for option in set(re.findall(r"^\| `(--[a-z][a-z-]*)", section, re.MULTILINE)) - {"--help"}:
                self.assertIn(f"\n.B {option}", own, name)

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_groff_finds_nothing_to_complain_of(self):
        page = BUILD / "share" / "man" / "man1" / "stdualx.1"
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=78n", str(page)], capture_output=True, text=True, timeout=60)
        warnings = [line for line in done.stderr.splitlines() if "can't break line" not in line and "cannot break line" not in line]
        self.assertEqual((done.returncode, warnings), (0, []))
        self.assertIn("EXIT STATUS", re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout))


if __name__ == "__main__":
    unittest.main()
