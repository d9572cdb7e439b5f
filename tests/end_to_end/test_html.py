"""`report --html` in a real browser: headless Chromium draws the page's figures under its own content security policy, without a network."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from harness import PROGRAM, SOURCE, Workplace

try:
    from selenium import webdriver
except ImportError:  # the test runs in .venv's Python, and selenium is Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FIGURES = ("accuracy", "ablations", "baselines", "robustness", "confusion", "people", "attention", "training")


class Page(Workplace):
    stub = False  # attention comes out of a real network alone

    def page(self):
        """Path of the page of a small sweep that is whole."""
        self.run_sweep(self.sweep(variants=["stdual_x", "without_csa", "linear"], conditions=["noise/20/1", "noise/10/1"]), "--workers", 2)
        said = self.finish(self.start("report", "--html", "page.html"))
        path = self.folder / "page.html"
        self.assertEqual(said, f"report: {path}\n")
        return path

    def browser(self, width):
        options = webdriver.ChromeOptions()
        # Root has no sandbox; no test may wait for a network.
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self.folder / f'chromium-{width}'}"):
            options.add_argument(word)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        log = open(os.devnull, "w", encoding="utf-8")
        self.addCleanup(log.close)
        driver = webdriver.Chrome(service=Service(shutil.which("chromedriver"), log_path=os.devnull), options=options)
        self.addCleanup(driver.quit)
        driver.set_window_size(width, 900)
        return driver

    def test_a_browser_draws_every_figure_and_shows_the_stores_numbers(self):
        path = self.page()
        # A headless window is never narrower than 500 pixels; a telephone's width is told to the page's device.
        for width in (1000, 320):
            with self.subTest(width):
                driver = self.browser(width)
                if width < 500:
                    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": True})
                driver.get(path.as_uri())
                pictures = driver.execute_script("return document.querySelectorAll('.picture').length")
                drawn = "return [...document.querySelectorAll('.picture')].filter((one) => one.querySelectorAll('svg .mark-symbol path, svg .mark-rect path, svg .mark-line path').length).length"
                self.assertGreaterEqual(pictures, len(FIGURES))
                WebDriverWait(driver, 60).until(lambda d: d.execute_script(drawn) == pictures, "not every figure was drawn")
                self.assertEqual(driver.get_log("browser"), [])
                for figure in FIGURES:
                    self.assertGreater(driver.execute_script(f"return document.querySelectorAll('#{figure} .picture svg').length"), 0, figure)
                # Nothing is cut off or makes the page scroll sideways.
                self.assertLessEqual(driver.execute_script("return document.documentElement.scrollWidth"), width)
                stored = [mean for mean, in self.ask("SELECT avg(value) FROM evaluations JOIN runs USING (run_id) WHERE part = 'test' AND condition = 'clean' AND metric = 'accuracy' GROUP BY recipe_id")]
                shown = driver.execute_script("return [...document.querySelectorAll('#accuracy td.number')].map((cell) => cell.textContent)")
                for mean in stored:
                    self.assertIn(f"{100 * mean:.2f} %", shown)
                # A mark in the picture, too, says its number to whoever cannot see it.
                windows, = self.ask("SELECT sum(c.windows) FROM v_confusion c JOIN runs r USING (run_id) WHERE r.variant = 'stdual_x' AND c.part = 'test' AND c.condition = 'clean'")[0]
                cells = json.loads(driver.execute_script("return document.getElementById('confusion-1-spec').textContent"))["data"]["values"]
                self.assertEqual(sum(cell["windows"] for cell in cells), windows)

    def test_every_figure_becomes_an_svg_a_pdf_and_a_png(self):
        self.page()
        said = self.finish(self.start("report", "--figures", "figures"))
        self.assertIn(f"{self.folder / 'figures' / 'accuracy-1'}\n", said)
        for figure in FIGURES:
            drawn = (self.folder / "figures" / f"{figure}-1.svg").read_text(encoding="utf-8")
            self.assertRegex(drawn, r"class=\"mark-(symbol|rect|line)", figure)
            self.assertLess(len(drawn), 100_000, figure)
            self.assertEqual((self.folder / "figures" / f"{figure}-1.pdf").read_bytes()[:5], b"%PDF-")
            self.assertEqual((self.folder / "figures" / f"{figure}-1.png").read_bytes()[1:4], b"PNG")
        self.assertIn("expected a folder, found the file", self.finish(self.start("report", "--figures", "figures/accuracy-1.svg"), status=2))
        empty = self.folder / "empty.html"
        write = [str(SOURCE / ".venv" / "bin" / "python"), str(SOURCE / "results" / "figures" / "figure_files.py")]
        empty.write_text("<html></html>", encoding="utf-8")
        done = subprocess.run([*write, str(empty), str(self.folder / "none")], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 2)
        self.assertIn("holds no figure", done.stderr)

    def test_scripts_that_are_not_the_pages_do_not_run(self):
        path = self.page()
        text = path.read_text(encoding="utf-8")
        self.assertEqual(len(re.findall(r"(?:src|href)=\"(?!data:text/csv)", text.split("<script type=\"module\">")[0])), 0)
        path.write_text(text.replace("<h1>", "<script>document.title = 'foreign'</script><h1>", 1), encoding="utf-8")
        driver = self.browser(800)
        driver.get(path.as_uri())
        self.assertEqual(driver.title, "stdualx report")
        self.assertTrue(any("Content Security Policy" in entry["message"] for entry in driver.get_log("browser")))

    def test_what_cannot_be_written_or_is_missing_says_so(self):
        self.run_sweep(self.sweep(folds=[0]), "--workers", 2)
        self.assertIn("leave --table out", self.finish(self.start("report", "--html", "page.html", "--table", "claims"), status=2))
        self.assertIn("found the folder", self.finish(self.start("report", "--html", self.folder), status=2))
        # The same program where no bundle lies beside it.
        alone = self.folder / "bin" / "stdualx"
        alone.parent.mkdir()
        shutil.copy2(PROGRAM, alone)
        done = subprocess.run([str(alone), *self.command("report", "--html", "page.html")[1:]], cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("vega_bundle.js: run cluster/bootstrap.sh demo", done.stderr)
        self.assertFalse((self.folder / "page.html").exists())


if __name__ == "__main__":
    unittest.main()
