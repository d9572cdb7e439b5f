// Inference behind C functions, for tests/reference/inference.py, which compares it with the network written in PyTorch's own modules.
#include "model/inference/inference.h"

#include "experiments/spec/fields.h"
#include "model/fused/vector_loops.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

namespace stdualx {
namespace {
std::string answer; // of the last call
std::unique_ptr<Inference> network;
} // namespace
} // namespace stdualx

extern "C" {

int instruction_sets() { return static_cast<int>(stdualx::vector_instruction_sets().size()); }
const char* instruction_set(int i) { return stdualx::vector_instruction_sets()[static_cast<std::size_t>(i)].data(); }

/// The whole configuration of a network that differs from the default preset in `changes` (JSON).
const char* model_config(const char* changes) {
  stdualx::ModelConfig config;
  stdualx::update_from_json(config, stdualx::Json::parse(changes), "/model");
  stdualx::answer = stdualx::to_json_all(config).dump();
  return stdualx::answer.c_str();
}

/// Loads `path`. What is wrong, or an empty text.
const char* load(const char* path, const char* model, const char* shape, const char* instruction_set) {
  using namespace stdualx;
  try {
    ModelConfig config;
    update_from_json(config, Json::parse(model), "/model");
    InputShape input;
    update_from_json(input, Json::parse(shape), "/shape");
    network = std::make_unique<Inference>(config, input, read_float_tensors(path), instruction_set);
    answer.clear();
  } catch (const std::exception& error) {
    answer = error.what();
  }
  return answer.c_str();
}

void run(const float* windows, long count, float* logits, float* embedding) {
  (*stdualx::network)(windows, static_cast<std::size_t>(count), logits, embedding);
}

} // extern "C"
