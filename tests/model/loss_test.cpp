// The loss at the places where it is easily wrong. Its values in general are compared in reference_test.
#include "reference.h"

#include "model/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace stdualx::test {
namespace {

struct Result {
  LossTerms terms;
  at::Tensor gradient; // of the embedding
};
Result triplet_of(const at::Tensor& embedding, const at::Tensor& labels, double margin = 0.3) {
  TrainingConfig config;
  config.triplet_weight = 1;
  config.triplet_margin = margin;
  const at::Tensor leaf = embedding.clone().set_requires_grad(true);
  const ModelOutput output{at::zeros({embedding.size(0), embedding.size(1), 4}, embedding.options()), leaf, {}};
  Result result{loss(output, labels, config, {.training = true}), {}};
  result.terms.total.backward();
  result.gradient = leaf.grad();
  return result;
}

TEST(Triplet, OfOneClassAloneIsZero) {
  const Result result = triplet_of(at::randn({1, 5, 3}, at::kDouble), at::zeros({1, 5}, at::kLong));
  EXPECT_EQ(result.terms.triplet.item<double>(), 0);
  EXPECT_EQ(result.gradient.abs().max().item<double>(), 0);
}

TEST(Triplet, LeavesOutClassesWithASingleWindow) {
  // Unit vectors on a circle: label 0 at 0 and 90 degrees, label 1 alone at 180.
  const at::Tensor embedding = at::tensor({1.0, 0.0, 0.0, 1.0, -1.0, 0.0}, at::kDouble).view({1, 3, 2});
  const at::Tensor labels = at::tensor({0, 0, 1}, at::kLong).view({1, 3});
  // Anchor 0: positive sqrt 2, negative 2. Anchor 1: positive sqrt 2, negative sqrt 2. Anchor 2 has no positive.
  EXPECT_NEAR(triplet_of(embedding, labels, 1).terms.triplet.item<double>(), (1 + std::sqrt(2.0) - 2 + 1) / 2, 1e-12);
}

TEST(Triplet, OfIdenticalWindowsHasAFiniteGradient) {
  const at::Tensor embedding = at::ones({1, 6, 3}, at::kDouble);
  const Result result = triplet_of(embedding, at::tensor({0, 0, 1, 1, 2, 2}, at::kLong).view({1, 6}));
  EXPECT_NEAR(result.terms.triplet.item<double>(), 0.3, 1e-12);
  EXPECT_EQ(result.gradient.abs().max().item<double>(), 0);
  EXPECT_TRUE(triplet_of(at::zeros({1, 6, 3}, at::kDouble), at::tensor({0, 0, 1, 1, 2, 2}, at::kLong).view({1, 6}))
                  .gradient.isfinite()
                  .all()
                  .item<bool>());
}

TEST(Triplet, PullsTogetherWindowsOfOtherPeopleAloneWhereAsked) {
  // On a circle: class 0 at 0 and 90 degrees by person 1, at 45 by person 2; class 1 at 180. Each of class 0 is 45 degrees from the other
  // person's; the farthest of anybody's would be 90.
  const double half = std::sqrt(0.5), near = 2 * std::sin(std::acos(-1.0) / 8), far = 2 * std::sin(3 * std::acos(-1.0) / 8);
  const at::Tensor embedding = at::tensor({1.0, 0.0, 0.0, 1.0, half, half, -1.0, 0.0}, at::kDouble).view({1, 4, 2});
  const at::Tensor labels = at::tensor({0, 0, 0, 1}, at::kLong).view({1, 4}), people = at::tensor({1, 1, 2, 2}, at::kLong).view({1, 4});
  TrainingConfig config;
  config.triplet_weight = 1;
  config.triplet_margin = 5;
  config.triplet_positives = "other_people";
  const ModelOutput output{at::zeros({1, 4, 2}, at::kDouble), embedding, {}};
  const LossTerms terms = loss(output, labels, config, {.training = true}, people);
  EXPECT_NEAR(terms.triplet.item<double>(), ((5 + near - 2) + (5 + near - std::sqrt(2.0)) + (5 + near - far)) / 3, 1e-12);
  EXPECT_THROW(loss(output, labels, config, {.training = true}), std::invalid_argument) << "without people";
  const at::Tensor alone = at::ones({1, 4}, at::kLong);
  EXPECT_EQ(loss(output, labels, config, {.training = true}, alone).triplet.item<double>(), 0) << "one person has no positives";
}

TEST(Triplet, TiesGoToTheLowestIndex) {
  // Anchor 0 at 0 degrees; positives 1 and 2 mirror each other; negative 3 is opposite.
  const at::Tensor embedding = at::tensor({1.0, 0.0, 0.6, 0.8, 0.6, -0.8, -1.0, 0.0}, at::kDouble).view({1, 4, 2});
  TrainingConfig config;
  config.triplet_weight = 1;
  config.triplet_margin = 5; // every anchor counts
  const at::Tensor labels = at::tensor({0, 0, 0, 1}, at::kLong).view({1, 4});
  const at::Tensor gradient = triplet_of(embedding, labels, 5).gradient[0];
  // Mirror images would have mirrored gradients if the tie were shared; anchors 1 and 2 choose each other, and 0 chooses 1.
  const at::Tensor mirrored = gradient[2] * at::tensor({1.0, -1.0}, at::kDouble);
  EXPECT_GT((gradient[1] - mirrored).abs().max().item<double>(), 0.01);
  const at::Tensor swapped = embedding.index_select(1, at::tensor({0, 2, 1, 3}, at::kLong));
  EXPECT_LE((triplet_of(swapped, labels, 5).gradient[0][1] - gradient[1] * at::tensor({1.0, -1.0}, at::kDouble)).abs().max().item<double>(),
            1e-12);
}

TEST(CrossEntropy, WithSmoothingHasItsKnownValue) {
  TrainingConfig config;
  config.triplet_weight = 0;
  config.label_smoothing = 0.2;
  const at::Tensor logits = at::tensor({std::log(0.7), std::log(0.2), std::log(0.1)}, at::kDouble).view({1, 1, 3});
  const LossTerms terms = loss({logits, at::ones({1, 1, 2}, at::kDouble), {}}, at::zeros({1, 1}, at::kLong), config, {});
  const double expected = -(0.8 + 0.2 / 3) * std::log(0.7) - 0.2 / 3 * (std::log(0.2) + std::log(0.1));
  EXPECT_NEAR(terms.cross_entropy.item<double>(), expected, 1e-12);
  EXPECT_NEAR(terms.total.item<double>(), expected, 1e-12);
  EXPECT_EQ(terms.triplet.item<double>(), 0);
}

TEST(Loss, RefusesLabelsThatDoNotFit) {
  EXPECT_THROW(loss({at::zeros({1, 3, 4}), at::ones({1, 3, 2}), {}}, at::zeros({1, 2}, at::kLong), TrainingConfig{}, {}),
               std::invalid_argument);
}

} // namespace
} // namespace stdualx::test
