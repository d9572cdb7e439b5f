// NCCL without blocking.
#include "worker/training/communicator_nccl.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <nccl.h>

#include <sched.h>

#include <exception>
#include <source_location>
#include <utility>

namespace stdualx {

namespace {
using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds finalize_deadline{10}; // all members are past their last collective, so this takes milliseconds

class NcclCommunicator final : public Communicator {
public:
  NcclCommunicator(Communicator& bootstrap, std::unique_ptr<DeviceQueue> queue, NcclControl control)
      : queue_(std::move(queue)), control_(std::move(control)), rank_(bootstrap.rank()), size_(bootstrap.size()) {
    const ncclUniqueId id = share_unique_id(bootstrap);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    try {
      check(ncclCommInitRankConfig(&communicator_, static_cast<int>(size_), id, static_cast<int>(rank_), &config));
      wait_until([] { return true; }, control_.deadline, control_.look);
    } catch (...) {
      abort();
      throw;
    }
  }

  ~NcclCommunicator() override {
    // Left by an exception: the peers may be anywhere, so there is nothing to wait for.
    if (std::uncaught_exceptions() > exceptions_before_) abort();
    if (!communicator_) return;
    // Every member finalizes, so that nobody frees memory a peer still reads; a peer that does not is left behind by an abort.
    try {
      check(ncclCommFinalize(communicator_));
      wait_until([] { return true; }, finalize_deadline, nullptr); // a destructor must not throw, so it does not look at the socket
      ncclCommDestroy(std::exchange(communicator_, nullptr));
    } catch (const std::exception&) {
      abort();
    }
  }

  std::int64_t rank() const override { return rank_; }
  std::int64_t size() const override { return size_; }
  double take_seconds() override { return std::exchange(seconds_, 0.0); }

  void all_reduce_sum(at::Tensor& tensor) override {
    if (tensor.numel() == 0) return; // on every rank alike
    if (!communicator_) throw GroupBroken("the NCCL group is over");
    const auto start = Clock::now();
    const at::NoGradGuard no_gradients;
    at::Tensor values = tensor.detach().to(queue_->device()).contiguous();
    TORCH_CHECK(values.scalar_type() == at::kFloat || values.scalar_type() == at::kDouble, "a collective takes float32 or float64");
    const ncclDataType_t type = values.scalar_type() == at::kDouble ? ncclFloat64 : ncclFloat32;
    void* data = values.mutable_data_ptr();
    try {
      check(ncclAllReduce(data, data, static_cast<std::size_t>(values.numel()), type, ncclSum, communicator_,
                          static_cast<cudaStream_t>(queue_->native())));
      wait_until([] { return true; }, control_.deadline,
                 control_.look); // the call itself may still be in progress; the mark must come after it
      queue_->mark();
      wait_until([this] { return queue_->passed(); }, control_.deadline, control_.look);
    } catch (...) {
      abort();
      throw;
    }
    if (!values.is_same(tensor)) tensor.copy_(values);
    seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  /// The 128 bytes of member 0's id, as a sum of numbers of which all others are 0.
  static ncclUniqueId share_unique_id(Communicator& bootstrap) {
    ncclUniqueId id{};
    if (bootstrap.rank() == 0) check(ncclGetUniqueId(&id));
    at::Tensor bytes = at::zeros({NCCL_UNIQUE_ID_BYTES}, at::kFloat);
    for (int i = 0; i < NCCL_UNIQUE_ID_BYTES; ++i) bytes.mutable_data_ptr<float>()[i] = static_cast<unsigned char>(id.internal[i]);
    bootstrap.all_reduce_sum(bytes);
    for (int i = 0; i < NCCL_UNIQUE_ID_BYTES; ++i)
      id.internal[i] = static_cast<char>(static_cast<unsigned char>(bytes.const_data_ptr<float>()[i]));
    return id;
  }

  /// ncclInProgress is no failure: wait_until follows.
  static void check(ncclResult_t result, ncclComm_t communicator = nullptr, std::source_location where = std::source_location::current()) {
    if (result == ncclSuccess || result == ncclInProgress) return;
    const char* last = ncclGetLastError(communicator);
    const std::string text = std::string("NCCL: ") + ncclGetErrorString(result) + (last && *last ? std::string(": ") + last : "") + " (" +
                             where.file_name() + ":" + std::to_string(where.line()) + ")";
    // A wrong call fails again wherever it is tried; anything else may be a peer, a cable, a device.
    if (result == ncclInvalidArgument || result == ncclInvalidUsage) throw std::runtime_error(text);
    throw GroupBroken(text);
  }

  template <class Done> void wait_until(const Done& done, std::chrono::milliseconds deadline, const std::function<void()>& look,
                                        std::source_location where = std::source_location::current()) {
    const auto start = Clock::now();
    while (true) {
      ncclResult_t state = ncclSuccess;
      check(ncclCommGetAsyncError(communicator_, &state), communicator_, where);
      check(state, communicator_, where);
      if (state == ncclSuccess && done()) return;
      if (look) look();
      if (Clock::now() - start > deadline)
        throw GroupBroken("an NCCL collective did not finish within " + std::to_string(deadline.count()) + " ms (" + where.file_name() +
                          ":" + std::to_string(where.line()) + ")");
      ::sched_yield();
    }
  }

  void abort() noexcept {
    if (communicator_) ncclCommAbort(std::exchange(communicator_, nullptr));
  }

  const std::unique_ptr<DeviceQueue> queue_;
  const NcclControl control_;
  const std::int64_t rank_, size_;
  const int exceptions_before_ = std::uncaught_exceptions();
  ncclComm_t communicator_ = nullptr;
  double seconds_ = 0;
};
} // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& bootstrap, std::unique_ptr<DeviceQueue> queue, NcclControl control) {
  return std::make_unique<NcclCommunicator>(bootstrap, std::move(queue), std::move(control));
}

} // namespace stdualx
