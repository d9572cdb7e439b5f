// The plane that the encoder works on, and sensors that have fewer channels than their fellows.
//
// The definition: a sensor with c channels has the network of c channels, whatever its fellows have. It is stored in the
// tensors of the widest sensor, C channels wide, its own channels first and zeros behind them:
//   - an appended asinh channel follows the sensor's own channels, not the padding: x_0 .. x_c-1, asinh_0 .. asinh_c-1, 0 ..
//   - a weight that reads from or writes to a channel (or hidden unit) that the sensor does not have is 0. Its gradient is
//     exactly 0, so it stays 0 under any optimiser; it is initialised with the fan of the real ones.
//   - attention over time has heads of c / h channels: real channel i belongs to head i / (c / h), and stands there in
//     place i % (c / h) of the C / h places that the head has in memory; queries are scaled by 1 / sqrt(c / h).
//   - attention over channels does not see keys of padding; LayerNorm and BatchNorm take their statistics over real
//     channels; what they, or a convolution, write into the padding is set to 0 at once.
// Behind a stem every sensor has `stem_channels` channels and nothing is padded.
#pragma once

#include "experiments/spec/model_shape.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace stdualx {

struct EncoderShape {
  std::int64_t replicas = 0;
  std::int64_t sensors = 0;
  std::int64_t steps = 0;                    // L
  std::int64_t channels = 0;                 // C, the most that one sensor has
  std::vector<std::int64_t> sensor_channels; // c of each sensor
  at::Tensor mask;                           // [M, 1, 1, C]: 1 for a real channel, 0 for padding; undefined when nothing is padded

  std::int64_t leading() const { return replicas * sensors; } // M
};

} // namespace stdualx
