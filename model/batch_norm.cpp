// Batch norm over the global batch as one autograd node. Forward gathers each rank's count, mean and sum of squared
// deviations in one collective and joins them as Chan et al. (1979) do, which does not cancel; backward needs the global
// sums of dy and dy * xhat, a second collective. Nodes of one network follow each other in a chain, so every rank's backward
// runs their collectives in one order.
#include "model/batch_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace stdualx {
namespace {

constexpr double epsilon = 1e-5; // PyTorch's defaults
constexpr double momentum = 0.1;

/// Sums over batch and inner: [G, B, channels, inner] -> [G, channels].
at::Tensor channel_sums(const at::Tensor& x) { return x.sum({1, 3}); }
/// Channels' values before the axes they are broadcast over: [G, channels] -> [G, 1, channels, 1].
at::Tensor spread(const at::Tensor& channels) { return channels.unsqueeze(1).unsqueeze(-1); }

struct Statistics {
  at::Tensor count;    // [G, 1], values a channel
  at::Tensor mean;     // [G, channels]
  at::Tensor variance; // [G, channels], biased
};

struct NormaliseOverGroup : torch::autograd::Function<NormaliseOverGroup> {
  // x, weight and bias as in BatchNorm; mask: 1 or 0, broadcast over x, whose ones take part. `statistics` is filled for the running ones.
  static at::Tensor forward(torch::autograd::AutogradContext* node, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const std::optional<at::Tensor>& given_mask, BatchGroup* group, Statistics* statistics) {
    const at::Tensor mask = given_mask.value_or(at::Tensor());
    const std::int64_t channels = x.size(2);
    // Values that each channel of a leading index is made of, [G, channels]. At least one: a replica without rows divides by it.
    const auto counted = [&] { return channel_sums(mask.expand({x.size(0), x.size(1), mask.size(2), x.size(3)})).expand({-1, channels}); };
    const at::Tensor own_count =
        mask.defined() ? counted() : at::full({x.size(0), channels}, static_cast<double>(x.size(1) * x.size(3)), x.options());
    const at::Tensor at_least_one = own_count.clamp_min(1);
    const at::Tensor own_mean = channel_sums(mask.defined() ? x * mask : x) / at_least_one;
    at::Tensor centred = x - spread(own_mean);
    if (mask.defined()) centred = centred * mask;
    const at::Tensor own_squares = channel_sums(centred.square());

    *statistics = {at_least_one, own_mean, own_squares / at_least_one};
    if (group != nullptr) {
      at::Tensor gathered = at::zeros({group->size(), 3, x.size(0), channels}, x.options());
      gathered.select(0, group->rank()).copy_(at::stack({own_count, own_mean, own_squares}));
      group->all_reduce_sum(gathered);
      const at::Tensor counts = gathered.select(1, 0), means = gathered.select(1, 1), squares = gathered.select(1, 2);
      statistics->count = counts.sum(0);
      statistics->mean = (counts * means).sum(0) / statistics->count;
      statistics->variance = (squares + counts * (means - statistics->mean).square()).sum(0) / statistics->count;
    }

    const at::Tensor inverse_deviation = (statistics->variance + epsilon).rsqrt();
    at::Tensor normalised = centred * spread(inverse_deviation);
    if (group != nullptr) {
      normalised = normalised + spread((own_mean - statistics->mean) * inverse_deviation);
      if (mask.defined()) normalised = normalised * mask;
    }
    node->save_for_backward({normalised, weight, inverse_deviation, statistics->count, mask});
    // Type-erased: autograd's context stores no pointers of ours.
    node->saved_data["group"] = static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(group));
    return at::addcmul(spread(bias), normalised, spread(weight));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* node, torch::autograd::variable_list gradients) {
    const auto saved = node->get_saved_variables();
    const at::Tensor &normalised = saved[0], &weight = saved[1], &inverse_deviation = saved[2], &count = saved[3], &mask = saved[4];
    auto* group = reinterpret_cast<BatchGroup*>(static_cast<std::intptr_t>(node->saved_data["group"].toInt()));
    const at::Tensor& dy = gradients[0];
    // Padding takes part in the statistics neither way; `normalised` is 0 there.
    const at::Tensor own_dy = channel_sums(mask.defined() ? dy * mask : dy), own_dy_normalised = channel_sums(dy * normalised);
    at::Tensor sums = at::stack({own_dy, own_dy_normalised});
    if (group != nullptr) group->all_reduce_sum(sums);
    at::Tensor dx = at::addcmul(dy - spread(sums[0] / count), normalised, spread(sums[1] / count), -1);
    dx.mul_(spread(weight * inverse_deviation));
    if (mask.defined()) dx.mul_(mask);
    // The weights' gradients are this rank's share: they are summed over the ranks with all others.
    return {dx, own_dy_normalised, own_dy, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

} // namespace

BatchNorm::BatchNorm(Initialiser& initialiser, const std::string& name, std::int64_t slices, std::int64_t channels)
    : weight(initialiser.constant(name + ".weight", slices, at::ones({channels}))),
      bias(initialiser.constant(name + ".bias", slices, at::zeros({channels}))),
      running_mean(initialiser.buffer(name + ".running_mean", slices, at::zeros({channels}))),
      running_variance(initialiser.buffer(name + ".running_variance", slices, at::ones({channels}))) {}

at::Tensor BatchNorm::normalised(const at::Tensor& x, const StepContext& context, const at::Tensor& mask) const {
  const std::vector<std::int64_t> channel_shape = {x.size(0), x.size(2)}; // [1, G * channels] from joined()
  const at::Tensor scale = weight.view(channel_shape), shift = bias.view(channel_shape);
  at::Tensor mean = running_mean.view(channel_shape), variance = running_variance.view(channel_shape);
  if (!context.training) {
    const at::Tensor factor = scale * (variance + epsilon).rsqrt();
    return at::addcmul(spread(shift - mean * factor), x, spread(factor));
  }
  Statistics statistics;
  const at::Tensor y =
      NormaliseOverGroup::apply(x, scale, shift, mask.defined() ? std::optional(mask) : std::nullopt, context.group, &statistics);
  const at::NoGradGuard constant;
  mean.lerp_(statistics.mean, momentum);
  variance.lerp_(statistics.variance * (statistics.count / (statistics.count - 1).clamp_min(1)), momentum);
  return y;
}

at::Tensor BatchNorm::operator()(const at::Tensor& x, const StepContext& context, const at::Tensor& mask) const {
  const at::Tensor real = context.own_real(x.size(1)); // [R, B]
  if (!real.defined() || !context.training) return normalised(x, context, mask);
  const at::Tensor rows = real.unsqueeze(1).expand({-1, x.size(0) / real.size(0), -1}).reshape({x.size(0), x.size(1), 1, 1});
  return normalised(x, context, mask.defined() ? mask * rows : rows);
}

at::Tensor BatchNorm::joined(const at::Tensor& x, const StepContext& context) const {
  const at::Tensor real = context.own_real(x.size(0)); // [R, B]
  if (!real.defined() || !context.training) return normalised(x.unsqueeze(0), context, {}).squeeze(0);
  at::Tensor rows = real.t(); // [B, R], and a replica's channels are neighbours
  if (real.size(0) > 1) rows = rows.unsqueeze(2).expand({-1, -1, x.size(1) / real.size(0)}).flatten(1);
  return normalised(x.unsqueeze(0), context, rows.unsqueeze(0).unsqueeze(-1)).squeeze(0);
}

} // namespace stdualx
