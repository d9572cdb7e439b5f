"""`stdualx export`: what other programs open holds what the store holds."""
import csv
import json
import sqlite3
import unittest

from harness import Workplace


class Export(Workplace):
    def export(self, *arguments, status=0):
        return self.finish(self.start("export", *arguments), status)

    @staticmethod
    def as_written(value):
        return "" if value is None else value.hex() if isinstance(value, bytes) else repr(value) if isinstance(value, float) else str(value)

    @staticmethod
    def as_read(row):
        """Numbers compare as numbers, whatever their spelling."""
        def cell(text):
            try:
                return (0, float(text), "")
            except ValueError:
                return (1, 0.0, text)
        return [cell(text) for text in row]

    def test_every_view_is_a_csv_file_with_the_stores_rows(self):
        self.run_sweep(self.sweep(), "--workers", 2)
        said = self.export("csv", "tables").splitlines()
        views = [name for name, in self.ask("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'")]
        self.assertEqual(sorted(said), sorted(str(self.folder / "tables" / name) for name in [view + ".csv" for view in views] + ["metadata.json"]))
        filled = 0
        for view in views:
            with self.subTest(view), open(self.folder / "tables" / f"{view}.csv", encoding="utf-8", newline="") as file:
                header, *rows = csv.reader(file)
                self.assertEqual(header, [row[1] for row in self.ask(f"PRAGMA table_info({view})")])
                stored = self.ask(f"SELECT * FROM {view}")
                self.assertEqual(sorted(map(self.as_read, rows)), sorted(self.as_read([self.as_written(value) for value in row]) for row in stored))
                filled += bool(rows)
        self.assertGreater(filled, 4)

    def test_datasettes_metadata_names_views_and_its_queries_run(self):
        self.run_sweep(self.sweep(), "--workers", 2)
        self.export("csv", "tables")
        metadata = json.loads((self.folder / "tables" / "metadata.json").read_text(encoding="utf-8"))
        (database, content), = metadata["databases"].items()
        self.assertEqual(database, "results")  # Datasette names a database after its file
        for view, words in content["tables"].items():
            self.assertTrue(words["description"], view)
            self.assertLessEqual(set(words["columns"]), {row[1] for row in self.ask(f"PRAGMA table_info({view})")})
        self.assertGreaterEqual(len(content["queries"]), 4)
        with sqlite3.connect(self.store.as_uri() + "?mode=ro", uri=True) as connection:
            answers = {name: connection.execute(query["sql"], {"run": ""} if ":run" in query["sql"] else {}).fetchall() for name, query in content["queries"].items()}
        connection.close()
        self.assertEqual(len(answers["accuracy"]), 2)
        self.assertEqual(len(answers["training_curve"]), 24)
        self.assertEqual(answers["failed_runs"], [])

    def test_what_it_cannot_do_it_says_and_files_of_before_are_replaced(self):
        self.assertIn("expected csv, found 'xlsx'", self.export("xlsx", "tables", status=2))
        self.assertIn("there is no store", self.export("csv", "tables", status=2))
        self.run_sweep(self.sweep(folds=[0]), "--workers", 2)
        (self.folder / "file").write_text("", encoding="utf-8")
        self.assertIn("found the file", self.export("csv", "file", status=2))
        (self.folder / "tables").mkdir()
        (self.folder / "tables" / "v_runs.csv").write_text("old", encoding="utf-8")
        (self.folder / "tables" / "mine.csv").write_text("mine", encoding="utf-8")
        self.export("csv", "tables")
        self.assertTrue((self.folder / "tables" / "v_runs.csv").read_text(encoding="utf-8").startswith("run_id,"))
        self.assertEqual((self.folder / "tables" / "mine.csv").read_text(encoding="utf-8"), "mine")


if __name__ == "__main__":
    unittest.main()
