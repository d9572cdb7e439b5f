// The CUDA stream behind a DeviceQueue, apart from communicator_nccl.cpp so that its control flow is tested without a device.
#include "worker/training/communicator_nccl.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <string>

namespace stdualx {

namespace {
void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) throw std::runtime_error(std::string("CUDA, ") + what + ": " + cudaGetErrorString(result));
}

class CudaQueue final : public DeviceQueue {
public:
  explicit CudaQueue(at::Device device) : device_(device) {
    const c10::cuda::CUDAGuard guard(device_);
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event");
  }
  ~CudaQueue() override { cudaEventDestroy(event_); }
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  at::Device device() const override { return device_; }
  void* native() override { return stream(); }
  void mark() override { check(cudaEventRecord(event_, stream()), "recording an event"); }
  bool passed() override {
    const cudaError_t result = cudaEventQuery(event_);
    if (result == cudaErrorNotReady) return false;
    check(result, "asking for an event");
    return true;
  }

private:
  cudaStream_t stream() const { return c10::cuda::getCurrentCUDAStream(device_.index()).stream(); }

  const at::Device device_;
  cudaEvent_t event_ = nullptr;
};
} // namespace

std::unique_ptr<DeviceQueue> make_cuda_queue(at::Device device) { return std::make_unique<CudaQueue>(device); }

} // namespace stdualx
