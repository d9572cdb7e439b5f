// Windows a second of a whole training step on cores, with data, augmentation, optimiser and averages, at UCI-HAR's shape (3 sensors, 128
// steps, 3 channels, 6 classes), batch 64. With the layers that STDUALX_KERNELS names; run plain and fused by turns.
#include "model/kernels.h"
#include "worker/batches.h"
#include "worker/platform.h"
#include "worker/training.h"

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <numeric>

namespace stdualx {
namespace {

RunSpec faithful() {
  RunSpec run;
  run.model.asinh_knee = 0;
  run.model.stem_layers = 0;
  run.model.stdat_layers = 5;
  run.model.temporal_heads = 3;
  return run;
}

void train(benchmark::State& state, const RunSpec& run) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const InputShape shape{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  constexpr std::int64_t windows = 512, batch = 64;
  std::vector<float> values(static_cast<std::size_t>(windows * shape.sensors * shape.steps * shape.channels));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(0.37f * static_cast<float>(i % 10007));
  std::vector<std::int32_t> labels(static_cast<std::size_t>(windows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 6);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(windows));
  std::iota(rows.begin(), rows.end(), 0);
  const auto communicator = make_single_communicator();
  Training training(run, {shape, values, labels, {{0}, {0}, {0}}, std::vector<float>(9, 0), std::vector<float>(9, 0.7f)}, rows,
                    *communicator, at::kCPU);
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

BENCHMARK_CAPTURE(train, default, RunSpec{})->Apply(threads);
BENCHMARK_CAPTURE(train, faithful, faithful())->Apply(threads);

} // namespace
} // namespace stdualx

int main(int count, char** values) {
  std::printf("%s layers\n", stdualx::kernels_in_use().c_str());
  stdualx::keep_freed_memory();
  benchmark::Initialize(&count, values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
