// See the header.
#include "reference.h"

#include "experiments/spec/model_shape.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace stdualx::test {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "stdualx-model-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder like " + name);
  path = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

ModelConfig small_default() {
  ModelConfig config;
  config.stem_channels = 6;
  config.gaussians = 4;
  config.vector_hidden = 10;
  config.sensor_width = 8;
  config.embedding = 7;
  return config;
}

ModelConfig small_faithful() {
  ModelConfig config = small_default();
  config.asinh_knee = 0;
  config.stem_layers = 0;
  config.stdat_layers = 5;
  config.channel_heads = 4;
  return config;
}

const std::vector<std::string>& baseline_names() {
  static const std::vector<std::string> names = {"deep_conv_lstm", "cnn", "bi_lstm", "transformer", "linear"};
  return names;
}

ModelConfig small_baseline(const std::string& architecture) {
  static const std::map<std::string, BaselineConfig> sizes = {
      {"deep_conv_lstm", {.convolutions = 3, .filters = 5, .kernel = 4, .layers = 2, .width = 6, .dropout = 0.4}},
      {"cnn", {.filters = 5, .dropout = 0.4}},
      {"bi_lstm", {.layers = 2, .width = 6, .dropout = 0.4}},
      {"transformer", {.layers = 2, .width = 6, .heads = 2, .feedforward = 9, .dropout = 0.4}},
      {"linear", {}}};
  ModelConfig config = bare_model(architecture);
  config.baseline = sizes.at(architecture);
  return config;
}

InputShape small_shape() { return {.sensors = 3, .steps = 16, .channels = 4, .classes = 4, .sensor_channels = {}}; }

Batch random_batch(const InputShape& shape, std::int64_t replicas, std::int64_t batch, at::ScalarType type, std::uint64_t seed) {
  at::manual_seed(seed);
  Batch result;
  result.windows = at::randn({replicas, batch, shape.sensors, shape.steps, shape.channels}, at::kDouble).to(type);
  result.labels = at::randint(shape.classes, {replicas, batch}, at::kLong);
  return result;
}

void perturb(const std::vector<NamedTensor>& parameters, const std::vector<NamedTensor>& buffers, std::uint64_t seed) {
  const at::NoGradGuard constant;
  at::manual_seed(seed);
  std::map<std::string, at::Tensor> by_name;
  for (const NamedTensor& parameter : parameters) by_name[parameter.name] = parameter.tensor;
  const auto ends_with = [](const std::string& name, const std::string& end) {
    return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
  };
  for (const NamedTensor& parameter : parameters) {
    at::Tensor real = parameter.tensor.ne(0); // drawn parameters are 0 only where a sensor has no such channel
    for (const std::string side : {"in", "out"})
      if (ends_with(parameter.name, "." + side + "_bias"))
        real = by_name.at(parameter.name.substr(0, parameter.name.size() - 4) + "weight").ne(0).any(-1);
    if (parameter.name.find("norm.") != std::string::npos || ends_with(parameter.name, "position.mean") ||
        ends_with(parameter.name, "log_sigma"))
      real = at::ones_like(real);
    parameter.tensor.add_(at::randn(parameter.tensor.sizes(), at::kDouble).to(parameter.tensor.scalar_type()) * 0.2 * real);
  }
  for (const NamedTensor& buffer : buffers)
    buffer.tensor.add_(at::rand(buffer.tensor.sizes(), at::kDouble).to(buffer.tensor.scalar_type()) * 0.5);
}

std::map<std::string, std::string> describe(const ModelConfig& model, const InputShape& shape, const TrainingConfig& training,
                                            bool train_mode, const std::string& what) {
  return {{"model", to_json_all(model).dump()},
          {"shape", to_json_all(shape).dump()},
          {"training", to_json_all(training).dump()},
          {"mode", train_mode ? "train" : "eval"},
          {"what", what}};
}

std::map<std::string, std::map<std::string, at::Tensor>> run_reference(const std::vector<ReferenceCase>& cases) {
  const TemporaryFolder folder;
  for (const ReferenceCase& each : cases) write_safetensors(folder.path / (each.name + ".case.safetensors"), each.tensors, each.metadata);
  const std::string source = STDUALX_SOURCE_DIR;
  const std::filesystem::path log = folder.path / "python.log";
  const std::string command = "PYTHONDONTWRITEBYTECODE=1 '" + source + "/.venv/bin/python' '" + source +
                              "/tests/reference/model_reference.py' '" + folder.path.string() + "' >'" + log.string() + "' 2>&1";
  const int status = std::system(command.c_str());
  std::map<std::string, std::map<std::string, at::Tensor>> results;
  if (status != 0) {
    std::stringstream text;
    text << std::ifstream(log).rdbuf();
    ADD_FAILURE() << "the Python reference failed (is .venv complete? cluster/bootstrap.sh test): " << text.str();
    return results;
  }
  for (const ReferenceCase& each : cases) results[each.name] = read_safetensors(folder.path / (each.name + ".result.safetensors")).tensors;
  return results;
}

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor reference = expected.detach().to(at::kDouble);
  const double difference = (actual.detach().to(at::kDouble) - reference).norm().item<double>(), size = reference.norm().item<double>();
  return size > 0 ? difference / size : difference;
}

at::Tensor flat_gradient(const std::vector<NamedTensor>& parameters) {
  std::vector<at::Tensor> parts;
  for (const NamedTensor& parameter : parameters) {
    const at::Tensor gradient = parameter.tensor.grad();
    parts.push_back(gradient.defined() ? gradient.detach().to(at::kDouble).flatten() : at::zeros({parameter.tensor.numel()}, at::kDouble));
  }
  return at::cat(parts);
}

void clear_gradients(const std::vector<NamedTensor>& parameters) {
  for (const NamedTensor& parameter : parameters) parameter.tensor.mutable_grad().reset();
}

} // namespace stdualx::test
