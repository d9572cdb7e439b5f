// Features of windows. See the header.
#include "model/baselines/window_features.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace stdualx {

at::Tensor feature_bands(std::int64_t steps) {
  std::vector<std::int64_t> from_top; // of each bin
  for (std::int64_t bin = 1; bin <= steps / 2; ++bin) {
    const double half_octaves = -2 * std::log2(2 * static_cast<double>(bin) / static_cast<double>(steps));
    from_top.push_back(static_cast<std::int64_t>(std::floor(half_octaves + 1e-9))); // an upper end belongs to its band, rounded or not
  }
  std::vector<std::int64_t> bands; // counted from the lowest, where there are any bins
  for (std::size_t i = 0; i < from_top.size(); ++i) bands.push_back(i == 0 ? 0 : bands.back() + (from_top[i] == from_top[i - 1] ? 0 : 1));
  return at::tensor(bands, at::kLong);
}

at::Tensor window_features(const at::Tensor& x) {
  const at::NoGradGuard made_not_learned;
  const std::int64_t batch = x.size(0), steps = x.size(1), channels = x.size(2);
  const at::Tensor bands = feature_bands(steps);
  const std::int64_t bins = bands.numel(), count = bins > 0 ? bands[bins - 1].item<std::int64_t>() + 1 : 0;
  if (batch == 0) return at::zeros({0, channels * (2 + count)}, x.options()); // there is no Fourier transform of nothing

  const at::Tensor signal = x.transpose(1, 2); // [B, N, L]
  const at::Tensor mean = signal.mean(2, true), centred = signal - mean;
  std::vector<at::Tensor> features = {mean, centred.square().mean(2, true).sqrt()};
  if (bins > 0) {
    const at::Tensor window = at::hann_window(steps, x.options());
    const at::Tensor spectrum = at::fft_rfft(centred * window, std::nullopt, 2); // [B, N, L / 2 + 1]
    const at::Tensor power = at::view_as_real(spectrum).square().sum(3).narrow(2, 1, bins);
    const at::Tensor member = bands.unsqueeze(1).eq(at::arange(count, at::kLong)).to(x.options()); // [bins, bands]
    const at::Tensor energy = at::matmul(power, member) * (2 / (static_cast<double>(steps) * window.square().sum()));
    features.push_back((energy + 1e-5).log());
  }
  return at::cat(features, 2).flatten(1);
}

} // namespace stdualx
