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
  // x, weight, bias, mask as in BatchNorm; `statistics` is filled for the running ones.
  static at::Tensor forward(torch::autograd::AutogradContext* node, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const std::optional<at::Tensor>& given_mask, BatchGroup* group, Statistics* statistics) {
    const at::Tensor mask = given_mask.value_or(at::Tensor());
    const std::int64_t channels = x.size(2);
    const std::int64_t ranks = group == nullptr ? 1 : group->size(), rank = group == nullptr ? 0 : group->rank();
    // Values a row of the batch gives to a channel of each leading index.
    const at::Tensor values_a_row =
        mask.defined() ? mask.flatten(1).sum(1, true) : at::full({x.size(0), 1}, static_cast<double>(x.size(3)), x.options());
    const at::Tensor own_count = values_a_row * static_cast<double>(x.size(1));
    const at::Tensor own_mean = channel_sums(mask.defined() ? x * mask : x) / own_count.clamp_min(1);
    at::Tensor centred = x - spread(own_mean);
    if (mask.defined()) centred = centred * mask;
    const at::Tensor own_squares = channel_sums(centred.square());

    at::Tensor gathered = at::zeros({ranks, x.size(0), 2 * channels + 1}, x.options());
    gathered.select(0, rank).copy_(at::cat({own_count, own_mean, own_squares}, 1));
    if (group != nullptr) group->all_reduce_sum(gathered);
    const at::Tensor counts = gathered.narrow(2, 0, 1), means = gathered.narrow(2, 1, channels),
                     squares = gathered.narrow(2, 1 + channels, channels);
    statistics->count = counts.sum(0);
    statistics->mean = (counts * means).sum(0) / statistics->count;
    statistics->variance = (squares + counts * (means - statistics->mean).square()).sum(0) / statistics->count;

    const at::Tensor inverse_deviation = (statistics->variance + epsilon).rsqrt();
    at::Tensor normalised = at::addcmul(spread((own_mean - statistics->mean) * inverse_deviation), centred, spread(inverse_deviation));
    if (mask.defined()) normalised = normalised * mask;
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

at::Tensor BatchNorm::operator()(const at::Tensor& x, const StepContext& context, const at::Tensor& mask) const {
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

at::Tensor BatchNorm::joined(const at::Tensor& x, const StepContext& context) const {
  return operator()(x.unsqueeze(0), context).squeeze(0);
}

} // namespace stdualx
