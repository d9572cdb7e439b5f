// The baselines against their references in PyTorch, and the promises that they share with STDual-X.
#include "reference.h"

#include "experiments/spec/model_shape.h"
#include "model/baselines/window_features.h"
#include "model/loss.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace stdualx::test {
namespace {

using testing::HasSubstr;

std::unique_ptr<Network> make(const ModelConfig& config, const InputShape& shape, at::ScalarType type = at::kDouble,
                              const std::vector<std::int64_t>& seeds = {11}) {
  return make_network(config, shape, seeds, type, at::kCPU);
}

TrainingConfig cross_entropy_alone() {
  TrainingConfig config;
  config.triplet_weight = 0;
  return config;
}

/// Moves every parameter and statistic off its first value: a baseline has no entries that stand for nothing.
void move_values(Network& network) {
  const at::NoGradGuard constant;
  at::manual_seed(5);
  for (const NamedTensor& parameter : network.parameters())
    parameter.tensor.add_(at::randn(parameter.tensor.sizes(), at::kDouble).to(parameter.tensor.scalar_type()) * 0.2);
  for (const NamedTensor& buffer : network.buffers())
    buffer.tensor.add_(at::rand(buffer.tensor.sizes(), at::kDouble).to(buffer.tensor.scalar_type()) * 0.5);
}

struct Setting {
  std::string name;
  ModelConfig model;
  InputShape shape;
};

/// Every setting in train and eval mode and both types: outputs, loss, the whole gradient, running statistics.
void expect_agreement(const std::vector<Setting>& settings) {
  at::set_num_threads(1);
  std::vector<ReferenceCase> cases;
  std::map<std::string, std::map<std::string, at::Tensor>> ours;
  std::map<std::string, double> tolerance; // norm of the difference over norm
  for (const Setting& setting : settings)
    for (const auto& [type, training] :
         {std::pair{at::kDouble, true}, std::pair{at::kDouble, false}, std::pair{at::kFloat, true}, std::pair{at::kFloat, false}}) {
      const std::string name = setting.name + (training ? "-train-" : "-eval-") + c10::toString(type);
      const auto network = make(setting.model, setting.shape, type);
      move_values(*network);
      const Batch batch = random_batch(setting.shape, 1, 6, type, 7);
      ReferenceCase reference{name,
                              {{"windows", batch.windows}, {"labels", batch.labels}},
                              describe(setting.model, setting.shape, cross_entropy_alone(), training, "baseline")};
      for (const auto* list : {&network->parameters(), &network->buffers()})
        for (const NamedTensor& named : *list) reference.tensors.push_back({named.name, named.tensor.detach().clone()});
      cases.push_back(reference);

      const StepContext context{.training = training, .dropout = false};
      const ModelOutput output = network->forward(batch.windows, context);
      const LossTerms terms = loss(output, batch.labels, cross_entropy_alone(), context);
      terms.total.backward();
      auto& results = ours[name];
      tolerance[name] = type == at::kDouble ? 1e-9 : 1e-4;
      results = {{"logits", output.logits}, {"embedding", output.embedding}, {"cross_entropy", terms.cross_entropy}};
      for (const NamedTensor& buffer : network->buffers()) results["buffer." + buffer.name] = buffer.tensor;
      for (const NamedTensor& parameter : network->parameters()) results["gradient." + parameter.name] = parameter.tensor.grad();
    }

  const auto theirs = run_reference(cases);
  ASSERT_EQ(theirs.size(), cases.size());
  for (const auto& [name, expected] : theirs) {
    SCOPED_TRACE(name);
    std::vector<at::Tensor> our_gradient, their_gradient;
    for (const auto& [key, value] : ours.at(name)) {
      ASSERT_TRUE(expected.contains(key)) << key << " is not in the reference";
      ASSERT_TRUE(value.defined()) << key;
      ASSERT_EQ(value.sizes(), expected.at(key).sizes()) << key;
      if (key.starts_with("gradient.")) {
        our_gradient.push_back(value.flatten().to(at::kDouble));
        their_gradient.push_back(expected.at(key).flatten());
      } else {
        EXPECT_LE(relative_error(value, expected.at(key)), tolerance[name]) << key;
      }
    }
    EXPECT_EQ(expected.size(), ours.at(name).size()) << "the reference has something more";
    EXPECT_LE(relative_error(at::cat(our_gradient), at::cat(their_gradient)), tolerance[name]) << "the whole gradient";
  }
}

TEST(BaselineReference, AgreesInSmallSizes) {
  InputShape padded = small_shape();
  padded.sensor_channels = {2, 4, 1};
  InputShape odd{.sensors = 1, .steps = 13, .channels = 1, .classes = 2, .sensor_channels = {}};
  std::vector<Setting> settings;
  for (const std::string& name : baseline_names()) {
    settings.push_back({name, small_baseline(name), small_shape()});
    settings.push_back({name + "-padded", small_baseline(name), padded});
    settings.push_back({name + "-one_channel_odd_steps", small_baseline(name), odd});
  }
  ModelConfig odd_width = small_baseline("transformer");
  odd_width.baseline.width = 7;
  odd_width.baseline.heads = 1;
  settings.push_back({"transformer-odd_width", odd_width, small_shape()});
  for (const std::int64_t steps : {1, 2, 3}) {
    InputShape tiny = small_shape();
    tiny.steps = steps;
    for (const std::string name : {"cnn", "bi_lstm", "transformer", "linear"})
      settings.push_back({name + "-steps_" + std::to_string(steps), small_baseline(name), tiny});
  }
  expect_agreement(settings);
}

TEST(BaselineReference, AgreesAtTheSizesOfTheirVariants) {
  const InputShape uci_har{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  const std::map<std::string, BaselineConfig> sizes = {
      {"deep_conv_lstm", {.convolutions = 4, .filters = 64, .kernel = 5, .layers = 2, .width = 128, .dropout = 0.5}},
      {"cnn", {.filters = 128}},
      {"bi_lstm", {.layers = 2, .width = 128, .dropout = 0.5}},
      {"transformer", {.layers = 2, .width = 128, .heads = 4, .feedforward = 256, .dropout = 0.1}},
      {"linear", {}}};
  std::vector<Setting> settings;
  for (const auto& [name, size] : sizes) {
    settings.push_back({name, bare_model(name), uci_har});
    settings.back().model.baseline = size;
  }
  expect_agreement(settings);
}

TEST(Baselines, RepeatAStepToTheBit) {
  const Batch batch = random_batch(small_shape(), 1, 6, at::kFloat, 1);
  for (const std::string& name : baseline_names()) {
    std::vector<at::Tensor> gradients;
    for (int i = 0; i < 2; ++i) {
      const auto network = make(small_baseline(name), small_shape(), at::kFloat);
      const StepContext context{.training = true, .counters = step_counters(1, 1)};
      loss(network->forward(batch.windows, context), batch.labels, cross_entropy_alone(), context).total.backward();
      gradients.push_back(flat_gradient(network->parameters()));
    }
    EXPECT_TRUE(gradients[0].equal(gradients[1])) << name;
    EXPECT_GT(gradients[0].norm().item<double>(), 0) << name;
  }
}

TEST(Baselines, DropWhatTheCountersSay) {
  const Batch batch = random_batch(small_shape(), 1, 6, at::kDouble, 1);
  for (const std::string& name : baseline_names()) {
    if (name == "linear") continue; // has nothing to drop
    const auto logits = [&](std::uint32_t step, bool dropout) {
      at::manual_seed(step); // of torch's own generator, which must not matter
      return make(small_baseline(name), small_shape())
          ->forward(batch.windows, {.training = true, .counters = step_counters(1, step), .dropout = dropout})
          .logits;
    };
    EXPECT_TRUE(logits(1, true).equal(logits(1, true))) << name;
    EXPECT_FALSE(logits(1, true).equal(logits(2, true))) << name;
    EXPECT_TRUE(logits(1, false).equal(logits(2, false))) << name;
  }
}

TEST(Baselines, EvaluateAWindowByItself) {
  const Batch batch = random_batch(small_shape(), 1, 6, at::kDouble, 1);
  for (const std::string& name : baseline_names()) {
    const auto network = make(small_baseline(name), small_shape());
    move_values(*network);
    const at::Tensor all = network->forward(batch.windows, {}).logits;
    const at::Tensor one = network->forward(batch.windows.narrow(1, 4, 1), {}).logits;
    EXPECT_LE(relative_error(all.narrow(1, 4, 1), one), 1e-12) << name;
    const ModelOutput none = network->forward(batch.windows.narrow(1, 0, 0), {});
    EXPECT_EQ(none.logits.sizes(), at::IntArrayRef({1, 0, 4})) << name;
    EXPECT_EQ(none.embedding.sizes(), at::IntArrayRef({1, 0, network->forward(batch.windows, {}).embedding.size(2)})) << name;
  }
}

TEST(Baselines, IgnoreWhatStandsInChannelsThatASensorDoesNotHave) {
  InputShape shape = small_shape();
  shape.sensor_channels = {2, 4, 2};
  const Batch batch = random_batch(shape, 1, 6, at::kDouble, 1);
  const at::Tensor filled = batch.windows.clone();
  filled.select(2, 0).narrow(-1, 2, 2).fill_(std::numeric_limits<double>::quiet_NaN());
  for (const std::string& name : baseline_names()) {
    const auto network = make(small_baseline(name), shape);
    EXPECT_TRUE(network->forward(filled, {}).embedding.equal(network->forward(batch.windows, {}).embedding)) << name;
  }
}

TEST(Baselines, StartAsPyTorchsLayersDo) {
  const InputShape shape{.sensors = 3, .steps = 40, .channels = 3, .classes = 6, .sensor_channels = {}};
  const auto expect_uniform = [&](const std::string& architecture, const BaselineConfig& sizes,
                                  const std::map<std::string, double>& bounds) {
    ModelConfig config = bare_model(architecture);
    config.baseline = sizes;
    const auto network = make(config, shape);
    for (const auto& [name, bound] : bounds) {
      at::Tensor values;
      for (const NamedTensor& parameter : network->parameters())
        if (parameter.name == name) values = parameter.tensor.detach();
      ASSERT_TRUE(values.defined()) << name;
      const double count = static_cast<double>(values.numel());
      EXPECT_LE(values.abs().max().item<double>(), bound) << name;
      EXPECT_GE(values.abs().max().item<double>(), bound * (1 - 8 / count)) << name;
      EXPECT_NEAR(values.mean().item<double>(), 0, 4 * bound / std::sqrt(3 * count)) << name; // four standard errors
    }
  };
  expect_uniform("deep_conv_lstm", {.convolutions = 2, .filters = 16, .kernel = 5, .layers = 2, .width = 32},
                 {{"convolution.0.weight", 1 / std::sqrt(5.0)},
                  {"convolution.1.bias", 1 / std::sqrt(16.0 * 5)},
                  {"lstm.0.forward.input_weight", 1 / std::sqrt(32.0)},
                  {"lstm.1.forward.state_bias", 1 / std::sqrt(32.0)},
                  {"classes.weight", 1 / std::sqrt(32.0)}});
  expect_uniform("cnn", {.filters = 16},
                 {{"convolution.0.weight", 1 / std::sqrt(9.0 * 8)}, {"convolution.2.bias", 1 / std::sqrt(32.0 * 3)}});
  expect_uniform("bi_lstm", {.layers = 1, .width = 16},
                 {{"lstm.0.backward.state_weight", 1 / std::sqrt(16.0)}, {"classes.weight", 1 / std::sqrt(32.0)}});
  expect_uniform("transformer", {.layers = 1, .width = 16, .heads = 2, .feedforward = 32},
                 {{"input.weight", 1 / std::sqrt(9.0)},
                  {"layer.0.attention.in_weight", std::sqrt(6.0 / (4 * 16))},
                  {"layer.0.output.weight", 1 / std::sqrt(32.0)}});
  const auto linear = make(bare_model("linear"), shape);
  for (const NamedTensor& parameter : linear->parameters()) EXPECT_EQ(parameter.tensor.abs().max().item<double>(), 0) << parameter.name;
}

TEST(Baselines, DecayWeightsAlone) {
  for (const std::string& name : baseline_names()) {
    const auto network = make(small_baseline(name), small_shape());
    for (const NamedTensor& parameter : network->parameters()) {
      const bool weight = parameter.name.ends_with("weight") && parameter.name.find("norm") == std::string::npos;
      EXPECT_EQ(parameter.decay, weight) << name << ": " << parameter.name;
      EXPECT_TRUE(parameter.tensor.is_leaf() && parameter.tensor.requires_grad() && parameter.tensor.is_contiguous()) << parameter.name;
    }
  }
}

TEST(LinearFeatures, ForgetNothingOfTheTrainingWindows) {
  const auto network = make(bare_model("linear"), small_shape());
  const Batch batch = random_batch(small_shape(), 1, 30, at::kDouble, 1);
  const StepContext context{.training = true};
  for (const auto& [first, count] : {std::pair{0, 2}, std::pair{2, 17}, std::pair{19, 11}})
    network->forward(batch.windows.narrow(1, first, count), context);
  const at::Tensor embedding = network->forward(batch.windows, {}).embedding[0]; // [30, features]
  EXPECT_LE(embedding.mean(0).abs().max().item<double>(), 1e-9);
  EXPECT_LE((embedding.square().mean(0) - 1).abs().max().item<double>(), 1e-3) << "but for what keeps a constant feature finite";
}

TEST(WindowFeatures, BandsAreHalfOctavesBelowTheNyquistFrequency) {
  // Bins 1 to 8 of 16 steps lie at 1/8 to 8/8 of it; the ends are 1, 0.707, 0.5, 0.354, 0.25, 0.177, 0.125.
  EXPECT_TRUE(feature_bands(16).equal(at::tensor({0, 1, 2, 2, 3, 4, 4, 4}, at::kLong)));
  EXPECT_EQ(feature_bands(1).numel(), 0);
  for (const std::int64_t steps : {2, 3, 24, 125, 128, 171, 512}) {
    const at::Tensor bands = feature_bands(steps), rises = bands.diff();
    ASSERT_EQ(bands.numel(), steps / 2);
    EXPECT_EQ(bands[0].item<std::int64_t>(), 0);
    EXPECT_TRUE(rises.ge(0).logical_and(rises.le(1)).all().item<bool>()) << steps;
  }
}

template <class Change> std::string refusal(const std::string& architecture, Change change) {
  ModelConfig config = small_baseline(architecture);
  InputShape shape = small_shape();
  change(config, shape);
  try {
    make(config, shape);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CheckBaseline, NamesTheKeyAndWhatWouldFit) {
  for (const std::string& name : baseline_names()) EXPECT_EQ(refusal(name, [](ModelConfig&, InputShape&) {}), "accepted") << name;
  EXPECT_EQ(refusal("transformer", [](ModelConfig& m, InputShape&) { m.baseline.heads = 4; }),
            "/model/baseline/heads: 4 heads do not divide 6, width; choose one of 1, 2, 3, 6");
  EXPECT_EQ(refusal("cnn", [](ModelConfig& m, InputShape&) { m.baseline.filters = 0; }),
            "/model/baseline/filters: expected at least 1 for cnn, found 0; the variant 'cnn' sets it");
  EXPECT_THAT(refusal("deep_conv_lstm", [](ModelConfig&, InputShape& s) { s.steps = 9; }),
              HasSubstr("/model/baseline/convolutions: 3 convolutions of width 4 take 9 steps off a window of 9"));
  EXPECT_EQ(refusal("deep_conv_lstm", [](ModelConfig&, InputShape& s) { s.steps = 10; }), "accepted");
  EXPECT_THAT(refusal("linear", [](ModelConfig&, InputShape& s) { s.classes = 1; }), HasSubstr("at least 2 classes"));
}

TEST(CheckBaseline, RefusesSettingsThatChangeNothing) {
  EXPECT_THAT(refusal("cnn", [](ModelConfig& m, InputShape&) { m.stdat_layers = 3; }),
              HasSubstr("/model/stdat_layers: is no setting of cnn"));
  EXPECT_EQ(refusal("bi_lstm", [](ModelConfig& m, InputShape&) { m.baseline.heads = 2; }),
            "/model/baseline/heads: bi_lstm has no heads; leave it at 0");
  EXPECT_THAT(refusal("cnn", [](ModelConfig& m, InputShape&) { m = small_default(), m.baseline.filters = 4; }),
              HasSubstr("/model/baseline: stdual_x has none of these sizes"));
}

TEST(CheckBaseline, RefusesAPack) {
  for (const std::string& name : baseline_names())
    EXPECT_THROW(make(small_baseline(name), small_shape(), at::kFloat, {1, 2}), InputError) << name;
}

TEST(BareModel, SurvivesItsJson) {
  for (const std::string& name : baseline_names())
    EXPECT_EQ(from_json<ModelConfig>(to_json_all(bare_model(name))), bare_model(name)) << name;
}

TEST(Baselines, RefuseWindowsOfAnotherShape) {
  const auto network = make(small_baseline("cnn"), small_shape(), at::kFloat);
  EXPECT_THROW(network->forward(at::zeros({1, 2, 3, 16, 5}), {}), std::invalid_argument);
  EXPECT_THROW(network->forward(at::zeros({2, 2, 3, 16, 4}), {}), std::invalid_argument);
}

} // namespace
} // namespace stdualx::test
