// Collectives by way of the agents.
#include "worker/training/communicator_shared.h"

#include "experiments/spec/fault.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cstring>
#include <utility>

namespace stdualx {

namespace {
class SharedCommunicator final : public Communicator {
public:
  SharedCommunicator(AgentLink& link, std::int64_t group_id, std::int64_t rank, std::int64_t size)
      : link_(link), group_id_(group_id), rank_(rank), size_(size) {}

  std::int64_t rank() const override { return rank_; }
  std::int64_t size() const override { return size_; }
  double take_seconds() override { return std::exchange(seconds_, 0.0); }

  void all_reduce_sum(at::Tensor& tensor) override {
    if (tensor.numel() == 0) return; // on every rank alike
    const auto start = std::chrono::steady_clock::now();
    const at::NoGradGuard no_gradients;
    const at::Tensor local = tensor.detach().to(at::kCPU).contiguous();
    const auto bytes = static_cast<std::size_t>(local.numel()) * local.element_size();
    std::byte* shared = link_.memory.values(bytes);
    std::memcpy(shared, local.const_data_ptr(), bytes);
    const std::string type = local.scalar_type() == at::kDouble ? "float64" : "float32";
    TORCH_CHECK(type == "float64" || local.scalar_type() == at::kFloat, "a collective takes float32 or float64");
    fault_point(FaultPoint::trainer_collective);
    if (!link_.sum({group_id_, sequence_, local.numel(), type}))
      throw GroupBroken("a member of group " + std::to_string(group_id_) + " died or left");
    ++sequence_;
    tensor.copy_(at::from_blob(shared, local.sizes(), local.options()));
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  AgentLink& link_;
  const std::int64_t group_id_, rank_, size_;
  std::int64_t sequence_ = 0;
  double seconds_ = 0;
};
} // namespace

std::unique_ptr<Communicator> make_shared_communicator(AgentLink& link, std::int64_t group_id, std::int64_t rank, std::int64_t size) {
  return std::make_unique<SharedCommunicator>(link, group_id, rank, size);
}

} // namespace stdualx
