// Whether a network of a configuration can be built for these data, and the sizes that follow from both. No tensors, so that a
// plan is checked before anything is trained.
#pragma once

#include "experiments/spec/errors.h"
#include "experiments/spec/model_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace stdualx {

/// Throws InputError naming the key that does not fit: heads that do not divide their width, an even stem kernel,
/// sensor_channels that do not match the sensors; of a baseline a size that it lacks, or a setting that it does not have: otherwise one
/// network would have many identities.
void check_model(const ModelConfig& config, const InputShape& shape);

/// What a baseline starts from: `architecture`, and every other setting where it means least: at its neutral value, or the nearest allowed.
ModelConfig bare_model(const std::string& architecture);

/// Puts the settings of parts that are switched off where they mean least, too: they decide nothing, so that runs which differ in them
/// alone are one run.
void clear_unused(ModelConfig& config);

/// A number of heads that nobody chose, and that did not fit.
struct FittedHeads {
  std::string setting; // "channel_heads"
  std::int64_t asked = 0, fitted = 0;
  std::int64_t width = 0; // what they must divide
  std::string what;       // "the steps of the encoder"
};

/// Makes the numbers of heads that are not among `chosen` ("channel_heads") fit: each becomes the largest number, not above itself, that
/// divides what it must: 2 heads over 25 steps are 1, 8 over 125 are 5, and a prime above them leaves 1. What fits stays, and so does all
/// of a baseline. Returns what was changed.
std::vector<FittedHeads> fit_heads(ModelConfig& config, const InputShape& shape, const std::vector<std::string>& chosen);

/// Steps that a stem of `config` leaves of `steps`, at least 1 of them.
std::int64_t stem_steps(const ModelConfig& config, std::int64_t steps);
/// Channels of a sensor that has `channels` of its own, asinh channels included.
std::int64_t input_channels(const ModelConfig& config, std::int64_t channels);
/// Hidden width of the vector of a sensor whose plane has `flattened` values: vector_hidden, at most half of them, at least 1.
std::int64_t vector_hidden(const ModelConfig& config, std::int64_t flattened);
/// Real channels of each sensor; `channels` of each where the list is empty.
std::vector<std::int64_t> real_channels(const InputShape& shape);

} // namespace stdualx
