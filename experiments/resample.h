// Recordings brought to another rate.
#pragma once

#include "experiments/recording.h"

namespace stdualx {

/// Brings each recording to `rate` samples a second by linear interpolation, and says so in `info`. Sample i lies i / rate seconds
/// after the recording's first one; the label is that of the nearest old sample (half-way: the earlier). There is no low-pass filter:
/// going down, what is faster than half the new rate folds back, as is usual for these data. InputError: a pre-cut data set.
void resample(Dataset& dataset, double rate);

} // namespace stdualx
