// What a training step asks of a device, counted on the CPU in the plain layers, which are a GPU's: how many operations, none of them one
// that waits for the host or whose result has a size that only the values tell, and the same ones in every step. A step that keeps to this
// can be captured in a CUDA graph; a GPU's driver takes a launch for each.
#include "training_fixture.h"
#include "worker/training/training.h"

#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace stdualx {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

/// Operations of a call that computed something: without those that called others, and without views and allocations.
class Operations {
public:
  explicit Operations(const std::function<void()>& body) {
    running = this;
    const auto callback = at::addThreadLocalCallback(
        at::RecordFunctionCallback(on_call, on_return).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    body();
    at::removeCallback(callback);
    running = nullptr;
  }

  std::vector<std::string> computed;

private:
  struct Call final : at::ObserverContext {
    bool calls_others = false;
    Call* outer = nullptr;
  };
  static std::unique_ptr<at::ObserverContext> on_call(const at::RecordFunction&) {
    auto call = std::make_unique<Call>();
    if (running->innermost_ != nullptr) running->innermost_->calls_others = true;
    call->outer = running->innermost_;
    running->innermost_ = call.get();
    return call;
  }
  static void on_return(const at::RecordFunction& function, at::ObserverContext* context) {
    auto* const call = dynamic_cast<Call*>(context);
    running->innermost_ = call->outer;
    const std::string name = function.name();
    static const std::vector<std::string> no_work = {
        "view",   "as_strided", "expand", "transpose", "permute", "select", "narrow", "slice",          "unsqueeze", "squeeze",       "detach",
        "detach_", "empty",      "t",      "unbind",    "alias",   "unfold", "split",  "_reshape_alias", "empty_like", "empty_strided", "_unsafe_view",
        "resize_", "lift_fresh", "set_data", "is_nonzero_never"};
    const std::string bare = name.starts_with("aten::") ? name.substr(6) : name;
    if (!call->calls_others && name.starts_with("aten::") && std::ranges::find(no_work, bare) == no_work.end()) running->computed.push_back(bare);
  }

  static inline thread_local Operations* running = nullptr;
  Call* innermost_ = nullptr;
};

class OperationsOfAStep : public testing::Test {
protected:
  OperationsOfAStep() {
    run.training.precision = "float64"; // the plain layers
    run.training.batch_size = 32;
  }
  std::vector<std::string> of_step(std::uint32_t step) {
    if (!training) training = std::make_unique<Training>(run, data.windows(), rows(), *communicator, at::kCPU);
    const auto all = rows();
    return Operations([&] { training->train_step(1, step, all); }).computed;
  }
  std::vector<std::int64_t> rows() const {
    std::vector<std::int64_t> all(32);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  const test::SyntheticWindows data;
  const std::unique_ptr<Communicator> communicator = make_single_communicator();
  RunSpec run; // the default network
  std::unique_ptr<Training> training;
};

TEST_F(OperationsOfAStep, AreTheSameInEveryStep) {
  const auto first = of_step(1), second = of_step(2);
  EXPECT_EQ(second, of_step(3));
  EXPECT_EQ(second, of_step(4));
  EXPECT_EQ(first, second);
}

TEST_F(OperationsOfAStep, NeverWaitForTheHostNorHaveASizeThatValuesTell) {
  EXPECT_THAT(of_step(1), Each(Not(AnyOf("item", "_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "is_nonzero",
                                         HasSubstr("sort"), "index_put_", "_index_put_impl_"))));
}

TEST_F(OperationsOfAStep, AreFewEnoughForADriverThatTakesALaunchForEach) {
  const auto operations = of_step(1);
  std::map<std::string, int> by_name;
  for (const std::string& name : operations) ++by_name[name];
  std::string listed;
  for (const auto& [name, count] : by_name) listed += name + " " + std::to_string(count) + "\n";
  EXPECT_LE(operations.size(), 100u) << listed;
}

} // namespace
} // namespace stdualx
