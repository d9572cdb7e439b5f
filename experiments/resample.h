// Samples brought to other times: recordings to another rate, a channel to the times of another sensor.
#pragma once

#include <span>

#include "experiments/recording.h"

namespace stdualx {

/// Brings each recording to `rate` samples a second by linear interpolation, and says so in `info`. Sample i lies i / rate seconds
/// after the recording's first one; the label is that of the nearest old sample (half-way: the earlier). There is no low-pass filter:
/// going down, what is faster than half the new rate folds back, as is usual for these data. InputError: a pre-cut data set.
void resample(Dataset& dataset, double rate);

/// One channel at other times by linear interpolation. `times` (seconds, ascending) and `values` are its samples; NaN is no sample.
/// NaN where the samples on both sides lie over `longest` seconds apart, or where there is none on one side.
std::vector<float> interpolated(std::span<const double> times, std::span<const float> values, std::span<const double> at, double longest);

} // namespace stdualx
