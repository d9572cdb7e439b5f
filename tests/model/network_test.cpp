// Promises of the network as a whole: replicas, first values, padding, repeatability, and what it refuses.
#include "reference.h"

#include "model/loss.h"

#include "experiments/spec/random.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx::test {
namespace {

at::Tensor named(const std::vector<NamedTensor>& tensors, const std::string& name) {
  for (const NamedTensor& each : tensors)
    if (each.name == name) return each.tensor.detach();
  throw std::logic_error("no tensor " + name);
}

struct Step {
  ModelOutput output;
  at::Tensor gradient;
};
Step train_step(StdualX& network, const Batch& batch, const StepContext& context) {
  clear_gradients(network.parameters());
  Step step{network.forward(batch.windows, context), {}};
  loss(step.output, batch.labels, TrainingConfig{}, context).total.backward();
  step.gradient = flat_gradient(network.parameters());
  return step;
}

TEST(Replicas, InAPackComputeWhatEachComputesAlone) {
  const StepContext context{.training = true, .counters = step_counters(1, 4), .want_attention = true};
  for (const ModelConfig& config : {small_default(), small_faithful()}) {
    const InputShape shape = small_shape();
    const std::vector<std::int64_t> seeds = {7, 3, 9};
    StdualX pack(config, shape, seeds, at::kDouble, at::kCPU);
    const Batch batch = random_batch(shape, 3, 6, at::kDouble, 1);
    const Step together = train_step(pack, batch, context);
    for (std::int64_t r = 0; r < 3; ++r) {
      StdualX alone(config, shape, {seeds[static_cast<std::size_t>(r)]}, at::kDouble, at::kCPU);
      const Step single = train_step(alone, {batch.windows.narrow(0, r, 1), batch.labels.narrow(0, r, 1)}, context);
      EXPECT_LE(relative_error(together.output.logits[r], single.output.logits[0]), 1e-9);
      EXPECT_LE(relative_error(together.output.attention[r], single.output.attention[0]), 1e-9);
      std::vector<at::Tensor> own;
      for (std::size_t i = 0; i < pack.parameters().size(); ++i) {
        const NamedTensor &packed = pack.parameters()[i], &lone = alone.parameters()[i];
        ASSERT_EQ(packed.name, lone.name);
        const std::int64_t leading = lone.tensor.size(0);
        EXPECT_TRUE(packed.tensor.narrow(0, r * leading, leading).equal(lone.tensor)) << packed.name << " starts differently in a pack";
        own.push_back(packed.tensor.grad().narrow(0, r * leading, leading).flatten());
      }
      EXPECT_LE(relative_error(at::cat(own), single.gradient), 1e-9);
      for (std::size_t i = 0; i < pack.buffers().size(); ++i) {
        const at::Tensor lone = alone.buffers()[i].tensor;
        EXPECT_LE(relative_error(pack.buffers()[i].tensor.narrow(0, r * lone.size(0), lone.size(0)), lone), 1e-9);
      }
    }
  }
}

TEST(Network, RepeatsAStepToTheBit) {
  const Batch batch = random_batch(small_shape(), 2, 6, at::kFloat, 1);
  std::vector<at::Tensor> gradients;
  for (int i = 0; i < 2; ++i) {
    StdualX network(small_default(), small_shape(), {1, 2}, at::kFloat, at::kCPU);
    gradients.push_back(train_step(network, batch, {.training = true, .counters = step_counters(1, 1)}).gradient);
  }
  EXPECT_TRUE(gradients[0].equal(gradients[1]));
}

TEST(Network, EvaluationDependsOnAWindowAlone) {
  StdualX network(small_default(), small_shape(), {1}, at::kDouble, at::kCPU);
  const Batch batch = random_batch(small_shape(), 1, 6, at::kDouble, 1);
  const at::Tensor all = network.forward(batch.windows, {}).logits;
  const at::Tensor one = network.forward(batch.windows.narrow(1, 4, 1), {}).logits;
  EXPECT_LE(relative_error(all.narrow(1, 4, 1), one), 1e-12);
  EXPECT_EQ(network.forward(batch.windows.narrow(1, 0, 0), {}).logits.sizes(), at::IntArrayRef({1, 0, 4}));
}

TEST(Attention, RowsSumToOneAndSelfIsHidden) {
  ModelConfig config = small_default();
  StdualX network(config, small_shape(), {1}, at::kDouble, at::kCPU);
  const Batch batch = random_batch(small_shape(), 1, 5, at::kDouble, 1);
  const StepContext context{.want_attention = true};
  const at::Tensor hidden = network.forward(batch.windows, context).attention;
  ASSERT_EQ(hidden.sizes(), at::IntArrayRef({1, 5, 4, 3, 3}));
  EXPECT_LE((hidden.sum(-1) - 1).abs().max().item<double>(), 1e-12);
  EXPECT_EQ(hidden.diagonal(0, -2, -1).abs().max().item<double>(), 0);
  config.attend_self = true;
  EXPECT_GT(StdualX(config, small_shape(), {1}, at::kDouble, at::kCPU)
                .forward(batch.windows, context)
                .attention.diagonal(0, -2, -1)
                .min()
                .item<double>(),
            0);
  config.cross_sensor_attention = false;
  EXPECT_FALSE(StdualX(config, small_shape(), {1}, at::kDouble, at::kCPU).forward(batch.windows, context).attention.defined());
}

TEST(Padding, IsIgnoredAndItsWeightsStayZero) {
  InputShape shape = small_shape();
  shape.sensor_channels = {2, 4, 2};
  ModelConfig with_asinh = small_faithful();
  with_asinh.asinh_knee = 0.1;
  for (const ModelConfig& config : {small_default(), small_faithful(), with_asinh}) {
    StdualX network(config, shape, {1}, at::kDouble, at::kCPU);
    Batch batch = random_batch(shape, 1, 6, at::kDouble, 1);
    const StepContext context{.training = true};
    const Step step = train_step(network, batch, context);
    std::int64_t zeros = 0;
    for (const NamedTensor& parameter : network.parameters()) {
      if (!parameter.decay && parameter.name != "position.embedding") continue; // drawn, so 0 only in the padding
      const at::Tensor padded = parameter.tensor.detach().eq(0);
      zeros += padded.sum().item<std::int64_t>();
      EXPECT_EQ(parameter.tensor.grad().masked_select(padded).abs().sum().item<double>(), 0) << parameter.name;
    }
    EXPECT_GT(zeros, 0);
    batch.windows.select(2, 0).narrow(-1, 2, 2).fill_(std::numeric_limits<double>::quiet_NaN());
    EXPECT_TRUE(train_step(network, batch, context).gradient.equal(step.gradient)) << "what stands in the padding changed the result";
  }
}

TEST(FirstValues, OfAPaddedSensorAreThoseOfItsOwnNetwork) {
  InputShape padded = small_shape();
  padded.sensor_channels = {2, 4, 4};
  InputShape own = small_shape();
  own.channels = 2;
  const StdualX wide(small_faithful(), padded, {5}, at::kDouble, at::kCPU), narrow(small_faithful(), own, {5}, at::kDouble, at::kCPU);
  for (const std::string name : {"stdat.0.temporal_attention.in_weight", "stdat.0.temporal_attention.out_weight", "position.embedding",
                                 "vector.hidden.weight", "vector.output.weight"}) {
    const at::Tensor first = named(wide.parameters(), name)[0];
    EXPECT_TRUE(first.masked_select(first.ne(0)).equal(named(narrow.parameters(), name)[0].flatten())) << name;
  }
}

TEST(FirstValues, AreEqualWhereAnAblationKeepsALayer) {
  ModelConfig ablation = small_default();
  ablation.cross_sensor_attention = ablation.channel_attention = ablation.position = false;
  const StdualX full(small_default(), small_shape(), {5}, at::kDouble, at::kCPU), less(ablation, small_shape(), {5}, at::kDouble, at::kCPU);
  EXPECT_LT(less.parameters().size(), full.parameters().size());
  for (const NamedTensor& parameter : less.parameters())
    EXPECT_TRUE(parameter.tensor.equal(named(full.parameters(), parameter.name))) << parameter.name;
}

TEST(FirstValues, InFloat32AreThoseOfFloat64Rounded) {
  const StdualX wide(small_default(), small_shape(), {5}, at::kDouble, at::kCPU),
      narrow(small_default(), small_shape(), {5}, at::kFloat, at::kCPU);
  for (const NamedTensor& parameter : narrow.parameters())
    EXPECT_TRUE(parameter.tensor.equal(named(wide.parameters(), parameter.name).to(at::kFloat))) << parameter.name;
}

TEST(FirstValues, FollowPyTorchsSchemes) {
  const InputShape shape{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  const StdualX network(ModelConfig{}, shape, {5}, at::kDouble, at::kCPU);
  const std::map<std::string, double> bounds = {{"stem.0.convolution.weight", 1 / std::sqrt(6.0 * 5)},
                                                {"stem.1.convolution.bias", 1 / std::sqrt(32.0 * 5)},
                                                {"position.embedding", std::sqrt(6.0 / (20 + 32))},
                                                {"stdat.0.temporal_attention.in_weight", std::sqrt(6.0 / (4 * 32))},
                                                {"stdat.1.channel_attention.out_weight", 1 / std::sqrt(32.0)},
                                                {"stdat.0.convolution.2.weight", 1 / std::sqrt(25.0)},
                                                {"vector.hidden.weight", 1 / std::sqrt(1024.0)},
                                                {"cross_sensor_attention.in_weight", std::sqrt(6.0 / (4 * 64))},
                                                {"head.embedding.weight", 1 / std::sqrt(192.0)},
                                                {"head.classes.bias", 1 / std::sqrt(128.0)}};
  for (const auto& [name, bound] : bounds) {
    const at::Tensor values = named(network.parameters(), name);
    const double count = static_cast<double>(values.numel());
    EXPECT_LE(values.abs().max().item<double>(), bound) << name;
    EXPECT_GE(values.abs().max().item<double>(), bound * (1 - 8 / count)) << name;
    EXPECT_NEAR(values.mean().item<double>(), 0, 4 * bound / std::sqrt(3 * count)) << name; // four standard errors
    if (values.size(0) == 3) {
      EXPECT_FALSE(values[0].equal(values[1])) << name << ": sensors start alike";
    }
  }
  EXPECT_EQ(named(network.parameters(), "stdat.0.temporal_attention.in_bias").abs().max().item<double>(), 0);
  EXPECT_LE((named(network.parameters(), "position.log_sigma").exp() - 16).abs().max().item<double>(), 1e-12); // half of 32 steps
  EXPECT_LE((named(network.parameters(), "position.mean")[0] - at::arange(20, at::kDouble) * 1.6).abs().max().item<double>(), 1e-12);
}

TEST(Parameters, DecayAppliesToWeightsAlone) {
  const StdualX network(small_default(), small_shape(), {5}, at::kFloat, at::kCPU);
  for (const NamedTensor& parameter : network.parameters()) {
    const bool weight = parameter.name.ends_with("weight") && parameter.name.find("norm") == std::string::npos;
    EXPECT_EQ(parameter.decay, weight) << parameter.name;
    EXPECT_TRUE(parameter.tensor.is_leaf() && parameter.tensor.requires_grad() && parameter.tensor.is_contiguous()) << parameter.name;
  }
}

template <class Change> std::string refusal(Change change) {
  ModelConfig config = small_default();
  InputShape shape = small_shape();
  change(config, shape);
  try {
    StdualX(config, shape, {1}, at::kFloat, at::kCPU);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CheckModel, NamesTheKeyAndWhatWouldFit) {
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) { m.temporal_heads = 4; }),
            "/model/temporal_heads: 4 heads do not divide 6, the channels of the encoder; choose one of 1, 2, 3, 6");
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) { m.channel_heads = 3; }),
            "/model/channel_heads: 3 heads do not divide 4, the steps of the encoder; choose one of 1, 2, 4");
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) { m.cross_sensor_heads = 3; }),
            "/model/cross_sensor_heads: 3 heads do not divide 8, sensor_width; choose one of 1, 2, 4, 8");
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) { m.stem_kernel = 4; }), "/model/stem_kernel: 4 is even; choose an odd width");
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) { m.architecture = "lstm"; }),
            "/model/architecture: expected one of stdual_x, bi_lstm, cnn, deep_conv_lstm, linear, transformer, found 'lstm'");
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape& s) {
              m = small_faithful();
              s.sensor_channels = {4, 3, 4};
            }),
            "/model/temporal_heads: 2 heads do not divide 3, the channels of sensor 1; choose one of 1, 3");
  EXPECT_THAT(refusal([](ModelConfig&, InputShape& s) {
                s.sensor_channels = {4, 4};
              }),
              testing::HasSubstr("sensor_channels: expected a number for each of 3 sensors, found 2"));
  EXPECT_THAT(refusal([](ModelConfig&, InputShape& s) {
                s.sensor_channels = {4, 5, 1};
              }),
              testing::HasSubstr("sensor 1 has 5 channels; expected 1 to 4"));
  EXPECT_THAT(refusal([](ModelConfig&, InputShape& s) { s.classes = 1; }), testing::HasSubstr("at least 2 classes"));
}

TEST(CheckModel, AsksNothingOfPartsThatAreSwitchedOff) {
  EXPECT_EQ(refusal([](ModelConfig& m, InputShape&) {
              m.temporal_heads = m.channel_heads = 5;
              m.stdat = false;
              m.cross_sensor_heads = 3;
              m.cross_sensor_attention = false;
            }),
            "accepted");
}

TEST(Network, RefusesWindowsOfAnotherShape) {
  StdualX network(small_default(), small_shape(), {1}, at::kFloat, at::kCPU);
  EXPECT_THROW(network.forward(at::zeros({1, 2, 3, 16, 5}), {}), std::invalid_argument);
  EXPECT_THROW(network.forward(at::zeros({2, 2, 3, 16, 4}), {}), std::invalid_argument);
}

} // namespace
} // namespace stdualx::test
