"""Which GPU each worker gets, and what the store says of it. The GPUs are made up: STDUALX_DEVICES lists them for the host, and the stub trainer
takes CUDA's part with the same list."""
import json
import os
import unittest

from harness import Workplace

FOUR = "GPU-aa,GPU-bb,GPU-cc,GPU-dd"


class Gpus(Workplace):
    def setUp(self):
        super().setUp()
        self.variables = {"STDUALX_DEVICES": FOUR}
        self.wishes["epoch_ms"] = 60  # long enough that each worker gets a run

    def environment(self):
        environment = super().environment()
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        return environment | self.variables

    def run_on(self, *arguments, visible=None, devices=FOUR, status=0):
        self.variables = {"STDUALX_DEVICES": devices}
        if visible is not None:
            self.variables["CUDA_VISIBLE_DEVICES"] = visible
        return self.run_sweep(self.sweep(), *arguments, status=status)

    def used(self):
        return sorted(device for device, in self.ask("SELECT DISTINCT device FROM attempts"))

    def test_without_a_variable_each_gpu_of_the_host_gets_one_worker(self):
        self.run_on()
        self.assertEqual(self.used(), ["stub GPU-aa", "stub GPU-bb", "stub GPU-cc", "stub GPU-dd"])
        (facts,), = self.ask("SELECT facts FROM hosts")
        facts = json.loads(facts)
        self.assertEqual(sorted(facts["devices"]), self.used())
        with open("/proc/self/status", encoding="utf-8") as status:
            allowed = next(line.split(":")[1].strip() for line in status if line.startswith("Cpus_allowed_list:"))
        self.assertEqual(facts["cores"], allowed)

    def test_numbers_choose_among_the_gpus_and_how_many_workers(self):
        self.run_on(visible="2,3")
        self.assertEqual(self.used(), ["stub GPU-cc", "stub GPU-dd"])

    def test_uuids_and_mig_devices_are_handed_on_as_they_are(self):
        self.run_on(visible="GPU-dd,MIG-0123abcd")
        self.assertEqual(self.used(), ["stub GPU-dd", "stub MIG-0123abcd"])

    def test_an_empty_variable_trains_on_cores(self):
        self.run_on("--workers", 2, visible="")
        self.assertEqual(self.used(), ["cpu"])

    def test_a_word_that_is_no_device_is_refused_before_anything_starts(self):
        text = self.run_on(visible="all", status=2)
        self.assertIn("CUDA_VISIBLE_DEVICES=all: 'all' is no device", text)
        self.assertIn("'1' twice", self.run_on(visible="1,1", status=2))
        self.assertFalse(self.store.exists())

    def test_more_workers_than_gpus_says_so_and_goes_on_with_those_that_have_one(self):
        text = self.run_on("--workers", 3, visible="2,3")
        self.assertIn("worker 3 of this host gets no GPU: CUDA_VISIBLE_DEVICES names 2", text)
        self.assertEqual(self.used(), ["stub GPU-cc", "stub GPU-dd"])

    def test_two_workers_on_one_gpu_are_not_let(self):
        text = self.run_on("--workers", 2, devices="GPU-aa,GPU-aa")
        self.assertRegex(text, "workers (1 and 2|2 and 1) on .* have the same GPU .stub GPU-aa.")
        self.assertEqual(self.used(), ["stub GPU-aa"])
        self.assertEqual(self.statuses(), {"COMPLETE": 6})

    def test_workers_keep_to_the_cores_that_they_were_given(self):
        one = min(os.sched_getaffinity(0))
        self.variables = {"STDUALX_DEVICES": ""}
        before = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {one})
        text = self.run_sweep(self.sweep(folds=[0]))
        self.assertIn("1 workers", text)  # its default: as many as there are cores
        (facts,), = self.ask("SELECT facts ->> 'cores' FROM hosts")
        self.assertEqual(facts, str(one))


if __name__ == "__main__":
    unittest.main()
