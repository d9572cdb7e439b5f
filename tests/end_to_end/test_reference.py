"""The reference under docs/ is what the program prints; completion in a real bash; exit statuses of damaged storage."""
import re
import subprocess
import unittest

from harness import PROGRAM, SOURCE, Workplace

PAGES = ("commands", "views", "sweep_file", "manifest")


def printed(*words):
    return subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, check=True, timeout=60).stdout


class Reference(unittest.TestCase):
    def test_the_files_in_docs_are_what_the_program_prints(self):
        for page in PAGES:
            with self.subTest(page):
                file = SOURCE / "docs" / f"{page}.md"
                text = printed("reference", page)
                self.assertTrue(text.startswith(f"Printed by `stdualx reference {page}`; `make docs` writes it anew.\n"))
                self.assertTrue(file.exists(), f"{file} is not there: run `make docs`")
                self.assertTrue(file.read_text(encoding="utf-8") == text, f"{file} is not what `stdualx reference {page}` prints: run `make docs`")

    def test_every_command_and_each_of_its_options_is_there(self):
        text = printed("reference", "commands")
        for command in re.findall(r"^  ([a-z]+) ", printed("--help"), re.MULTILINE):
            section = text.split(f"\n## {command}\n")[1].split("\n## ")[0]
            for option in re.findall(r"^  (?:-\w \[ )?(--[a-z][a-z-]*)", printed(command, "--help"), re.MULTILINE):
                self.assertIn(f"| `{option}", section, command)
        self.assertIn("--workers-per-host", text)  # of `bench scheduler`

    def test_every_table_has_as_many_cells_in_each_row(self):
        for page in PAGES:
            for block in re.findall(r"(?:^\|.*\n)+", printed("reference", page), re.MULTILINE):
                self.assertEqual(len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}), 1, block)

    def test_help_and_reference_name_the_same_statuses(self):
        rows = dict(re.findall(r"^\| (\d+) \| ([^|]*) \|", printed("reference", "commands"), re.MULTILINE))
        self.assertEqual(sorted(map(int, rows)), [0, 1, 2, 3, 4, 5, 70, 75, 130])
        for status, words in rows.items():
            self.assertIn(f"{status} {words}", printed("--help"))

    def test_an_unknown_page_is_told_with_the_near_one(self):
        done = subprocess.run([str(PROGRAM), "reference", "view"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("did you mean 'views'?", done.stderr)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers where the last of `words` is being typed."""
        script = """eval "$("$0" completion bash)" || exit 9
            complete -p stdualx >/dev/null || exit 8
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _stdualx; printf '%s\\n' "${COMPREPLY[@]}\""""
        done = subprocess.run(["bash", "--norc", "-c", script, str(PROGRAM), "stdualx", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_commands_are_completed(self):
        self.assertEqual(self.complete("ref"), ["reference"])
        self.assertEqual(set(re.findall(r"^  ([a-z]+) ", printed("--help"), re.MULTILINE)) | {"--help", "--version"}, set(self.complete("")))
        self.assertEqual(self.complete("gua"), [])  # not for people

    def test_options_are_those_of_the_command(self):
        for command in ("run", "db", "query"):
            typed = re.findall(r"^  (?:-\w \[ )?(--[a-z][a-z-]*)", printed(command, "--help"), re.MULTILINE)
            self.assertEqual(sorted(set(typed)), sorted(self.complete(command, "--")))
        self.assertEqual(self.complete("run", "spec.json", "--wor"), ["--workers"])
        self.assertIn("--stragglers", self.complete("bench", "scheduler", "--st"))

    def test_first_words_and_formats_are_completed_and_else_files(self):
        self.assertEqual(self.complete("db", ""), ["check", "backup", "rebuild", "merge"])
        self.assertEqual(self.complete("reference", "s"), ["sweep_file"])
        self.assertEqual(self.complete("runs", "--format", "m"), ["markdown"])
        self.assertEqual(self.complete("runs", "--format", "=", "c"), ["csv"])
        self.assertEqual(self.complete("run", ""), [])  # bash then offers files
        self.assertIn("-o default", printed("completion", "bash"))

    def test_zsh_gets_the_same_through_bashcompinit(self):
        first, rest = printed("completion", "zsh").split("\n", 1)
        self.assertIn("bashcompinit", first)
        self.assertEqual(rest, printed("completion", "bash"))


class DamagedStorage(Workplace):
    def test_a_store_that_sqlite_calls_corrupt_ends_with_5(self):
        self.run_sweep(self.sweep(folds=[0], variants=["stdual_x"]), "--workers", 1)
        with open(self.store, "r+b") as file:
            pages = self.store.stat().st_size // 4096
            for page in range(1, pages):
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
        self.assertIn("damaged", self.finish(self.start("runs"), 5))

    def test_a_store_that_is_no_database_is_bad_input(self):
        self.store.write_text("no database, but long enough to be looked at" * 100, encoding="utf-8")
        self.assertIn("is not an SQLite database", self.finish(self.start("runs"), 2))


if __name__ == "__main__":
    unittest.main()
