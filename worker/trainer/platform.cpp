// Device and numeric platform.
#include "worker/trainer/platform.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/run_spec.h"
#include "model/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#ifdef STDUALX_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include <gnu/libc-version.h>
#include <malloc.h>
#include <unistd.h>

#include <climits>
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

/// " up to AVX2" where the environment forbids a library better instructions: other instructions, other bits.
std::string limit_of(const char* variable) {
  const char* limit = std::getenv(variable);
  return limit == nullptr ? "" : std::string(" up to ") + limit;
}

/// The version number in a sentence like "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build ...".
std::string mkl_version() {
  const std::string text = at::get_mkl_version();
  const std::size_t start = text.find("Version ");
  if (start == std::string::npos) return "none";
  return text.substr(start + 8, text.find_first_of("- \n", start + 8) - start - 8);
}

#ifdef STDUALX_WITH_CUDA
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = hex_text({reinterpret_cast<const unsigned char*>(uuid.bytes), sizeof uuid.bytes});
  for (const std::size_t place : {20, 16, 12, 8}) text.insert(place, "-");
  return "GPU-" + text;
}
#endif
} // namespace

void limit_instruction_set() {
  const char* asked = std::getenv("STDUALX_ISA");
  if (asked == nullptr || *asked == '\0') return;
  struct Limit {
    const char *torch, *mkl, *onednn;
  };
  static const std::map<std::string, Limit> limits = {
      {"sse4", {"default", "SSE4_2", "SSE41"}}, {"avx2", {"avx2", "AVX2", "AVX2"}}, {"avx512", {"avx512", "AVX512", "AVX512_CORE"}}};
  const auto found = limits.find(asked);
  if (found == limits.end()) throw InputError(std::string("STDUALX_ISA: expected sse4, avx2 or avx512, found '") + asked + "'");
  ::setenv("ATEN_CPU_CAPABILITY", found->second.torch, 0);
  ::setenv("MKL_ENABLE_INSTRUCTIONS", found->second.mkl, 0);
  ::setenv("ONEDNN_MAX_CPU_ISA", found->second.onednn, 0);
}

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
  const std::string kernels = kernels_in_use() == "plain" ? "" : ", " + kernels_in_use(); // of a GPU's runs, those of augmentation
  const std::string libraries = std::string("torch ") + TORCH_VERSION;
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) {
    const auto* properties = at::cuda::getDeviceProperties(device.index());
    return std::string(properties->name) + ", compute capability " + std::to_string(properties->major) + "." +
           std::to_string(properties->minor) + ", " + libraries + ", CUDA " + std::to_string(CUDART_VERSION) +
           (kernels.empty() ? "" : kernels + " augmentation");
  }
#endif
  return device.str() + " " + processor() + ", " + at::get_cpu_capability() + ", " + libraries + ", MKL " + mkl_version() +
         limit_of("MKL_ENABLE_INSTRUCTIONS") +
         (std::getenv("ONEDNN_MAX_CPU_ISA") == nullptr ? "" : ", oneDNN" + limit_of("ONEDNN_MAX_CPU_ISA")) + ", glibc " +
         ::gnu_get_libc_version() + (kernels.empty() ? "" : kernels + " layers");
}

Placement this_placement(at::Device device) {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  return {host, ::getpid(), device_text(device), numeric_platform(device), at::get_num_threads()};
}

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20); // the most that it takes
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 16 << 20);
}

void make_deterministic(at::Device device) {
  if (!device.is_cuda()) return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0); // cuBLAS asks for it (its manual, "Results reproducibility")
  at::globalContext().setDeterministicAlgorithms(true, false);
  // It would also fill each new tensor with NaN, a launch each; the layers write all of theirs.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  // float32 says float32: torch lets cuDNN's convolutions round their inputs to TF32's ten bits (1e-3 in the gradient here).
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

} // namespace stdualx
