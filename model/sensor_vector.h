// From a sensor's encoded plane to its vector.
#pragma once

#include "model/dropout.h"
#include "model/encoder_shape.h"
#include "model/linear.h"

#include <memory>

namespace stdualx {

struct VectorKernels;

struct SensorVector {
  SensorVector() = default;
  SensorVector(Initialiser& initialiser, const ModelConfig& config, const EncoderShape& shape);

  Linear hidden; // L * C -> vector_hidden() of the widest sensor
  Linear output; // -> d
  Dropout dropout;
  bool encoded = true;                            // with STDAT
  mutable std::shared_ptr<VectorKernels> kernels; // of the fused form, made at its first use
};

/// x: [M, B, L, C] -> [M, B, d]: flatten (channels fastest), Linear, ReLU, Dropout, Linear, ReLU. Without STDAT: flatten, Linear, ReLU,
/// Linear. The plain form: any type and device.
at::Tensor vector_plain(const SensorVector& vector, const at::Tensor& x, const StepContext& context);
/// The form that fits: model/kernels.h.
at::Tensor vector_of(const SensorVector& vector, const at::Tensor& x, const StepContext& context);

} // namespace stdualx
