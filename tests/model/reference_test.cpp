// The network, its loss and its gradients against the independent reference, in both presets, every ablation and both types.
#include "reference.h"

#include "model/cross_sensor_attention.h"
#include "model/encoder_shape.h"
#include "model/head.h"
#include "model/loss.h"
#include "model/position.h"
#include "model/sensor_vector.h"
#include "model/stdat.h"
#include "model/stem.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace stdualx::test {
namespace {

/// Least agreement asked for: norm of the difference over norm.
double tolerance(at::ScalarType type) { return type == at::kDouble ? 1e-9 : 1e-4; }

struct Bound {
  double limit;
  const char* why;
};
constexpr const char* weight_near_0 = "a 1 x 1 convolution has drawn a weight near 0, whose scale batch norm undoes: its gradient is the "
                                      "small difference of large numbers";
constexpr const char* equal_channels = "LayerNorm over three channels that are nearly equal, five times one after another";
constexpr const char* saturated = "scores of cross-sensor attention reach 900: what is not saturated hangs on their last bits";
/// Cases whose gradient is ill-conditioned in float32, for PyTorch too. Limits: about four times the worst that was measured over
/// ATEN_CPU_CAPABILITY default, avx2, avx512 and MKL_ENABLE_INSTRUCTIONS SSE4_2, AVX2, AVX512.
const std::map<std::string, Bound> ill_conditioned = {{"faithful-train-Float", {4e-4, weight_near_0}},
                                                      {"faithful-without_csa-train-Float", {5e-4, weight_near_0}},
                                                      {"faithful-attend_self-train-Float", {3e-4, weight_near_0}},
                                                      {"faithful-hard_triplet-train-Float", {3e-4, weight_near_0}},
                                                      {"faithful-identical_windows-train-Float", {1.5e-3, weight_near_0}},
                                                      {"faithful-one_sensor-train-Float", {3e-4, weight_near_0}},
                                                      {"narrow_heads-train-Float", {3e-4, weight_near_0}},
                                                      {"sharp_gaussians-train-Float", {3e-4, weight_near_0}},
                                                      {"default-one_replica-train-Float", {3e-4, weight_near_0}},
                                                      {"one_head-eval-Float", {9e-4, equal_channels}},
                                                      {"uci_har-train-Float", {3.6e-3, saturated}}};

struct Setting {
  std::string name;
  ModelConfig model;
  InputShape shape = small_shape();
  TrainingConfig training = {};
  std::int64_t replicas = 2;
  std::int64_t batch = 6;
  enum Content { various, one_class, identical } content = various;
};

template <class Change> Setting changed(const std::string& name, ModelConfig model, Change change) {
  change(model);
  return {name, model};
}

/// Every setting in train and eval mode and both types: outputs, losses, the whole gradient, running statistics.
void expect_agreement(const std::vector<Setting>& settings) {
  at::set_num_threads(1); // planes this small are not worth a second thread
  std::vector<ReferenceCase> cases;
  std::map<std::string, std::map<std::string, at::Tensor>> ours;
  std::map<std::string, at::ScalarType> type_of;
  for (const Setting& setting : settings)
    for (const auto& [type, training] :
         {std::pair{at::kDouble, true}, std::pair{at::kDouble, false}, std::pair{at::kFloat, true}, std::pair{at::kFloat, false}}) {
      const std::string name = setting.name + (training ? "-train-" : "-eval-") + c10::toString(type);
      std::vector<std::int64_t> seeds;
      for (std::int64_t r = 0; r < setting.replicas; ++r) seeds.push_back(11 + r);
      StdualX network(setting.model, setting.shape, seeds, type, at::kCPU);
      perturb(network.parameters(), network.buffers(), 5);
      Batch batch = random_batch(setting.shape, setting.replicas, setting.batch, type, 7);
      if (setting.content == Setting::one_class) batch.labels.fill_(1);
      if (setting.content == Setting::identical) batch.windows.copy_(batch.windows.narrow(1, 0, 1).clone().expand_as(batch.windows));

      ReferenceCase reference{name,
                              {{"windows", batch.windows}, {"labels", batch.labels}},
                              describe(setting.model, setting.shape, setting.training, training, "network")};
      for (const auto* list : {&network.parameters(), &network.buffers()})
        for (const NamedTensor& named : *list) reference.tensors.push_back({named.name, named.tensor.detach().clone()});
      cases.push_back(reference);

      const StepContext context{.training = training, .want_attention = true, .dropout = false};
      const ModelOutput output = network.forward(batch.windows, context);
      const LossTerms terms = loss(output, batch.labels, setting.training, context);
      terms.total.backward();
      auto& results = ours[name];
      type_of[name] = type;
      results = {
          {"logits", output.logits}, {"embedding", output.embedding}, {"cross_entropy", terms.cross_entropy}, {"triplet", terms.triplet}};
      if (output.attention.defined()) results["attention"] = output.attention;
      for (const NamedTensor& buffer : network.buffers()) results["buffer." + buffer.name] = buffer.tensor;
      for (const NamedTensor& parameter : network.parameters()) results["gradient." + parameter.name] = parameter.tensor.grad();
    }

  const auto theirs = run_reference(cases);
  ASSERT_EQ(theirs.size(), cases.size());
  for (const auto& [name, expected] : theirs) {
    SCOPED_TRACE(name);
    const auto& actual = ours.at(name);
    std::vector<at::Tensor> our_gradient, their_gradient;
    for (const auto& [key, value] : actual) {
      ASSERT_TRUE(expected.contains(key)) << key << " is not in the reference";
      if (key.starts_with("gradient.")) {
        ASSERT_TRUE(value.defined()) << key;
        ASSERT_EQ(value.sizes(), expected.at(key).sizes()) << key;
        our_gradient.push_back(value.flatten().to(at::kDouble));
        their_gradient.push_back(expected.at(key).flatten());
      } else {
        ASSERT_EQ(value.sizes(), expected.at(key).sizes()) << key;
        EXPECT_LE(relative_error(value, expected.at(key)), tolerance(type_of[name])) << key;
      }
    }
    for (const auto& [key, value] : expected) EXPECT_TRUE(actual.contains(key)) << key << " is in the reference alone";
    const at::Tensor gradient = at::cat(our_gradient);
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
    const auto found = ill_conditioned.find(name);
    const Bound bound = found == ill_conditioned.end() ? Bound{tolerance(type_of[name]), "well-conditioned"} : found->second;
    EXPECT_LE(relative_error(gradient, at::cat(their_gradient)), bound.limit) << "the whole gradient; " << bound.why;
  }
}

/// The preset, and what each ablation switches off, with two layers.
std::vector<Setting> ablations(const std::string& prefix, const ModelConfig& preset) {
  ModelConfig base = preset;
  base.stdat_layers = 2;
  std::vector<Setting> settings = {
      {prefix, preset},
      changed(prefix + "-without_stdat", base, [](ModelConfig& m) { m.stdat = false; }),
      changed(prefix + "-without_csa", base, [](ModelConfig& m) { m.cross_sensor_attention = false; }),
      changed(prefix + "-without_temporal_attention", base, [](ModelConfig& m) { m.temporal_attention = false; }),
      changed(prefix + "-without_channel_attention", base, [](ModelConfig& m) { m.channel_attention = false; }),
      changed(prefix + "-without_both_attentions", base, [](ModelConfig& m) { m.temporal_attention = m.channel_attention = false; }),
      changed(prefix + "-without_convolution", base, [](ModelConfig& m) { m.convolution = false; }),
      changed(prefix + "-without_position", base, [](ModelConfig& m) { m.position = false; }),
      changed(prefix + "-attend_self", base, [](ModelConfig& m) { m.attend_self = true; }),
      changed(prefix + "-three_planes", base, [](ModelConfig& m) { m.convolution_units = 3; }),
      changed(prefix + "-one_layer", base, [](ModelConfig& m) { m.stdat_layers = 1; }),
  };
  settings.push_back({prefix + "-hard_triplet", base});
  settings.back().training.triplet_weight = 3;
  settings.back().training.triplet_margin = 1.5;
  settings.back().training.label_smoothing = 0;
  return settings;
}

TEST(Reference, AgreesInTheDefaultPresetAndItsAblations) { expect_agreement(ablations("default", small_default())); }

TEST(Reference, AgreesInTheFaithfulPresetAndItsAblations) { expect_agreement(ablations("faithful", small_faithful())); }

TEST(Reference, AgreesWhereSensorsHaveFewerChannels) {
  InputShape shape = small_shape();
  shape.channels = 6;
  std::vector<Setting> settings;
  const auto add = [&](const std::string& name, const ModelConfig& model, std::vector<std::int64_t> own) {
    shape.sensor_channels = std::move(own);
    settings.push_back({name, model, shape});
  };
  add("stem", small_default(), {6, 1, 3});
  for (Setting& setting : ablations("padded", small_faithful())) add(setting.name, setting.model, {4, 6, 4});
  ModelConfig model = small_faithful();
  model.asinh_knee = 0.3; // asinh channels without a stem: they follow the sensor's own
  add("asinh", model, {1, 6, 3});
  model.temporal_heads = 1;
  model.asinh_knee = 0;
  add("one_head", model, {3, 6, 4});
  model.vector_hidden = 24; // half of some sensors' planes, more than half of others'
  add("narrow_hidden", model, {1, 6, 2});
  add("no_sensor_has_all", model, {5, 3, 4});
  expect_agreement(settings);
}

TEST(Reference, AgreesAtTheEdges) {
  std::vector<Setting> settings = {
      changed("even_steps_and_wide_stride", small_default(),
              [](ModelConfig& m) {
                m.stem_stride = 3;
                m.stem_layers = 1;
                m.channel_heads = 3;
              }),
      changed("narrow_heads", small_faithful(),
              [](ModelConfig& m) {
                m.temporal_heads = 4;
                m.channel_heads = 16;
              }),
      changed("sharp_gaussians", small_faithful(), [](ModelConfig& m) { m.gaussian_sigma = 0.02; }),
  };
  for (const ModelConfig& model : {small_default(), small_faithful()}) {
    const std::string name = model.stem_layers > 0 ? "default" : "faithful";
    settings.push_back({name + "-one_class", model});
    settings.back().content = Setting::one_class;
    settings.push_back({name + "-identical_windows", model});
    settings.back().content = Setting::identical;
    InputShape single = small_shape();
    single.sensors = 1;
    settings.push_back({name + "-one_sensor", model, single});
    settings.push_back({name + "-one_replica", model});
    settings.back().replicas = 1;
  }
  expect_agreement(settings);
}

TEST(Reference, AgreesAtTheSizesOfTheDefaultPreset) {
  const InputShape uci_har{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  Setting setting{"uci_har", ModelConfig{}, uci_har};
  setting.replicas = 1;
  expect_agreement({setting});
  std::int64_t count = 0;
  const StdualX network(ModelConfig{}, uci_har, {1}, at::kFloat, at::kCPU);
  for (const NamedTensor& parameter : network.parameters()) count += parameter.tensor.numel();
  EXPECT_NEAR(static_cast<double>(count), 951e3, 0.5e3); // 951 k
}

/// Each part of the network alone, its output and the gradients of its input and weights.
TEST(Reference, AgreesPartByPart) {
  std::vector<ReferenceCase> cases;
  std::map<std::string, std::map<std::string, at::Tensor>> ours;
  std::map<std::string, at::ScalarType> type_of;
  constexpr std::int64_t replicas = 2, batch = 5;
  for (const bool with_stem : {true, false})
    for (const at::ScalarType type : {at::kDouble, at::kFloat})
      for (const bool training : {true, false}) {
        const std::string name = std::string(with_stem ? "stem" : "padded") + (training ? "-train-" : "-eval-") + c10::toString(type);
        ModelConfig model = with_stem ? small_default() : small_faithful();
        model.asinh_knee = 0;
        InputShape shape = small_shape();
        if (!with_stem) shape.sensor_channels = {2, 4, 2};
        EncoderShape plane{.replicas = replicas,
                           .sensors = shape.sensors,
                           .steps = shape.steps,
                           .channels = shape.channels,
                           .sensor_channels = real_channels(shape),
                           .mask = {}};
        Initialiser initialiser({3, 4}, type, at::kCPU);
        const Stem stem(initialiser, model, plane);
        if (with_stem) {
          plane.steps = stem_steps(model, shape.steps);
          plane.channels = model.stem_channels;
          plane.sensor_channels.assign(3, model.stem_channels);
        } else {
          plane.mask = initialiser.fixed(at::stack(first_real(plane.sensor_channels, plane.channels)))
                           .repeat({replicas, 1})
                           .view({-1, 1, 1, plane.channels});
        }
        const Position position(initialiser, model, plane);
        std::vector<StdatLayer> layers;
        for (std::int64_t i = 0; i < model.stdat_layers; ++i) layers.emplace_back(initialiser, "stdat." + std::to_string(i), model, plane);
        const SensorVector vector(initialiser, model, plane);
        const CrossSensorAttention attention(initialiser, model, shape.sensors);
        const Head head(initialiser, model, shape.sensors * model.sensor_width, shape.classes);
        perturb(initialiser.parameters, initialiser.buffers, 21);

        ReferenceCase reference{name, {}, describe(model, shape, {}, training, "parts")};
        for (const auto* list : {&initialiser.parameters, &initialiser.buffers})
          for (const NamedTensor& named : *list) reference.tensors.push_back({named.name, named.tensor.detach().clone()});
        at::manual_seed(31);
        auto& results = ours[name];
        type_of[name] = type;
        const StepContext context{.training = training, .dropout = false};
        const auto part = [&](const std::string& key, const std::vector<std::int64_t>& input_shape, const auto& function, bool padded) {
          at::Tensor input = at::randn(input_shape, at::kDouble).to(type);
          if (padded && plane.mask.defined()) input = input * plane.mask;
          input.set_requires_grad(true);
          const at::Tensor output = function(input);
          at::Tensor upstream = at::randn(output.sizes(), at::kDouble).to(type);
          if (plane.mask.defined() && output.sizes() == input.sizes() && padded) upstream = upstream * plane.mask;
          output.backward(upstream);
          reference.tensors.push_back({"input." + key, input.detach()});
          reference.tensors.push_back({"upstream." + key, upstream});
          results["output." + key] = output;
          // The gradient in the padding is dropped by whoever made the padding.
          results["input_gradient." + key] = padded && plane.mask.defined() ? input.grad() * plane.mask : input.grad();
        };
        const std::int64_t leading = plane.leading();
        const std::vector<std::int64_t> on_plane = {leading, batch, plane.steps, plane.channels};
        if (with_stem)
          part(
              "stem", {leading, batch, shape.steps, shape.channels}, [&](const at::Tensor& x) { return stem_plain(stem, x, context); },
              false);
        part(
            "position", on_plane, [&](const at::Tensor& x) { return position(x); }, true);
        part(
            "stdat", on_plane,
            [&](const at::Tensor& x) {
              at::Tensor y = x;
              for (const StdatLayer& layer : layers) y = stdat_plain(layer, y, plane, context);
              return y;
            },
            true);
        part(
            "vector", on_plane, [&](const at::Tensor& x) { return vector_plain(vector, x, context); }, true);
        part(
            "cross_sensor_attention", {replicas, batch, shape.sensors, model.sensor_width},
            [&](const at::Tensor& z) { return attention(z, nullptr); }, false);
        part(
            "head", {replicas, batch, shape.sensors * model.sensor_width}, [&](const at::Tensor& x) { return head(x, context).logits; },
            false);
        for (const NamedTensor& buffer : initialiser.buffers) results["buffer." + buffer.name] = buffer.tensor;
        for (const NamedTensor& parameter : initialiser.parameters) results["gradient." + parameter.name] = parameter.tensor.grad();
        cases.push_back(reference);
      }
  const auto theirs = run_reference(cases);
  ASSERT_EQ(theirs.size(), cases.size());
  for (const auto& [name, expected] : theirs) {
    SCOPED_TRACE(name);
    std::map<std::string, std::pair<std::vector<at::Tensor>, std::vector<at::Tensor>>> gradients; // by part
    for (const auto& [key, value] : ours.at(name)) {
      ASSERT_TRUE(expected.contains(key)) << key;
      ASSERT_EQ(value.sizes(), expected.at(key).sizes()) << key;
      if (key.starts_with("gradient.")) {
        auto& [our_part, their_part] = gradients[key.substr(0, key.find('.', 9))];
        our_part.push_back(value.flatten());
        their_part.push_back(expected.at(key).flatten());
      } else {
        EXPECT_LE(relative_error(value, expected.at(key)), tolerance(type_of[name])) << key;
      }
    }
    for (const auto& [part, both] : gradients)
      EXPECT_LE(relative_error(at::cat(both.first), at::cat(both.second)), tolerance(type_of[name])) << part;
  }
}

} // namespace
} // namespace stdualx::test
