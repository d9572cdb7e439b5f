// Dropout masks on the GPU: the values of kernels/cpu/dropout.cpp, a thread for each Philox block of four.
#include "model/kernels/dropout_mask.h"

#include "experiments/spec/random.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace stdualx {
namespace {

template <class Real>
__global__ void fill_dropout_mask(DropoutMask what, const std::int64_t* keys, const std::int64_t* counters, Real* mask) {
  const std::int64_t blocks = (what.places + 3) / 4;
  const std::int64_t total = what.replicas * what.sensors * what.rows * blocks;
  for (std::int64_t index = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; index < total;
       index += std::int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t block = index % blocks;
    const std::int64_t line = index / blocks; // (replica, sensor, row)
    const std::int64_t row = line % what.rows;
    const std::int64_t sensor = line / what.rows % what.sensors;
    const std::int64_t replica = line / (what.rows * what.sensors);
    const PhiloxKey key = {static_cast<std::uint32_t>(keys[2 * replica]), static_cast<std::uint32_t>(keys[2 * replica + 1])};
    const PhiloxCounter words =
        philox({static_cast<std::uint32_t>(sensor * blocks + block), what.first_sample + static_cast<std::uint32_t>(row),
                static_cast<std::uint32_t>(counters[2 * replica + 1]), static_cast<std::uint32_t>(counters[2 * replica])},
               key);
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t place = i * blocks + block;
      if (place < what.places) mask[line * what.places + place] = words[i] < what.threshold ? Real(0) : static_cast<Real>(what.scale);
    }
  }
}

} // namespace

template <class Real>
void fill_dropout_mask_cuda(const DropoutMask& what, const std::int64_t* keys, const std::int64_t* counters, Real* mask, void* stream) {
  constexpr std::int64_t threads = 256;
  constexpr std::int64_t most_blocks = 4096; // a thread takes several Philox blocks beyond that
  const std::int64_t total = what.replicas * what.sensors * what.rows * ((what.places + 3) / 4);
  if (total == 0) return;
  const auto grid = static_cast<unsigned>(std::min((total + threads - 1) / threads, most_blocks));
  fill_dropout_mask<<<grid, static_cast<unsigned>(threads), 0, static_cast<cudaStream_t>(stream)>>>(what, keys, counters, mask);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
    throw std::runtime_error(std::string("the dropout mask's kernel could not be launched: ") + cudaGetErrorString(error));
}

template void fill_dropout_mask_cuda<float>(const DropoutMask&, const std::int64_t*, const std::int64_t*, float*, void*);
template void fill_dropout_mask_cuda<double>(const DropoutMask&, const std::int64_t*, const std::int64_t*, double*, void*);

} // namespace stdualx
