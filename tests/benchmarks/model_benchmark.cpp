// Windows a second of the network's step and of evaluation, at UCI-HAR's shape (3 sensors, 128 steps, 3 channels, 6 classes), on two
// cores and on a GPU where there is one.
// Run alone, and compare with an interleaved run of another build: on a shared machine single readings vary widely.
#include "model/loss.h"
#include "model/stdual_x.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

namespace stdualx {
namespace {

ModelConfig faithful() {
  ModelConfig config;
  config.asinh_knee = 0;
  config.stem_layers = 0;
  config.stdat_layers = 5;
  config.temporal_heads = 3;
  return config;
}

void run(benchmark::State& state, const ModelConfig& config, bool training, at::DeviceType device = at::kCPU) {
  if (device == at::kCUDA && !at::globalContext().hasCUDA()) return state.SkipWithError("needs a GPU");
  at::set_num_threads(2);
  at::globalContext().setAllowTF32CuDNN(false); // as a trainer does
  const std::int64_t batch = state.range(0);
  const InputShape shape{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  StdualX model(config, shape, {1}, at::kFloat, device);
  const at::Tensor windows = at::randn({1, batch, 3, 128, 3}).to(device);
  const at::Tensor labels = at::arange(batch, at::kLong).remainder(6).unsqueeze(0).to(device);
  StepContext context{.training = training};
  const c10::AutoGradMode gradients(training);
  const auto step = [&] {
    ++context.step;
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

BENCHMARK_CAPTURE(run, train_default, ModelConfig{}, true)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, train_faithful, faithful(), true)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, evaluate_default, ModelConfig{}, false)->Arg(1)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, gpu_train_default, ModelConfig{}, true, at::kCUDA)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, gpu_train_faithful, faithful(), true, at::kCUDA)->Arg(64)->Arg(512)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, gpu_evaluate_default, ModelConfig{}, false, at::kCUDA)
    ->Arg(1)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
} // namespace stdualx
