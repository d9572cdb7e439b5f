# The commands of the README: demo, test, asan, bench and bench-dispatch do their own set-up (cluster/bootstrap.sh) on a fresh machine; build, format and
# lint want one that is set up.
BUILD := build
# One more than cores: jobs in the lab mostly wait for Slurm.
TESTS_AT_ONCE := $(shell expr $$(nproc) + 1)

.PHONY: demo test build format lint bench bench-compare bench-dispatch gpu asan docs lab lab-down clean

demo: ## a real sweep on real recordings: watch, two workers
	cluster/bootstrap.sh demo
	cmake --preset release -DSTDUALX_CUDA=OFF -DSTDUALX_TESTS=OFF
	cmake --build $(BUILD) --target stdualx stdualx-trainer
	.venv/bin/python experiments/datasets/watch_to_csv.py watch-data
	$(BUILD)/bin/stdualx run experiments/sweeps/demo.json --workers 2
	$(BUILD)/bin/stdualx report --html report.html

test: ## everything: unit tests, real MPI processes, real recordings
	cluster/bootstrap.sh test
	cmake --preset release -DSTDUALX_CUDA=AUTO -DSTDUALX_TESTS=ON
	cmake --build $(BUILD)
	.venv/bin/python experiments/datasets/watch_to_csv.py watch-data
	ctest --test-dir $(BUILD) --parallel $(TESTS_AT_ONCE) --output-on-failure

build:
	cmake --preset release
	cmake --build $(BUILD)

asan: ## unit tests under the address and undefined-behaviour sanitizers
	cluster/bootstrap.sh test
	cmake --preset asan
	cmake --build build-asan
	ctest --test-dir build-asan --parallel $(TESTS_AT_ONCE) --output-on-failure -LE 'end_to_end|slurm'

bench: ## timings, with the load beside them
	cluster/bootstrap.sh test
	cmake --preset release -DSTDUALX_BENCHMARKS=ON
	cmake --build $(BUILD)
	tests/benchmarks/run.sh

bench-compare: ## is NEW slower than OLD: two build folders with tests, or two files of rows; make bench-compare OLD=build-old NEW=build
	python3 tests/benchmarks/compare.py $(OLD) $(NEW) $(COMPARE)

bench-dispatch: .venv-dispatch/.installed ## what handing out a run costs, beside HyperQueue, submitit, mpi4py.futures and srun; the last wants root
	cluster/bootstrap.sh test
	cmake --preset release -DSTDUALX_TESTS=ON
	cmake --build $(BUILD) --target stdualx stub_trainer
	python3 tests/benchmarks/dispatch.py

.venv-dispatch/.installed: cluster/requirements-dispatch.txt
	cluster/bootstrap.sh test
	/usr/bin/python3 -m venv .venv-dispatch
	.venv-dispatch/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	touch $@

gpu: ## what only a GPU can show; on a machine that has one, after `make test`
	cmake --preset release -DSTDUALX_BENCHMARKS=ON
	cmake --build $(BUILD)
	tests/benchmarks/gpu.sh
	tests/benchmarks/gpu_groups.sh

lab: ## a Slurm of three hosts on this machine; root
	python3 cluster/lab/lab.py up

lab-down:
	python3 cluster/lab/lab.py down

docs: ## the reference, printed by the program
	cmake --preset release
	cmake --build $(BUILD) --target stdualx
	for page in commands views sweep_file manifest; do $(BUILD)/bin/stdualx reference $$page > docs/$$page.md.new && mv docs/$$page.md.new docs/$$page.md || exit 1; done

format:
	git ls-files '*.h' '*.cpp' '*.cu' | xargs clang-format -i

lint:
	git ls-files '*.h' '*.cpp' '*.cu' | xargs clang-format --dry-run --Werror
	tests/rooms/check_rooms.sh
	git ls-files 'orchestrator/*.cpp' 'cluster/*.cpp' 'results/*.cpp' 'experiments/*.cpp' 'worker/agent/*.cpp' 'worker/messages/*.cpp' | xargs clang-tidy --quiet -p $(BUILD)

clean:
	rm -rf build build-*
