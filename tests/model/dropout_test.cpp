// Dropout's masks: what they depend on, that they keep the right share, and the Philox words behind them.
#include "model/dropout.h"

#include "experiments/spec/random.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace stdualx::test {
namespace {

at::Tensor mask(const std::vector<std::int64_t>& seeds, at::IntArrayRef shape, double probability, const StepContext& context,
                at::ScalarType type = at::kDouble, const std::string& name = "layer") {
  const Initialiser initialiser(seeds, type, at::kCPU);
  return Dropout(initialiser, name, probability)(at::ones(shape, type), context);
}

const StepContext step{.training = true, .counters = step_counters(3, 5)};

TEST(Dropout, DependsOnTheIndexInTheGlobalBatchAlone) {
  const at::Tensor whole = mask({1}, {2, 9, 5, 7}, 0.4, step);
  StepContext part = step;
  part.first_sample = 4;
  EXPECT_TRUE(mask({1}, {2, 5, 5, 7}, 0.4, part).equal(whole.narrow(1, 4, 5)));
}

TEST(Dropout, OfAReplicaDependsOnItsOwnSeed) {
  const at::Tensor pack = mask({1, 2}, {4, 3, 50}, 0.4, step);
  EXPECT_TRUE(pack.narrow(0, 2, 2).equal(mask({2}, {2, 3, 50}, 0.4, step)));
  EXPECT_FALSE(pack.narrow(0, 0, 2).equal(pack.narrow(0, 2, 2)));
}

TEST(Dropout, DiffersBetweenLayersEpochsStepsRowsAndSensors) {
  const at::Tensor base = mask({1}, {2, 2, 100}, 0.5, step);
  StepContext later = step;
  later.counters = step_counters(4, 5);
  EXPECT_FALSE(base.equal(mask({1}, {2, 2, 100}, 0.5, later)));
  later = step;
  later.counters = step_counters(3, 6);
  EXPECT_FALSE(base.equal(mask({1}, {2, 2, 100}, 0.5, later)));
  EXPECT_FALSE(base.equal(mask({1}, {2, 2, 100}, 0.5, step, at::kDouble, "other")));
  EXPECT_FALSE(base[0][0].equal(base[0][1]));
  EXPECT_FALSE(base[0][0].equal(base[1][0]));
}

TEST(Dropout, KeepsItsShareAndTheMean) {
  for (const double probability : {0.1, 0.5, 0.9}) {
    const at::Tensor values = mask({1}, {3, 50, 41, 33}, probability, step);
    const double count = static_cast<double>(values.numel());
    const double kept = values.ne(0).sum().item<double>() / count;
    EXPECT_NEAR(kept, 1 - probability, 4 * std::sqrt(probability * (1 - probability) / count)); // four standard errors
    EXPECT_LE((values.masked_select(values.ne(0)) - 1 / (1 - probability)).abs().max().item<double>(), 1e-8);
  }
}

TEST(Dropout, IsTheStatedWordOfPhilox) {
  for (const std::int64_t places : {1, 4, 7, 2600}) { // a row shorter than a block, whole blocks, a broken one, several chunks
    StepContext context = step;
    context.first_sample = 2;
    const at::Tensor values = mask({6}, {3, 2, places}, 0.25, context);
    const RandomStream stream(6, "dropout", "layer");
    const std::int64_t blocks = (places + 3) / 4;
    at::Tensor expected = at::empty_like(values);
    for (std::int64_t sensor = 0; sensor < 3; ++sensor)
      for (std::int64_t row = 0; row < 2; ++row)
        for (std::int64_t place = 0; place < places; ++place) {
          const auto words =
              stream.words(3, 5, static_cast<std::uint32_t>(2 + row), static_cast<std::uint32_t>(sensor * blocks + place % blocks));
          expected[sensor][row][place] = words[static_cast<std::size_t>(place / blocks)] < 0x40000000u ? 0.0 : 1 / 0.75;
        }
    EXPECT_TRUE(values.equal(expected)) << places << " places";
    EXPECT_TRUE(mask({6}, {3, 2, places}, 0.25, context, at::kFloat).equal(expected.to(at::kFloat)));
  }
}

TEST(Dropout, IsAbsentOutsideTrainingAndAtZero) {
  StepContext off = step;
  off.dropout = false;
  for (const at::Tensor& values : {mask({1}, {2, 3, 4}, 0.5, StepContext{}), mask({1}, {2, 3, 4}, 0, step), mask({1}, {2, 3, 4}, 0.5, off)})
    EXPECT_TRUE(values.equal(at::ones({2, 3, 4}, at::kDouble)));
}

TEST(Dropout, ScalesTheGradientByTheMask) {
  const Initialiser initialiser({1}, at::kDouble, at::kCPU);
  const at::Tensor x = at::ones({1, 4, 20}, at::kDouble).set_requires_grad(true);
  const at::Tensor y = Dropout(initialiser, "layer", 0.5)(x, step);
  y.sum().backward();
  EXPECT_TRUE(x.grad().equal(y.detach()));
}

} // namespace
} // namespace stdualx::test
