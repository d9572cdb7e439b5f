// The fused layers beside their plain forms in float64: outputs, running statistics, gradients, and the masks of dropout. ctest runs these
// once more with each word of STDUALX_ISA (cluster/cmake/model.cmake).
#include "model/fused/loss_fused.h"
#include "model/fused/stdat_fused.h"
#include "model/fused/stem_fused.h"
#include "model/fused/vector_fused.h"
#include "model/fused/vector_loops.h"
#include "model/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <limits>

namespace stdualx {
namespace {

/// Skips where there is nothing to compare: no fused layers, or this processor has not the instruction set that is asked for.
class FusedLayers : public testing::Test {
protected:
  void SetUp() override {
    if (kernels_in_use() == "plain") GTEST_SKIP() << "no fused layers on this processor, in this build or by STDUALX_KERNELS";
    const char* asked = std::getenv("STDUALX_ISA");
    if (asked != nullptr && kernels_in_use() != std::string("fused ") + asked) GTEST_SKIP() << "this processor has no " << asked;
  }
};

/// Norm of the difference over the norm.
double relative(const at::Tensor& ours, const at::Tensor& truth) {
  return (ours.to(at::kDouble) - truth).norm().item<double>() / std::max(truth.norm().item<double>(), 1e-12);
}

at::Tensor joined(const std::vector<NamedTensor>& tensors, bool gradients) {
  std::vector<at::Tensor> flat = {at::zeros({1}, at::kDouble)};
  for (const NamedTensor& named : tensors)
    flat.push_back((gradients ? named.tensor.grad() : named.tensor).detach().to(at::kDouble).flatten());
  return at::cat(flat);
}

constexpr double tolerance = 1e-5;

/// One layer twice, from the same values: in float32 by `fused` and in float64 by `plain`.
struct Twins {
  Initialiser single{{7, 9}, at::kFloat, at::kCPU}, exact{{7, 9}, at::kDouble, at::kCPU};

  /// Gains and biases away from 1 and 0. `lift`: added to the biases of batch norms.
  void stir(double lift = 0) {
    const at::NoGradGuard values;
    at::manual_seed(1);
    for (std::size_t i = 0; i < single.parameters.size(); ++i) {
      at::Tensor& tensor = exact.parameters[i].tensor;
      tensor.add_(at::randn(tensor.sizes(), at::kDouble) * 0.1);
      if (exact.parameters[i].name.ends_with(".norm.bias")) tensor.add_(lift);
      single.parameters[i].tensor.copy_(tensor);
      tensor.copy_(single.parameters[i].tensor);
    }
  }
  using Layer = std::function<at::Tensor(const at::Tensor&, const StepContext&)>;
  /// `rounded`, where it is given: the plain layer in float32. Where that one is further from the truth than the tolerance, as behind a
  /// layer norm over few channels, the fused one may be 2.5 times as far, over two 5 times. Over one channel a layer norm gives the same
  /// whatever comes in: gradients before it are 0, and what is left of them is rounding.
  void compare(const std::vector<std::int64_t>& sizes, const StepContext& context, bool input_learns, const Layer& fused,
               const Layer& plain, const Layer& rounded = {}) {
    const at::AutoGradMode learns(context.training);
    const at::Tensor x = at::randn(sizes, at::kFloat), truth = x.to(at::kDouble);
    if (input_learns) x.requires_grad_(true), truth.requires_grad_(true);
    const at::Tensor expected = plain(truth, context);
    const at::Tensor dy = at::randn(expected.sizes(), at::kFloat);
    if (context.training) (expected * dy.to(at::kDouble)).sum().backward();
    const auto gradients = [&](const at::Tensor& input, const Initialiser& layer) {
      return std::pair(input_learns ? input.grad() : at::Tensor(), joined(layer.parameters, true));
    };

    const double share = sizes.back() == 2 ? 5 : 2.5;
    double input_limit = tolerance, limit = tolerance;
    if (rounded && context.training) {
      std::vector<at::Tensor> buffers;
      for (const NamedTensor& buffer : single.buffers) buffers.push_back(buffer.tensor.clone());
      (rounded(x, context) * dy).sum().backward();
      const auto [input, parameters] = gradients(x, single);
      input_limit = std::max(limit, share * relative(input, truth.grad()));
      limit = std::max(limit, share * relative(parameters, joined(exact.parameters, true)));
      x.mutable_grad().reset();
      for (const NamedTensor& parameter : single.parameters) parameter.tensor.mutable_grad().reset();
      for (std::size_t i = 0; i < buffers.size(); ++i) single.buffers[i].tensor.copy_(buffers[i]);
    }

    const at::Tensor y = fused(x, context);
    ASSERT_EQ(y.sizes(), expected.sizes());
    EXPECT_LT(relative(y, expected), tolerance);
    EXPECT_LT(relative(joined(single.buffers, false), joined(exact.buffers, false)), tolerance);
    if (!context.training || (rounded && sizes.back() == 1)) return;
    (y * dy).sum().backward();
    const auto [input, parameters] = gradients(x, single);
    if (input_learns) {
      EXPECT_LT(relative(input, truth.grad()), input_limit);
    }
    EXPECT_LT(relative(parameters, joined(exact.parameters, true)), limit);
  }
};

EncoderShape shape_of(std::int64_t sensors, std::int64_t steps, std::int64_t channels) {
  return {.replicas = 2,
          .sensors = sensors,
          .steps = steps,
          .channels = channels,
          .sensor_channels = std::vector<std::int64_t>(static_cast<std::size_t>(sensors), channels),
          .mask = {}};
}

struct StdatCase {
  std::int64_t sensors, batch, steps, channels, temporal_heads, channel_heads;
  bool temporal = true, channel = true, convolution = true;
};

ModelConfig config_of(const StdatCase& c) {
  ModelConfig config;
  config.temporal_heads = c.temporal_heads;
  config.channel_heads = c.channel_heads;
  config.temporal_attention = c.temporal;
  config.channel_attention = c.channel;
  config.convolution = c.convolution;
  return config;
}

void compare_stdat(const StdatCase& c, double lift) {
  for (const bool training : {true, false}) {
    SCOPED_TRACE(::testing::Message() << c.sensors << " sensors, batch " << c.batch << ", " << c.steps << " x " << c.channels << ", heads "
                                      << c.temporal_heads << " and " << c.channel_heads << ", terms " << c.temporal << c.channel
                                      << c.convolution << ", training " << training);
    const EncoderShape shape = shape_of(c.sensors, c.steps, c.channels);
    Twins twins;
    const StdatLayer layer(twins.single, "stdat.0", config_of(c), shape), truth(twins.exact, "stdat.0", config_of(c), shape);
    twins.stir(lift);
    twins.compare(
        {2 * c.sensors, c.batch, c.steps, c.channels}, {.training = training, .counters = step_counters(3, 5), .first_sample = 11}, true,
        [&](const at::Tensor& x, const StepContext& context) { return stdat_fused(layer, x, context); },
        [&](const at::Tensor& x, const StepContext& context) { return stdat_plain(truth, x, shape, context); },
        [&](const at::Tensor& x, const StepContext& context) { return stdat_plain(layer, x, shape, context); });
  }
}

TEST_F(FusedLayers, StdatAgreesWithThePlainLayerInFloat64) {
  // Small batches: among a hundred thousand activations one lies so near 0 that float32 and float64 differ in its sign.
  for (const StdatCase& c : {StdatCase{3, 5, 32, 32, 2, 2}, // `default`
                             {3, 2, 128, 6, 6, 2},          // `faithful`, of 3 channels and their asinh, and as UCI-HAR has it
                             {3, 2, 128, 3, 3, 2},
                             {5, 2, 125, 9, 3, 5}, // DSADS
                             {2, 2, 40, 1, 1, 4},  // planes turned: one channel and more, steps that leave vectors unfilled
                             {2, 2, 50, 2, 2, 5},
                             {1, 3, 33, 5, 1, 3},
                             {1, 2, 100, 9, 9, 10},
                             {1, 2, 100, 12, 6, 10}, // the published heads
                             {1, 2, 64, 11, 1, 2},
                             {2, 3, 128, 3, 3, 8},
                             {1, 2, 57, 3, 3, 3}, // four vectors of queries, the last not whole, and five
                             {1, 3, 70, 6, 3, 2},
                             {1, 2, 16, 6, 3, 2},
                             {6, 3, 31, 9, 3, 1},
                             {1, 7, 25, 32, 16, 5},
                             {7, 2, 8, 3, 1, 4},
                             {1, 2, 24, 45, 3, 8},
                             {2, 4, 32, 32, 2, 2, false, true, true},
                             {2, 4, 32, 32, 2, 2, true, false, true},
                             {2, 4, 32, 32, 2, 2, true, true, false},
                             {2, 4, 20, 9, 3, 2, true, false, false},
                             {2, 4, 40, 3, 3, 2, true, false, true},
                             {2, 4, 40, 3, 3, 2, false, true, true},
                             {2, 4, 40, 3, 3, 2, true, true, false},
                             {2, 4, 40, 3, 3, 2, false, false, true},
                             {2, 4, 32, 32, 2, 2, false, false, true},
                             {2, 3, 7, 5, 1, 1, false, false, true}})
    compare_stdat(c, 0);
}

TEST_F(FusedLayers, StdatAgreesOverWholeBatchesWhereNoActivationLiesAt0) {
  for (const std::int64_t batch : {1, 2, 63, 64, 257}) compare_stdat({1, batch, 32, 32, 2, 2}, 9);
  compare_stdat({2, 130, 31, 6, 6, 1}, 9);
}

TEST_F(FusedLayers, GiveTheSameBitsAgainAndOnTwoThreads) {
  const EncoderShape shape = shape_of(3, 32, 32);
  const auto bits = [&](int threads) {
    at::set_num_threads(threads);
    Twins twins;
    ModelConfig config;
    const Stem stem(twins.single, config, shape_of(3, 128, 6));
    const StdatLayer layer(twins.single, "stdat.0", config, shape);
    at::manual_seed(1);
    const at::Tensor x = at::randn({6, 9, 128, 6}, at::kFloat);
    const StepContext context{.training = true, .counters = step_counters(1, 2)};
    const at::Tensor y = stdat_fused(layer, stem_fused(stem, x, context), context);
    (y * at::randn(y.sizes(), at::kFloat)).sum().backward();
    at::set_num_threads(1);
    return at::cat({y.detach().flatten().to(at::kDouble), joined(twins.single.parameters, true), joined(twins.single.buffers, false)});
  };
  const at::Tensor once = bits(1);
  EXPECT_TRUE(at::equal(once, bits(1)));
  EXPECT_TRUE(at::equal(once, bits(2)));
  EXPECT_TRUE(at::equal(once, bits(5)));
}

TEST_F(FusedLayers, AnActivationOfWhatIsOneHasThePlainMasksBits) {
  const Initialiser initialiser({7, 9}, at::kFloat, at::kCPU);
  const Dropout dropout(initialiser, "some.layer", 0.3);
  for (const std::string_view name : vector_instruction_sets())
    for (const auto& [steps, channels, turned] : {std::tuple{32, 32, false},
                                                  {31, 9, false},
                                                  {3, 1, false},
                                                  {128, 6, false},
                                                  {7, 5, false},
                                                  {128, 3, true},
                                                  {125, 9, true},
                                                  {31, 9, true},
                                                  {50, 1, true},
                                                  {17, 2, true}}) {
      SCOPED_TRACE(::testing::Message() << name << ", " << steps << " x " << channels << (turned ? ", turned" : ""));
      const StepContext context{.training = true, .counters = step_counters(4, 6), .first_sample = 100};
      const at::Tensor expected = dropout(at::ones({6, 3, steps, channels}), context); // 2 replicas, 3 sensors
      const auto rows = static_cast<std::size_t>(turned ? channels : steps), columns = static_cast<std::size_t>(turned ? steps : channels);
      const PlaneSize size = plane_of(rows, columns);
      const auto floats = static_cast<std::int64_t>(plane_floats(size));
      const at::Tensor ones = at::ones({floats}), y = at::zeros({floats}), bits = at::zeros({floats});
      const at::Tensor scratch = at::empty({static_cast<std::int64_t>(dropout_floats(size.rows * size.columns))});
      for (std::int64_t leading = 0; leading < 6; ++leading)
        for (std::int64_t row = 0; row < 3; ++row) {
          DropoutDraw draw = dropout.draw(context, leading, 6);
          draw.sample += static_cast<std::uint32_t>(row);
          draw.turned = turned;
          vector_loops(name)->activate(ones.const_data_ptr<float>(), size, 1, 0, draw, scratch.mutable_data_ptr<float>(),
                                       y.mutable_data_ptr<float>(), size.stride,
                                       reinterpret_cast<std::uint8_t*>(bits.mutable_data_ptr<float>()));
          const at::Tensor padded_plane = y.view({-1, static_cast<std::int64_t>(size.stride)});
          const at::Tensor plane =
              padded_plane.narrow(0, 0, static_cast<std::int64_t>(rows)).narrow(1, 0, static_cast<std::int64_t>(columns));
          ASSERT_TRUE(at::equal(turned ? plane.t() : plane, expected[leading][row]));
        }
    }
}

struct StemCase {
  std::int64_t sensors, batch, steps, channels, width, layers, kernel, stride;
};

TEST_F(FusedLayers, StemAgreesWithThePlainOneInFloat64) {
  for (const StemCase& c : {StemCase{3, 64, 128, 6, 32, 2, 5, 2}, // `default`
                            {1, 257, 128, 6, 32, 2, 5, 2},
                            {7, 2, 125, 18, 32, 2, 5, 2},
                            {1, 2, 50, 9, 20, 3, 7, 1},
                            {5, 3, 31, 3, 8, 1, 3, 3},
                            {2, 1, 24, 1, 5, 2, 1, 2}})
    for (const bool training : {true, false}) {
      SCOPED_TRACE(::testing::Message() << c.sensors << " sensors, batch " << c.batch << ", " << c.steps << " x " << c.channels
                                        << ", width " << c.width << ", training " << training);
      ModelConfig config;
      config.stem_layers = c.layers;
      config.stem_channels = c.width;
      config.stem_kernel = c.kernel;
      config.stem_stride = c.stride;
      const EncoderShape shape = shape_of(c.sensors, c.steps, c.channels);
      Twins twins;
      const Stem stem(twins.single, config, shape), truth(twins.exact, config, shape);
      twins.stir();
      twins.compare(
          {2 * c.sensors, c.batch, c.steps, c.channels}, {.training = training}, false,
          [&](const at::Tensor& x, const StepContext& context) { return stem_fused(stem, x, context); },
          [&](const at::Tensor& x, const StepContext& context) { return stem_plain(truth, x, context); });
    }
}

TEST_F(FusedLayers, HideNothingThatIsNoNumber) {
  const at::NoGradGuard evaluation;
  const at::Tensor x = at::ones({2, 2, 32, 32});
  for (const std::int64_t temporal_heads : {2, 16}) {
    Twins twins;
    ModelConfig config;
    config.temporal_heads = temporal_heads;
    const EncoderShape shape = shape_of(1, 32, 32);
    const StdatLayer layer(twins.single, "stdat.0", config, shape);
    const SensorVector vector(twins.single, config, shape);
    for (const NamedTensor& named : twins.single.parameters) {
      if (named.name.ends_with("attention.in_bias")) continue; // that of the keys leaves no trace
      const at::Tensor saved = named.tensor.clone();
      named.tensor.fill_(std::numeric_limits<float>::quiet_NaN());
      EXPECT_TRUE(vector_fused(vector, stdat_fused(layer, x, {}), {}).isnan().any().item<bool>()) << named.name;
      named.tensor.copy_(saved);
    }
  }
}

struct VectorCase {
  std::int64_t sensors, batch, steps, channels, hidden, width;
};

TEST_F(FusedLayers, VectorAgreesWithThePlainOneInFloat64) {
  for (const VectorCase& c :
       {VectorCase{3, 6, 32, 32, 256, 64}, {7, 2, 128, 6, 256, 64}, {1, 5, 31, 9, 30, 20}, {2, 1, 7, 3, 5, 3}, {1, 257, 4, 4, 8, 8}})
    for (const bool training : {true, false}) {
      SCOPED_TRACE(::testing::Message() << c.sensors << " sensors, batch " << c.batch << ", " << c.steps << " x " << c.channels
                                        << ", hidden " << c.hidden << ", width " << c.width << ", training " << training);
      ModelConfig config;
      config.vector_hidden = c.hidden;
      config.sensor_width = c.width;
      const EncoderShape shape = shape_of(c.sensors, c.steps, c.channels);
      Twins twins;
      const SensorVector vector(twins.single, config, shape), truth(twins.exact, config, shape);
      twins.stir();
      twins.compare(
          {2 * c.sensors, c.batch, c.steps, c.channels}, {.training = training, .counters = step_counters(2, 9), .first_sample = 64}, true,
          [&](const at::Tensor& x, const StepContext& context) { return vector_fused(vector, x, context); },
          [&](const at::Tensor& x, const StepContext& context) { return vector_plain(truth, x, context); });
    }
}

/// The loss both ways, from the same values: the fused one in float32, the plain one in `type`. Upstream is not 1, so that backward shows
/// it.
void compare_loss(const at::Tensor& logits, const at::Tensor& embedding, const at::Tensor& labels, const TrainingConfig& config,
                  at::ScalarType type = at::kDouble, const at::Tensor& people = {}) {
  const auto run = [&](at::ScalarType of, bool fused) {
    const ModelOutput output{logits.to(of, false, true).requires_grad_(true), embedding.to(of, false, true).requires_grad_(true), {}};
    const LossTerms terms =
        fused ? loss_fused(output, labels, config, {}, people) : loss_plain(output, labels, config, {.training = true}, people);
    EXPECT_FALSE(terms.cross_entropy.requires_grad() || terms.triplet.requires_grad());
    (terms.total * 3).backward();
    const at::Tensor learned = output.embedding.grad();
    return std::vector{terms.total.detach().to(at::kDouble), terms.cross_entropy.to(at::kDouble), terms.triplet.to(at::kDouble),
                       output.logits.grad().to(at::kDouble), learned.defined() ? learned.to(at::kDouble) : at::zeros({1}, at::kDouble)};
  };
  const auto ours = run(at::kFloat, true), truth = run(type, false);
  const char* const names[] = {"total", "cross-entropy", "triplet", "gradient of the logits", "gradient of the embedding"};
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), truth[i].sizes()) << names[i];
    EXPECT_LT((ours[i] - truth[i]).norm().item<double>(), tolerance * std::max(truth[i].norm().item<double>(), 1e-6)) << names[i];
  }
}

TrainingConfig loss_config(double margin = 0.3) {
  TrainingConfig config;
  config.triplet_weight = 0.7;
  config.triplet_margin = margin;
  config.label_smoothing = 0.1;
  return config;
}

TEST_F(FusedLayers, LossAgreesWithThePlainOneInFloat64) {
  at::manual_seed(1);
  for (const std::int64_t batch : {2, 3, 15, 16, 17, 63, 64, 65, 100, 257})
    for (const auto& [classes, width] : {std::pair{6, 128}, {19, 33}, {2, 3}}) {
      SCOPED_TRACE(::testing::Message() << "batch " << batch << ", " << classes << " classes, width " << width);
      const at::Tensor logits = at::randn({2, batch, classes}) * 3, embedding = at::randn({2, batch, width});
      const at::Tensor labels = at::randint(classes, {2, batch}, at::kLong);
      for (const double margin : {0.01, 0.3, 5.0}) compare_loss(logits, embedding, labels, loss_config(margin));
      compare_loss(logits, embedding.transpose(0, 1).contiguous().transpose(0, 1), labels, loss_config());
      compare_loss(logits, embedding, at::zeros({2, batch}, at::kLong), loss_config()); // one class alone
      compare_loss(logits, embedding, at::arange(2 * batch).view({2, batch}).remainder(classes), loss_config());
      TrainingConfig others = loss_config();
      others.triplet_positives = "other_people";
      compare_loss(logits, embedding, labels, others, at::kDouble, at::randint(3, {2, batch}, at::kLong));
      TrainingConfig alone = loss_config();
      alone.triplet_weight = 0;
      compare_loss(logits, embedding, labels, alone);
    }
}

TEST_F(FusedLayers, LossChoosesAmongEqualsAsThePlainOne) {
  // Coordinates of which all sums and roots are exact: equal distances are equal in float32 and in float64, fused and plain.
  const at::Tensor circle = at::tensor({1.0, 0.0, 0.6, 0.8, 0.6, -0.8, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0}).view({1, 6, 2}).to(at::kFloat);
  for (const std::vector<std::int64_t>& classes : {std::vector<std::int64_t>{0, 0, 0, 1, 1, 1}, {0, 1, 1, 0, 2, 2}, {1, 0, 0, 0, 1, 1}}) {
    const at::Tensor labels = at::tensor(classes, at::kLong).view({1, 6}), logits = at::zeros({1, 6, 3});
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) compare_loss(logits, circle, labels, loss_config(5), type);
  }
  // The same windows again and again: whichever of the same is chosen, it is the first.
  at::manual_seed(1);
  const at::Tensor few = at::randn({1, 5, 128}), labels = at::arange(40).remainder(5).remainder(2).view({1, 40});
  compare_loss(at::randn({1, 40, 3}), few.repeat({1, 8, 1}), labels, loss_config(5), at::kFloat);
  for (const double value : {0.0, 1.0, 1e-14}) { // all the same: no direction to go, and nothing infinite
    const at::Tensor same = at::full({1, 40, 16}, value, at::kFloat);
    compare_loss(at::zeros({1, 40, 3}), same, labels, loss_config());
  }
}

TEST_F(FusedLayers, LossHidesNothingThatIsNoNumberAndRefusesLabelsBeyondTheClasses) {
  const at::Tensor labels = at::tensor({0, 0, 1, 1, 2}, at::kLong).view({1, 5});
  for (const std::int64_t row : {0, 1, 4})
    for (const bool of_logits : {true, false}) {
      const ModelOutput output{at::zeros({1, 5, 3}), at::ones({1, 5, 20}), {}};
      (of_logits ? output.logits : output.embedding)[0][row][1] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(loss_fused(output, labels, loss_config(), {}).total.isnan().item<bool>()) << "row " << row << ", logits " << of_logits;
    }
  EXPECT_THROW(loss_fused({at::zeros({1, 5, 2}), at::ones({1, 5, 20}), {}}, labels, loss_config(), {}), std::invalid_argument);
  EXPECT_THROW(loss_fused({at::zeros({1, 5, 3}), at::ones({1, 5, 20}), {}}, labels - 1, loss_config(), {}), std::invalid_argument);
}

} // namespace
} // namespace stdualx
