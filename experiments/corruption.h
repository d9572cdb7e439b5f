// Disturbs windows as worn sensors are disturbed: lost samples, noise, gain, rotation, an unsteady clock.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "experiments/spec/condition.h"
#include "experiments/split.h"
#include "experiments/windows.h"

namespace stdualx {

/// Seconds of a block of `missing_blocks`.
inline constexpr double missing_block_seconds = 1;

/// The windows `rows`, in that order and without room, of their recordings as they are when these are disturbed whole: what lies
/// outside every window (samples without a class) is disturbed too, and a fill or a jitter reads it. Windows that a publisher cut and that
/// do not fit together are disturbed as they lie, end to end.
///
/// A disturbance is drawn from (seed, kind, amount, recording, sensor, step) alone, so windows that overlap share it, and every network,
/// fold and rank sees the same. What is lost is lost to a sensor with all its channels. `last` fills with the sensor's last valid sample,
/// `linear` between its valid neighbours; where there is none on that side, and with `zero`, `training`'s mean stands in. Noise is
/// measured against the training deviation: deviation * 10^(-dB / 20). A rotation turns all vectors of a sensor alike, around an axis
/// drawn uniformly. A sampling moment that jitters reads between its neighbouring samples (linear).
/// `observer` is called after each recording, and may throw to leave.
/// InputError: the sensor of `missing_sensor` does not exist.
WindowedSamples disturbed_windows(
    const WindowSet& windows, std::span<const std::int64_t> rows, const Condition& condition, const Standardisation& training,
    const std::function<void()>& observer = [] {});

} // namespace stdualx
