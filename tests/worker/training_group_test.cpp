// A run over several ranks computes what one rank computes: unequal shares and empty ones included.
#include "training_fixture.h"

#include "experiments/presets.h"
#include "experiments/variants.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {
using test::SyntheticWindows;

double relative_difference(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

struct Steps {
  std::vector<at::Tensor> losses, logits, gradients; // logits: all rows of the global batch
};

/// A few steps on batches of the given sizes, by `ranks` ranks.
Steps take_steps(const RunSpec& run, const std::vector<std::int64_t>& batch_sizes, std::int64_t ranks) {
  const SyntheticWindows data;
  std::vector<std::int64_t> rows(60);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i * 7 % 60);
  std::vector<Steps> each(static_cast<std::size_t>(ranks));
  test::ThreadGroup group(ranks);
  test::run_ranks(group, [&](std::int64_t rank) {
    test::ThreadCommunicator communicator(group, rank);
    Training training(run, data.windows(), rows, communicator, at::kCPU);
    Steps& mine = each[static_cast<std::size_t>(rank)];
    std::size_t first = 0;
    for (std::size_t i = 0; i < batch_sizes.size(); ++i) {
      const StepOutcome outcome = training.train_step(1, static_cast<std::uint32_t>(i + 1),
                                                      std::span(rows).subspan(first, static_cast<std::size_t>(batch_sizes[i])));
      first += static_cast<std::size_t>(batch_sizes[i]);
      mine.losses.push_back(outcome.loss.clone());
      mine.logits.push_back(outcome.logits);
      mine.gradients.push_back(training.gradient().clone());
    }
  });
  Steps all = each[0];
  for (std::size_t i = 0; i < batch_sizes.size(); ++i)
    for (std::size_t rank = 1; rank < each.size(); ++rank) {
      EXPECT_TRUE(at::equal(each[rank].losses[i], all.losses[i])) << "the ranks disagree on the loss";
      EXPECT_TRUE(at::equal(each[rank].gradients[i], all.gradients[i])) << "the ranks disagree on the gradient";
      all.logits[i] = at::cat({all.logits[i], each[rank].logits[i]}, 1);
    }
  for (std::size_t i = 0; i < batch_sizes.size(); ++i) all.logits[i] = all.logits[i].narrow(1, 0, batch_sizes[i]); // without padding
  return all;
}

RunSpec run_of(const std::string& precision) {
  RunSpec run = test::small_run();
  run.training.precision = precision;
  return run;
}

// 8: equal shares; 7: unequal; 2: with three ranks one share is empty; 3.
const std::vector<std::int64_t> batch_sizes = {8, 7, 2, 3};

class TrainingGroup : public ::testing::TestWithParam<std::int64_t> {
protected:
  TrainingGroup() { at::set_num_threads(1); }
};

TEST_P(TrainingGroup, TakesTheStepsOfOneRankInFloat64) {
  const Steps alone = take_steps(run_of("float64"), batch_sizes, 1), together = take_steps(run_of("float64"), batch_sizes, GetParam());
  for (std::size_t i = 0; i < batch_sizes.size(); ++i) {
    EXPECT_LT(relative_difference(together.losses[i], alone.losses[i]), 1e-9) << "step " << i;
    EXPECT_LT(relative_difference(together.logits[i], alone.logits[i]), 1e-9) << "step " << i;
    EXPECT_LT(relative_difference(together.gradients[i], alone.gradients[i]), 1e-9) << "step " << i;
  }
}

TEST_P(TrainingGroup, PairsWindowsOfOtherPeopleAsOneRankDoes) {
  RunSpec run = run_of("float64");
  run.training.batch_size = 60;
  const std::vector<std::int64_t> sizes = {60}; // some of whose farthest windows of an activity are of one person
  const Steps any = take_steps(run, sizes, 1);
  run.training.triplet_positives = "other_people";
  const Steps alone = take_steps(run, sizes, 1), together = take_steps(run, sizes, GetParam());
  EXPECT_GT(relative_difference(any.gradients[0], alone.gradients[0]), 1e-3) << "it makes a difference";
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_LT(relative_difference(together.losses[i], alone.losses[i]), 1e-9) << "step " << i;
    EXPECT_LT(relative_difference(together.gradients[i], alone.gradients[i]), 1e-9) << "step " << i;
  }
}

TEST_P(TrainingGroup, TakesTheFirstStepOfOneRankInFloat32) {
  const Steps alone = take_steps(run_of("float32"), {7}, 1), together = take_steps(run_of("float32"), {7}, GetParam());
  EXPECT_LT(relative_difference(together.losses[0], alone.losses[0]), 1e-5);
  EXPECT_LT(relative_difference(together.logits[0], alone.logits[0]), 1e-5);
  EXPECT_LT(relative_difference(together.gradients[0], alone.gradients[0]), 1e-5);
}

TEST_P(TrainingGroup, HasTheEpochLossOfOneRankInFloat32) {
  const auto epoch = [](std::int64_t ranks) {
    const SyntheticWindows data;
    EpochReport first;
    test::ThreadGroup group(ranks);
    test::run_ranks(group, [&](std::int64_t rank) {
      Assignment assignment = test::small_assignment();
      assignment.run.world_size = ranks;
      assignment.index = rank;
      test::ThreadCommunicator communicator(group, rank);
      test::RecordingReporter reporter;
      EXPECT_EQ(run_attempt(assignment, data.attempt_data(), communicator, at::kCPU, reporter).reason, "complete");
      EXPECT_EQ(reporter.epochs.size(), rank == 0 ? 3u : 0u) << "member 0 alone reports";
      EXPECT_EQ(reporter.evaluations.size(), rank == 0 ? 2u : 0u);
      if (rank == 0) first = reporter.epochs[0];
    });
    return first;
  };
  const EpochReport alone = epoch(1), together = epoch(GetParam());
  EXPECT_NEAR(together.train_loss, alone.train_loss, 1e-4 * alone.train_loss);
  EXPECT_NEAR(together.validation_loss, alone.validation_loss, 1e-3 * alone.validation_loss) << "after all steps, so looser";
  EXPECT_EQ(together.windows, alone.windows);
}

INSTANTIATE_TEST_SUITE_P(Ranks, TrainingGroup, ::testing::Values(2, 3));

/// How many collectives a step asks for, as a group of two counts them.
std::int64_t collectives_of_a_step(const Recipe& recipe) {
  const SyntheticWindows data;
  std::vector<std::int64_t> rows(8);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  RunSpec run;
  run.dataset = "synthetic";
  run.model = recipe.model;
  run.training = recipe.training;
  test::ThreadGroup group(2);
  test::run_ranks(group, [&](std::int64_t rank) {
    test::ThreadCommunicator communicator(group, rank);
    Training(run, data.windows(), rows, communicator, at::kCPU).train_step(1, 1, rows);
  });
  return group.collectives;
}

TEST(TrainingGroupCollectives, OfAStepAreTwoABatchNormOneOfTheGradientAndOneOfTheTripletLossAlone) {
  // Batch norms follow each other, so that each needs the one before: one collective forward, one backward.
  constexpr std::int64_t gradient_and_loss = 1, triplet_rows = 1;
  constexpr std::int64_t default_norms = 2 + 2 * 3, faithful_norms = 5 * 3; // of the stem; of the convolution block of each layer
  EXPECT_EQ(collectives_of_a_step(preset("default")), 2 * default_norms + triplet_rows + gradient_and_loss);
  EXPECT_EQ(collectives_of_a_step(preset("faithful")), 2 * faithful_norms + triplet_rows + gradient_and_loss);
  const auto of_variant = [](const std::string& name) {
    Recipe recipe = preset("default");
    apply_variant(name, recipe);
    return collectives_of_a_step(recipe);
  };
  EXPECT_EQ(of_variant("without_contrastive"), 2 * default_norms + gradient_and_loss);
  EXPECT_EQ(of_variant("without_convolution"), 2 * 2 + triplet_rows + gradient_and_loss);
  EXPECT_EQ(of_variant("transformer"), gradient_and_loss);
  EXPECT_EQ(of_variant("bi_lstm"), gradient_and_loss);
}

TEST(TrainingGroupBroken, EndsTheOthersInTheMiddleOfAStep) {
  const SyntheticWindows data;
  test::ThreadGroup group(2);
  std::string reason;
  const auto body = [&](std::int64_t rank) {
    test::ThreadCommunicator communicator(group, rank);
    test::RecordingReporter reporter;
    // Member 1 fails between two steps, so member 0 waits in a collective of the forward pass.
    if (rank == 1) reporter.on_step = [] { throw std::runtime_error("killed"); };
    const Assignment assignment = test::small_assignment();
    const auto train = [&] { return run_attempt(assignment, data.attempt_data(), communicator, at::kCPU, reporter); };
    if (rank == 1) train();
    else reason = end_of_attempt(assignment, train).reason;
  };
  EXPECT_THROW(test::run_ranks(group, body), std::runtime_error);
  EXPECT_EQ(reason, "group_broken");
}

TEST(TrainingGroupDrain, IsAgreedOnWhenOneMemberAloneHeardOfIt) {
  const SyntheticWindows data;
  test::ThreadGroup group(2);
  std::vector<std::string> reasons(2);
  test::run_ranks(group, [&](std::int64_t rank) {
    test::ThreadCommunicator communicator(group, rank);
    test::RecordingReporter reporter;
    reporter.drain = rank == 1;
    reasons[static_cast<std::size_t>(rank)] =
        run_attempt(test::small_assignment(), data.attempt_data(), communicator, at::kCPU, reporter).reason;
  });
  EXPECT_EQ(reasons, (std::vector<std::string>{"drained", "drained"}));
}

} // namespace
} // namespace stdualx
