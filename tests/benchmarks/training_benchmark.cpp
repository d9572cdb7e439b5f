// Windows a second of a whole training step on cores, with data, augmentation, optimiser and averages, batch 64, at the shapes of UCI-HAR
// (3 sensors, 128 steps, 3 channels, 6 classes) and DSADS (5, 125, 9, 19). With the layers that STDUALX_KERNELS names; peers.py runs plain
// and fused by turns, and PyTorch between them.
#include "experiments/presets.h"
#include "model/kernels.h"
#include "worker/training/batches.h"
#include "worker/trainer/platform.h"
#include "worker/training/training.h"

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <numeric>

namespace stdualx {
namespace {

const InputShape uci_har{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
const InputShape dsads{.sensors = 5, .steps = 125, .channels = 9, .classes = 19, .sensor_channels = {}};

RunSpec run_of(const std::string& name, const InputShape& shape) {
  const Recipe recipe = preset(name);
  RunSpec run;
  run.model = recipe.model;
  run.training = recipe.training;
  if (name == "faithful" && shape.steps == 125) run.model.channel_heads = 5; // 8 do not divide 125
  return run;
}

void train(benchmark::State& state, const std::string& recipe, const InputShape& shape) {
  const RunSpec run = run_of(recipe, shape);
  at::set_num_threads(static_cast<int>(state.range(0)));
  constexpr std::int64_t windows = 512, batch = 64;
  std::vector<float> values(static_cast<std::size_t>(windows * shape.sensors * shape.steps * shape.channels));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(0.37f * static_cast<float>(i % 10007));
  std::vector<std::int32_t> labels(static_cast<std::size_t>(windows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) % shape.classes);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(windows));
  std::iota(rows.begin(), rows.end(), 0);
  const auto communicator = make_single_communicator();
  const auto channels = static_cast<std::size_t>(shape.sensors * shape.channels);
  std::vector<std::vector<std::int64_t>> triples(static_cast<std::size_t>(shape.sensors));
  for (auto& first : triples)
    for (std::int64_t channel = 0; channel < shape.channels; channel += 3) first.push_back(channel);
  Training training(run,
                    {shape, windows_end_to_end(shape.sensors, shape.steps, shape.channels, values), labels, triples,
                     std::vector<float>(channels, 0), std::vector<float>(channels, 0.7f)},
                    rows, *communicator, at::kCPU);
  std::uint32_t step = 0;
  const auto one = [&] {
    const auto first = static_cast<std::size_t>(step % (windows / batch) * batch);
    training.train_step(1, ++step, std::span(rows).subspan(first, batch));
  };
  for (int warm_up = 0; warm_up < 3; ++warm_up) one();
  for (auto _ : state) one();
  state.SetItemsProcessed(state.iterations() * batch);
}

/// Threads. Beside the time that passed, the processor's of all threads: what other programs took is not in it.
void threads(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t count : {1, 2}) bench->Arg(count);
  bench->ArgName("threads")->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(train, default_uci_har, "default", uci_har)->Apply(threads);
BENCHMARK_CAPTURE(train, faithful_uci_har, "faithful", uci_har)->Apply(threads);
BENCHMARK_CAPTURE(train, default_dsads, "default", dsads)->Apply(threads);
BENCHMARK_CAPTURE(train, faithful_dsads, "faithful", dsads)->Apply(threads);

} // namespace
} // namespace stdualx

int main(int count, char** values) {
  std::printf("%s layers\n", stdualx::kernels_in_use().c_str());
  stdualx::keep_freed_memory();
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
