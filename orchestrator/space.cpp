// Counting. See space.h.
#include "orchestrator/space.h"

#include "experiments/split.h"

#include <algorithm>
#include <map>

namespace stdualx {

namespace {
// Measured on one store: 36 runs (linear and stdual_x, three seeds, six folds, nine noise conditions, 720 epochs, 117,216 predictions)
// after VACUUM, the pages that SQLite's dbstat gives to each table and its indices (checkpoints with epochs; parts, numbers, confusion and
// attention with evaluations) over its rows: 13.7, 501, 776 and 3900 bytes. Of the headers of its files: up to 15,000 bytes with 92
// tensors, and 740 an epoch of history. A store of other shapes differs.
constexpr std::int64_t bytes_of_prediction = 14, bytes_of_epoch = 500, bytes_of_evaluation = 780, bytes_of_run = 3900;
constexpr std::int64_t header_of_file = 15000, header_of_epoch = 740;

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
  std::vector<std::size_t> network_of; // by run
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
  for (std::size_t i = 0; i < open.size(); ++i) {
    const NetworkSize& size = sizes.at(network_of[i]);
    const std::int64_t header = header_of_file + header_of_epoch * open[i]->run.training.epochs;
    needed.kept_bytes += size.weights_bytes + header;
    needed.largest_checkpoint = std::max(needed.largest_checkpoint, size.checkpoint_bytes + header);
  }
  return needed;
}

} // namespace stdualx
