// Dropout as a product with a counted mask. See the header.
#include "model/dropout.h"

#include "experiments/spec/random.h"
#include "model/kernels/dropout_mask.h"

#include <ATen/ATen.h>

#ifdef STDUALX_WITH_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include <cmath>
#include <stdexcept>

namespace stdualx {
namespace {

template <class Real> void fill(const DropoutMask& what, const at::Tensor& keys, const at::Tensor& counters, at::Tensor& mask) {
  const std::int64_t *key = keys.const_data_ptr<std::int64_t>(), *counter = counters.const_data_ptr<std::int64_t>();
  if (!mask.is_cuda()) return fill_dropout_mask_cpu(what, key, counter, mask.data_ptr<Real>());
#ifdef STDUALX_WITH_CUDA
  const auto stream = c10::cuda::getCurrentCUDAStream(mask.device().index());
  fill_dropout_mask_cuda(what, key, counter, mask.data_ptr<Real>(), stream.stream());
#else
  throw std::logic_error("dropout on a CUDA tensor in a build without CUDA; configure with -DSTDUALX_CUDA=ON");
#endif
}

} // namespace

Dropout::Dropout(const Initialiser& initialiser, const std::string& name, double probability) : rate(probability) {
  at::Tensor host = at::empty({initialiser.replicas(), 2}, at::kLong);
  std::int64_t* word = host.data_ptr<std::int64_t>();
  for (const std::int64_t seed : initialiser.seeds) {
    const PhiloxKey key = RandomStream(seed, "dropout", name).key;
    *word++ = key[0];
    *word++ = key[1];
  }
  keys = host.to(initialiser.device);
}

at::Tensor Dropout::operator()(const at::Tensor& x, const StepContext& context) const {
  if (!context.training || !context.dropout || rate == 0 || x.numel() == 0) return x;
  // The probability is rounded to a multiple of 2^-32, and the scale is that of the rounded one: the mean is kept exactly.
  const double threshold = std::round(rate * 0x1p32);
  const DropoutMask what{.replicas = keys.size(0),
                         .sensors = x.size(0) / keys.size(0),
                         .rows = x.size(1),
                         .places = x[0][0].numel(),
                         .first_sample = static_cast<std::uint32_t>(context.first_sample),
                         .threshold = static_cast<std::uint32_t>(threshold),
                         .scale = 1.0 / (1.0 - threshold * 0x1p-32)};
  const at::Tensor counters =
      context.counters.defined() ? context.counters.to(keys.device()).expand({keys.size(0), 2}).contiguous() : at::zeros_like(keys);
  at::Tensor mask = at::empty(x.sizes(), x.options().requires_grad(false).memory_format(at::MemoryFormat::Contiguous));
  if (x.scalar_type() == at::kDouble) fill<double>(what, keys, counters, mask);
  else fill<float>(what, keys, counters, mask);
  return x * mask;
}

DropoutDraw Dropout::draw(const StepContext& context, std::int64_t leading, std::int64_t leading_count) const {
  if (!context.training || !context.dropout || rate == 0) return {{0, 0}, 0, 0, 0, 0, 0, 1};
  const double threshold = std::round(rate * 0x1p32);
  const std::int64_t sensors = leading_count / keys.size(0), replica = leading / sensors;
  const auto* key = keys.const_data_ptr<std::int64_t>() + 2 * replica;
  const auto counter = [&](std::int64_t which) {
    if (!context.counters.defined()) return std::uint32_t{0};
    const std::int64_t row = context.counters.size(0) == 1 ? 0 : replica;
    return static_cast<std::uint32_t>(context.counters.const_data_ptr<std::int64_t>()[2 * row + which]);
  };
  return {{static_cast<std::uint32_t>(key[0]), static_cast<std::uint32_t>(key[1])},
          counter(0),
          counter(1),
          static_cast<std::uint32_t>(context.first_sample),
          static_cast<std::uint32_t>(leading % sensors),
          static_cast<std::uint32_t>(threshold),
          static_cast<float>(1.0 / (1.0 - threshold * 0x1p-32))};
}

} // namespace stdualx
