// A batch padded up to a larger one is a batch of its own rows: outputs, losses, gradients and running statistics.
#include "reference.h"

#include "model/kernels.h"
#include "model/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace stdualx::test {
namespace {

constexpr std::int64_t padded_rows = 9;

struct Outcome {
  at::Tensor logits, gradient, buffers;
  LossTerms terms;
};

at::Tensor joined(const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> all = {at::zeros({0}, at::kDouble)};
  for (const NamedTensor& one : tensors) all.push_back(one.tensor.to(at::kDouble).flatten());
  return at::cat(all);
}

Outcome step_of(Network& network, const Batch& batch, StepContext context) {
  context.training = true;
  context.counters = step_counters(2, 3);
  clear_gradients(network.parameters());
  const ModelOutput output = network.forward(batch.windows, context);
  Outcome outcome;
  outcome.terms = loss(output, batch.labels, TrainingConfig{}, context);
  outcome.terms.total.backward();
  outcome.logits = output.logits.detach();
  outcome.gradient = flat_gradient(network.parameters());
  outcome.buffers = joined(network.buffers());
  return outcome;
}

/// What of a pack's tensors is one replica's.
std::vector<NamedTensor> own(const std::vector<NamedTensor>& tensors, std::int64_t replica, std::int64_t replicas, bool gradients) {
  std::vector<NamedTensor> some;
  for (const NamedTensor& one : tensors) {
    const at::Tensor& values = gradients ? one.tensor.grad() : one.tensor;
    const std::int64_t leading = values.size(0) / replicas;
    some.push_back({one.name, values.narrow(0, replica * leading, leading), one.decay});
  }
  return some;
}

/// Replicas of `rows[r]` real rows, padded with what is no window at all, beside each of them alone and unpadded.
void compare(const ModelConfig& config, const std::vector<std::int64_t>& rows, at::ScalarType type, double bound) {
  SCOPED_TRACE(config.architecture + (config.stem_layers > 0 ? " with a stem, " : ", ") + c10::toString(type));
  const InputShape shape = small_shape();
  const auto replicas = static_cast<std::int64_t>(rows.size());
  std::vector<std::int64_t> seeds;
  for (std::int64_t r = 0; r < replicas; ++r) seeds.push_back(5 + r);
  const Batch batch = random_batch(shape, replicas, padded_rows, type, 1);
  StepContext context;
  context.real = at::zeros({replicas, padded_rows}, type);
  for (std::int64_t r = 0; r < replicas; ++r) {
    const std::int64_t count = rows[static_cast<std::size_t>(r)];
    context.real[r].narrow(0, 0, count).fill_(1);
    batch.windows[r].narrow(0, count, padded_rows - count).mul_(50).add_(3);
  }
  const auto pack = make_network(config, shape, seeds, type, at::kCPU);
  const Outcome padded = step_of(*pack, batch, context);
  for (std::int64_t r = 0; r < replicas; ++r) {
    SCOPED_TRACE(r);
    const std::int64_t count = rows[static_cast<std::size_t>(r)];
    const at::Tensor gradient = joined(own(pack->parameters(), r, replicas, true)),
                     buffers = joined(own(pack->buffers(), r, replicas, false));
    if (count == 0) { // an empty place
      EXPECT_EQ(gradient.abs().max().item<double>(), 0);
      continue;
    }
    const auto alone = make_network(config, shape, {seeds[static_cast<std::size_t>(r)]}, type, at::kCPU);
    const Outcome exact =
        step_of(*alone, {batch.windows.narrow(0, r, 1).narrow(1, 0, count), batch.labels.narrow(0, r, 1).narrow(1, 0, count)}, {});
    EXPECT_LE(relative_error(padded.logits[r].narrow(0, 0, count), exact.logits[0]), bound);
    EXPECT_LE(relative_error(padded.terms.cross_entropy[r], exact.terms.cross_entropy[0]), bound);
    EXPECT_LE(relative_error(padded.terms.triplet[r], exact.terms.triplet[0]), bound);
    EXPECT_LE(relative_error(gradient, exact.gradient), bound);
    EXPECT_LE(relative_error(buffers, exact.buffers), bound);
  }
}

TEST(Padding, ChangesNothingInFloat64) {
  for (const ModelConfig& config : {small_default(), small_faithful()}) {
    compare(config, {6}, at::kDouble, 1e-12);
    compare(config, {padded_rows}, at::kDouble, 1e-12);
    compare(config, {4, padded_rows, 7}, at::kDouble, 1e-12);
  }
  for (const std::string& name : baseline_names()) compare(small_baseline(name), {6}, at::kDouble, 1e-12);
}

TEST(Padding, ChangesNothingInFusedLayers) {
  if (kernels_in_use() == "plain") GTEST_SKIP() << "no fused kernels on this processor, in this build or by STDUALX_KERNELS";
  for (const ModelConfig& config : {small_default(), small_faithful()}) {
    compare(config, {6}, at::kFloat, 2e-5);
    compare(config, {4, padded_rows, 7}, at::kFloat, 2e-5);
  }
}

TEST(Padding, OfAnEmptyPlaceTouchesNobody) {
  for (const ModelConfig& config : {small_default(), small_faithful()}) {
    compare(config, {0, 6}, at::kDouble, 1e-12);
    compare(config, {6, 0}, at::kFloat, 2e-5);
  }
}

} // namespace
} // namespace stdualx::test
