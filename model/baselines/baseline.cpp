// What all baselines share. See the header.
#include "model/baselines/baseline.h"

#include "experiments/spec/model_shape.h"
#include "model/linear.h"

#include <ATen/ATen.h>

#include <numeric>
#include <stdexcept>

namespace stdualx {
namespace {

using MakeEmbedder = std::unique_ptr<Embedder> (*)(Initialiser&, const BaselineConfig&, const InputShape&);

MakeEmbedder embedder_of(const std::string& architecture) {
  if (architecture == "deep_conv_lstm") return make_deep_conv_lstm;
  if (architecture == "cnn") return make_cnn;
  if (architecture == "bi_lstm") return make_bi_lstm;
  if (architecture == "transformer") return make_transformer;
  if (architecture == "linear") return make_linear;
  throw std::logic_error("no baseline is called " + architecture); // check_model knows one that is missing here
}

class Baseline final : public Network {
public:
  Baseline(const ModelConfig& config, const InputShape& input, std::int64_t seed, at::ScalarType type, at::Device device)
      : shape(input), initialiser({seed}, type, device), embed(embedder_of(config.architecture)(initialiser, config.baseline, input)),
        dropout(initialiser, "classes", config.baseline.dropout),
        classify(initialiser, "classes", all_real(1, embed->width()), all_real(1, input.classes)) {
    std::vector<std::int64_t> places; // of the joined channels in [sensors * channels]
    const std::vector<std::int64_t> own = real_channels(shape);
    for (std::int64_t sensor = 0; sensor < shape.sensors; ++sensor)
      for (std::int64_t channel = 0; channel < own[static_cast<std::size_t>(sensor)]; ++channel)
        places.push_back(sensor * shape.channels + channel);
    channels = at::tensor(places, at::kLong).to(device);
    // Logistic regression starts at 0: what the training windows leave open stays 0.
    if (config.architecture == "linear")
      for (const NamedTensor& parameter : initialiser.parameters) parameter.tensor.detach().zero_();
  }

  ModelOutput forward(const at::Tensor& windows, const StepContext& context) override {
    const std::int64_t batch = windows.dim() > 1 ? windows.size(1) : 0;
    if (windows.sizes() != at::IntArrayRef({1, batch, shape.sensors, shape.steps, shape.channels}))
      throw std::invalid_argument("a baseline expects windows [1, batch, sensors, steps, channels] = [1, B, " +
                                  std::to_string(shape.sensors) + ", " + std::to_string(shape.steps) + ", " +
                                  std::to_string(shape.channels) + "], got " + c10::str(windows.sizes()));
    const at::Tensor joined = windows.transpose(2, 3).flatten(3).index_select(3, channels); // [1, B, L, N]
    ModelOutput output;
    output.embedding = (*embed)(joined, context);
    output.logits = classify(dropout(output.embedding, context));
    return output;
  }

  const std::vector<NamedTensor>& parameters() const override { return initialiser.parameters; }
  const std::vector<NamedTensor>& buffers() const override { return initialiser.buffers; }

private:
  const InputShape shape;
  Initialiser initialiser;
  const std::unique_ptr<Embedder> embed;
  Dropout dropout;
  Linear classify;
  at::Tensor channels; // [N] int64
};

} // namespace

std::int64_t joined_channels(const InputShape& shape) {
  const std::vector<std::int64_t> own = real_channels(shape);
  return std::accumulate(own.begin(), own.end(), std::int64_t{0});
}

std::unique_ptr<Network> make_baseline(const ModelConfig& config, const InputShape& shape, const std::vector<std::int64_t>& seeds,
                                       at::ScalarType type, at::Device device) {
  check_model(config, shape);
  if (seeds.size() != 1)
    throw InputError("/model/architecture: " + config.architecture + " is trained one run at a time, and cannot be packed with " +
                     std::to_string(seeds.size()) + " seeds; give each a run of its own");
  return std::make_unique<Baseline>(config, shape, seeds.front(), type, device);
}

} // namespace stdualx
