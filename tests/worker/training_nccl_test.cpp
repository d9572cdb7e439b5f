// The control flow around NCCL, against a stand-in: nothing blocks, every failure aborts exactly once and names its place.
#include "nccl_stand_in.h"
#include "worker/training/communicator_nccl.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

using test::nccl_stand_in;
using test::NcclStandIn;
using ::testing::HasSubstr;
using ::testing::Throws;
using ::testing::ThrowsMessage;

/// Passes a mark after being asked `questions` times; never, if negative.
class TestQueue final : public DeviceQueue {
public:
  explicit TestQueue(int questions) : questions_(questions) {}
  at::Device device() const override { return at::kCPU; }
  void* native() override { return nullptr; }
  void mark() override { left_ = questions_; }
  bool passed() override { return left_ >= 0 && left_-- == 0; }

private:
  const int questions_;
  int left_ = 0;
};

/// Member 1 of 3, whose member 0 sends the bytes 255, 254, ...
class TestBootstrap final : public Communicator {
public:
  explicit TestBootstrap(std::int64_t rank) : rank_(rank) {}
  std::int64_t rank() const override { return rank_; }
  std::int64_t size() const override { return 3; }
  double take_seconds() override { return 0; }
  void all_reduce_sum(at::Tensor& tensor) override {
    if (rank_ != 0) tensor.add_(255 - at::arange(128, at::kFloat));
  }

private:
  const std::int64_t rank_;
};

class Nccl : public ::testing::Test {
protected:
  Nccl() { nccl = NcclStandIn{}; }
  std::unique_ptr<Communicator> make(int questions = 2, NcclControl control = {}, std::int64_t rank = 1) {
    TestBootstrap bootstrap(rank);
    return make_nccl_communicator(bootstrap, std::make_unique<TestQueue>(questions), std::move(control));
  }
  /// Looks `times` times, then says that the group is broken.
  static NcclControl broken_after(int times) {
    return {[left = std::make_shared<int>(times)] {
      if ((*left)-- == 0) throw GroupBroken("a member died");
    }};
  }
  NcclStandIn& nccl = nccl_stand_in();
};

TEST_F(Nccl, FormsTheGroupWithMemberZerosIdWithoutBlocking) {
  nccl.in_progress = 3;
  for (std::int64_t rank = 0; rank < 2; ++rank) {
    const auto communicator = make(2, {}, rank);
    EXPECT_EQ(communicator->size(), 3);
    EXPECT_EQ(nccl.last_size, 3);
    EXPECT_EQ(nccl.last_rank, rank);
    EXPECT_EQ(nccl.last_blocking, 0);
    for (int i = 0; i < NCCL_UNIQUE_ID_BYTES; ++i) ASSERT_EQ(nccl.last_id[static_cast<std::size_t>(i)], static_cast<char>(255 - i));
  }
}

TEST_F(Nccl, SumsInPlaceAndLeavesInOrder) {
  {
    const auto communicator = make();
    nccl.in_progress = 4;
    at::Tensor floats = at::ones({5}), doubles = at::ones({2, 2}, at::kDouble), none = at::empty({0});
    communicator->all_reduce_sum(floats);
    communicator->all_reduce_sum(doubles);
    communicator->all_reduce_sum(none);
    at::Tensor column = at::ones({4, 2}).select(1, 0);
    communicator->all_reduce_sum(column);
    EXPECT_TRUE(at::equal(floats, at::full({5}, 3.0f)));
    EXPECT_TRUE(at::equal(doubles, at::full({2, 2}, 3.0, at::kDouble)));
    EXPECT_TRUE(at::equal(column, at::full({4}, 3.0f)));
    EXPECT_EQ(nccl.all_reduces, 3);
    EXPECT_GT(communicator->take_seconds(), 0);
  }
  EXPECT_EQ(nccl.finalizes, 1);
  EXPECT_EQ(nccl.destroys, 1);
  EXPECT_EQ(nccl.aborts, 0);
}

TEST_F(Nccl, APeersFailureBreaksTheGroupAndAbortsOnce) {
  {
    const auto communicator = make();
    nccl.state = ncclRemoteError;
    at::Tensor values = at::ones({5});
    EXPECT_THAT([&] { communicator->all_reduce_sum(values); },
                ThrowsMessage<GroupBroken>(::testing::AllOf(HasSubstr("remote process exited"), HasSubstr("said by the stand-in"),
                                                            HasSubstr("communicator_nccl.cpp:"))));
    EXPECT_EQ(nccl.aborts, 1);
    EXPECT_THAT([&] { communicator->all_reduce_sum(values); }, Throws<GroupBroken>());
    EXPECT_EQ(nccl.all_reduces, 1) << "an aborted communicator is not asked again";
  }
  EXPECT_EQ(nccl.aborts, 1);
  EXPECT_EQ(nccl.destroys + nccl.finalizes, 0);
}

TEST_F(Nccl, APeerThatNcclDoesNotMissIsToldByTheAgents) {
  const auto communicator = make(-1, broken_after(5)); // the collective never finishes and no error is seen
  at::Tensor values = at::ones({5});
  EXPECT_THAT([&] { communicator->all_reduce_sum(values); }, ThrowsMessage<GroupBroken>(HasSubstr("a member died")));
  EXPECT_EQ(nccl.aborts, 1);
}

TEST_F(Nccl, ACollectiveThatNeverFinishesMeetsItsDeadline) {
  const auto communicator = make(-1, {nullptr, std::chrono::milliseconds(20)});
  at::Tensor values = at::ones({5});
  EXPECT_THAT([&] { communicator->all_reduce_sum(values); }, ThrowsMessage<GroupBroken>(HasSubstr("20 ms")));
  EXPECT_EQ(nccl.aborts, 1);
}

TEST_F(Nccl, AGroupThatNeverFormsIsLeft) {
  nccl.in_progress = 1 << 30;
  EXPECT_THAT([&] { make(2, broken_after(5)); }, Throws<GroupBroken>());
  EXPECT_EQ(nccl.aborts, 1);
}

TEST_F(Nccl, AWrongCallIsAnErrorAndNotABrokenGroup) {
  const auto communicator = make();
  nccl.all_reduce = ncclInvalidArgument;
  at::Tensor values = at::ones({5});
  try {
    communicator->all_reduce_sum(values);
    FAIL() << "it did not throw";
  } catch (const GroupBroken&) {
    FAIL() << "it would be tried again for ever";
  } catch (const std::runtime_error& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("communicator_nccl.cpp:"));
  }
  EXPECT_EQ(nccl.aborts, 1);
}

TEST_F(Nccl, LeavingByAnExceptionAbortsInsteadOfWaitingForPeers) {
  try {
    const auto communicator = make();
    throw std::runtime_error("a training failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(nccl.aborts, 1);
  EXPECT_EQ(nccl.finalizes, 0);
}

TEST_F(Nccl, APeerThatDoesNotFinalizeIsLeftBehind) {
  {
    const auto communicator = make();
    nccl.finalize = ncclRemoteError;
  }
  EXPECT_EQ(nccl.aborts, 1);
  EXPECT_EQ(nccl.destroys, 0);
}

} // namespace
} // namespace stdualx
