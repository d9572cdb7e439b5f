// XXH3-128 over named tensors.
#include "worker/training/state_hash.h"

#include <ATen/ATen.h>
#include <xxhash.h>

#include <memory>

#include "experiments/spec/run_spec.h"

namespace stdualx {

std::string state_hash(const std::vector<NamedTensor>& tensors, std::int64_t step) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto add = [&](const void* bytes, std::size_t count) { XXH3_128bits_update(state.get(), bytes, count); };
  add(&step, sizeof step);
  for (const auto& [name, tensor, decay] : tensors) {
    const at::Tensor plain = tensor.detach().to(at::kCPU).contiguous();
    const std::string type = c10::toString(plain.scalar_type());
    add(name.c_str(), name.size() + 1);
    add(type.c_str(), type.size() + 1);
    add(plain.sizes().data(), plain.sizes().size() * sizeof(std::int64_t));
    add(plain.const_data_ptr(), static_cast<std::size_t>(plain.numel()) * plain.element_size());
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  return hex_text(canonical.digest);
}

} // namespace stdualx
