// Device and numeric platform.
#include "worker/platform.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/run_spec.h"

#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <torch/version.h>

#ifdef STDUALX_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include <gnu/libc-version.h>

#include <cstdlib>
#include <fstream>
#include <map>

namespace stdualx {

namespace {
/// "Intel(R) Xeon(R) Platinum 8481C (6/143/8)": cloud machines give many models one name, so family, model and stepping too.
std::string processor() {
  std::map<std::string, std::string> fields;
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line) && !line.empty();) { // the first processor's block
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    std::string name = line.substr(0, colon);
    name.erase(name.find_last_not_of(" \t") + 1);
    fields[name] = line.substr(colon + 2);
  }
  const auto text = [&](const char* name) { return fields.contains(name) ? fields[name] : std::string("?"); };
  return text("model name") + " (" + text("cpu family") + "/" + text("model") + "/" + text("stepping") + ")";
}

/// The version number in a sentence like "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build ...", and the
/// instruction set where the environment forbids a better one: other instructions, other bits.
std::string mkl_version() {
  const std::string text = at::get_mkl_version();
  const std::size_t start = text.find("Version ");
  if (start == std::string::npos) return "none";
  const char* limit = std::getenv("MKL_ENABLE_INSTRUCTIONS");
  return text.substr(start + 8, text.find_first_of("- \n", start + 8) - start - 8) +
         (limit == nullptr ? "" : std::string(" up to ") + limit);
}

#ifdef STDUALX_WITH_CUDA
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = hex_text({reinterpret_cast<const unsigned char*>(uuid.bytes), sizeof uuid.bytes});
  for (const std::size_t place : {20, 16, 12, 8}) text.insert(place, "-");
  return "GPU-" + text;
}
#endif
} // namespace

at::Device training_device() {
#ifdef STDUALX_WITH_CUDA
  if (at::cuda::is_available()) return at::Device(at::kCUDA, 0);
  // The agent names a GPU for each worker; one that is not there must not become a worker a hundred times slower.
  const char* named = std::getenv("CUDA_VISIBLE_DEVICES");
  if (named != nullptr && *named != '\0' && std::string(named) != "-1")
    throw InputError("CUDA_VISIBLE_DEVICES=" + std::string(named) +
                     " names no GPU that can be used; give --workers at most the number of GPUs");
#endif
  return at::kCPU;
}

std::string device_text(at::Device device) {
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) {
    const auto* properties = at::cuda::getDeviceProperties(device.index());
    return std::string(properties->name) + " " + uuid_text(properties->uuid);
  }
#endif
  return device.is_cpu() ? "cpu" : device.str();
}

std::string numeric_platform(at::Device device) {
  const std::string libraries = std::string("torch ") + TORCH_VERSION;
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) {
    const auto* properties = at::cuda::getDeviceProperties(device.index());
    return std::string(properties->name) + ", compute capability " + std::to_string(properties->major) + "." +
           std::to_string(properties->minor) + ", " + libraries + ", CUDA " + std::to_string(CUDART_VERSION);
  }
#endif
  return device.str() + " " + processor() + ", " + at::get_cpu_capability() + ", " + libraries + ", MKL " + mkl_version() + ", glibc " +
         ::gnu_get_libc_version();
}

void make_deterministic(at::Device device) {
  if (!device.is_cuda()) return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0); // cuBLAS asks for it (its manual, "Results reproducibility")
  at::globalContext().setDeterministicAlgorithms(true, false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

} // namespace stdualx
