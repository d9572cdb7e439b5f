"""`stdualx serve`: the live page of a store in a real browser while a sweep runs, and what the server refuses."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import Workplace, ranks, wait_until

try:
    from selenium import webdriver
except ImportError:  # the test runs in .venv's Python, and selenium is Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    from selenium import webdriver
from selenium.webdriver.chrome.service import Service

TOKEN = "0123456789abcdefABCD"


class Serve(Workplace):
    def serve(self, *arguments, status=None):
        """The server and the address that it says it has."""
        server = self.start("serve", "--port", 0, *arguments)
        line = server.stdout.readline()
        found = re.search(r"at (http://[^ ]*)", line)
        self.assertTrue(found, line)
        return server, found.group(1)

    def get(self, address, status=200, **headers):
        request = urllib.request.Request(address, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.assertEqual(status, answer.status)
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                self.assertEqual(error.code, status)
                return error.read().decode()

    def browser(self):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={self.folder / 'chromium'}"):
            options.add_argument(word)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(shutil.which("chromedriver"), log_path=os.devnull), options=options)
        self.addCleanup(driver.quit)
        return driver

    def end_by(self, server, number):
        os.kill(server.pid, number)
        began = time.monotonic()
        self.finish(server, 0, seconds=10)
        self.assertLess(time.monotonic() - began, 5)


class Page(Serve):
    def rows(self, driver, place):
        return driver.execute_script(f"return [...document.querySelectorAll('#{place} tbody tr')].map((row) => row.innerText)")

    def test_an_open_page_follows_a_running_sweep_and_a_coordinator_that_comes_back(self):
        self.wishes["epoch_ms"] = 300
        hostile = "<img src=x onerror=document.title='foreign'>"
        job = self.start("run", self.sweep(name=hostile, fixed={"training": {"epochs": 300, "batch_size": 32}}), "--workers", 2)
        self.wait_for_epochs(4)
        server, address = self.serve()
        driver = self.browser()
        driver.get(address)
        state = lambda: driver.execute_script("return document.getElementById('state').textContent")
        epochs = lambda: int((re.search(r"(\d+) of 1800 epochs", state()) or [0, -1])[1])
        first = wait_until(lambda: max(epochs(), 0), 30, "the page to hear of the job")
        self.assertEqual(driver.execute_script("return document.getElementById('sweep-name').textContent"), hostile)
        wait_until(lambda: epochs() > first, 30, "the page to go on by itself")
        workers = self.rows(driver, "workers")
        self.assertEqual(len(workers), 2)
        self.assertTrue(all("at work" in row and "of 300" in row for row in workers), workers)
        wait_until(lambda: len(self.rows(driver, "runs")) == 6, 30, "all runs")
        # The filter is in the address, and so is the run whose curves are shown.
        driver.execute_script("const box = document.getElementById('filter'); box.value = 'without_csa'; box.dispatchEvent(new Event('input'))")
        self.assertEqual(len(self.rows(driver, "runs")), 3)
        driver.execute_script("[...document.querySelectorAll('#runs th button')].find((button) => button.textContent === 'fold').click()")
        driver.execute_script("[...document.querySelectorAll('#runs th button')].find((button) => button.textContent.startsWith('fold')).click()")
        folds = driver.execute_script("return [...document.querySelectorAll('#runs tbody tr')].map((row) => row.cells[4].textContent)")
        self.assertEqual(folds, ["2", "1", "0"])
        at_work, = self.ask("SELECT substr(run_id, 1, 10) FROM epochs ORDER BY epoch DESC LIMIT 1")[0]
        driver.execute_script("location.hash = new URLSearchParams({...wanted, run: arguments[0]})", at_work)
        wait_until(lambda: driver.execute_script("return document.querySelectorAll('#curves polyline').length") >= 2, 30, "curves")
        link = driver.current_url
        driver.get("about:blank")
        driver.get(link)
        wait_until(lambda: driver.execute_script("return document.querySelectorAll('#curves polyline').length") >= 2, 30, "the same curves by the link")
        self.assertEqual(driver.execute_script("return document.getElementById('run-name').textContent"), at_work)
        wait_until(lambda: len(self.rows(driver, "runs")) == 3, 30, "the same filter by the link")
        # A question of one's own.
        driver.execute_script("document.getElementById('sql').value = \"SELECT count(*) AS runs FROM runs\"; document.getElementById('ask').click()")
        wait_until(lambda: self.rows(driver, "answer") == ["6"], 30, "the answer")
        # The coordinator dies; the launcher starts another one.
        pid = lambda: json.loads((self.folder / "results.db.d" / "live.json").read_text(encoding="utf-8"))["pid"]
        before, shown = pid(), epochs()
        os.kill(ranks(job.pid)[0], signal.SIGKILL)
        wait_until(lambda: pid() != before, 60, "another coordinator")
        wait_until(lambda: epochs() > shown, 60, "the page to follow the new coordinator")
        # The job ends, the page says so.
        os.kill(job.pid, signal.SIGINT)
        self.finish(job, 75)
        wait_until(lambda: state() == "no job is at work", 30, "the page to hear of the end")
        self.assertEqual(driver.title, "stdualx")
        self.assertEqual(driver.get_log("browser"), [])
        self.end_by(server, signal.SIGINT)
        self.assertEqual(self.statuses().get("COMPLETE", 0), 0)

    def test_the_report_is_the_one_of_now(self):
        self.run_sweep(self.sweep(), "--workers", 2)
        _, address = self.serve()
        page = self.get(address + "report")
        self.assertIn("<title>stdualx report</title>", page)
        self.finish(self.start("report", "--html", "page.html"))
        table = lambda text: re.search(r'id="accuracy".*?</table>', text, re.S).group()
        self.assertEqual(table(page), table((self.folder / "page.html").read_text(encoding="utf-8")))


class Refusals(Serve):
    def setUp(self):
        super().setUp()
        self.run_sweep(self.sweep(folds=[0]), "--workers", 2)

    def query(self, address, sql, status=200):
        return json.loads(self.get(address + "query?" + urllib.parse.urlencode({"sql": sql}), status))

    def test_a_question_reads_within_limits(self):
        _, address = self.serve()
        before = self.store.read_bytes()
        self.assertEqual(self.query(address, "SELECT 7 AS seven"), {"cut": False, "rows": [{"seven": 7}]})
        counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n {}) SELECT {} FROM n"
        many = self.query(address, counted.format("LIMIT 5000", "i"))
        self.assertEqual((many["cut"], len(many["rows"]), many["rows"][-1]["i"]), (True, 1000, 1000))
        began = time.monotonic()
        self.assertIn("longer than 2000 ms", self.query(address, counted.format("", "count(*)"), 400)["error"])
        self.assertLess(time.monotonic() - began, 20)
        for sql in ("DELETE FROM runs", "ATTACH 'x.db' AS x", "PRAGMA user_version = 7", "SELECT 1; SELECT 2", "", "VACUUM INTO 'copy.db'"):
            self.assertTrue(self.query(address, sql, 400)["error"], sql)
        self.assertIn("no run whose identity", self.get(address + "run?id=ffff", 400))
        self.assertEqual(self.store.read_bytes(), before)

    def test_nothing_but_get_is_answered(self):
        _, address = self.serve()
        for method in ("POST", "PUT", "DELETE"):
            request = urllib.request.Request(address + "runs", data=b"", method=method)
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            with refused.exception:
                self.assertIn(refused.exception.code, (400, 405, 413))
        self.get(address + "../results.db", 404)
        self.get(address + "results.db", 404)

    def test_a_foreign_name_for_this_machine_is_refused(self):
        _, address = self.serve()
        self.assertIn("localhost", self.get(address, 403, Host="evil.example:80"))
        self.get(address, 200, Host="localhost:1234")

    def test_a_token_is_wanted_where_one_was_set(self):
        server, address = self.serve("--token", TOKEN)
        plain = address.split("?")[0]
        self.assertTrue(address.endswith("/?token=" + TOKEN))
        for place in ("", "runs", "live", "report", "live.js"):
            self.get(plain + place, 401)
            self.get(plain + place, 401, Cookie="stdualx_token=" + TOKEN[:-1])
        self.get(plain + "?token=" + TOKEN[:-1] + "x", 401)
        self.assertTrue(json.loads(self.get(plain + "runs", Authorization="Bearer " + TOKEN)))
        self.assertTrue(json.loads(self.get(plain + "runs", Cookie="a=b; stdualx_token=" + TOKEN)))
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(address, timeout=30) as page:
            self.assertEqual(page.url, plain)  # the token is no part of what is shared
            self.assertIn("<title>stdualx</title>", page.read().decode())
        with opener.open(plain + "runs", timeout=30) as answer:
            self.assertTrue(json.loads(answer.read()))
        self.end_by(server, signal.SIGTERM)

    def test_an_address_that_others_reach_is_refused_without_a_token(self):
        said = self.finish(self.start("serve", "--address", "0.0.0.0"), 2)
        self.assertIn("ssh -N -L 8080:127.0.0.1:8080", said)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assertIn("another program has it", self.finish(self.start("serve", "--port", taken.getsockname()[1]), 2))
        self.assertIn("there is no store", self.finish(self.start("serve", store=self.folder / "none.db"), 2))

    def test_an_end_does_not_wait_for_open_pages(self):
        server, address = self.serve()
        streams = []
        for _ in range(20):
            streams.append(urllib.request.urlopen(address + "live", timeout=30))
            self.assertEqual(streams[-1].readline(), b"data: null\n")
        self.end_by(server, signal.SIGINT)
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.close()


if __name__ == "__main__":
    unittest.main()
