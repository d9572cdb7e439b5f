// Capture and replay on a stream of its own. See step_graph.h.
#include "worker/training/step_graph.h"

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <optional>

namespace stdualx {

namespace {
class CudaGraphDevice final : public GraphDevice {
public:
  explicit CudaGraphDevice(c10::Device device) : device_(device), stream_(c10::cuda::getStreamFromPool(false, device.index())) {}

  // The first runs are on the stream that is captured later: libraries make their workspaces by stream, and must have made them.
  void run(const std::function<void()>& body) override { between(body); }

  void capture(const std::function<void()>& body) override {
    between([&] {
      graph_.emplace();
      // Other threads (a checkpoint that is written) may use the device meanwhile.
      graph_->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        body();
      } catch (...) {
        try {
          graph_->capture_end();
        } catch (const std::exception&) { // it was broken already; the first cause is told
        }
        graph_.reset();
        cudaGetLastError(); // a broken capture leaves its error behind
        throw;
      }
      graph_->capture_end();
    });
  }

  void replay() override {
    between([&] { graph_->replay(); });
  }

private:
  /// `body` on our stream, after all that the current one holds, and before what it will hold.
  void between(const std::function<void()>& body) {
    const auto outer = c10::cuda::getCurrentCUDAStream(device_.index());
    at::cuda::CUDAEvent before, after;
    before.record(outer);
    before.block(stream_);
    {
      const c10::cuda::CUDAStreamGuard guard(stream_);
      body();
    }
    after.record(stream_);
    after.block(outer);
  }

  const c10::Device device_;
  const c10::cuda::CUDAStream stream_;
  std::optional<at::cuda::CUDAGraph> graph_;
};
} // namespace

std::unique_ptr<GraphDevice> make_graph_device(c10::Device device) {
  return graphs_wanted() && device.is_cuda() ? std::make_unique<CudaGraphDevice>(device) : nullptr;
}

} // namespace stdualx
