// The kernel of dropout: the values of a mask. Without torch, so that kernels compile in a moment.
#pragma once

#include <cstdint>

namespace stdualx {

/// One mask: values [replicas * sensors, rows, places], contiguous, each 0 or `scale`.
/// The words behind it: with B = ceil(places / 4), value i * B + j of sensor s is word i of Philox(key of the replica) at
/// counter (epoch, step, sample = first_sample + row, element = s * B + j); it is dropped where its word is below `threshold`.
struct DropoutMask {
  std::int64_t replicas, sensors, rows, places;
  std::uint32_t first_sample;
  std::uint32_t threshold; // probability * 2^32
  double scale;
};

/// The plain loop on the CPU. `keys`: [replicas, 2]; `counters`: [replicas, 2], epoch and step.
template <class Real>
void fill_dropout_mask_cpu(const DropoutMask& what, const std::int64_t* keys, const std::int64_t* counters, Real* mask);
/// The same values on a CUDA stream (a cudaStream_t); the pointers are the device's.
template <class Real>
void fill_dropout_mask_cuda(const DropoutMask& what, const std::int64_t* keys, const std::int64_t* counters, Real* mask, void* stream);

} // namespace stdualx
