// What the promises cost an epoch: the state's hash, a checkpoint written so that it survives a power failure and read back to be hashed,
// and a commit of the store. At UCI-HAR's shape with the default network; files below the working directory, whose disk it is.
#include "experiments/spec/random.h"
#include "results/backup.h"
#include "results/store.h"
#include "worker/training/checkpoint.h"
#include "worker/training/state_hash.h"
#include "worker/training/training.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <filesystem>

namespace stdualx {
namespace {

const std::filesystem::path folder = "promise-benchmark";

/// A training with a state of the size of UCI-HAR's.
Training& training() {
  static const InputShape shape{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  static std::vector<float> values(4 * 3 * 128 * 3, 0.5f);
  static std::vector<std::int32_t> labels = {0, 1, 2, 3};
  static const auto communicator = make_single_communicator();
  static Training only(
      RunSpec{}, {shape, windows_end_to_end(3, 128, 3, values), labels, {{}, {}, {}}, std::vector<float>(9, 0), std::vector<float>(9, 1)},
      {0, 1, 2, 3}, *communicator, at::kCPU);
  return only;
}

void state_hash_of_an_epoch(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(state_hash(training().state(), 1));
}

void checkpoint_of_an_epoch(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(write_tensors(folder, "run/1/epoch-000001.safetensors", training().state(), {{"format", "benchmark"}}).bytes);
}

void plain_file_of_an_epoch(benchmark::State& state) { // without sync, rename, reading back and hash
  std::filesystem::create_directories(folder);
  for (auto _ : state) write_safetensors(folder / "plain.safetensors", training().state());
}

void commit_of_an_epoch(benchmark::State& state) {
  std::filesystem::create_directories(folder);
  std::filesystem::remove(folder / "store.db");
  Store store = Store::open_for_writing(folder / "store.db");
  for (auto _ : state) store.event("benchmark", "", "an epoch's row");
}

BENCHMARK(state_hash_of_an_epoch)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(checkpoint_of_an_epoch)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(plain_file_of_an_epoch)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(commit_of_an_epoch)->UseRealTime()->Unit(benchmark::kMillisecond);

} // namespace
} // namespace stdualx

int main(int count, char** values) {
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  std::error_code ignored;
  std::filesystem::remove_all(stdualx::folder, ignored);
  return 0;
}
