// The network on a GPU beside its twin on the CPU: the same dropout masks to the bit, the same outputs and gradients to rounding.
// Everything here needs a GPU and is skipped, with that reason, where there is none.
#include "reference.h"

#include "model/dropout.h"
#include "model/loss.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

// As a trainer does (worker/trainer/platform.h): convolutions in TF32 are 1e-3 off.
#define NEEDS_GPU()                                                                                                                        \
  if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "needs a GPU (a CUDA device and a build with CUDA)";                                 \
  at::globalContext().setAllowTF32CuDNN(false)

namespace stdualx::test {
namespace {

const at::Device gpu(at::kCUDA, 0);

struct Step {
  ModelOutput output;
  at::Tensor gradient, buffers; // on the CPU
  LossTerms terms;
};

/// A training step of a network with perturbed weights on `device`, on windows that are the same on every device.
Step train_step(const ModelConfig& config, at::ScalarType type, at::Device device) {
  const InputShape shape = small_shape();
  const std::unique_ptr<Network> network = make_network(config, shape, {7}, type, at::kCPU);
  perturb(network->parameters(), network->buffers(), 3);
  const std::unique_ptr<Network> here = make_network(config, shape, {7}, type, device);
  {
    const at::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < here->parameters().size(); ++i) here->parameters()[i].tensor.copy_(network->parameters()[i].tensor);
    for (std::size_t i = 0; i < here->buffers().size(); ++i) here->buffers()[i].tensor.copy_(network->buffers()[i].tensor);
  }
  const Batch batch = random_batch(shape, 1, 6, type, 1);
  const StepContext context{.training = true, .counters = step_counters(2, 4), .want_attention = true};
  Step step;
  step.output = here->forward(batch.windows.to(device), context);
  step.terms = loss(step.output, batch.labels.to(device), TrainingConfig{}, context);
  step.terms.total.backward();
  step.gradient = flat_gradient(here->parameters()).to(at::kCPU);
  std::vector<at::Tensor> buffers = {at::zeros({1}, at::kDouble)}; // some networks have none
  for (const NamedTensor& buffer : here->buffers()) buffers.push_back(buffer.tensor.to(at::kCPU, at::kDouble).flatten());
  step.buffers = at::cat(buffers);
  return step;
}

void expect_close(const ModelConfig& config, const std::string& name) {
  for (const auto& [type, bound] : {std::pair(at::kDouble, 1e-9), std::pair(at::kFloat, 2e-4)}) {
    SCOPED_TRACE(name + " in " + c10::toString(type));
    const Step cpu = train_step(config, type, at::kCPU), device = train_step(config, type, gpu);
    EXPECT_LE(relative_error(device.output.logits.to(at::kCPU), cpu.output.logits), bound);
    EXPECT_LE(relative_error(device.output.embedding.to(at::kCPU), cpu.output.embedding), bound);
    ASSERT_EQ(device.output.attention.defined(), cpu.output.attention.defined());
    if (cpu.output.attention.defined()) {
      EXPECT_LE(relative_error(device.output.attention.to(at::kCPU), cpu.output.attention), bound);
    }
    EXPECT_LE(relative_error(device.terms.total.to(at::kCPU), cpu.terms.total), bound);
    EXPECT_LE(relative_error(device.gradient, cpu.gradient), bound);
    EXPECT_LE(relative_error(device.buffers, cpu.buffers), bound);
  }
}

TEST(Gpu, DrawsTheDropoutMaskOfTheCpuToTheBit) {
  NEEDS_GPU();
  for (const auto type : {at::kFloat, at::kDouble})
    for (const std::int64_t places : {1, 4, 7, 2600, 70001}) { // short rows, whole blocks, a broken one, more than one pass of the grid
      const StepContext context{.training = true, .counters = step_counters(3, 5), .first_sample = 2};
      const auto mask = [&](at::Device device) {
        const Initialiser initialiser({1, 9}, type, device);
        return Dropout(initialiser, "layer", 0.3)(at::ones({4, 30, places}, at::TensorOptions().dtype(type).device(device)), context);
      };
      EXPECT_TRUE(mask(gpu).to(at::kCPU).equal(mask(at::kCPU))) << places << " places of " << c10::toString(type);
    }
}

TEST(Gpu, ComputesOutputsAndGradientsOfTheCpu) {
  NEEDS_GPU();
  expect_close(small_default(), "default");
  expect_close(small_faithful(), "faithful");
  for (const std::string& name : baseline_names()) expect_close(small_baseline(name), name);
}

TEST(Gpu, StartsWithTheWeightsOfTheCpu) {
  NEEDS_GPU();
  const std::unique_ptr<Network> cpu = make_network(small_default(), small_shape(), {7}, at::kFloat, at::kCPU);
  const std::unique_ptr<Network> device = make_network(small_default(), small_shape(), {7}, at::kFloat, gpu);
  for (std::size_t i = 0; i < cpu->parameters().size(); ++i)
    EXPECT_TRUE(device->parameters()[i].tensor.to(at::kCPU).equal(cpu->parameters()[i].tensor)) << cpu->parameters()[i].name;
}

} // namespace
} // namespace stdualx::test
