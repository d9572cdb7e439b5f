// A group of one.
#include "worker/training/communicator.h"

namespace stdualx {

namespace {
class SingleCommunicator final : public Communicator {
public:
  std::int64_t rank() const override { return 0; }
  std::int64_t size() const override { return 1; }
  void all_reduce_sum(at::Tensor&) override {}
  double take_seconds() override { return 0; }
};
} // namespace

std::unique_ptr<Communicator> make_single_communicator() { return std::make_unique<SingleCommunicator>(); }

} // namespace stdualx
