// Answers questions of tests/reference/training_reference.py about the training code: one JSON object in, one out.
#include "worker/training/augmentation.h"
#include "worker/training/averages.h"
#include "worker/training/batches.h"
#include "worker/training/evaluation.h"
#include "worker/training/optimizer.h"
#include "worker/training/schedule.h"
#include "worker/training/silhouette.h"

#include <ATen/ATen.h>

#include <cmath>
#include <iostream>

namespace {
using namespace stdualx;

std::vector<double> doubles(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.to(at::kDouble).contiguous();
  return {plain.const_data_ptr<double>(), plain.const_data_ptr<double>() + plain.numel()};
}
at::Tensor tensor(const Json& values) { return at::tensor(values.get<std::vector<double>>()); }

/// Steps of clipping, AdamW under the one-cycle schedule, and averages, from given parameters and gradients.
Json optimise(const Json& question) {
  const auto config = from_json<TrainingConfig>(question["config"]);
  at::Tensor parameters = tensor(question["parameters"]);
  AdamW optimizer(parameters);
  Averages averages(parameters, parameters);
  const auto total = static_cast<std::int64_t>(question["gradients"].size());
  Json answer;
  for (const Json& values : question["gradients"]) {
    at::Tensor gradient = tensor(values);
    clip_by_norm(gradient, config.clip_norm);
    const SchedulePoint point = one_cycle(config, optimizer.steps, total);
    const at::Tensor rates = update_rates(config, ++optimizer.steps, point.learning_rate, point.momentum).to(parameters.options());
    optimizer.update(parameters, gradient, question["decayed"], config, rates);
    averages.update(parameters, parameters, rates[average_share]);
    answer["parameters"].push_back(doubles(parameters));
    answer["averages"].push_back(doubles(averages.parameters));
  }
  return answer;
}

Json schedule(const Json& question) {
  const auto config = from_json<TrainingConfig>(question["config"]);
  Json answer;
  for (std::int64_t step = 0; step < question["steps"]; ++step) {
    const SchedulePoint point = one_cycle(config, step, question["steps"]);
    answer["learning_rate"].push_back(point.learning_rate);
    answer["momentum"].push_back(point.momentum);
  }
  return answer;
}

Json measures(const Json& question) {
  const auto labels = question["labels"].get<std::vector<std::int64_t>>();
  const auto rows = static_cast<std::int64_t>(labels.size());
  const Measures measures = measure(tensor(question["logits"]).view({rows, -1}), labels);
  Json answer{{"confusion", measures.confusion}, {"predicted", measures.predicted}};
  for (const auto& [name, value] : measures.metrics()) answer[name] = value;
  return answer;
}

Json class_separation(const Json& question) {
  const auto labels = question["labels"].get<std::vector<std::int64_t>>();
  const double score = silhouette(tensor(question["embedding"]).view({static_cast<std::int64_t>(labels.size()), -1}), labels);
  return {{"silhouette", std::isnan(score) ? Json() : Json(score)}};
}

/// One window through augmentation and standardising, with all that was drawn for it.
Json augment(const Json& question) {
  const auto config = from_json<AugmentationConfig>(question["config"]);
  TrainingWindows windows;
  windows.shape = from_json<InputShape>(question["shape"]);
  const auto values = question["values"].get<std::vector<float>>();
  const std::vector<std::int32_t> labels{0};
  const InputShape& shape = windows.shape;
  std::vector<float> samples; // [steps, sensors, channels]
  for (std::int64_t step = 0; step < shape.steps; ++step)
    for (std::int64_t sensor = 0; sensor < shape.sensors; ++sensor)
      for (std::int64_t channel = 0; channel < shape.channels; ++channel)
        samples.push_back(values[static_cast<std::size_t>((sensor * shape.steps + step) * shape.channels + channel)]);
  windows.source = windows_end_to_end(shape.sensors, shape.steps, shape.channels, samples);
  windows.labels = labels;
  windows.triples = question["triples"].get<std::vector<std::vector<std::int64_t>>>();
  windows.mean = question["mean"].get<std::vector<float>>();
  windows.deviation = question["deviation"].get<std::vector<float>>();
  const SamplePlace place{3, 5, question["sample"]};
  const Augmentation augmentation(config, 11, windows.shape, windows.triples, windows.deviation);
  const WindowDraws draws = augmentation.draw(place);
  Json turns = Json::array(), lost = Json::array();
  for (const auto& turn : draws.turns) turns.push_back({{"axis", turn.axis}, {"angle", turn.angle}});
  for (const auto& part : augmentation.lost(place)) lost.push_back({part.first, part.count});
  Json answer{{"turns", turns}, {"lost", lost}, {"gain", draws.gain}, {"speed", draws.speed}, {"knots", draws.knots}};
  for (std::uint32_t element = 0; 4 * element < values.size(); ++element)
    for (const float normal : augmentation.jitter_normals(place, element)) answer["jitter"].push_back(normal);
  std::vector<float> output(values.size());
  augmentation.apply(values, output, place);
  answer["augmented"] = output;
  const std::vector<std::int64_t> rows{0};
  const BatchReader reader(windows, config, 11, at::kFloat, at::kCPU);
  answer["read"] = doubles(reader.read_augmented(rows, place));
  return answer;
}
} // namespace

int main() {
  const Json question = Json::parse(std::cin);
  const std::string about = question["about"];
  const Json answer = about == "optimise"     ? optimise(question)
                      : about == "schedule"   ? schedule(question)
                      : about == "measures"   ? measures(question)
                      : about == "silhouette" ? class_separation(question)
                                              : augment(question);
  std::cout << answer.dump() << std::endl;
}
