// Every baseline is trained as STDual-X is: it learns, goes on from a checkpoint with the same bits, and is one run on two ranks.
#include "training_fixture.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {
using test::RecordingReporter;
using test::SyntheticWindows;
using test::TemporaryFolder;

/// Killed from outside, in the test's words.
struct Killed {};

using test::baseline_assignment;

class TrainingBaseline : public ::testing::TestWithParam<std::string> {
protected:
  TrainingBaseline() { at::set_num_threads(1); }

  static void run(const Assignment& assignment, const SyntheticWindows& data, RecordingReporter& reporter) {
    const auto communicator = make_single_communicator();
    run_attempt(assignment, data.attempt_data(), *communicator, at::kCPU, reporter);
  }
};

TEST_P(TrainingBaseline, LearnsThreeEasyActivities) {
  const SyntheticWindows data(240);
  RecordingReporter reporter;
  // The Transformer sees a step at a time: it needs longest to learn what a frequency is.
  run(baseline_assignment(GetParam(), GetParam() == "transformer" ? 48 : 24), data, reporter);
  ASSERT_EQ(reporter.evaluations.size(), 2u);
  const Metric& accuracy = reporter.evaluations[1].metrics[0];
  EXPECT_EQ(accuracy.name, "accuracy");
  EXPECT_GT(accuracy.value, 0.9) << "of a person who was not trained on; chance is a third";
}

TEST_P(TrainingBaseline, GivesTheSameHashesWhereverItWasInterrupted) {
  const SyntheticWindows data;
  RecordingReporter whole;
  run(baseline_assignment(GetParam(), 3), data, whole);
  ASSERT_EQ(whole.epochs.size(), 3u);
  for (std::size_t stop = 1; stop < 3; ++stop) {
    const TemporaryFolder folder;
    Assignment assignment = baseline_assignment(GetParam(), 3);
    assignment.store_directory = folder.path.string();
    RecordingReporter first, second;
    first.on_epoch = [&] {
      if (first.epochs.size() == stop) throw Killed();
    };
    EXPECT_THROW(run(assignment, data, first), Killed);
    assignment.attempt = 2;
    assignment.resume_path = first.epochs.back().checkpoint_path;
    assignment.resume_sha256 = first.epochs.back().checkpoint_sha256;
    assignment.resume_epoch = static_cast<std::int64_t>(stop);
    run(assignment, data, second);
    ASSERT_EQ(second.epochs.size(), 3 - stop);
    for (std::size_t i = stop; i < 3; ++i) {
      EXPECT_EQ(second.epochs[i - stop].state_hash_before, whole.epochs[i].state_hash_before) << "epoch " << i + 1;
      EXPECT_EQ(second.epochs[i - stop].state_hash_after, whole.epochs[i].state_hash_after) << "epoch " << i + 1;
      EXPECT_EQ(second.epochs[i - stop].train_loss, whole.epochs[i].train_loss) << "epoch " << i + 1;
    }
    EXPECT_EQ(second.evaluations[1].predicted, whole.evaluations[1].predicted);
    EXPECT_EQ(second.evaluations[1].metrics[3].value, whole.evaluations[1].metrics[3].value);
  }
}

TEST_P(TrainingBaseline, OnTwoRanksIsTheRunOfOne) {
  const SyntheticWindows data;
  const auto epochs_of = [&](std::int64_t ranks) {
    test::ThreadGroup group(ranks);
    RecordingReporter leader;
    test::run_ranks(group, [&](std::int64_t rank) {
      Assignment assignment = baseline_assignment(GetParam(), 2);
      assignment.run.training.precision = "float64";
      assignment.index = rank;
      test::ThreadCommunicator communicator(group, rank);
      RecordingReporter silent;
      run_attempt(assignment, data.attempt_data(), communicator, at::kCPU, rank == 0 ? leader : silent);
    });
    return leader.epochs;
  };
  const auto alone = epochs_of(1), together = epochs_of(2);
  ASSERT_EQ(together.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(together[i].train_loss, alone[i].train_loss, 1e-7 * alone[i].train_loss) << "epoch " << i + 1;
    EXPECT_NEAR(together[i].validation_loss, alone[i].validation_loss, 1e-7 * alone[i].validation_loss) << "epoch " << i + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, TrainingBaseline, ::testing::Values("deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"),
                         [](const auto& parameter) { return parameter.param; });

} // namespace
} // namespace stdualx
