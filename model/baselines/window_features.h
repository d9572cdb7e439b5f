// Features that are made by hand, of each channel of a window, for the linear classifier: a network that does not beat them has shown
// nothing.
#pragma once

#include <ATen/core/Tensor.h>

namespace stdualx {

/// Mean, standard deviation, and the logarithm of the energy in each of feature_bands(), of every channel by itself.
/// x: [B, L, N] -> [B, N * (2 + bands)], a channel's features beside each other; without gradients.
///   energy of a band = 2 / (L sum of w^2) * sum of |DFT of w (x - mean)|^2 over its bins, w the periodic Hann window
/// so that the energies add up to about the variance. 1e-5, the energy of a deviation of 0.003, is added before the logarithm.
at::Tensor window_features(const at::Tensor& x);

/// To which band each bin 1 .. steps / 2 of the discrete Fourier transform belongs: int64 [steps / 2], 0 the lowest, none left out.
/// Bands are half octaves down from the Nyquist frequency: bin k, at a share s = 2 k / steps of it, is in the i-th from the top with
/// 2^(-(i + 1) / 2) < s <= 2^(-i / 2). Bands without a bin do not count.
at::Tensor feature_bands(std::int64_t steps);

} // namespace stdualx
