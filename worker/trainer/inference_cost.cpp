// See inference_cost.h.
#include "worker/trainer/inference_cost.h"

#include "model/network.h"
#include "worker/training/checkpoint.h"
#include "worker/trainer/platform.h"
#include "worker/trainer/trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <new>

#ifdef STDUALX_WITH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime.h>
#endif

namespace stdualx {

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t product(at::IntArrayRef sizes) {
  std::int64_t all = 1;
  for (const std::int64_t size : sizes) all *= size;
  return all;
}

/// Operations of one operator, from its inputs. A convolution's are those of one number of its output.
std::int64_t operations_of(const std::string& name, c10::ArrayRef<const c10::IValue> inputs) {
  const auto tensor = [&](std::size_t place) { return inputs[place].toTensor(); };
  if (name == "aten::mm") return 2 * tensor(0).numel() * tensor(1).size(1);
  if (name == "aten::addmm") return 2 * tensor(1).numel() * tensor(2).size(1);
  if (name == "aten::bmm") return 2 * tensor(0).numel() * tensor(1).size(2);
  if (name == "aten::baddbmm") return 2 * tensor(1).numel() * tensor(2).size(2);
  if (name == "aten::convolution") return 2 * product(tensor(1).sizes().slice(1)); // weight [out, in / groups, ...]
  // Each weight of each layer and direction [4 * hidden, in] is used once for each step of each window. Which kernels do it (oneDNN's,
  // cuDNN's, products of matrices) is not ours to know.
  if (name == "aten::lstm") {
    std::int64_t weights = 0;
    for (const at::Tensor& parameter : inputs[2].toTensorVector())
      if (parameter.dim() == 2) weights += parameter.numel();
    return 2 * weights * tensor(0).size(0) * tensor(0).size(1);
  }
  // Query, key, value [..., length, width]: the scores, then their sum over the values.
  if (name.starts_with("aten::_scaled_dot_product") && !name.ends_with("_math"))
    return 2 * tensor(0).numel() * tensor(1).size(-2) +
           2 * tensor(0).numel() / tensor(0).size(-1) * tensor(1).size(-2) * tensor(2).size(-1);
  return 0;
}

/// Operations so far of the thread's running count; null while nothing is counted.
thread_local std::int64_t* counted = nullptr;
/// Operators that were counted whole and are running: what they call is in their count.
thread_local int inside_counted = 0;

struct Whole final : at::ObserverContext {};

struct Convolution final : at::ObserverContext {
  explicit Convolution(std::int64_t each) : operations_of_each_number(each) {}
  std::int64_t operations_of_each_number;
};

std::unique_ptr<at::ObserverContext> on_call(const at::RecordFunction& call) {
  const std::string name = call.name();
  if (inside_counted > 0) return nullptr;
  const std::int64_t operations = operations_of(name, call.inputs());
  if (name == "aten::convolution") return std::make_unique<Convolution>(operations);
  *counted += operations;
  if (name != "aten::lstm") return nullptr;
  ++inside_counted;
  return std::make_unique<Whole>();
}

void on_return(const at::RecordFunction& call, at::ObserverContext* context) {
  if (dynamic_cast<Whole*>(context) != nullptr) --inside_counted;
  if (const auto* convolution = dynamic_cast<Convolution*>(context))
    *counted += convolution->operations_of_each_number * call.outputs().at(0).toTensor().numel();
}

/// Counts what tensors hold on the CPU while it lives, in the place of torch's allocator. The size stands before the values.
class CountingAllocator final : public c10::Allocator {
public:
  CountingAllocator() : before_(c10::GetAllocator(c10::kCPU)) { c10::SetAllocator(c10::kCPU, this, 1); }
  ~CountingAllocator() override { c10::SetAllocator(c10::kCPU, before_, 1); }
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  c10::DataPtr allocate(std::size_t bytes) override {
    const std::size_t whole = (bytes + 2 * alignment - 1) / alignment * alignment; // the size's own line, then the values
    auto* const block = static_cast<std::byte*>(std::aligned_alloc(alignment, whole));
    if (block == nullptr) throw std::bad_alloc();
    new (block) std::size_t(bytes);
    now_ += static_cast<std::int64_t>(bytes);
    peak_ = std::max(peak_.load(), now_.load());
    std::byte* const values = block + alignment;
    return {values, values, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

  static void restart() { peak_ = now_.load(); }
  static std::int64_t peak() { return peak_; }

private:
  static constexpr std::size_t alignment = c10::gAlignment;
  static void release(void* values) {
    if (values == nullptr) return;
    std::byte* const block = static_cast<std::byte*>(values) - alignment;
    now_ -= static_cast<std::int64_t>(*std::launder(reinterpret_cast<std::size_t*>(block)));
    std::free(block);
  }
  // A tensor may outlive the allocator: what it gives back is counted on what lives as long as the process.
  static inline std::atomic<std::int64_t> now_{0}, peak_{0};
  c10::Allocator* before_;
};

/// Linux's VmHWM: the largest resident set, bytes; NaN where it cannot be read.
double peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  return std::nan("");
}

void wait_for(at::Device device) {
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda() && cudaDeviceSynchronize() != cudaSuccess) throw StorageError("the GPU failed while it was measured");
#else
  (void)device;
#endif
}

double percentile(std::vector<double> seconds, double share) {
  std::sort(seconds.begin(), seconds.end());
  const auto place = static_cast<std::size_t>(std::ceil(share * static_cast<double>(seconds.size()))); // nearest rank
  return seconds[std::max<std::size_t>(place, 1) - 1];
}

} // namespace

std::int64_t count_operations(const std::function<void()>& body) {
  struct Counting {
    explicit Counting(std::int64_t* count)
        : callback(at::addThreadLocalCallback(
              at::RecordFunctionCallback(on_call, on_return).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}))) {
      counted = count;
    }
    ~Counting() {
      at::removeCallback(callback);
      counted = nullptr;
    }
    at::CallbackHandle callback;
  };
  std::int64_t operations = 0;
  const c10::AutoGradMode plain_layers(true); // fused ones call no operator; without gradients, evaluation would use them
  const Counting counting(&operations);
  body();
  return operations;
}

EfficiencyReport inference_cost(const Assignment& assignment, at::Device device, const InferenceCostOptions& options) {
  const at::NoGradGuard no_gradients;
  at::set_num_threads(static_cast<int>(assignment.run.threads));
  const CountingAllocator allocator;
  SafetensorsFile file = read_weights(assignment.store_directory, assignment.resume_path, assignment.resume_sha256, assignment.run_id);
  const InputShape shape = from_json<InputShape>(Json::parse(file.metadata.at("shape")));
  const at::ScalarType type = assignment.run.training.precision == "float64" ? at::kDouble : at::kFloat;
  const auto network = make_network(assignment.run.model, shape, {assignment.run.seed}, type, device);
  double parameters = 0;
  for (const auto* tensors : {&network->parameters(), &network->buffers()})
    for (const NamedTensor& named : *tensors) {
      const auto stored = file.tensors.find(named.name);
      if (stored == file.tensors.end() || stored->second.sizes() != named.tensor.sizes())
        throw InputError(assignment.resume_path + ": its tensor '" + named.name + "' does not fit the network");
      named.tensor.detach().copy_(stored->second);
      if (tensors == &network->parameters()) parameters += static_cast<double>(named.tensor.numel());
    }
  file.tensors.clear(); // or the weights would be counted twice

  const StepContext context;
  const auto windows_of = [&](std::int64_t batch) {
    return at::randn({1, batch, shape.sensors, shape.steps, shape.channels}, at::TensorOptions().dtype(type)).to(device);
  };
  const auto seconds_of = [&](const at::Tensor& windows) {
    const auto start = Clock::now();
    network->forward(windows, context);
    wait_for(device);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };

  EfficiencyReport report;
  report.run_id = assignment.run_id;
  const Placement place = this_placement(device);
  report.host = place.host;
  report.device = place.device;
  report.platform = place.platform;
  report.threads = assignment.run.threads;
  const auto say = [&](const std::string& name, double value) { report.metrics.push_back({name, value}); };

  const at::Tensor one = windows_of(1);
  for (std::int64_t i = 0; i < options.warm_up; ++i) seconds_of(one);
  std::vector<double> latencies;
  for (std::int64_t i = 0; i < options.latency_repetitions; ++i) latencies.push_back(seconds_of(one));
  say("latency_median", percentile(latencies, 0.5));
  say("latency_p99", percentile(latencies, 0.99));
  CountingAllocator::restart();
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
#endif
  seconds_of(one);
  double peak = static_cast<double>(CountingAllocator::peak());
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) peak = static_cast<double>(c10::cuda::CUDACachingAllocator::getDeviceStats(device.index()).allocated_bytes[0].peak);
#endif
  say("allocator_peak_bytes", peak);
  say("process_peak_bytes", peak_resident_bytes());
  say("parameters", parameters);
  say("flops", static_cast<double>(count_operations([&] { network->forward(one, context); })));
  for (const std::int64_t batch : options.batches) {
    const at::Tensor windows = windows_of(batch);
    seconds_of(windows);
    std::vector<double> seconds;
    for (std::int64_t i = 0; i < options.throughput_repetitions; ++i) seconds.push_back(seconds_of(windows));
    say("windows_per_second_" + std::to_string(batch), static_cast<double>(batch) / percentile(seconds, 0.5));
  }
  return report;
}

} // namespace stdualx
