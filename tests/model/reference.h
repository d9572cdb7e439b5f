// Compares the network with the independent Python reference (tests/reference): writes cases as safetensors, starts Python
// once for all of them, reads its results.
#pragma once

#include "model/stdual_x.h"
#include "model/weights.h"

#include "experiments/spec/training_config.h"

#include <filesystem>
#include <string>
#include <vector>

namespace stdualx::test {

/// A folder of its own that goes with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

/// Small sizes: the network with a stem, and the published form without.
ModelConfig small_default();
ModelConfig small_faithful();
InputShape small_shape();
/// Every baseline, and one of them in small sizes.
const std::vector<std::string>& baseline_names();
ModelConfig small_baseline(const std::string& architecture);

/// Windows, labels and what they are fed to.
struct Batch {
  at::Tensor windows; // [R, B, S, L, C]
  at::Tensor labels;  // [R, B]
};
Batch random_batch(const InputShape& shape, std::int64_t replicas, std::int64_t batch, at::ScalarType type, std::uint64_t seed);

/// Moves every parameter and buffer off its first value, so that nothing is hidden by a 0 or a 1; entries that stand for
/// channels which a sensor does not have stay 0.
void perturb(const std::vector<NamedTensor>& parameters, const std::vector<NamedTensor>& buffers, std::uint64_t seed);

struct ReferenceCase {
  std::string name; // no '/'
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;
};
/// Results by case name. Fails the test with Python's message when the reference does not run.
std::map<std::string, std::map<std::string, at::Tensor>> run_reference(const std::vector<ReferenceCase>& cases);

/// Metadata of a case.
std::map<std::string, std::string> describe(const ModelConfig& model, const InputShape& shape, const TrainingConfig& training,
                                            bool train_mode, const std::string& what);

/// Norm of the difference over norm of `expected`, in float64; of 0 the norm of the difference.
double relative_error(const at::Tensor& actual, const at::Tensor& expected);
/// All gradients as one vector (float64), in the order of the parameters; a missing gradient counts as 0.
at::Tensor flat_gradient(const std::vector<NamedTensor>& parameters);
void clear_gradients(const std::vector<NamedTensor>& parameters);

} // namespace stdualx::test
