// One batch over several ranks is the batch of one: outputs, losses, running statistics, and gradients that add up by sum.
#include "reference.h"

#include "model/loss.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <barrier>
#include <exception>
#include <thread>

namespace stdualx::test {
namespace {

/// Ranks as threads of this process. Notes the size of every collective, and breaks the test when ranks differ.
class ThreadGroup {
public:
  explicit ThreadGroup(std::int64_t size) : ranks(static_cast<std::size_t>(size)), barrier(size) {}

  struct Member : BatchGroup {
    ThreadGroup* group = nullptr;
    std::int64_t index = 0;
    std::vector<std::int64_t> collectives; // elements of each, in order
    std::int64_t rank() const override { return index; }
    std::int64_t size() const override { return static_cast<std::int64_t>(group->ranks.size()); }
    void all_reduce_sum(at::Tensor& tensor) override {
      if (!tensor.is_contiguous()) throw std::logic_error("a collective needs contiguous memory");
      collectives.push_back(tensor.numel());
      group->ranks[static_cast<std::size_t>(index)] = tensor.clone();
      group->barrier.arrive_and_wait();
      at::Tensor sum = group->ranks[0].clone();
      for (std::size_t r = 1; r < group->ranks.size(); ++r) {
        if (group->ranks[r].sizes() != sum.sizes()) throw std::logic_error("ranks meet in different collectives");
        sum += group->ranks[r];
      }
      group->barrier.arrive_and_wait();
      tensor.copy_(sum);
    }
  };

private:
  std::vector<at::Tensor> ranks;
  std::barrier<> barrier;
};

struct Result {
  at::Tensor logits, gradient, cross_entropy, triplet;
  std::vector<at::Tensor> buffers;
  std::vector<std::int64_t> collectives;
};

struct Step {
  ModelConfig model;
  InputShape shape = small_shape();
  TrainingConfig training = {};
  bool dropout = false;
  bool one_class = false;
  std::int64_t batch = 8;
  std::vector<std::int64_t> seeds = {1, 2};
};

/// One training step of this rank's rows.
Result run(const Step& step, const Batch& batch, std::int64_t first, std::int64_t rows, ThreadGroup::Member* member) {
  at::set_num_threads(1); // ranks are threads already
  const auto network = make_network(step.model, step.shape, step.seeds, at::kDouble, at::kCPU);
  const StepContext context{.training = true,
                            .counters = step_counters(2, 3),
                            .first_sample = first,
                            .global_samples = step.batch,
                            .group = member,
                            .dropout = step.dropout};
  const ModelOutput output = network->forward(batch.windows.narrow(1, first, rows), context);
  const LossTerms terms = loss(output, batch.labels.narrow(1, first, rows), step.training, context);
  terms.total.backward();
  Result result{output.logits.detach(), flat_gradient(network->parameters()), terms.cross_entropy, terms.triplet, {}, {}};
  for (const NamedTensor& parameter : network->parameters())
    if (!parameter.tensor.grad().defined()) throw std::logic_error("no gradient: " + parameter.name);
  for (const NamedTensor& buffer : network->buffers()) result.buffers.push_back(buffer.tensor);
  if (member != nullptr) result.collectives = member->collectives;
  return result;
}

void expect_equal_to_one_rank(const Step& step, const std::vector<std::int64_t>& shares) {
  Batch batch = random_batch(step.shape, std::ssize(step.seeds), step.batch, at::kDouble, 3);
  if (step.one_class) batch.labels.fill_(2);
  const Result whole = run(step, batch, 0, step.batch, nullptr);

  ThreadGroup group(static_cast<std::int64_t>(shares.size()));
  std::vector<ThreadGroup::Member> members(shares.size());
  std::vector<Result> parts(shares.size());
  std::vector<std::exception_ptr> errors(shares.size());
  std::vector<std::thread> threads;
  std::int64_t first = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    members[r].group = &group;
    members[r].index = static_cast<std::int64_t>(r);
    threads.emplace_back([&, r, first] {
      try {
        parts[r] = run(step, batch, first, shares[r], &members[r]);
      } catch (...) {
        std::terminate(); // the others would wait for ever
      }
    });
    first += shares[r];
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(first, step.batch);

  std::vector<at::Tensor> logits;
  at::Tensor gradient = at::zeros_like(whole.gradient), cross_entropy = at::zeros_like(whole.cross_entropy);
  for (const Result& part : parts) {
    EXPECT_EQ(part.collectives, parts[0].collectives);
    EXPECT_TRUE(part.triplet.equal(parts[0].triplet));
    for (std::size_t i = 0; i < part.buffers.size(); ++i) {
      EXPECT_TRUE(part.buffers[i].equal(parts[0].buffers[i])) << "ranks keep different running statistics";
      EXPECT_LE(relative_error(part.buffers[i], whole.buffers[i]), 1e-9);
    }
    logits.push_back(part.logits);
    gradient += part.gradient;
    cross_entropy += part.cross_entropy;
  }
  EXPECT_LE(relative_error(at::cat(logits, 1), whole.logits), 1e-9);
  EXPECT_LE(relative_error(cross_entropy, whole.cross_entropy), 1e-9);
  EXPECT_LE(relative_error(parts[0].triplet, whole.triplet), 1e-9);
  EXPECT_LE(relative_error(gradient, whole.gradient), 1e-9);
}

TEST(Group, TwoRanksWithUnequalSharesAreOne) {
  for (const ModelConfig& model : {small_default(), small_faithful()})
    for (const std::int64_t own : {5, 1, 4}) expect_equal_to_one_rank({.model = model}, {own, 8 - own});
}

TEST(Group, ARankWithoutRowsTakesPartInEveryCollective) {
  ModelConfig planes = small_faithful();
  planes.convolution_units = 2;
  ModelConfig linear = small_default();
  linear.stdat = false;
  for (const ModelConfig& model : {small_default(), small_faithful(), planes, linear}) {
    expect_equal_to_one_rank({.model = model}, {8, 0});
    expect_equal_to_one_rank({.model = model}, {0, 8});
    expect_equal_to_one_rank({.model = model}, {3, 0, 5, 0});
  }
}

TEST(Group, DropoutOfASplitBatchIsThatOfTheWhole) {
  expect_equal_to_one_rank({.model = small_default(), .dropout = true}, {3, 5});
  expect_equal_to_one_rank({.model = small_faithful(), .dropout = true}, {2, 0, 6});
}

TEST(Group, SensorsWithFewerChannelsAreCountedOverTheGroup) {
  InputShape shape = small_shape();
  shape.sensor_channels = {2, 4, 2};
  expect_equal_to_one_rank({.model = small_faithful(), .shape = shape}, {5, 3});
  expect_equal_to_one_rank({.model = small_faithful(), .shape = shape}, {0, 8});
}

TEST(Group, AgreesWithoutTripletAndWithOneClassAlone) {
  Step step{.model = small_default()};
  step.training.triplet_weight = 0;
  expect_equal_to_one_rank(step, {5, 3});
  step.training.triplet_weight = 0.5;
  step.one_class = true;
  expect_equal_to_one_rank(step, {5, 3});
}

TEST(Group, OfABaselineIsOneRank) {
  InputShape shape = small_shape();
  shape.sensor_channels = {2, 4, 2};
  for (const std::string& name : baseline_names()) {
    SCOPED_TRACE(name);
    Step step{.model = small_baseline(name), .shape = shape, .dropout = true, .seeds = {1}};
    step.training.triplet_weight = 0;
    for (const std::vector<std::int64_t>& shares : {std::vector<std::int64_t>{5, 3}, {1, 7}, {8, 0}, {0, 8}, {3, 0, 5, 0}})
      expect_equal_to_one_rank(step, shares);
    step.training.triplet_weight = 0.5;
    expect_equal_to_one_rank(step, {5, 0, 3});
  }
}

TEST(Group, AGroupOfOneHasTheBitsOfNoGroup) {
  const Step step{.model = small_default(), .dropout = true};
  const Batch batch = random_batch(step.shape, std::ssize(step.seeds), step.batch, at::kDouble, 3);
  ThreadGroup group(1);
  ThreadGroup::Member member;
  member.group = &group;
  EXPECT_TRUE(run(step, batch, 0, step.batch, &member).gradient.equal(run(step, batch, 0, step.batch, nullptr).gradient));
}

} // namespace
} // namespace stdualx::test
