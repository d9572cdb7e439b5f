// Windows a second of the network's step and of evaluation, at UCI-HAR's shape (3 sensors, 128 steps, 3 channels, 6 classes), on one
// core and two, and on a GPU where there is one. With the layers that STDUALX_KERNELS names.
// Run alone, and compare with an interleaved run of another build: on a shared machine single readings vary widely.
#include "experiments/presets.h"
#include "model/loss.h"
#include "model/stdual_x.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

namespace stdualx {
namespace {

void run(benchmark::State& state, const ModelConfig& config, bool training, at::DeviceType device = at::kCPU) {
  if (device == at::kCUDA && !at::globalContext().hasCUDA()) return state.SkipWithError("needs a GPU");
  at::set_num_threads(device == at::kCPU ? static_cast<int>(state.range(1)) : 2);
  at::globalContext().setAllowTF32CuDNN(false); // as a trainer does
  const std::int64_t batch = state.range(0);
  const InputShape shape{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  StdualX model(config, shape, {1}, at::kFloat, device);
  const at::Tensor windows = at::randn({1, batch, 3, 128, 3}).to(device);
  const at::Tensor labels = at::arange(batch, at::kLong).remainder(6).unsqueeze(0).to(device);
  StepContext context{.training = training, .counters = step_counters(0, 0).to(device)};
  const c10::AutoGradMode gradients(training);
  const auto step = [&] {
    context.counters.add_(1);
    const ModelOutput output = model.forward(windows, context);
    if (training) {
      loss(output, labels, TrainingConfig{}, context).total.backward();
      for (const NamedTensor& parameter : model.parameters()) parameter.tensor.mutable_grad().reset();
    }
    if (device == at::kCUDA) output.logits[0][0][0].item<float>(); // waits for the device
  };
  for (int warm_up = 0; warm_up < 3; ++warm_up) step();
  for (auto _ : state) step();
  state.SetItemsProcessed(state.iterations() * batch);
}

/// Batch and threads. Beside the time that passed, the processor's of all threads: what other programs took is not in it.
void on_cores(benchmark::internal::Benchmark* bench, std::initializer_list<std::int64_t> batches) {
  for (const std::int64_t batch : batches)
    for (const std::int64_t threads : {1, 2}) bench->Args({batch, threads});
  bench->ArgNames({"batch", "threads"})->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}
void training(benchmark::internal::Benchmark* bench) { on_cores(bench, {64}); }
void evaluation(benchmark::internal::Benchmark* bench) { on_cores(bench, {1, 64, 512}); }

BENCHMARK_CAPTURE(run, train_default, ModelConfig{}, true)->Apply(training);
BENCHMARK_CAPTURE(run, train_faithful, preset("faithful").model, true)->Apply(training);
BENCHMARK_CAPTURE(run, evaluate_default, ModelConfig{}, false)->Apply(evaluation);
BENCHMARK_CAPTURE(run, evaluate_faithful, preset("faithful").model, false)->Apply(evaluation);
BENCHMARK_CAPTURE(run, gpu_train_default, ModelConfig{}, true, at::kCUDA)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, gpu_train_faithful, preset("faithful").model, true, at::kCUDA)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, gpu_evaluate_default, ModelConfig{}, false, at::kCUDA)
    ->Arg(1)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
} // namespace stdualx
