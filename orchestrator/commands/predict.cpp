// `stdualx predict`: a trained network on other recordings, window by window, without libtorch in the process (model/inference).
#include "experiments/resample.h"
#include "experiments/windows.h"
#include "orchestrator/commands/command.h"
#include "results/rows.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <span>

#ifdef STDUALX_WITH_FUSED
#include "orchestrator/commands/trained.h"
#endif

namespace stdualx {

#ifdef STDUALX_WITH_FUSED
namespace {

/// The file that was named, or that of the run that was.
std::filesystem::path weights_file(const std::string& named, const options::variables_map& values) {
  if (named.ends_with(".safetensors")) return named;
  const std::filesystem::path store = store_path(values);
  Reader reader(store);
  tell_note(reader);
  const std::string run_id = resolve_run(reader, named);
  const auto weights = reader.run_states({{run_id}}).front().weights;
  if (!weights) throw InputError("run " + run_id + " is not COMPLETE or has not kept its weights; `stdualx explain` says more");
  check_run_file(store_directory(store), weights->path, weights->sha256);
  return store_directory(store) / weights->path;
}

std::string sensors_words(const DatasetInfo& dataset) {
  std::string words;
  for (const SensorInfo& sensor : dataset.sensors) {
    words += (words.empty() ? "" : "; ") + sensor.name + ":";
    for (const ChannelInfo& channel : sensor.channels) words += " " + channel.name;
  }
  return words;
}

/// Throws InputError where the recordings are of other sensors than the network was trained on. Their names may differ.
void check_sensors(const Trained& trained, const DatasetInfo& found) {
  bool fits = found.sensors.size() == trained.dataset.sensors.size();
  for (std::size_t s = 0; fits && s < found.sensors.size(); ++s) {
    const auto &channels = found.sensors[s].channels, &expected = trained.dataset.sensors[s].channels;
    fits = channels.size() == expected.size();
    for (std::size_t c = 0; fits && c < channels.size(); ++c) fits = channels[c].kind == expected[c].kind;
  }
  if (!fits)
    throw InputError("data set '" + found.name + "' has other sensors than the network was trained on: expected " +
                     sensors_words(trained.dataset) + "; found " + sensors_words(found) +
                     "; list the same sensors, channels and kinds in the same order");
}

/// Every window of the recordings, with or without a label, cut as those that the network was trained on.
WindowSet all_windows(Dataset& dataset, const Trained& trained, std::int64_t stride) {
  if (dataset.info.rate != trained.dataset.rate) resample(dataset, trained.dataset.rate);
  WindowSpec spec = trained.run.windows;
  spec.steps = trained.shape.steps;
  spec.stride = stride;
  spec.label_threshold = 0;
  spec.null_class = true;
  spec.training_stride = 0;
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = spec;
  return {std::move(info), cut_windows(dataset, spec)};
}

/// [windows, sensors, steps, channels], as the network wants them.
std::vector<float> standardised(const WindowSet& windows, const Trained& trained) {
  const auto channels = static_cast<std::size_t>(trained.shape.channels), steps = static_cast<std::size_t>(trained.shape.steps),
             sensors = static_cast<std::size_t>(trained.shape.sensors);
  const auto kept = [&](const char* name) -> const std::vector<float>& {
    const auto found = trained.weights.tensors.find(name);
    if (found == trained.weights.tensors.end() || found->second.values.size() != sensors * channels)
      throw StorageError(trained.file.string() + ": it has no tensor '" + name + "' of " + std::to_string(sensors * channels) +
                         " values; restore the file");
    return found->second.values;
  };
  const std::vector<float>&mean = kept("standardisation.mean"), &deviation = kept("standardisation.deviation");
  const std::size_t size = windows.source().window_floats();
  std::vector<float> values(static_cast<std::size_t>(windows.size()) * size);
  for (std::int64_t window = 0; window < windows.size(); ++window)
    windows.source().read(window, 0, std::span(values).subspan(static_cast<std::size_t>(window) * size, size));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = i / (steps * channels) % sensors * channels + i % channels;
    values[i] = (values[i] - mean[at]) * (1 / deviation[at]);
  }
  return values;
}

struct Tally {
  std::int64_t windows = 0, right = 0;
};

/// Softmax of a row of logits.
std::vector<double> probabilities(std::span<const float> logits) {
  const double largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> shares;
  double sum = 0;
  for (const float logit : logits) sum += shares.emplace_back(std::exp(static_cast<double>(logit) - largest));
  for (double& share : shares) share /= sum;
  return shares;
}

} // namespace
#endif

int predict_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  add_data_options(described);
  described.add_options()("format", options::value<std::string>()->default_value("csv")->value_name("F"),
                          "csv, table, json, markdown or latex")(
      "stride", options::value<std::int64_t>()->default_value(0)->value_name("N"), "samples between window starts (default: as trained)")(
      "NETWORK", options::value<std::string>(), "a run, by the start of its identity, or its best.safetensors")(
      "DATASET", options::value<std::string>(), "recordings: a manifest (docs/own_data.md) or a data set of the catalogue");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"NETWORK", "DATASET"}, values)) return 0;
#ifndef STDUALX_WITH_FUSED
  throw InputError(
      "stdualx predict: this build lacks Highway and LIBXSMM (packages libhwy-dev, libxsmm-dev); install them and build again");
#else
  const Output format = output_format(values);
  const Trained trained = read_trained(weights_file(values["NETWORK"].as<std::string>(), values));
  Dataset dataset = read_dataset(values["DATASET"].as<std::string>(), data_paths(values));
  check_sensors(trained, dataset.info);
  std::int64_t stride = values["stride"].as<std::int64_t>();
  if (stride < 0) throw InputError(fmt::format("--stride: expected at least 1 sample, found {}", stride));
  if (stride == 0)
    stride = trained.run.windows.stride > 0 ? trained.run.windows.stride : std::max<std::int64_t>(1, trained.shape.steps / 2);
  const WindowSet windows = all_windows(dataset, trained, stride);
  const std::size_t count = windows.labels().size(), classes = static_cast<std::size_t>(trained.shape.classes);
  if (count == 0)
    throw InputError(fmt::format("data set '{}' has no recording of {} samples at {:g} a second, the length of a window", dataset.info.name,
                                 trained.shape.steps, trained.dataset.rate));
  std::vector<float> logits(count * classes);
  Inference(trained.run.model, trained.shape, trained.weights)(standardised(windows, trained).data(), count, logits.data());

  Table table{{"person", "recording", "start_seconds", "activity", "probability", "label"}, {}};
  for (const std::string& name : trained.dataset.classes) table.columns.push_back("probability of " + name);
  const std::string without_label = trained.run.windows.null_class ? trained.dataset.classes.back() : "";
  std::map<std::int32_t, Tally> people;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> shares = probabilities(std::span(logits).subspan(i * classes, classes));
    const auto best = static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
    const auto label = static_cast<std::size_t>(windows.labels()[i]);
    const std::string named = label < dataset.info.classes.size() ? dataset.info.classes[label] : without_label;
    Tally& tally = people[windows.people()[i]];
    tally.windows += !named.empty();
    tally.right += !named.empty() && named == trained.dataset.classes[best];
    std::vector<Cell> row = {std::int64_t{windows.people()[i]},
                             std::int64_t{windows.recordings()[i]},
                             Real{static_cast<double>(windows.starts()[i]) / trained.dataset.rate},
                             trained.dataset.classes[best],
                             Real{shares[best]},
                             named.empty() ? Cell() : Cell(named)};
    for (const double share : shares) row.emplace_back(Real{share});
    table.rows.push_back(std::move(row));
  }
  std::cout << format_table(table, format);
  for (const auto& [person, tally] : people)
    if (tally.windows > 0)
      std::cerr << fmt::format("person {}: {:.2f} % of {} labelled windows\n", person,
                               100.0 * static_cast<double>(tally.right) / static_cast<double>(tally.windows), tally.windows);
  return 0;
#endif
}

} // namespace stdualx
