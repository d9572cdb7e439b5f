// The linear classifier's features and their scale. See baseline.h.
#include "model/baselines/baseline.h"
#include "model/baselines/window_features.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace stdualx {
namespace {

class LinearFeatures final : public Embedder {
public:
  LinearFeatures(Initialiser& initialiser, const InputShape& shape) {
    features = window_features(at::zeros({1, shape.steps, joined_channels(shape)})).size(1);
    count = initialiser.buffer("features.count", 1, at::zeros({1}));
    mean = initialiser.buffer("features.mean", 1, at::zeros({features}));
    variance = initialiser.buffer("features.variance", 1, at::ones({features}));
  }

  at::Tensor operator()(const at::Tensor& x, const StepContext& context) override {
    const at::Tensor values = window_features(x[0]).unsqueeze(0); // [1, B, features]
    if (context.training) learn(values, context.group);
    constexpr double least_variance = 1e-5; // a feature that never changes says nothing
    return (values - mean.unsqueeze(1)) * (variance.unsqueeze(1) + least_variance).rsqrt();
  }

  std::int64_t width() const override { return features; }

private:
  /// Counts the global batch into the statistics of all training windows seen so far (Chan et al. 1979).
  void learn(const at::Tensor& values, BatchGroup* group) {
    const at::NoGradGuard constant;
    const std::int64_t ranks = group == nullptr ? 1 : group->size(), rank = group == nullptr ? 0 : group->rank();
    const at::Tensor own_mean = values.sum(1) / std::max<double>(1, static_cast<double>(values.size(1)));
    at::Tensor gathered = at::zeros({ranks, 2 * features + 1}, values.options()); // of each rank: count, means, sums of squares
    gathered[rank].narrow(0, 0, 1).fill_(values.size(1));
    gathered[rank].narrow(0, 1, features).copy_(own_mean[0]);
    gathered[rank].narrow(0, 1 + features, features).copy_((values - own_mean.unsqueeze(1)).square().sum(1)[0]);
    if (group != nullptr) group->all_reduce_sum(gathered);
    for (std::int64_t other = 0; other < ranks; ++other) {
      const at::Tensor added = gathered[other].narrow(0, 0, 1), total = (count + added).clamp_min(1);
      const at::Tensor difference = gathered[other].narrow(0, 1, features) - mean;
      const at::Tensor squares =
          variance * count + gathered[other].narrow(0, 1 + features, features) + difference.square() * (count * added / total);
      mean.add_(difference * (added / total));
      // Nothing counted yet: the first values stay.
      variance.copy_(at::where((count + added).gt(0), squares / total, variance));
      count.add_(added);
    }
  }

  std::int64_t features = 0;
  at::Tensor count;          // [1, 1], training windows counted
  at::Tensor mean, variance; // [1, features], over them
};

} // namespace

std::unique_ptr<Embedder> make_linear(Initialiser& initialiser, const BaselineConfig&, const InputShape& shape) {
  return std::make_unique<LinearFeatures>(initialiser, shape);
}

} // namespace stdualx
