// What a training step asks of a device, counted on the CPU in the plain layers, which are a GPU's: how many operations, none of them one
// that waits for the host or whose result has a size that only the values tell, and the same ones in every step. A step that keeps to this
// can be captured in a CUDA graph; a GPU's driver takes a launch for each.
#include "training_fixture.h"
#include "worker/training/training.h"

#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace stdualx {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

/// Operations that a call of `body` computed with: those that call no others which work. Views and allocations are no work; a convolution
/// or a matrix product is one operation, whatever this processor's library makes of it.
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
    bool calls_work = false, in_whole = false;
    Call* outer = nullptr;
  };
  static bool is_one_of(std::initializer_list<std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  }
  static bool is_whole(std::string_view name) {
    return is_one_of({"aten::convolution", "aten::convolution_backward", "aten::bmm", "aten::baddbmm", "aten::mm", "aten::addmm"}, name);
  }
  static bool is_no_work(std::string_view name) {
    return is_one_of({"aten::view",        "aten::as_strided",
                      "aten::expand",      "aten::transpose",
                      "aten::permute",     "aten::select",
                      "aten::narrow",      "aten::slice",
                      "aten::unsqueeze",   "aten::squeeze",
                      "aten::detach",      "aten::detach_",
                      "aten::empty",       "aten::t",
                      "aten::unbind",      "aten::alias",
                      "aten::unfold",      "aten::split",
                      "aten::resize_",     "aten::_reshape_alias",
                      "aten::empty_like",  "aten::empty_strided",
                      "aten::lift_fresh",  "aten::_unsafe_view",
                      "aten::result_type", "aten::resolve_conj",
                      "aten::resolve_neg", "aten::reshape",
                      "aten::to"},
                     name);
  }
  static std::unique_ptr<at::ObserverContext> on_call(const at::RecordFunction& function) {
    auto call = std::make_unique<Call>();
    call->outer = running->innermost_;
    call->in_whole = is_whole(function.name()) || (call->outer != nullptr && call->outer->in_whole);
    running->innermost_ = call.get();
    return call;
  }
  static void on_return(const at::RecordFunction& function, at::ObserverContext* context) {
    const auto* const call = dynamic_cast<Call*>(context);
    const std::string name = function.name();
    running->innermost_ = call->outer;
    const bool within_a_whole = call->outer != nullptr && call->outer->in_whole;
    const bool works = is_whole(name) || (!call->calls_work && name.starts_with("aten::") && !is_no_work(name));
    if (works && !within_a_whole) running->computed.push_back(name.substr(6));
    if ((works || call->calls_work) && call->outer != nullptr) call->outer->calls_work = true;
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

/// None of what waits for the host, or has a result whose size the values tell.
auto none_that_waits() {
  return Each(Not(AnyOf("item", "_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "is_nonzero", HasSubstr("sort"),
                        "index_put_", "_index_put_impl_")));
}

TEST_F(OperationsOfAStep, NeverWaitForTheHostNorHaveASizeThatValuesTell) { EXPECT_THAT(of_step(1), none_that_waits()); }

TEST_F(OperationsOfAStep, InAPackAreTheSameInEveryStepAndNeverWaitForTheHost) {
  Turns turns([] { throw std::logic_error("nobody in the pack can go on"); });
  Pack pack(2, turns);
  of_step(1);
  ASSERT_TRUE(training->join(pack));
  of_step(2); // makes the program
  const auto third = of_step(3);
  EXPECT_EQ(third, of_step(4));
  EXPECT_THAT(third, none_that_waits());
  training.reset(); // before the pack that it has a place in
}

TEST_F(OperationsOfAStep, AreNotMoreThanTheyWere) {
  constexpr std::size_t most = 827; // of the default network; fewer is better, and then this number goes down
  const auto operations = of_step(1);
  std::map<std::string, int> by_name;
  for (const std::string& name : operations) ++by_name[name];
  std::string listed;
  for (const auto& [name, count] : by_name) listed += name + " " + std::to_string(count) + "\n";
  EXPECT_LE(operations.size(), most) << listed;
}

} // namespace
} // namespace stdualx
