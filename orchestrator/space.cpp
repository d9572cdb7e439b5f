// Counting. See space.h.
#include "orchestrator/space.h"

#include "experiments/split.h"

#include <algorithm>
#include <map>

namespace stdualx {

namespace {
// Measured on stores of the shipped sweeps (dbstat): a row with its share of pages and indices.
constexpr std::int64_t bytes_of_prediction = 14, bytes_of_epoch = 700, bytes_of_evaluation = 600, bytes_of_run = 4000,
                       bytes_of_header = 60000;

std::int64_t embedding_width(const RunSpec& run) {
  const ModelConfig& model = run.model;
  return model.architecture == "stdual_x" ? model.embedding : std::max<std::int64_t>(model.baseline.width, model.baseline.filters);
}
} // namespace

SpaceNeeded space_needed(const std::vector<const PlannedRun*>& open, const DataPaths& paths, const SizesOf& sizes_of) {
  SpaceNeeded needed;
  std::map<std::string, WindowSet> sets;                              // by source and windows
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> parts; // by set, protocol and fold: validation and test windows
  std::map<std::string, std::size_t> networks;                        // by set, model and precision: place in `asked`
  std::vector<NetworkAsked> asked;
  std::vector<std::size_t> network_of;
  for (const PlannedRun* planned : open) {
    const RunSpec& run = planned->run;
    const std::string set = planned->dataset_source + to_json_all(run.windows).dump();
    const auto opened = sets.find(set);
    const WindowSet& windows = opened != sets.end()
                                   ? opened->second
                                   : sets.emplace(set, open_window_set(planned->dataset_source, run.windows, paths)).first->second;
    const std::string part = set + to_json_all(run.protocol).dump() + std::to_string(run.fold);
    if (!parts.contains(part)) {
      const Split split = make_split(windows, run.protocol, run.fold);
      parts[part] = {static_cast<std::int64_t>(split.validation.size()),
                     run.protocol.open_test ? static_cast<std::int64_t>(split.test.size()) : 0};
    }
    const auto [validation, test] = parts[part];
    const auto conditions = static_cast<std::int64_t>(planned->evaluations.size());
    needed.store_bytes += bytes_of_run + run.training.epochs * bytes_of_epoch + (1 + conditions) * bytes_of_evaluation +
                          (validation + test * conditions) * bytes_of_prediction;
    needed.kept_bytes += test * (embedding_width(run) * 4 + 24);
    const auto [place, is_new] = networks.emplace(set + to_json_all(run.model).dump() + run.training.precision, asked.size());
    if (is_new) asked.push_back({run.model, windows.shape(), run.training.precision});
    network_of.push_back(place->second);
  }
  const std::vector<NetworkSize> sizes = sizes_of(asked);
  for (const std::size_t network : network_of) {
    const NetworkSize& size = sizes.at(network);
    needed.kept_bytes += size.weights_bytes + bytes_of_header;
    needed.largest_checkpoint = std::max(needed.largest_checkpoint, size.checkpoint_bytes + bytes_of_header);
  }
  return needed;
}

} // namespace stdualx
