// STDual-X forward alone, on one core, from a file of trained weights: no torch in the process. Float32; batch norm uses its running
// statistics. model/stdual_x.h is the network that it computes.
#pragma once

#include "experiments/spec/model_config.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// Float32 values, row-major.
struct FloatTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
struct FloatTensors {
  std::map<std::string, FloatTensor> tensors;
  std::map<std::string, std::string> metadata;
};
/// A safetensors file whose tensors are all float32, as best.safetensors (worker/training/checkpoint.h). Throws StorageError naming the
/// file and what is wrong with it.
FloatTensors read_float_tensors(const std::filesystem::path& path);

/// Whether Inference computes networks of this kind: empty, or why it does not ("more than one plane in the convolution block").
std::string lacks_inference(const ModelConfig& config, const InputShape& shape);

class Inference {
public:
  /// `tensors` by the names of model/network.h; those of other names are left alone. `instruction_set`: one of vector_instruction_sets();
  /// "": the widest that this processor has. Throws StorageError naming a tensor that is missing or has another size, InputError where
  /// lacks_inference() says why or the processor has no such instruction set.
  Inference(const ModelConfig& config, const InputShape& shape, FloatTensors tensors, std::string_view instruction_set = "");
  ~Inference();
  Inference(Inference&&) noexcept;
  Inference& operator=(Inference&&) noexcept;

  /// `windows`: [count, sensors, steps, channels], standardised; channels beyond a sensor's own are ignored. Writes `logits` [count,
  /// classes] and, where not null, `embedding` [count, width of it]. Not from two threads at once.
  void operator()(const float* windows, std::size_t count, float* logits, float* embedding = nullptr);

private:
  struct Network;
  std::unique_ptr<Network> network_;
};

} // namespace stdualx
