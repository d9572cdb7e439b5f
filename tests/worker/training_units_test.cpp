// The small parts: order, shares, flat tensors, optimiser and averages at their edges, state hash, draws.
#include "worker/training/augmentation.h"
#include "worker/training/averages.h"
#include "worker/training/batches.h"
#include "worker/training/evaluation.h"
#include "worker/training/flat_tensors.h"
#include "worker/training/optimizer.h"
#include "worker/trainer/platform.h"
#include "worker/training/schedule.h"
#include "worker/training/silhouette.h"
#include "worker/training/state_hash.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/rotation.h"
#include "model/kernels.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace stdualx {
namespace {

std::vector<std::int64_t> counted(std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(EpochOrder, IsAPermutationThatDependsOnSeedAndEpochAlone) {
  const auto windows = counted(100);
  const auto order = epoch_order(windows, 1, 1);
  EXPECT_THAT(order, ::testing::UnorderedElementsAreArray(windows));
  EXPECT_EQ(order, epoch_order(windows, 1, 1));
  EXPECT_NE(order, epoch_order(windows, 1, 2));
  EXPECT_NE(order, epoch_order(windows, 2, 1));
}

TEST(EpochOrder, PutsEveryWindowAtEveryPlaceEquallyOften) {
  const auto windows = counted(5);
  std::vector<int> counts(25);
  constexpr int epochs = 5000;
  for (std::uint32_t epoch = 1; epoch <= epochs; ++epoch) {
    const auto order = epoch_order(windows, 3, epoch);
    for (std::size_t place = 0; place < 5; ++place) ++counts[place * 5 + static_cast<std::size_t>(order[place])];
  }
  for (const int count : counts) EXPECT_NEAR(count, epochs / 5, 150); // 5 standard deviations
}

TEST(EpochOrder, OfPeopleTakesAsManyOfEach) {
  const auto windows = counted(30);
  std::vector<std::int32_t> people(30, 7); // person 7 has 20 windows, 2 has 8, 4 has 2
  for (std::size_t i = 0; i < 10; ++i) people[3 * i] = i < 8 ? 2 : 4;
  std::set<std::int64_t> seen;
  for (std::uint32_t epoch = 1; epoch <= 20; ++epoch) {
    const auto order = balanced_epoch_order(windows, people, 1, epoch);
    ASSERT_EQ(order.size(), 30u);
    std::map<std::int32_t, std::map<std::int64_t, int>> times;
    for (const std::int64_t window : order) ++times[people[static_cast<std::size_t>(window)]][window];
    for (const auto& [person, of] : times) {
      int sum = 0, least = 100, most = 0;
      for (const auto& [window, count] : of) sum += count, least = std::min(least, count), most = std::max(most, count);
      EXPECT_EQ(sum, 10);
      EXPECT_LE(most - (of.size() == (person == 7   ? 20u
                                      : person == 2 ? 8u
                                                    : 2u)
                            ? least
                            : 0),
                1)
          << "as often as the others of that person";
    }
    seen.insert(order.begin(), order.end());
    EXPECT_EQ(order, balanced_epoch_order(windows, people, 1, epoch));
    EXPECT_NE(order, balanced_epoch_order(windows, people, 2, epoch));
  }
  EXPECT_EQ(seen.size(), 30u) << "who has many windows gives others in each epoch";
}

TEST(Batches, AreNearlyEqualAndHoldEveryWindowOnce) {
  EXPECT_EQ(batches_of(128, 64), (std::vector<Share>{{0, 64}, {64, 64}}));
  EXPECT_EQ(batches_of(130, 64), (std::vector<Share>{{0, 44}, {44, 43}, {87, 43}}));
  EXPECT_EQ(batches_of(3, 64), (std::vector<Share>{{0, 3}}));
  EXPECT_EQ(batches_of(3, 1), (std::vector<Share>{{0, 1}, {1, 1}, {2, 1}})) << "batches of one are what was asked for";
  EXPECT_EQ(batches_of(5, 2), (std::vector<Share>{{0, 3}, {3, 2}})) << "none of one, unless asked for";
  EXPECT_EQ(batches_of(4, 3), (std::vector<Share>{{0, 4}})) << "none of two, unless asked for";
  for (std::int64_t windows = 2; windows < 300; ++windows)
    for (const std::int64_t size : {3, 4, 5, 7, 16, 64}) {
      const std::vector<Share> batches = batches_of(windows, size);
      std::int64_t next = 0;
      for (const Share& batch : batches) {
        EXPECT_EQ(batch.first, next);
        EXPECT_LE(std::abs(batch.count - batches.front().count), 1);
        EXPECT_GE(batch.count, std::min<std::int64_t>(windows, 3));
        next += batch.count;
      }
      EXPECT_EQ(next, windows);
    }
}

TEST(Shares, AreContiguousAndDifferByAtMostOne) {
  for (std::int64_t count = 0; count < 20; ++count) {
    std::int64_t next = 0;
    for (std::int64_t rank = 0; rank < 6; ++rank) {
      const Share share = share_of(count, rank, 6);
      EXPECT_EQ(share.first, next);
      EXPECT_TRUE(share.count == count / 6 || share.count == count / 6 + 1);
      next += share.count;
    }
    EXPECT_EQ(next, count);
  }
}

TEST(FlatTensors, SeatTheModelsTensorsInOneAndTheirGradientsToo) {
  at::Tensor bias = at::ones({3}).requires_grad_(true), weight = at::full({2, 3}, 2.0).requires_grad_(true);
  FlatTensors flat({{"bias", bias, false}, {"weight", weight, true}}, at::kFloat, at::kCPU);
  EXPECT_EQ(flat.values().numel(), 32) << "each padded to 16 values";
  EXPECT_EQ(flat.decayed(), 16) << "the decayed weight comes first";
  EXPECT_EQ(flat.values().sum().item<float>(), 15) << "values are kept, padding is 0";
  at::Tensor gradient = flat.bind_gradients();
  (weight.sum() * 5 + bias.sum() * 7).backward();
  EXPECT_EQ(gradient.sum().item<float>(), 6 * 5 + 3 * 7);
  flat.values().fill_(9);
  EXPECT_EQ(weight[1][2].item<float>(), 9) << "writing the flat tensor writes the parameter";
  const auto named = flat.named(gradient, "gradient.");
  EXPECT_EQ(named[0].name, "gradient.bias");
  EXPECT_EQ(named[1].tensor.sizes(), weight.sizes());
  EXPECT_EQ(named[1].tensor[0][0].item<float>(), 5);
}

TEST(FlatTensors, MayBeEmpty) {
  FlatTensors flat({}, at::kDouble, at::kCPU);
  EXPECT_EQ(flat.values().numel(), 0);
  EXPECT_EQ(flat.values().scalar_type(), at::kDouble);
}

TEST(Clipping, LeavesSmallGradientsAndIsOffAtZero) {
  at::Tensor gradient = at::tensor({0.3, 0.4});
  clip_by_norm(gradient, 1.0);
  EXPECT_TRUE(at::equal(gradient, at::tensor({0.3, 0.4})));
  at::Tensor large = at::tensor({300.0, 400.0});
  clip_by_norm(large, 0);
  EXPECT_TRUE(at::equal(large, at::tensor({300.0, 400.0})));
  clip_by_norm(large, 1.0);
  EXPECT_NEAR(large.norm().item<double>(), 1.0, 1e-8);
}

TEST(AdamWFused, DoesInOnePassWhatClippingUpdateAndAverageDo) {
  if (kernels_in_use() == "plain") GTEST_SKIP() << "no fused kernels on this processor, in this build or by STDUALX_KERNELS";
  for (const double clip_norm : {0.0, 1.0, 1e6}) {
    SCOPED_TRACE(clip_norm);
    TrainingConfig config;
    config.clip_norm = clip_norm;
    at::manual_seed(5);
    constexpr std::int64_t size = 16 * 700, decayed = 16 * 300;
    at::Tensor truth = at::randn({size}, at::kDouble), parameters = truth.to(at::kFloat);
    truth = parameters.to(at::kDouble);
    AdamW exact(truth), fused(parameters);
    Averages exact_averages(truth, truth), averages(parameters, parameters);
    for (int step = 0; step < 5; ++step) {
      const at::Tensor exact_rates = update_rates(config, step + 1, 1e-2, 0.9), rates = exact_rates.to(at::kFloat);
      at::Tensor gradient = at::randn({size}, at::kFloat), exact_gradient = gradient.to(at::kDouble);
      const at::Tensor expected = clip_by_norm(exact_gradient, config.clip_norm);
      exact.update(truth, exact_gradient, decayed, config, exact_rates);
      exact_averages.update(truth, truth, exact_rates[average_share]);
      const at::Tensor norm = fused.update_fused(parameters, gradient, decayed, config, rates, averages.parameters);
      EXPECT_NEAR(norm.item<double>(), expected.item<double>(), 1e-6 * expected.item<double>());
      EXPECT_TRUE(at::allclose(gradient.to(at::kDouble), exact_gradient, 1e-6, 1e-7));
    }
    EXPECT_TRUE(at::allclose(parameters.to(at::kDouble), truth, 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(fused.first_moment.to(at::kDouble), exact.first_moment, 1e-5, 1e-7));
    EXPECT_TRUE(at::allclose(fused.second_moment.to(at::kDouble), exact.second_moment, 1e-5, 1e-9));
    EXPECT_TRUE(at::allclose(averages.parameters.to(at::kDouble), exact_averages.parameters, 1e-5, 1e-6));
  }
}

TEST(OneCycle, HasNoHoleWhereTheWarmUpIsOneStepOrTheRunIs) {
  TrainingConfig config;
  config.warmup = 0.1;
  EXPECT_EQ(one_cycle(config, 0, 10).learning_rate, config.learning_rate) << "a warm-up of one step is the peak";
  const SchedulePoint only = one_cycle(config, 0, 1);
  EXPECT_TRUE(std::isfinite(only.learning_rate) && std::isfinite(only.momentum));
  config.warmup = 1;
  EXPECT_EQ(one_cycle(config, 9, 10).learning_rate, config.learning_rate);
}

TEST(Averages, ForgetTheStartAndAreTheValuesThemselvesAtDecayZero) {
  EXPECT_DOUBLE_EQ(average_decay(0.99, 0), 0.1);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 90), 0.91);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 100000), 0.99);
  Averages averages(at::zeros({2}), at::zeros({1}));
  averages.update(at::tensor({0.1f, 0.7f}), at::ones({1}), at::ones({}));
  EXPECT_TRUE(at::equal(averages.parameters, at::tensor({0.1f, 0.7f})));
  EXPECT_TRUE(at::equal(averages.buffers, at::ones({1})));
}

TEST(StateHash, SeesEachBitNameTypeShapeOrderAndStep) {
  const at::Tensor values = at::arange(6, at::kFloat);
  const std::string base = state_hash({{"a", values}, {"b", values}}, 3);
  EXPECT_EQ(base.size(), 32u);
  EXPECT_EQ(base, state_hash({{"a", values.clone()}, {"b", values.clone()}}, 3));
  EXPECT_NE(base, state_hash({{"a", values}, {"b", values}}, 4));
  EXPECT_NE(base, state_hash({{"b", values}, {"a", values}}, 3));
  EXPECT_NE(base, state_hash({{"a", values}, {"b", values.view({2, 3})}}, 3));
  EXPECT_NE(base, state_hash({{"a", values}, {"b", values.to(at::kDouble)}}, 3));
  at::Tensor negative_zero = values.clone();
  negative_zero[0] = -0.0f;
  EXPECT_NE(base, state_hash({{"a", values}, {"b", negative_zero}}, 3)) << "-0 equals 0 but is another bit";
}

TEST(StateHash, IsPinnedSoThatStoredHashesStayComparable) {
  EXPECT_EQ(state_hash({{"a", at::arange(6, at::kFloat)}}, 3), "1db4b38907a10a50ce78c91557cd75f7");
}

class AugmentationDraws : public ::testing::Test {
protected:
  static InputShape shape() {
    InputShape shape;
    shape.sensors = 2, shape.steps = 40, shape.channels = 3, shape.classes = 2;
    return shape;
  }
  static Augmentation make(const AugmentationConfig& config) { return {config, 1, shape(), {{0}, {0}}, std::vector<float>(6, 1.0f)}; }
  static std::vector<float> window() {
    std::vector<float> values(240);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
    return values;
  }
  static AugmentationConfig only(double AugmentationConfig::*member, double strength) {
    AugmentationConfig config{0, 0, 0, 0};
    config.*member = strength;
    return config;
  }
  static std::vector<float> apply(const AugmentationConfig& config, SamplePlace place = {1, 2, 3}) {
    std::vector<float> output(240);
    make(config).apply(window(), output, place);
    return output;
  }
};

TEST_F(AugmentationDraws, ChangeNothingAtStrengthZero) { EXPECT_EQ(apply({0, 0, 0, 0}), window()); }

TEST_F(AugmentationDraws, DependOnEpochStepAndSample) {
  const AugmentationConfig config;
  const auto base = apply(config, {1, 2, 3});
  EXPECT_EQ(base, apply(config, {1, 2, 3}));
  EXPECT_NE(base, apply(config, {2, 2, 3}));
  EXPECT_NE(base, apply(config, {1, 3, 3}));
  EXPECT_NE(base, apply(config, {1, 2, 4}));
}

TEST_F(AugmentationDraws, RotateAllSensorsAlikeAndKeepLengths) {
  const auto before = window(), after = apply(only(&AugmentationConfig::rotation_degrees, 40));
  EXPECT_NE(before, after);
  for (std::size_t i = 0; i < before.size(); i += 3)
    EXPECT_NEAR(std::hypot(before[i], before[i + 1], before[i + 2]), std::hypot(after[i], after[i + 1], after[i + 2]), 1e-5);
  const auto turned = rotation_matrix({1, 2, 3}, 0.7), back = rotation_matrix({1, 2, 3}, -0.7);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(turned[i], back[i % 3 * 3 + i / 3], 1e-12) << "the inverse is the transpose";
}

TEST_F(AugmentationDraws, GainIsOneFactorASensor) {
  const auto before = window(), after = apply(only(&AugmentationConfig::gain, 0.3));
  const float first = after[1] / before[1], second = after[121] / before[121];
  EXPECT_NE(first, second);
  for (std::size_t i = 0; i < 240; ++i) EXPECT_NEAR(after[i], before[i] * (i < 120 ? first : second), 1e-5);
}

TEST_F(AugmentationDraws, EachSensorTurnsByItselfWhereAsked) {
  AugmentationConfig config = only(&AugmentationConfig::rotation_degrees, 40);
  const auto together = apply(config);
  config.rotation_by_sensor = true;
  const auto apart = apply(config);
  EXPECT_TRUE(std::equal(together.begin(), together.begin() + 120, apart.begin())) << "the first sensor turns as it did";
  EXPECT_FALSE(std::equal(together.begin() + 120, together.end(), apart.begin() + 120));
}

TEST_F(AugmentationDraws, ASensorStaysHoweverManyAreLost) {
  const Augmentation augmentation = make(only(&AugmentationConfig::sensor_dropout, 1));
  const Augmentation half = make(only(&AugmentationConfig::sensor_dropout, 0.3));
  int lost = 0, second_stayed = 0;
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    const auto all = augmentation.lost({1, 1, sample});
    EXPECT_EQ(all[0].count + all[1].count, 40);
    second_stayed += all[1].count == 0;
    for (const auto& sensor : half.lost({1, 1, sample})) lost += sensor.count == 40;
  }
  EXPECT_NEAR(second_stayed, 1000, 100);
  EXPECT_NEAR(lost, 2000 * (2 * 0.3 * 0.7 + 0.3 * 0.3), 100); // both are drawn lost with 0.09, and then one stays
}

TEST_F(AugmentationDraws, ABlockIsDrawnForEachSensorInsideTheWindow) {
  const Augmentation augmentation = make(only(&AugmentationConfig::block_dropout, 0.5));
  double sum = 0;
  int differ = 0;
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    const auto all = augmentation.lost({1, 1, sample});
    differ += !(all[0] == all[1]);
    for (const auto& [first, count] : all) {
      EXPECT_TRUE(first >= 0 && count >= 0 && count <= 20 && first + count <= 40) << first << " " << count;
      sum += static_cast<double>(count);
    }
  }
  EXPECT_NEAR(sum / 4000, 10, 0.5);
  EXPECT_GT(differ, 1800);
  std::vector<float> values(240, 1.0f);
  augmentation.lose(values, {1, 1, 3});
  const auto all = augmentation.lost({1, 1, 3});
  EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), 3 * (all[0].count + all[1].count));
}

TEST_F(AugmentationDraws, WarpStaysInsideTheWindowWhateverIsDrawn) {
  for (const double speed : {-30.0, -1.0, 0.0, 5.0, 100.0})
    for (const double position : warp_positions(40, 0.5, speed, {50, -50, 3, 0, -8, 9}))
      EXPECT_TRUE(position >= 0 && position <= 39) << position;
  const auto still = warp_positions(40, 0.5, 0, {});
  for (std::size_t i = 0; i < still.size(); ++i) EXPECT_DOUBLE_EQ(still[i], static_cast<double>(i));
  EXPECT_EQ(warp_positions(1, 0.5, 3, {1, 1, 1, 1, 1, 1}), std::vector<double>{0.0});
}

TEST_F(AugmentationDraws, JitterIsStandardNormal) {
  const Augmentation augmentation = make({});
  double sum = 0, squares = 0, fourth = 0;
  constexpr int count = 40000;
  for (std::uint32_t i = 0; i < count / 4; ++i)
    for (const float normal : augmentation.jitter_normals({1, 1, 1}, i)) {
      sum += normal;
      squares += normal * normal;
      fourth += std::pow(normal, 4);
    }
  EXPECT_NEAR(sum / count, 0, 0.025);
  EXPECT_NEAR(squares / count, 1, 0.035);
  EXPECT_NEAR(fourth / count, 3, 0.25);
}

TEST_F(AugmentationDraws, JitterOfAWindowIsThatOfItsElements) {
  const Augmentation augmentation = make({});
  for (std::uint32_t sample = 0; sample < 20; ++sample) {
    const std::vector<float> normals = augmentation.jitter_of({3, 7, sample});
    for (std::uint32_t element = 0; 4 * element < normals.size() && element < 10; ++element) {
      const std::array<float, 4> expected = augmentation.jitter_normals({3, 7, sample}, element);
      for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(normals[4 * element + i], expected[i], 2e-6f) << sample << ", " << element;
    }
  }
}

TEST(BatchReading, SplitsOverRanksWithoutChangingARow) {
  TrainingWindows windows;
  windows.shape.sensors = 1, windows.shape.steps = 10, windows.shape.channels = 3, windows.shape.classes = 2;
  std::vector<float> values(5 * 30);
  std::iota(values.begin(), values.end(), 0.0f);
  const std::vector<std::int32_t> labels{0, 1, 0, 1, 1};
  windows.source = windows_end_to_end(1, 10, 3, values), windows.labels = labels, windows.triples = {{0}};
  windows.mean = {1, 2, 3}, windows.deviation = {4, 5, 6};
  const BatchReader reader(windows, {}, 1, at::kFloat, at::kCPU);
  const std::vector<std::int64_t> rows{4, 0, 3, 1};
  const at::Tensor whole = reader.read_augmented(rows, {1, 1, 0});
  const at::Tensor parts =
      at::cat({reader.read_augmented(std::span(rows).first(3), {1, 1, 0}), reader.read_augmented(std::span(rows).subspan(3, 0), {1, 1, 3}),
               reader.read_augmented(std::span(rows).last(1), {1, 1, 3})},
              1);
  EXPECT_TRUE(at::equal(whole, parts));
  EXPECT_EQ(reader.labels(rows).view(-1)[0].item<std::int64_t>(), 1);
  EXPECT_FLOAT_EQ(reader.read(rows)[0][1][0][1][2].item<float>(), (5.0f - 3) / 6) << "row 0, step 1, channel 2";
}

/// Two recordings of 100 and 50 samples whose values are their numbers, and windows of 10 at every place.
struct Shifted {
  Shifted() {
    std::iota(samples.begin(), samples.end(), 0.0f);
    for (const auto& [first, end] : {std::pair<std::int32_t, std::int32_t>{0, 100}, {100, 150}})
      for (std::int32_t begin = first; begin + 10 <= end; ++begin) {
        begins.push_back(begin);
        before.push_back(begin - first);
        after.push_back(end - begin - 10);
      }
    labels.assign(begins.size(), 0);
    windows.shape.sensors = 1, windows.shape.steps = 10, windows.shape.channels = 1, windows.shape.classes = 2;
    windows.source = {1, 10, 1, samples, begins, before, after, {}};
    windows.labels = labels, windows.triples = {{}}, windows.mean = {0}, windows.deviation = {1};
    rows.resize(begins.size());
    std::iota(rows.begin(), rows.end(), 0);
  }
  BatchReader reader(double shift) const {
    return {windows, {.rotation_degrees = 0, .gain = 0, .time_warp = 0, .jitter = 0, .shift = shift}, 1, at::kFloat, at::kCPU};
  }

  std::vector<float> samples = std::vector<float>(150);
  std::vector<std::int64_t> begins, rows;
  std::vector<std::int32_t> before, after, labels;
  TrainingWindows windows;
};

TEST(BatchReading, ShiftsWindowsWithinTheirRecording) {
  const Shifted data;
  std::map<std::int64_t, int> drawn; // of windows with room on both sides
  for (std::uint32_t step = 1; step <= 20; ++step) {
    const at::Tensor read = data.reader(0.5).read_augmented(data.rows, {1, step, 0}).flatten(0, 1).flatten(1).contiguous();
    for (std::size_t row = 0; row < data.rows.size(); ++row) {
      const float* values = read.const_data_ptr<float>() + row * 10;
      const auto shift = static_cast<std::int64_t>(values[0]) - data.begins[row];
      EXPECT_LE(std::abs(shift), 5);
      EXPECT_GE(shift, -data.before[row]);
      EXPECT_LE(shift, data.after[row]);
      for (int i = 0; i < 10; ++i) EXPECT_EQ(values[i], values[0] + static_cast<float>(i));
      if (data.before[row] >= 5 && data.after[row] >= 5) ++drawn[shift];
    }
  }
  ASSERT_EQ(drawn.size(), 11u) << "each whole sample from -5 to 5";
  for (const auto& [shift, count] : drawn) EXPECT_NEAR(count, 20 * (81 + 31) / 11.0, 60) << shift; // four deviations
}

TEST(BatchReading, ShiftsAlikeHoweverABatchIsSplitAndNotAtEvaluation) {
  const Shifted data;
  const BatchReader reader = data.reader(1);
  const std::span rows(data.rows);
  const at::Tensor whole = reader.read_augmented(rows, {2, 3, 0});
  for (const std::size_t first : {1, 40, 100})
    EXPECT_TRUE(at::equal(whole, at::cat({reader.read_augmented(rows.first(first), {2, 3, 0}),
                                          reader.read_augmented(rows.subspan(first), {2, 3, static_cast<std::uint32_t>(first)})},
                                         1)));
  EXPECT_FALSE(at::equal(whole, reader.read_augmented(rows, {3, 3, 0})));
  EXPECT_TRUE(at::equal(reader.read(rows), data.reader(0).read(rows)));
  EXPECT_TRUE(at::equal(data.reader(0).read_augmented(rows, {2, 3, 0}), reader.read(rows))) << "at 0, the same bits";
  Shifted without_room;
  without_room.windows.source.room_before = without_room.windows.source.room_after = {};
  EXPECT_TRUE(at::equal(without_room.reader(1).read_augmented(rows, {2, 3, 0}), reader.read(rows))) << "windows end to end stay";
}

TEST(BatchReading, RefusesAChannelThatNeverMoves) {
  TrainingWindows windows;
  windows.shape.sensors = 1, windows.shape.steps = 1, windows.shape.channels = 2, windows.shape.classes = 2;
  windows.triples = {{}}, windows.mean = {0, 0}, windows.deviation = {1, 0};
  EXPECT_THROW(BatchReader(windows, {}, 1, at::kFloat, at::kCPU), InputError);
  windows.shape.sensor_channels = {1};
  EXPECT_NO_THROW(BatchReader(windows, {}, 1, at::kFloat, at::kCPU)) << "a channel the sensor does not have may be constant";
}

TEST(Silhouette, OfManyRowsIsNoHang) {
  const at::Tensor embedding = at::arange(2 * 1100, at::kDouble).view({1100, 2});
  std::vector<std::int64_t> labels(1100, 0);
  std::fill(labels.begin() + 300, labels.end(), 1);
  int steps = 0;
  const double score = silhouette(embedding, labels, [&] { ++steps; });
  EXPECT_EQ(steps, 3) << "one a block of 512 rows";
  EXPECT_EQ(score, silhouette(embedding, labels));
}

TEST(Measuring, NothingIsNotANumber) {
  const Measures measures = measure(at::zeros({0, 3}, at::kDouble), {});
  EXPECT_TRUE(std::isnan(measures.accuracy) && std::isnan(measures.f1_macro) && std::isnan(measures.log_loss));
}

TEST(Platform, NamesDeviceInstructionSetAndVersions) {
  const std::string platform = numeric_platform(at::kCPU);
  EXPECT_THAT(platform, ::testing::HasSubstr("torch 2."));
  EXPECT_THAT(platform, ::testing::HasSubstr("MKL "));
  EXPECT_THAT(platform, ::testing::HasSubstr("AVX"));
  EXPECT_EQ(device_text(at::kCPU), "cpu");
}

} // namespace
} // namespace stdualx
