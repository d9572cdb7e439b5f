// What is odd about the channels of own recordings: said, never changed.
#pragma once

#include <string>
#include <vector>

#include "experiments/recording.h"

namespace stdualx {

/// A sentence for each channel that is constant, in all samples or in a recording of 2 s or more; that is another channel's copy; that
/// holds a number that is often written where a value is missing (-9999), far from all its others; or that is at its largest or smallest
/// value in over 1 % of the samples, as at a sensor's limit. At most two in a channel.
std::vector<std::string> odd_channels(const Dataset& dataset);

} // namespace stdualx
