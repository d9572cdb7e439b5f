// What a network costs to use: operations worked out by hand, and numbers that fit together.
#include "training_fixture.h"
#include "worker/trainer/inference_cost.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace stdualx {
namespace {

TEST(CountOperations, OfProductsAndConvolutionsAreThoseWorkedOutByHand) {
  const at::NoGradGuard no_gradients;
  const at::Tensor a = at::randn({3, 4}), b = at::randn({4, 5}), c = at::randn({5});
  EXPECT_EQ(count_operations([&] { at::mm(a, b); }), 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] { at::addmm(c, a, b); }), 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] { at::linear(a, b.t(), c); }), 2 * 3 * 4 * 5);
  EXPECT_EQ(count_operations([&] { at::bmm(at::ones({7, 3, 4}), at::ones({7, 4, 5})); }), 7 * 2 * 3 * 4 * 5);
  // 6 channels to 8 in 2 groups, width 3, 10 steps kept by padding: each of 2 x 8 x 10 outputs sums 3 x 3 products.
  EXPECT_EQ(count_operations([&] {
              at::conv1d(at::ones({2, 6, 10}), at::ones({8, 3, 3}), {}, {1}, at::IntArrayRef{1}, {1}, 2);
            }),
            2 * 2 * 8 * 10 * 9);
  // 2 heads, 5 queries of width 4, 6 keys: scores and sums.
  EXPECT_EQ(count_operations([&] {
              at::scaled_dot_product_attention(at::ones({1, 2, 5, 4}), at::ones({1, 2, 6, 4}), at::ones({1, 2, 6, 4}));
            }),
            2 * (2 * 2 * 5 * 6 * 4));
  EXPECT_EQ(count_operations([&] { (a + 1).relu().softmax(-1); }), 0);
}

TEST(InferenceCost, OfAFinishedRunFitsItsNetwork) {
  const test::SyntheticWindows data;
  const test::TemporaryFolder store;
  Assignment assignment = test::small_assignment(store.path);
  assignment.run.training.epochs = 1;
  const auto communicator = make_single_communicator();
  test::RecordingReporter reporter;
  const AttemptResult trained = run_attempt(assignment, data.attempt_data(), *communicator, at::kCPU, reporter);
  assignment.resume_path = trained.artifacts.at(0).path;
  assignment.resume_sha256 = trained.artifacts.at(0).sha256;
  const EfficiencyReport report = inference_cost(assignment, at::kCPU, {1, 20, 2, {1, 8}});
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : report.metrics) metrics[name] = value;
  const auto network = make_network(assignment.run.model, data.shape, {1}, at::kFloat, at::kCPU);
  double parameters = 0;
  for (const NamedTensor& named : network->parameters()) parameters += static_cast<double>(named.tensor.numel());
  EXPECT_EQ(metrics.at("parameters"), parameters);
  EXPECT_GT(metrics.at("latency_median"), 0);
  EXPECT_GE(metrics.at("latency_p99"), metrics.at("latency_median"));
  EXPECT_GT(metrics.at("windows_per_second_1"), 0);
  EXPECT_GT(metrics.at("windows_per_second_8"), 0);
  EXPECT_GT(metrics.at("allocator_peak_bytes"), 4 * parameters) << "the weights alone";
  EXPECT_LT(metrics.at("allocator_peak_bytes"), 1e8);
  EXPECT_GT(metrics.at("process_peak_bytes"), metrics.at("allocator_peak_bytes"));
  const at::NoGradGuard no_gradients;
  const at::Tensor window = at::randn({1, 1, data.shape.sensors, data.shape.steps, data.shape.channels});
  EXPECT_EQ(metrics.at("flops"), static_cast<double>(count_operations([&] { network->forward(window, {}); })));
  EXPECT_EQ(report.run_id, assignment.run_id);
  EXPECT_EQ(report.device, "cpu");

  EXPECT_LT(metrics.at("allocator_peak_bytes"), 8 * parameters + 2e6) << "the weights once, and what a forward pass needs";

  assignment.run.model.sensor_width = 8;
  EXPECT_THROW(inference_cost(assignment, at::kCPU, {}), InputError) << "weights of another network";
}

TEST(InferenceCost, CountsTheWholeNetworkWhicheverLayersAreInUse) {
  // PyTorch's FlopCounterMode on the independent reference (tests/reference/stdual_x.py), one window of UCI-HAR's shape.
  const InputShape uci_har{.sensors = 3, .steps = 128, .channels = 3, .classes = 6, .sensor_channels = {}};
  const auto network = make_network(ModelConfig{}, uci_har, {1}, at::kFloat, at::kCPU);
  const at::NoGradGuard no_gradients;
  const at::Tensor window = at::randn({1, 1, uci_har.sensors, uci_har.steps, uci_har.channels});
  EXPECT_EQ(count_operations([&] { network->forward(window, {}); }), 8'445'696);
}

TEST(InferenceCost, CountsTheOperationsOfAnLstmWhicheverKernelsDoIt) {
  const at::NoGradGuard no_gradients;
  constexpr std::int64_t steps = 12, batch = 3, width = 9, hidden = 5;
  for (const auto type : {at::kFloat, at::kDouble}) { // oneDNN's kernel, and products of matrices
    const auto weights = [&](std::int64_t in) { return at::randn({4 * hidden, in}, type); };
    std::vector<at::Tensor> parameters;
    for (const std::int64_t in : {width, 2 * hidden}) // two layers
      for (int direction = 0; direction < 2; ++direction)
        for (const at::Tensor& each : {weights(in), weights(hidden), at::zeros({4 * hidden}, type), at::zeros({4 * hidden}, type)})
          parameters.push_back(each);
    const at::Tensor input = at::randn({batch, steps, width}, type), state = at::zeros({4, batch, hidden}, type);
    const std::int64_t counted = count_operations([&] { at::lstm(input, {state, state}, parameters, true, 2, 0.0, false, true, true); });
    const std::int64_t by_hand = 2 * steps * batch * 2 * 4 * hidden * ((width + hidden) + (2 * hidden + hidden));
    EXPECT_EQ(counted, by_hand) << c10::toString(type);
  }
}

} // namespace
} // namespace stdualx
