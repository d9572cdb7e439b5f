// Training on a GPU: the same bits again and after any interruption, the numbers of the CPU to rounding, and NCCL itself in place
// of its stand-in. Everything here needs a GPU and is skipped, with that reason, where there is none.
#include "training_fixture.h"
#include "worker/training/communicator_nccl.h"
#include "worker/training/pack.h"
#include "worker/trainer/platform.h"
#include "worker/training/state_hash.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

using test::RecordingReporter;
using test::SyntheticWindows;
using test::TemporaryFolder;
using ::testing::HasSubstr;

struct Killed {};

class GpuTraining : public ::testing::Test {
protected:
  void SetUp() override {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "needs a GPU (a CUDA device and a build with CUDA)";
    make_deterministic(gpu);
  }
  void run(const Assignment& assignment, Communicator& communicator, at::Device device, RecordingReporter& reporter) {
    run_attempt(assignment, data.attempt_data(), communicator, device, reporter);
  }
  void run_alone(const Assignment& assignment, at::Device device, RecordingReporter& reporter) {
    const auto communicator = make_single_communicator();
    run(assignment, *communicator, device, reporter);
  }

  const at::Device gpu{at::kCUDA, 0};
  SyntheticWindows data;
};

TEST_F(GpuTraining, GivesTheSameHashesAgainAndWhereverItWasInterrupted) {
  for (const std::string architecture : {"stdual_x", "deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"}) {
    SCOPED_TRACE(architecture);
    const auto assignment_in = [&](const std::filesystem::path& folder) {
      return architecture == "stdual_x" ? test::small_assignment(folder) : test::baseline_assignment(architecture, 3, folder);
    };
    RecordingReporter whole;
    run_alone(assignment_in({}), gpu, whole);
    ASSERT_EQ(whole.epochs.size(), 3u);
    for (std::size_t stop = 1; stop <= 3; ++stop) {
      const TemporaryFolder folder;
      RecordingReporter first;
      first.on_epoch = [&] {
        if (first.epochs.size() == stop) throw Killed();
      };
      Assignment assignment = assignment_in(folder.path);
      EXPECT_THROW(run_alone(assignment, gpu, first), Killed);
      RecordingReporter second;
      assignment.attempt = 2;
      assignment.resume_path = first.epochs.back().checkpoint_path;
      assignment.resume_sha256 = first.epochs.back().checkpoint_sha256;
      assignment.resume_epoch = static_cast<std::int64_t>(stop);
      run_alone(assignment, gpu, second);
      ASSERT_EQ(first.epochs.size() + second.epochs.size(), 3u);
      for (std::size_t i = 0; i < 3; ++i) {
        const EpochReport& report = i < stop ? first.epochs[i] : second.epochs[i - stop];
        EXPECT_EQ(report.state_hash_after, whole.epochs[i].state_hash_after) << "epoch " << i + 1 << ", stopped after " << stop;
        EXPECT_EQ(report.train_loss, whole.epochs[i].train_loss);
      }
      EXPECT_EQ(second.evaluations[1].predicted, whole.evaluations[1].predicted);
    }
  }
}

TEST_F(GpuTraining, HasTheSameBitsCapturedAsAGraphAndLaunchedOneByOne) {
  for (const std::string architecture : {"stdual_x", "deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"}) {
    SCOPED_TRACE(architecture);
    const Assignment assignment = architecture == "stdual_x" ? test::small_assignment() : test::baseline_assignment(architecture, 3);
    RecordingReporter captured, launched;
    ::setenv("STDUALX_GRAPHS", "1", 1);
    run_alone(assignment, gpu, captured);
    ::unsetenv("STDUALX_GRAPHS");
    run_alone(assignment, gpu, launched);
    ASSERT_EQ(captured.epochs.size(), launched.epochs.size());
    for (std::size_t i = 0; i < launched.epochs.size(); ++i) {
      EXPECT_EQ(captured.epochs[i].state_hash_after, launched.epochs[i].state_hash_after) << "epoch " << i + 1;
      EXPECT_EQ(captured.epochs[i].train_loss, launched.epochs[i].train_loss) << "epoch " << i + 1;
    }
  }
}

TEST_F(GpuTraining, GivesAMemberOfAPackTheSameBitsWhateverItsCompanions) {
  std::vector<RecordingReporter> reporters(4); // the first run alone in its pack, then with two others
  const auto train = [&](std::size_t first, std::int64_t runs) {
    Turns turns([] { throw std::logic_error("nobody in the pack can go on"); });
    Pack pack(4, turns);
    for (std::int64_t number = 0; number < runs; ++number)
      turns.start([&, first, number] {
        Assignment assignment = test::small_assignment();
        assignment.run.seed = 3 + number;
        assignment.run.training.epochs = 3 - number;
        const auto communicator = make_single_communicator();
        run_attempt(assignment, data.attempt_data(), *communicator, gpu, reporters[first + static_cast<std::size_t>(number)], &pack);
      });
    turns.let_all_end();
  };
  train(0, 1);
  train(1, 3);
  ASSERT_EQ(reporters[1].epochs.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(reporters[1].epochs[i].state_hash_after, reporters[0].epochs[i].state_hash_after);
  EXPECT_EQ(reporters[1].evaluations.back().predicted, reporters[0].evaluations.back().predicted);
}

TEST_F(GpuTraining, FollowsTheCpuToRounding) {
  Assignment assignment = test::small_assignment();
  assignment.run.training.precision = "float64"; // float32 drifts apart within steps, where a bias's true gradient is 0
  RecordingReporter cpu, device;
  run_alone(assignment, at::kCPU, cpu);
  run_alone(assignment, gpu, device);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(device.epochs[i].train_loss, cpu.epochs[i].train_loss, 1e-5);
    EXPECT_NEAR(device.epochs[i].validation_loss, cpu.epochs[i].validation_loss, 1e-5);
    EXPECT_EQ(device.epochs[i].windows, cpu.epochs[i].windows);
  }
}

TEST_F(GpuTraining, NamesTheGpuAndItsPlatform) {
  EXPECT_THAT(device_text(gpu), ::testing::ContainsRegex("GPU-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"));
  EXPECT_THAT(numeric_platform(gpu), HasSubstr("compute capability "));
}

#ifdef STDUALX_WITH_CUDA
TEST_F(GpuTraining, InAGroupOfOneOverNcclIsTrainingAlone) {
  RecordingReporter alone, grouped;
  const Assignment assignment = test::small_assignment();
  run_alone(assignment, gpu, alone);
  const auto bootstrap = make_single_communicator();
  const auto communicator = make_nccl_communicator(*bootstrap, make_cuda_queue(gpu), {});
  at::Tensor values = at::arange(5, at::TensorOptions().device(gpu).dtype(at::kFloat));
  communicator->all_reduce_sum(values);
  EXPECT_TRUE(values.to(at::kCPU).equal(at::arange(5, at::kFloat)));
  run(assignment, *communicator, gpu, grouped);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(grouped.epochs[i].state_hash_after, alone.epochs[i].state_hash_after);
}

TEST_F(GpuTraining, TwoRanksOnOneGpuEndWithAnErrorAndNotInAHang) {
  test::ThreadGroup group(2);
  std::string what;
  try {
    test::run_ranks(group, [&](std::int64_t rank) {
      test::ThreadCommunicator bootstrap(group, rank);
      make_nccl_communicator(bootstrap, make_cuda_queue(gpu), {nullptr, std::chrono::seconds(20)});
    });
  } catch (const std::exception& failure) {
    what = failure.what();
  }
  EXPECT_THAT(what, HasSubstr("NCCL"));
}
#endif

} // namespace
} // namespace stdualx
