// The fused form of a sensor's vector as one node of autograd; see model/sensor_vector.h for the plain one, which it must agree with.
#pragma once

#include "model/sensor_vector.h"

namespace stdualx {

/// As vector_plain of an encoder with STDAT, for what fused_kernels_fit() allows (model/kernels.h).
at::Tensor vector_fused(const SensorVector& vector, const at::Tensor& x, const StepContext& context);

} // namespace stdualx
